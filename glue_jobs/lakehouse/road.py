"""The stations of the road that need no Spark, as the DAG calls them; and the whole road, station by station.

Every station takes a batch number and may be run again at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3

from lakehouse import landing, proof, warehouse
from lakehouse.contract import load_registry
from lakehouse.jobs import BATCH_JOBS
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL, Redshift
from lakehouse.settings import Settings

_IDS_PER_QUERY = 100
_POLL_SECONDS = 0.25


class StationError(Exception):
    """A Glue job ended otherwise than well; the message is Glue's own."""


def plan(settings: Settings, dataset: str | None = None, max_files: int | None = None) -> int | None:
    """The number of the batch to work on, or None when nothing waits. Resumes an unfinished batch first."""
    bound = min(settings.batch_files, max_files or settings.batch_files)
    batch = landing.plan(_s3(), settings.bucket, bound, settings.batch_bytes, datetime.now(UTC), dataset)
    return batch.batch_id if batch else None


def stage_calls(settings: Settings, batch_id: int) -> list[list[str]]:
    """Lint the export; then the statements that stage it, in lists as long as one Data API call may be."""
    registry, tables = load_registry(), warehouse.read_export(_s3(), settings.bucket, batch_id)
    warehouse.lint(_s3(), settings.bucket, tables, registry)
    statements = warehouse.stage_statements(settings.bucket, settings.redshift_role, batch_id, tables, registry)
    size = MAX_STATEMENTS_PER_CALL
    return [statements[start : start + size] for start in range(0, len(statements), size)]


def load_transactions(settings: Settings, batch_id: int) -> list[list[str]]:
    """The statements that replace the touched keys: one transaction per domain, in the session that staged."""
    tables = warehouse.read_export(_s3(), settings.bucket, batch_id)
    return warehouse.load_transactions(batch_id, tables, load_registry())


def prove(settings: Settings, batch_id: int) -> None:
    """Raises proof.ProofError naming every file and table whose sums do not close."""
    batch = landing.read_batch(_s3(), settings.bucket, batch_id)
    registry = load_registry()
    affected = registry.affected(file.dataset for file in batch.files)
    proof.require(proof.prove(Redshift(settings), registry, [contract.dataset for contract in affected]))


def finish(settings: Settings, batch_id: int) -> bool:
    """Move the batch's files out of landing and mark it finished; True when landing still holds files."""
    batch = landing.read_batch(_s3(), settings.bucket, batch_id)
    landing.finish(_s3(), settings.bucket, batch, _verdicts(settings, batch), datetime.now(UTC))
    return next(landing.waiting(_s3(), settings.bucket), None) is not None


def run(settings: Settings, dataset: str | None = None, max_files: int | None = None) -> Iterator[tuple[str, float]]:
    """Walk one batch down the whole road without Airflow, yielding each station's name and seconds.

    Yields nothing when nothing waits.
    """
    started = time.monotonic()
    batch_id = plan(settings, dataset, max_files)
    if batch_id is None:
        return
    yield "plan", time.monotonic() - started
    for name in BATCH_JOBS:
        started = time.monotonic()
        run_job(settings, name, batch_id)
        yield name, time.monotonic() - started
    started = time.monotonic()
    Redshift(settings).in_session([*stage_calls(settings, batch_id), *load_transactions(settings, batch_id)])
    yield "load_warehouse", time.monotonic() - started
    for name, station in (("prove", prove), ("finish", finish)):
        started = time.monotonic()
        station(settings, batch_id)
        yield name, time.monotonic() - started


def run_job(settings: Settings, name: str, batch_id: int, timeout_seconds: float = 3_600) -> None:
    """Run one Glue job for a batch and wait for its end. Raises StationError with Glue's message."""
    glue: Any = boto3.client("glue")
    job = settings.job_name(name)
    run_id = glue.start_job_run(JobName=job, Arguments={"--batch_id": str(batch_id)})["JobRunId"]
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        state = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if state["JobRunState"] == "SUCCEEDED":
            return
        if state["JobRunState"] in ("FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"):
            raise StationError(f"{job} {run_id} {state['JobRunState']}: {state.get('ErrorMessage', 'no message')}")
        time.sleep(_POLL_SECONDS)
    raise StationError(f"{job} {run_id} did not end in {timeout_seconds:.0f} s")


def _verdicts(settings: Settings, batch: landing.Batch) -> dict[str, tuple[str, str | None]]:
    """file_id → (verdict, reason) of the batch's files, from the ledger."""
    redshift, verdicts = Redshift(settings), {}
    ids = [file.file_id for file in batch.files]
    for start in range(0, len(ids), _IDS_PER_QUERY):
        parameters = {f"id{index}": value for index, value in enumerate(ids[start : start + _IDS_PER_QUERY])}
        wanted = ", ".join(f":{name}" for name in parameters)
        found = redshift.query(
            f"SELECT file_id, verdict, reason FROM lake_ops.files WHERE file_id IN ({wanted})", parameters
        )
        verdicts.update({file: (verdict, reason) for file, verdict, reason in found.rows})
    return verdicts


def _s3() -> Any:
    return boto3.client("s3")
