"""Files that were landed, followed until they leave landing: the last station of the road moves them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lakehouse.cli.airflow_api import FINISHED_STATES, AirflowApi, AirflowError, Run, Task
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.refused import named
from lakehouse.settings import Buckets

_POLL_SECONDS = 0.5
_AIRFLOW_POLL_SECONDS = 1.0
# The API server may be slow to answer while everything else of a laptop works; a dead one stays dead.
_AIRFLOW_PATIENCE_SECONDS = 30.0
# Longer than an event takes to start a run.
_IDLE_SECONDS = 20.0


@dataclass(frozen=True)
class RunView:
    """A run as it was last seen."""

    run: Run
    batch_id: int | None
    tasks: Sequence[Task]

    @property
    def current(self) -> Task | None:
        """The task that is being worked on."""
        return next((task for task in reversed(self.tasks) if task.state in _AT_WORK), None)


_AT_WORK = frozenset({"running", "deferred", "queued", "scheduled", "up_for_retry"})


@dataclass(frozen=True)
class View:
    """What is left to wait for: file ids that are still in landing, and the runs since files were landed."""

    waiting: frozenset[str]
    runs: Sequence[RunView]
    is_idle: bool
    """Files wait and no run has been at work for a while."""

    @property
    def active(self) -> RunView | None:
        return next((view for view in self.runs if view.run.state not in FINISHED_STATES), None)


def follow(
    s3: Any,
    buckets: Buckets,
    file_keys: dict[str, str],
    dataset: str | None,
    airflow: AirflowApi | None,
    seconds: float,
) -> Iterator[View]:
    """Yield a view several times a second; the last one has nothing waiting.

    `file_keys` maps the ids of the files to their keys. Raises CommandError when time runs out or a run fails, naming
    the files that still wait.
    """
    from lakehouse import landing

    since, deadline = datetime.now(UTC), time.monotonic() + seconds
    runs = Runs(airflow, since)
    last_active = time.monotonic()
    while True:
        # First the runs, then the files: the view in which no file waits then knows how the runs stood before.
        seen = runs.look()
        now = time.monotonic()
        landed = landing.waiting(s3, buckets, datetime.now(UTC), dataset)
        waiting = frozenset(file.file_id for file in landed) & file_keys.keys()
        view = View(waiting, seen, bool(waiting) and airflow is not None and now - last_active > _IDLE_SECONDS)
        if view.active:
            last_active = now
        yield view
        if not waiting:
            return
        names = named([file_keys[file_id] for file_id in waiting])
        if airflow and (failed := next((view for view in seen if view.run.state == "failed"), None)):
            task = next((task.task_id for task in failed.tasks if task.state == "failed"), "no task")
            raise CommandError(
                f"the run {failed.run.run_id} failed at {task}: see {airflow.page(failed.run.run_id)}; still in "
                f"landing: {names}. `lakehouse sweep` tries again once the cause is gone"
            )
        if now > deadline:
            where = f"; see {airflow.url}" if airflow else ""
            raise CommandError(f"still in landing after {seconds:.0f} s: {names}{where}")
        time.sleep(_POLL_SECONDS)


class Runs:
    """Looks at the runs since an instant, no more often than once in a while; finished ones only once."""

    def __init__(self, airflow: AirflowApi | None, since: datetime) -> None:
        self._airflow, self._since = airflow, since
        self._finished: dict[str, RunView] = {}
        self._views: list[RunView] = []
        self._next_look = 0.0
        self._last_answer = time.monotonic()

    def look(self) -> Sequence[RunView]:
        now = time.monotonic()
        if self._airflow is None or now < self._next_look:
            return self._views
        try:
            self._views = [self._view(self._airflow, run) for run in self._airflow.runs(self._since)]
        except AirflowError as error:
            if now - self._last_answer > _AIRFLOW_PATIENCE_SECONDS:
                raise CommandError(f"nobody loads the files: {error}") from error
        else:
            self._last_answer = now
        self._next_look = time.monotonic() + _AIRFLOW_POLL_SECONDS
        return self._views

    def _view(self, airflow: AirflowApi, run: Run) -> RunView:
        if run.run_id in self._finished:
            return self._finished[run.run_id]
        is_begun = run.state != "queued"
        view = RunView(
            run, airflow.batch_id(run.run_id) if is_begun else None, airflow.tasks(run.run_id) if is_begun else ()
        )
        if run.state in FINISHED_STATES:
            self._finished[run.run_id] = view
        return view
