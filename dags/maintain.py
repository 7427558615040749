"""Every night: start what was missed, then keep the lake's tables small and quick. No row of any table changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, task
from airflow.task.trigger_rule import TriggerRule
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS
from lakehouse_dags.operators import GlueJob

from lakehouse.settings import Settings

REPORT = "maintenance/{{ run_id }}.json"
SETTINGS = Settings.from_environment()
JOB = SETTINGS.job_name("maintain_tables")


@dag(
    # The first run waits for its hour too: a stack that has just started has better things to do.
    schedule=CronTriggerTimetable("30 2 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    tags=["lakehouse"],
    doc_md=__doc__,
)
def maintain():
    @task.short_circuit(
        ignore_downstream_trigger_rules=False,
        doc_md="Look whether anything waits that no event or run has told of; if nothing does, no ingest is started.",
    )
    def sweep() -> bool:
        from lakehouse import road

        return road.is_anything_waiting(Settings.from_environment())

    @task.sensor(
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=4).total_seconds(),
        soft_fail=True,
        trigger_rule=TriggerRule.NONE_FAILED,
        doc_md="Wait until no ingest run is at work, four hours at most. A courtesy: whoever loses a conflict repeats.",
    )
    def quiet(ti: Any = None) -> bool:
        return ti.get_dr_count(dag_id="ingest", states=["queued", "running"]) == 0

    @task(doc_md="Put what was done into the log and hand on its sums.")
    def report(key: str) -> dict[str, Any]:
        import json
        import logging

        import boto3

        body = boto3.client("s3").get_object(Bucket=Settings.from_environment().bucket, Key=key)["Body"].read()
        done = json.loads(body)
        log = logging.getLogger(__name__)
        for table in done.pop("by_table"):
            log.info("%s", json.dumps(table))
        log.info("%s", json.dumps(done, indent=1))
        return done

    start_ingest = TriggerDagRunOperator(
        task_id="start_ingest",
        doc_md="Start an ingest run for what waits. Named after this run, so that a retry cannot start two.",
        trigger_dag_id="ingest",
        trigger_run_id="swept_by_{{ run_id }}",
        skip_when_already_exists=True,
    )
    tables = GlueJob(
        task_id="tables",
        doc_md=f"Glue job `{JOB}`: compaction, expiry of snapshots, orphan files, old exports.",
        job_name=JOB,
        script_args={"--report": REPORT},
        execution_timeout=timedelta(hours=3),
        # When the wait was given up, it was skipped.
        trigger_rule=TriggerRule.NONE_FAILED,
    )
    sweep() >> start_ingest >> quiet() >> tables >> report(REPORT)


maintain()
