"""The stations of the road that need no Spark, as the DAG calls them; and the whole road, station by station.

Every station takes a batch number and may be run again at any time.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from lakehouse import alerts, batches, landing, load_errors, proof, replays, roles, warehouse
from lakehouse.contract import load_registry
from lakehouse.jobs import BATCH_JOBS
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL, Redshift, RedshiftError
from lakehouse.settings import Settings

_IDS_PER_QUERY = 100
_POLL_SECONDS = 0.25
_LATEST_RUNS = 50
_FAILED_STATES = ("FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED")


class StationError(Exception):
    """A Glue job ended otherwise than well; the message is Glue's own."""


def plan(settings: Settings, dataset: str | None = None, max_files: int | None = None) -> int | None:
    """The number of the batch to work on, or None when nothing waits. Resumes an unfinished batch first.

    Files of datasets that are ingested by schedule are taken when their dataset is named.
    """
    bound = min(settings.batch_files, max_files or settings.batch_files)
    held = load_registry().scheduled
    batch = batches.plan(_s3(), settings.buckets, bound, settings.batch_bytes, datetime.now(UTC), dataset, held)
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


def load_warehouse(settings: Settings, batch_id: int) -> None:
    """Stage the export and replace the touched keys, in one session of a user who may do no more than that.

    Raises warehouse.LintError, and load_errors.LoadError when a statement fails.
    """
    redshift = Redshift(settings, secret_arn=settings.user_secret(roles.LOADER))
    try:
        redshift.in_session([*stage_calls(settings, batch_id), *load_transactions(settings, batch_id)])
    except RedshiftError as error:
        if error.statement_id is None:
            raise
        raise load_errors.LoadError(load_errors.explain(redshift, error.statement_id), error.statement_id) from error


def prove(settings: Settings, batch_id: int) -> None:
    """Raises proof.ProofError naming every file and table whose sums do not close.

    An alert says so instead when a rebuild is to put them right: nothing else can run, no rebuild either, until the
    batch is finished. Of a rebuild that is given up it says so in any case.
    """
    batch = batches.read(_s3(), settings.bucket, batch_id)
    registry = load_registry()
    affected = {contract.dataset for contract in registry.affected(batch.datasets)}
    checks = proof.prove(Redshift(settings), registry, affected)
    problem = ""
    try:
        proof.require(checks)
    except proof.ProofError as error:
        left_to_a_rebuild = affected <= batches.to_be_rebuilt(_s3(), settings.bucket, but_for=batch)
        if not batch.is_rebuild_given_up and not left_to_a_rebuild:
            raise
        problem = str(error)
    if batch.is_rebuild_given_up:
        subject = f"Batch {batch_id}, a rebuild, is given up"
        alerts.publish(settings, logging.ERROR, subject, f"Ask for it again. It failed: {batch.given_up}\n{problem}")
    elif problem:
        subject = f"Batch {batch_id} is left to the rebuild that has been asked for"
        alerts.publish(settings, logging.ERROR, subject, problem)


def finish(settings: Settings, batch_id: int) -> bool:
    """Move the batch's files to where their verdicts put them and mark it finished; True when more is waiting.

    What its files added to datasets that evolve is announced, once: a finished batch has been.
    """
    batch = batches.read(_s3(), settings.bucket, batch_id)
    if not batches.is_finished(_s3(), settings.bucket, batch_id):
        _announce_new_columns(settings, batch)
    batches.finish(_s3(), settings.buckets, batch, _verdicts(settings, batch), datetime.now(UTC))
    return is_anything_waiting(settings)


def is_anything_waiting(settings: Settings) -> bool:
    """Whether `plan` would find a batch: an unfinished one, one to make of a request, or of files in landing that need
    not wait for their time."""
    if batches.is_one_unfinished(_s3(), settings.bucket) or batches.requests(_s3(), settings.bucket):
        return True
    landed = landing.waiting(_s3(), settings.buckets, datetime.now(UTC), held=load_registry().scheduled)
    return next(landed, None) is not None


def note_failure(settings: Settings, batch_id: int, run: str) -> None:
    """Put on record that a run failed at a Glue job of the batch, with Glue's own message: one that keeps failing is
    narrowed by `plan`."""
    batch = batches.read(_s3(), settings.bucket, batch_id)
    batches.note_failure(_s3(), settings.bucket, batch, run, _glue_failure(settings, batch_id))


