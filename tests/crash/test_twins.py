"""Two at once, as after a retry that did not know that the first try still runs: nothing twice, and the sums close."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from lakehouse import road
from lakehouse.jobs import BATCH_JOBS
from tests.crash.conftest import Prepared, in_full_only
from tests.crash.deliveries import FIRST
from tests.crash.lake import CrashLake, wait_for
from tests.support.everything import TIMES, differences
from tests.support.glue import ACTIVE_STATES
from tests.support.landing import new_landing_bucket
from tests.support.road_driver import provision_quick

BATCH = 2
# Whether they meet is chance: in about half of the rounds.
PLANNERS, ROUNDS = 3, 20


@pytest.fixture
def lake(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrashLake]:
    """A batch waits to be planned. This process's environment leads to it."""
    live = CrashLake(tmp_path / "state", prepared.before["plan"])
    for name, value in live.environment.items():
        monkeypatch.setenv(name, value)
    yield live
    live.close()


def test_planners_at_once_make_one_batch(tmp_path: Path) -> None:
    lake = CrashLake(tmp_path / "state")
    try:
        s3, bucket, manifest = lake.aws.client("s3"), lake.settings.bucket, "batches/0000000001/manifest.json"
        s3.create_bucket(Bucket=bucket)
        new_landing_bucket(s3, lake.settings.landing_bucket)
        lake.land(FIRST)
        for _ in range(ROUNDS):
            before = len(lake.writes())
            planners = [lake.walk("--wait", "--plan-only") for _ in range(PLANNERS)]
            for planner in planners:
                planner.wait_for_line("ready")
            for planner in planners:
                planner.go()
            ends = [planner.end() for planner in planners]
            assert [(code, said.splitlines()[-1]) for code, said in ends] == PLANNERS * [(0, "batch 1")]
            listed = s3.list_objects_v2(Bucket=bucket, Prefix="batches/")["Contents"]
            assert [item["Key"] for item in listed] == [manifest]
            if sum(manifest in line for line in lake.writes()[before:]) > 1:
                return  # more than one tried to write the manifest
            s3.delete_object(Bucket=bucket, Key=manifest)
        pytest.fail(f"in {ROUNDS} rounds no two planners met")
    finally:
        lake.close()


@in_full_only
@pytest.mark.timeout(1800)
def test_two_tries_of_every_station_at_once_do_nothing_twice(lake: CrashLake, prepared: Prepared) -> None:
    settings = lake.settings
    provision_quick(settings, concurrent_runs=2)
    assert road.plan(settings) == BATCH
    for job in BATCH_JOBS:
        _run_twice_at_once(lake, job)
    for station in (road.load_warehouse, road.prove, road.finish):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(station, 2 * [settings], 2 * [BATCH]))
    assert not differences(lake.content(TIMES), prepared.undisturbed)


def _run_twice_at_once(lake: CrashLake, job: str) -> None:
    """One of the two may lose a commit to the other and fail; then it is run again, as Airflow would."""
    glue, name = boto3.client("glue"), lake.settings.job_name(job)
    ids = [glue.start_job_run(JobName=name, Arguments={"--batch_id": str(BATCH)})["JobRunId"] for _ in range(2)]
    wait_for("two workers are at work", lambda: len(lake.workers()) == 2)

    def ended(run_id: str) -> str | None:
        state = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]["JobRunState"]
        return None if state in ACTIVE_STATES else state

    states = [wait_for(f"{job} ends", lambda run_id=run_id: ended(run_id)) for run_id in ids]
    assert set(states) <= {"SUCCEEDED", "FAILED"}
    if states != ["SUCCEEDED", "SUCCEEDED"]:
        road.run_job(lake.settings, job, {"--batch_id": str(BATCH)})
