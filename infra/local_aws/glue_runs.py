"""Runs of Glue jobs: their records in the store, and their way from STARTING to an end."""

from __future__ import annotations

import json
import queue
import secrets
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError
from infra.local_aws.glue_artifacts import Artifacts, LaunchError, worker_environment
from infra.local_aws.glue_logs import LOG_GROUP_PREFIX, RunLog
from infra.local_aws.glue_worker_pool import Assignment, Event, WorkerPool
from infra.local_aws.persistence import Store

ACTIVE_STATES = ("STARTING", "RUNNING", "STOPPING")
STOPPABLE_STATES = ("STARTING", "RUNNING")
SECONDS_PER_MINUTE = 60
INTERRUPTED = "The local AWS stopped while the run was in progress"
DPU_PER_WORKER = {
    "G.025X": 0.25,
    "Standard": 1.0,
    **{f"G.{size}X": float(size) for size in (1, 2, 4, 8, 12, 16)},
    **{f"R.{size}X": float(size) for size in (1, 2, 4, 8)},
    "Z.2X": 2.0,
}
"""Data processing units of one worker, by WorkerType."""

EXECUTING_SINCE = "_executing_since"
"""A field of the record that no answer shows: the instant at which the script began."""

Run = dict[str, Any]
"""A run as GetJobRun answers it; instants in seconds since the epoch."""


class RunRecords:
    """The table of runs. Every change is committed when its method returns."""

    def __init__(self, store: Store) -> None:
        """Open the table and end as FAILED whatever an earlier process left unfinished."""
        self._store = store
        store.create(
            """
            CREATE TABLE IF NOT EXISTS glue_job_runs (
                number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, job_name TEXT NOT NULL, state TEXT NOT NULL,
                run TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS glue_job_runs_by_job ON glue_job_runs (job_name, number);
            """
        )
        for row in store.query(f"SELECT run_id FROM glue_job_runs WHERE state IN {ACTIVE_STATES}"):
            self.change(
                row["run_id"], ACTIVE_STATES, JobRunState="FAILED", ErrorMessage=INTERRUPTED, CompletedOn=_now()
            )

    def transaction(self) -> AbstractContextManager[object]:
        """Make the changes within all visible at once."""
        return self._store.transaction()

    def add(self, run: Run, max_concurrent_runs: int | None) -> None:
        """Record a new run; raise ConcurrentRunsExceededException when the job has as many active runs as it may."""
        with self._store.transaction() as cursor:
            if max_concurrent_runs is not None:
                sql = f"SELECT count(*) FROM glue_job_runs WHERE job_name = ? AND state IN {ACTIVE_STATES}"
                if cursor.execute(sql, (run["JobName"],)).fetchone()[0] >= max_concurrent_runs:
                    message = f"Concurrent runs exceeded for {run['JobName']}"
                    raise AwsError("ConcurrentRunsExceededException", message)
            cursor.execute(
                "INSERT INTO glue_job_runs (run_id, job_name, state, run) VALUES (?, ?, ?, ?)",
                (run["Id"], run["JobName"], run["JobRunState"], json.dumps(run)),
            )

    def change(self, run_id: str, from_states: Iterable[str], **changes: Any) -> Run | None:
        """Change fields of a run that is in one of the states; return the run as it is now, or None when it is not."""
        with self._store.transaction() as cursor:
            row = cursor.execute("SELECT state, run FROM glue_job_runs WHERE run_id = ?", (run_id,)).fetchone()
            if row is None or row["state"] not in from_states:
                return None
            run: Run = {**json.loads(row["run"]), **changes, "LastModifiedOn": _now()}
            cursor.execute(
                "UPDATE glue_job_runs SET state = ?, run = ? WHERE run_id = ?",
                (run["JobRunState"], json.dumps(run), run_id),
            )
        return run

    def get(self, job_name: str, run_id: str) -> Run | None:
        """One run of a job, or None."""
        rows = self._store.query("SELECT run FROM glue_job_runs WHERE run_id = ? AND job_name = ?", (run_id, job_name))
        return _timed(json.loads(rows[0]["run"])) if rows else None

    def newest_first(self, job_name: str, offset: int, limit: int) -> list[Run]:
        """A page of a job's runs."""
        sql = "SELECT run FROM glue_job_runs WHERE job_name = ? ORDER BY number DESC LIMIT ? OFFSET ?"
        return [_timed(json.loads(row["run"])) for row in self._store.query(sql, (job_name, limit, offset))]

    def forget(self, job_name: str) -> None:
        """Drop the ended runs of a job that is deleted; an active one goes on to its end."""
        with self._store.transaction() as cursor:
            cursor.execute(
                f"DELETE FROM glue_job_runs WHERE job_name = ? AND state NOT IN {ACTIVE_STATES}", (job_name,)
            )


