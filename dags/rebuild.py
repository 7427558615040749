"""A domain's tables made again from its raw files, from bronze or from silver: a batch of its own that `ingest` takes
like any other, loads and proves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS

from lakehouse.contract import source_names
from lakehouse.medallion import Source
from lakehouse.settings import Settings

LONGEST_WAIT = timedelta(hours=12)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # it waits in a worker, of which a laptop has few
    dagrun_timeout=timedelta(hours=13),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    params={
        "domain": Param(
            None,
            type="string",
            enum=sorted({name.partition(".")[0] for name in source_names()}),
            title="Domain",
            description="Whose tables are made again.",
        ),
        "source": Param(
            "bronze",
            type="string",
            enum=list(get_args(Source)),
            title="From",
            description="What is read: raw files (bronze, silver and gold are made again), bronze (silver and gold) or "
            "silver (gold).",
        ),
        "because": Param(
            "rebuilt from the UI",
            type="string",
            minLength=1,
            title="Why",
            description="For the record.",
        ),
    },
    tags=["lakehouse"],
    doc_md=__doc__,
)
def rebuild():
    @task(doc_md="Hand it in as a batch to be.")
    def submit(params: dict, run_id: str, dag_run=None) -> str:
        import hashlib

        import boto3

        from lakehouse import rebuilds
        from lakehouse.contract import load_registry

        # A retry asks for the same: the run's own time and a name made from its id.
        name = hashlib.sha256(run_id.encode()).hexdigest()[:8]
        bucket, at = Settings.from_environment().bucket, dag_run.run_after
        asked = (params["domain"], params["source"], params["because"])
        return rebuilds.submit(boto3.client("s3"), bucket, load_registry(), *asked, at, name)

    @task.sensor(
        # In the worker: a sensor that is put off for seconds only is taken for a task that ended by itself.
        mode="poke",
        poke_interval=5,
        timeout=LONGEST_WAIT.total_seconds(),
        execution_timeout=LONGEST_WAIT,
        doc_md="Wait until `ingest` has made, loaded and proved all of it.",
    )
    def done(request_id: str) -> bool:
        from lakehouse import replays

        return not replays.are_pending(Settings.from_environment(), [request_id])

    @task(doc_md="Fail if the batch failed so often that it was given up, and say why.")
    def outcome(request_id: str) -> None:
        import boto3

        from lakehouse import rebuilds

        rebuilds.require_done(boto3.client("s3"), Settings.from_environment().bucket, request_id)

    start_ingest = TriggerDagRunOperator(
        task_id="start_ingest",
        doc_md="Start the run that takes it. Named after this run, so that a retry cannot start two.",
        trigger_dag_id="ingest",
        trigger_run_id="for_{{ run_id }}",
        skip_when_already_exists=True,
    )
    request = submit()
    request >> start_ingest >> done(request) >> outcome(request)


rebuild()