def _glue_failure(settings: Settings, batch_id: int) -> str:
    """What Glue says of the last failure of a job on the batch."""
    glue: Any = boto3.client("glue")
    ended = [
        (run["CompletedOn"], f"{name}: {run.get('ErrorMessage', run['JobRunState'])}")
        for name in BATCH_JOBS
        for run in glue.get_job_runs(JobName=settings.job_name(name), MaxResults=_LATEST_RUNS)["JobRuns"]
        if run.get("Arguments", {}).get("--batch_id") == str(batch_id) and run["JobRunState"] in _FAILED_STATES
    ]
    return max(ended)[1] if ended else "Glue has no failed run of this batch"


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
        try:
            run_job(settings, name, {"--batch_id": str(batch_id)})
        except StationError:
            note_failure(settings, batch_id, uuid.uuid4().hex)
            raise
        yield name, time.monotonic() - started
    for name, station in (("load_warehouse", load_warehouse), ("prove", prove), ("finish", finish)):
        started = time.monotonic()
        station(settings, batch_id)
        yield name, time.monotonic() - started


def preview(settings: Settings, request_ids: Iterable[str], timeout_seconds: float = 3_600) -> dict[str, Any]:
    """What would become of what drafts mean, found by the Glue job that judges without writing: `rows` by dataset and
    `files`, as `previewing.preview` gives them."""
    rows: dict[str, Any] = {}
    files: list[dict[str, Any]] = []
    for request_id in request_ids:
        run_job(settings, "preview_replay", {"--request_id": request_id}, timeout_seconds)
        found = replays.take_result(settings.bucket, request_id)
        files += found["files"]
        for dataset, judged in found["rows"].items():
            rows[dataset] = _joined(rows[dataset], judged) if dataset in rows else judged
    return {"rows": rows, "files": files}


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What was found of two portions of one dataset."""
    rules: dict[str, dict[str, Any]] = {}
    for rule in (*one["rules"], *other["rules"]):
        rules[rule["rule"]] = {**rule, "rows": rule["rows"] + rules.get(rule["rule"], {"rows": 0})["rows"]}
    by_count = sorted(rules.values(), key=lambda rule: (-rule["rows"], rule["rule"]))
    return {**{name: one[name] + other[name] for name in ("pass", "refused")}, "rules": by_count}


def run_job(settings: Settings, name: str, arguments: Mapping[str, str], timeout_seconds: float = 3_600) -> None:
    """Run one Glue job and wait for its end. Raises StationError with Glue's message."""
    glue: Any = boto3.client("glue")
    job = settings.job_name(name)
    run_id = glue.start_job_run(JobName=job, Arguments=dict(arguments))["JobRunId"]
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        state = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        if state["JobRunState"] == "SUCCEEDED":
            return
        if state["JobRunState"] in _FAILED_STATES:
            raise StationError(f"{job} {run_id} {state['JobRunState']}: {state.get('ErrorMessage', 'no message')}")
        time.sleep(_POLL_SECONDS)
    raise StationError(f"{job} {run_id} did not end in {timeout_seconds:.0f} s")


def _announce_new_columns(settings: Settings, batch: batches.Batch) -> None:
    """Tell of columns that this batch was the first to bring."""
    sources = load_registry().sources
    for dataset in sorted({file.dataset for file in batch.files} & sources.keys()):
        if sources[dataset].drift != "evolve":
            continue
        found = Redshift(settings).query(
            "SELECT added_as, MIN(CASE WHEN batch_id = CAST(:batch_id AS BIGINT) THEN column_name END) "
            "FROM lake_ops.drift WHERE dataset = :dataset AND added_as IS NOT NULL "
            "GROUP BY added_as HAVING MIN(batch_id) = CAST(:batch_id AS BIGINT) ORDER BY added_as",
            {"dataset": dataset, "batch_id": str(batch.batch_id)},
        )
        if found.rows:
            columns = "\n".join(f"{name}, which came as {spelling}" for name, spelling in found.rows)
            message = (
                f"Files of batch {batch.batch_id} brought columns that its contract does not declare. They are text, "
                f"in bronze, in silver and in lake_silver_{dataset}:\n{columns}\n"
                f"`lakehouse drift --dataset {dataset}` shows them, and proposes what to declare."
            )
            alerts.publish(settings, logging.WARNING, f"{dataset} has new columns", message)


def _verdicts(settings: Settings, batch: batches.Batch) -> dict[str, tuple[str, str | None]]:
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