@dataclass(frozen=True)
class Plan:
    """What a run executes: fixed when it starts, whatever happens to the job's definition meanwhile."""

    script_location: str
    arguments: dict[str, str]
    """Merged; with the leading dashes, as Glue keeps them."""
    timeout_seconds: float
    max_retries: int


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    state: str
    error: str | None = None
    worker_is_reusable: bool = False
    never_began: bool = False
    """The worker had ended before it took up the run."""


@dataclass
class ActiveRun:
    """A run in progress in this process."""

    plan: Plan
    inbox: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    stop_requested: threading.Event = field(default_factory=threading.Event)


class Runner:
    """Carries out runs, each in a thread of its own, on the workers of a pool."""

    def __init__(self, context: Context, records: RunRecords) -> None:
        """Work under ``glue/`` of the state directory, which holds nothing that outlives the process."""
        self._records = records
        directory = context.state_dir / "glue"
        shutil.rmtree(directory, ignore_errors=True)
        self._run_directory = directory / "runs"
        self._artifacts = Artifacts(directory / "artifacts", context.endpoint, context.key)
        self.pool = WorkerPool(directory / "workers", lambda: worker_environment(context.endpoint(), context.key))
        self._active: dict[str, ActiveRun] = {}
        self._closed = False

    def start(self, run: Run, plan: Plan) -> None:
        """Begin a recorded run; returns at once."""
        active = self._active[run["Id"]] = ActiveRun(plan)
        threading.Thread(target=self._carry_out, args=(run, active), name=run["Id"], daemon=True).start()

    def stop(self, run_id: str) -> bool:
        """Ask a run to stop; False when it is not in a state to be stopped."""
        active = self._active.get(run_id)
        if active is None or not self._records.change(run_id, STOPPABLE_STATES, JobRunState="STOPPING"):
            return False
        active.stop_requested.set()
        active.inbox.put(Event("stop"))
        self.pool.wake()
        return True

    def close(self) -> None:
        """End the workers. Unfinished runs keep their state; the next process on this directory ends them as FAILED."""
        self._closed = True
        self.pool.close()

    def _carry_out(self, run: Run, active: ActiveRun) -> None:
        run_id = run["Id"]
        log = RunLog(run_id)
        directory = self._run_directory / run_id
        try:
            directory.mkdir(parents=True)
            outcome = self._execute(run, active, log, directory)
        except LaunchError as error:
            outcome = Outcome("FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - a fault of this program must still end the run
            traceback.print_exc(file=sys.stderr)
            outcome = Outcome("FAILED", f"Internal service failure: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        if self._closed:
            return
        del self._active[run_id]
        self._end(run_id, outcome, active.plan)

    def _execute(self, run: Run, active: ActiveRun, log: RunLog, directory: Path) -> Outcome:
        script = self._artifacts.script(active.plan.script_location, directory)
        runtime = self._artifacts.runtime(active.plan.arguments)
        while worker := self.pool.acquire(runtime, active.stop_requested.is_set):
            outcome = Outcome("FAILED", "Internal service failure")
            was_warm = worker.is_warm
            try:
                worker.run(Assignment(run["Id"], log, active.inbox), script, _argv(run, active.plan), directory)
                outcome = self._await_end(run["Id"], active, log)
            finally:
                self.pool.release(worker, reusable=outcome.worker_is_reusable)
            # A worker that died while it was idle is no fault of the run that finds it dead.
            if not (was_warm and outcome.never_began):
                return outcome
        return Outcome("STOPPED")

    def _await_end(self, run_id: str, active: ActiveRun, log: RunLog) -> Outcome:
        deadline = time.monotonic() + active.plan.timeout_seconds
        has_begun = False
        while True:
            try:
                event = active.inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                minutes = active.plan.timeout_seconds / SECONDS_PER_MINUTE
                return Outcome("TIMEOUT", f"Job run exceeded its timeout of {minutes:g} minutes")
            if event.kind == "stop":
                return Outcome("STOPPED")
            if event.kind == "exited":
                return Outcome("FAILED", _exit_message(event.details["status"], log), never_began=not has_begun)
            if event.kind == "finished":
                error = event.details["error"]
                return Outcome("FAILED" if error else "SUCCEEDED", error, worker_is_reusable=event.details["reusable"])
            has_begun = True
            self._records.change(run_id, ("STARTING",), JobRunState="RUNNING", **{EXECUTING_SINCE: _now()})

    def _end(self, run_id: str, outcome: Outcome, plan: Plan) -> None:
        error = {"ErrorMessage": outcome.error} if outcome.error else {}
        with self._records.transaction():
            # A stop that was accepted is the end of the run, even when the script ended by itself in that instant.
            if self._records.change(run_id, ("STOPPING",), JobRunState="STOPPED", CompletedOn=_now()):
                return
            run = self._records.change(run_id, ACTIVE_STATES, JobRunState=outcome.state, CompletedOn=_now(), **error)
            if run is None or outcome.state != "FAILED" or run["Attempt"] >= plan.max_retries:
                return
            retry = new_attempt(run)
            self._records.add(retry, max_concurrent_runs=None)
        self.start(retry, plan)


def new_run(job_name: str, settings: Run) -> Run:
    """The record of a run about to start; ``settings`` are the fields that come from the job and the request."""
    return {
        "Id": f"jr_{secrets.token_hex(32)}",
        "Attempt": 0,
        "JobName": job_name,
        "JobRunState": "STARTING",
        "StartedOn": _now(),
        "LastModifiedOn": _now(),
        "PredecessorRuns": [],
        "LogGroupName": LOG_GROUP_PREFIX,
        **settings,
    }


def new_attempt(failed: Run) -> Run:
    """The record of the run that Glue starts by itself after a failed one of a job with MaxRetries."""
    kept = {key: value for key, value in failed.items() if key not in ("ErrorMessage", "CompletedOn", EXECUTING_SINCE)}
    attempt = failed["Attempt"] + 1
    first_id = failed["Id"].partition("_attempt_")[0]
    changes = {"Id": f"{first_id}_attempt_{attempt}", "Attempt": attempt, "PreviousRunId": failed["Id"]}
    return new_run(failed["JobName"], {**kept, **changes, "JobRunState": "STARTING", "StartedOn": _now()})


def _timed(run: Run) -> Run:
    """The run with the seconds it has executed, waiting and start-up excluded, and what they come to in DPU seconds."""
    since = run.pop(EXECUTING_SINCE, None)
    seconds = run.get("CompletedOn", _now()) - since if since is not None else 0.0
    units = DPU_PER_WORKER[run["WorkerType"]] * run["NumberOfWorkers"] if "WorkerType" in run else run["MaxCapacity"]
    return {**run, "ExecutionTime": int(seconds), "DPUSeconds": round(seconds * units, 3)}


def _argv(run: Run, plan: Plan) -> list[str]:
    pairs = [part for pair in plan.arguments.items() for part in pair]
    return ["--JOB_NAME", run["JobName"], "--JOB_RUN_ID", run["Id"], *pairs]


def _exit_message(status: int, log: RunLog) -> str:
    if status < 0:
        return f"The driver process was killed by {signal.Signals(-status).name}"
    return f"Command failed with exit code {status}: {log.last_error_line}".rstrip(": ")


def _now() -> float:
    return round(time.time(), 3)
