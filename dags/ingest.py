"""From files that arrived to rows in Redshift, one batch at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, Param, TriggerRule, dag, task
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS
from lakehouse_dags.operators import BatchGlueJob, LoadWarehouse

from lakehouse.contract import source_names
from lakehouse.settings import Settings

ALL_DATASETS = "all"
BATCH_ID = "{{ ti.xcom_pull(task_ids='plan') }}"
SETTINGS = Settings.from_environment()

# A message only wakes the DAG: it may be lost, doubled or late. The list of work is what waits in landing.
LANDING = Asset(
    "landing",
    uri=f"s3://{SETTINGS.landing_bucket}",
    watchers=[
        AssetWatcher(
            name="landing_queue",
            trigger=MessageQueueTrigger(
                scheme="sqs",
                sqs_queue=SETTINGS.queue_url,
                aws_conn_id=None,
                max_messages=10,
                wait_time_seconds=20,
                waiter_delay=1,
            ),
        )
    ],
)


@dag(
    # The sweep finds what an event missed: events queued while a run is active may start none (apache/airflow#56050).
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("*/10 * * * *", timezone="UTC"), assets=[LANDING]),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    params={
        "dataset": Param(
            ALL_DATASETS,
            type="string",
            enum=[ALL_DATASETS, *source_names()],
            title="Dataset",
            description="Only files of this dataset. An unfinished batch is finished first, whatever it holds; runs "
            "that follow by themselves take everything.",
        ),
        "max_files": Param(
            SETTINGS.batch_files,
            type="integer",
            minimum=1,
            maximum=SETTINGS.batch_files,
            title="Files at most",
            description="What does not fit waits for the next run, which starts by itself.",
        ),
    },
    tags=["lakehouse"],
    doc_md=__doc__,
)
def ingest():
    @task.short_circuit(doc_md="Resume the unfinished batch, or make one of what waits in landing; else end the run.")
    def plan(params: dict) -> int | None:
        from lakehouse import road

        dataset = None if params["dataset"] == ALL_DATASETS else params["dataset"]
        return road.plan(Settings.from_environment(), dataset, params["max_files"])

    @task(
        trigger_rule=TriggerRule.ONE_FAILED,
        doc_md="Put on record that a Glue job failed on the batch. After three such runs `plan` halves the batch, and "
        "refuses a lone file as `processing_failed`.",
    )
    def note_failure(batch_id: int, run_id: str) -> None:
        from lakehouse import road

        road.note_failure(Settings.from_environment(), batch_id, run_id)

    @task(
        doc_md="Close the sums of every file and table, lake against warehouse; fails naming what does not close, "
        "unless a rebuild has been asked for that puts it right."
    )
    def prove(batch_id: int) -> None:
        from lakehouse import road

        road.prove(Settings.from_environment(), batch_id)

    @task.short_circuit(doc_md="Move the files out of landing and mark the batch finished; go on if more files wait.")
    def finish(batch_id: int) -> bool:
        from lakehouse import road

        return road.finish(Settings.from_environment(), batch_id)

    bronze, silver, gold = (
        BatchGlueJob(
            task_id=station,
            doc_md=f"Glue job `{SETTINGS.job_name(job)}`.",
            job_name=SETTINGS.job_name(job),
            batch_id=BATCH_ID,
            execution_timeout=timedelta(hours=2),
        )
        for station, job in {"bronze": "ingest_bronze", "silver": "refine_silver", "gold": "build_gold"}.items()
    )
    load = LoadWarehouse(
        task_id="load",
        doc_md="Stage the export in a session, then replace the touched keys in one transaction per domain.",
        batch_id=BATCH_ID,
        execution_timeout=timedelta(hours=1),
    )
    next_run = TriggerDagRunOperator(
        task_id="next_run",
        doc_md="Start the run of the backlog. Named after this batch, so that a retry cannot start two.",
        trigger_dag_id="ingest",
        trigger_run_id=f"backlog_after_batch_{BATCH_ID}",
        skip_when_already_exists=True,
    )

    batch_id = plan()
    [bronze, silver, gold] >> note_failure(batch_id)
    batch_id >> bronze >> silver >> gold >> load >> prove(batch_id) >> finish(batch_id) >> next_run


ingest()
