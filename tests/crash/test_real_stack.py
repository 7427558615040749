"""The real stack of `lakehouse up`: its scheduler killed in every station, its events doubled, dropped and shuffled."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse import road
from lakehouse.cli import stack
from lakehouse.cli.airflow_api import AirflowApi, Run
from tests.crash.conftest import in_full_only
from tests.crash.deliveries import Delivery, files_of_all_kinds
from tests.crash.lake import CrashLake
from tests.e2e.conftest import Stack, wait_for
from tests.support import everything
from tests.support.everything import BATCHES, TIMES, but_for_batches, differences
from tests.support.road_driver import provision_quick

pytestmark = [in_full_only, pytest.mark.timeout(3600)]
STATIONS = ("bronze", "silver", "gold", "load", "finish")
FILES = 200
SWEEP_SECONDS = 600
SLOW_SECONDS = 1200


class RealStack(Stack):
    """A stack, and every file that was landed in it."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.landed: dict[str, bytes] = {}
        self._since = datetime.now(UTC)

    def put(self, files: Delivery) -> None:
        s3 = self.client("s3")
        for key, body in files.items():
            s3.put_object(Bucket=self.settings.landing_bucket, Key=key, Body=body)
        self.landed |= files

    def is_idle(self) -> bool:
        """No run of the DAG has yet to end."""
        return not self._runs_at_work()

    def state_of(self, task: str) -> str | None:
        """State of a task of the run at work, if there is one."""
        tasks = [found for run in self._runs_at_work() for found in self._airflow.tasks(run.run_id)]
        return next((found.state for found in tasks if found.task_id == task), None)

    @property
    def _airflow(self) -> AirflowApi:
        return AirflowApi(self._running.airflow_url, stack.login(self.state_dir))

    def _runs_at_work(self) -> list[Run]:
        """Fails when a run has failed: what follows would wait in vain."""
        runs = self._airflow.runs(self._since)
        failed = [run.run_id for run in runs if run.state == "failed"]
        assert not failed, f"runs that failed: {failed}"
        return [run for run in runs if run.ended_at is None]

    def content(self) -> everything.Content:
        return but_for_batches(everything.content(self, self.settings, TIMES | BATCHES))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    live = RealStack(tmp_path_factory.mktemp("stack"))
    try:
        live.cli("up")
        yield live
    finally:
        live.cli("down")


def undisturbed(files: Delivery, folder: Path) -> everything.Content:
    """What the same files come to on a lake of their own."""
    lake = CrashLake(folder / "undisturbed")
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in lake.environment.items():
                patch.setenv(name, value)
            provision_quick(lake.settings)
            lake.land(files)
            while list(road.run(lake.settings)):
                pass
        return but_for_batches(lake.content(TIMES | BATCHES))
    finally:
        lake.close()


def test_a_scheduler_killed_in_every_station_leaves_the_same_tables(
    real: RealStack, tmp_path: Path, deaths: list[str]
) -> None:
    files = files_of_all_kinds(12 * len(STATIONS), seed=4)
    for number, station in enumerate(STATIONS):
        keys = list(files)[12 * number : 12 * (number + 1)]
        wait_for("no run is at work", real.is_idle, SLOW_SECONDS)
        real.put({key: files[key] for key in keys})
        state = wait_for(f"{station} is at work", _reached(real, station), SLOW_SECONDS)
        real.kill("airflow-scheduler")
        if state == "running":
            deaths.append(f"scheduler in {station}")
        real.cli("up")
        wait_for("the batch is finished", real.landing_is_empty, SLOW_SECONDS)
    wait_for("the last run has ended", real.is_idle, SLOW_SECONDS)
    assert len(deaths) >= len(STATIONS) - 1, f"only hit: {deaths}"
    assert not differences(real.content(), undisturbed(real.landed, tmp_path))
    real.cli("prove")


def _reached(real: RealStack, station: str) -> Callable[[], str | None]:
    def state() -> str | None:
        found = real.state_of(station)
        return found if found in ("running", "success") else None

    return state


def test_doubled_dropped_and_shuffled_events_lead_to_the_same_tables(real: RealStack, tmp_path: Path) -> None:
    wait_for("no run is at work", real.is_idle, SLOW_SECONDS)
    sqs, s3 = real.client("sqs"), real.client("s3")
    usual = s3.get_bucket_notification_configuration(Bucket=real.settings.landing_bucket)["QueueConfigurations"]
    held = sqs.create_queue(QueueName="held-back")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=held, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=real.settings.landing_bucket,
        NotificationConfiguration={"QueueConfigurations": [{**usual[0], "QueueArn": arn}]},
    )
    files = {f"{key}.again": body for key, body in files_of_all_kinds(FILES, seed=2).items()}
    real.put(files)
    events = _received(sqs, held)
    assert len(events) == FILES

    rng = random.Random(6)
    dropped = rng.sample(events, FILES // 5)
    kept = [event for event in events if event not in dropped]
    sent = [*kept, *rng.sample(kept, len(kept) // 2)]
    rng.shuffle(sent)
    for start in range(0, len(sent), 10):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(sent[start : start + 10])]
        sqs.send_message_batch(QueueUrl=real.settings.queue_url, Entries=entries)
    wait_for("every file has left landing", real.landing_is_empty, SLOW_SECONDS)
    wait_for("no run is at work", real.is_idle, SLOW_SECONDS)

    # A single file whose event is lost: nothing but the timetable's run can find it.
    alone = {"storefront/users/alone.ndjson": b'{"user_id": "u-99", "signed_up_at": "2026-01-01"}\n'}
    started = time.monotonic()
    real.put(alone)
    assert len(_received(sqs, held)) == 1
    wait_for("the sweep has found the file", real.landing_is_empty, SWEEP_SECONDS + SLOW_SECONDS)
    print(f"sweep: loaded {time.monotonic() - started:.0f} s after it had landed without an event")  # noqa: T201
    runs = real.sql("SELECT verdict FROM lake_ops.files WHERE key = 'storefront/users/alone.ndjson'")
    assert runs == [{"verdict": "accepted"}]
    wait_for("no run is at work", real.is_idle, SLOW_SECONDS)
    assert not differences(real.content(), undisturbed(real.landed, tmp_path))
    real.cli("prove")


def _received(sqs: Any, queue: str) -> list[str]:
    """Bodies of all S3 events in a queue, taken out of it."""
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in messages if "Records" in json.loads(message["Body"])]
        entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages]
        sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
    return bodies
