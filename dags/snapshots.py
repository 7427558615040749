"""Once a day: take in the datasets whose contract says `ingestedBy: schedule`, which no arrival of a file wakes."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, task
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS

from lakehouse.settings import Settings


@dag(
    # The first run waits for its hour too: a stack that has just started has better things to do.
    schedule=CronTriggerTimetable("0 4 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    tags=["lakehouse"],
    doc_md=__doc__,
)
def snapshots():
    @task(doc_md="Find the scheduled datasets that have files in landing; each gets a run of `ingest` of its own.")
    def waiting() -> list[dict[str, str]]:
        from datetime import UTC, datetime

        import boto3

        from lakehouse import landing
        from lakehouse.contract import load_registry

        s3, buckets, now = boto3.client("s3"), Settings.from_environment().buckets, datetime.now(UTC)
        return [
            {"dataset": dataset}
            for dataset in sorted(load_registry().scheduled)
            if next(landing.waiting(s3, buckets, now, dataset), None)
        ]

    TriggerDagRunOperator.partial(
        task_id="ingest",
        doc_md="Start `ingest` for one dataset. One run is at work at a time, so the others queue.",
        trigger_dag_id="ingest",
    ).expand(conf=waiting())


snapshots()
