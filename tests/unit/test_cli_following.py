"""Files chosen for landing, and the wait until they have left it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse import landing
from lakehouse.cli import following
from lakehouse.cli.airflow_api import AirflowError, Run, Task
from lakehouse.cli.following import follow
from lakehouse.cli.landed import files_to_land
from lakehouse.cli.mistakes import CommandError
from tests.unit.conftest import BUCKETS, LANDING

KEYS = ("storefront/users/a.csv", "storefront/users/b.csv")
IDS = {landing.file_id(LANDING, key, "etag", "", f"version of {key}"): key for key in KEYS}


class Landing:
    """S3 as far as landing is listed: each listing gives the next of the given states, the last one for ever."""

    def __init__(self, *states: Sequence[str]) -> None:
        self._states = list(states)

    def get_bucket_versioning(self, **_: Any) -> dict[str, str]:
        return {"Status": "Enabled"}

    def get_paginator(self, operation: str) -> Landing:
        return self

    def paginate(self, Bucket: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - as boto3 has it
        if Bucket != LANDING:
            return
        keys = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        common = {"ETag": '"etag"', "Size": 1, "LastModified": datetime.now(UTC), "IsLatest": True}
        yield {"Versions": [{"Key": key, "VersionId": f"version of {key}", **common} for key in keys]}


class Airflow:
    """Airflow with one run, or none that answers."""

    url = "http://airflow"

    def __init__(self, state: str = "running", task_state: str = "running", answers: bool = True) -> None:
        self._run, self._answers = Run("run-1", state, None), answers
        self._tasks = [
            Task("plan", "success", 0.1, datetime.now(UTC)),
            Task("silver", task_state, None, datetime.now(UTC)),
        ]

    def runs(self, ended_since: datetime) -> list[Run]:
        if not self._answers:
            raise AirflowError("Airflow does not answer")
        return [self._run]

    def tasks(self, run_id: str) -> list[Task]:
        return self._tasks

    def batch_id(self, run_id: str) -> int:
        return 7

    def page(self, run_id: str) -> str:
        return f"{self.url}/runs/{run_id}"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(following, "_AIRFLOW_POLL_SECONDS", 0.0)


def test_it_ends_when_every_file_has_left_landing() -> None:
    s3 = Landing(KEYS, [KEYS[1], "storefront/users/somebody-elses.csv"], ["other/x/y.csv"])
    views = list(follow(s3, BUCKETS, IDS, None, Airflow(), 60))  # type: ignore[arg-type]
    assert [len(view.waiting) for view in views] == [2, 1, 0]
    active = views[0].active
    assert active is not None
    assert (active.batch_id, active.current and active.current.task_id) == (7, "silver")


def test_it_needs_no_airflow() -> None:
    assert [len(view.waiting) for view in follow(Landing(KEYS, []), BUCKETS, IDS, None, None, 60)] == [2, 0]


@pytest.mark.parametrize(
    ("airflow", "seconds", "words"),
    [
        (Airflow, 0.0, ["still in landing after 0 s", *KEYS, "http://airflow"]),
        (lambda: Airflow("failed", "failed"), 60, ["failed at silver", "http://airflow/runs/run-1", *KEYS]),
        (lambda: Airflow(answers=False), 60, ["nobody loads the files", "Airflow does not answer"]),
    ],
)
def test_it_gives_up_with_the_reason_and_the_files(
    monkeypatch: pytest.MonkeyPatch, airflow: Callable[[], Airflow], seconds: float, words: list[str]
) -> None:
    monkeypatch.setattr(following, "_AIRFLOW_PATIENCE_SECONDS", 0.0)
    with pytest.raises(CommandError) as raised:
        list(follow(Landing(KEYS), BUCKETS, IDS, None, airflow(), seconds))  # type: ignore[arg-type]
    assert [word for word in words if word not in str(raised.value)] == []


def test_a_folder_is_landed_with_all_that_is_below_it(tmp_path: Path) -> None:
    for name in ("one.csv", "deep/er/two.csv.gz", ".hidden"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_text(name)
    (tmp_path / "three.txt").write_text("three")
    chosen = files_to_land([tmp_path / "folder", tmp_path / "three.txt", tmp_path / "three.txt"])
    assert sorted(chosen) == [".hidden", "deep/er/two.csv.gz", "one.csv", "three.txt"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "users.csv").write_text(folder)
    with pytest.raises(CommandError, match=r"would both be landed as users\.csv"):
        files_to_land([tmp_path / "a", tmp_path / "b"])


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no file in"):
        files_to_land([tmp_path])
