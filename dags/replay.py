"""Refused rows and files through today's contracts: first what would become of them, then, unless it is a rehearsal,
as a batch of their own that `ingest` takes like any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task
from lakehouse_dags.alerts import run_failed
from lakehouse_dags.defaults import TASK_DEFAULTS

from lakehouse.contract import source_names
from lakehouse.settings import Settings

ALL_DATASETS = "all"
LONGEST_WAIT = timedelta(hours=4)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # it waits in a worker, of which a laptop has few
    dagrun_timeout=timedelta(hours=6),
    on_failure_callback=run_failed,
    default_args=TASK_DEFAULTS,
    params={
        "dataset": Param(
            ALL_DATASETS,
            type="string",
            enum=[ALL_DATASETS, *source_names()],
            title="Dataset",
            description="Only what was refused of this dataset.",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Reason or rule",
            description="Only files refused for this reason and rows that break this rule, such as country_missing.",
        ),
        "file": Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="File",
            description="Only this file and its rows: a file id, a key, a folder/ or a file name.",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Since",
            description="Only what was refused then or later.",
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Until",
            description="Only what was refused by the end of it.",
        ),
        "because": Param(
            "replayed from the UI",
            type="string",
            minLength=1,
            title="Why",
            description="For the record that each row keeps.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Only say what would happen",
            description="What would pass, what would still be refused and why: in the log of the task `preview`.",
        ),
    },
    tags=["lakehouse"],
    doc_md=__doc__,
)
def replay():
    @task.short_circuit(doc_md="Find what is meant and write it down; end the run if that is nothing.")
    def draft(params: dict, run_id: str, dag_run=None) -> list[str]:
        import hashlib

        from lakehouse import quarantine, replays

        wanted = quarantine.selection(
            dataset=None if params["dataset"] == ALL_DATASETS else params["dataset"],
            reasons=[params["reason"]] if params["reason"] else None,
            file=params["file"],
            since_text=params["since"],
            until_text=params["until"],
        )
        # A retry draws up the same: the run's own time and a name made from its id.
        name = hashlib.sha256(run_id.encode()).hexdigest()[:8]
        settings = Settings.from_environment()
        return replays.draft(settings, wanted, "replay", params["because"], dag_run.run_after, name)

    @task(
        execution_timeout=timedelta(hours=1),
        doc_md="What would become of it: the Glue job `preview_replay` judges it without writing. In this task's log.",
    )
    def preview(request_ids: list[str]) -> None:
        import logging

        from lakehouse import road

        log = logging.getLogger(__name__)
        found = road.preview(Settings.from_environment(), request_ids)
        # Rules and counts; the cells that broke them may be personal, and `quarantine replay --dry-run` shows them.
        for dataset, judged in found["rows"].items():
            log.info("%s: %s rows would pass, %s not", dataset, judged["pass"], judged["refused"])
            for rule in judged["rules"]:
                log.info("  %s rows: %s", rule["rows"], rule["rule"])
        for file in found["files"]:
            log.info("%s would be %s %s", file["key"], file["verdict"], file["reason"] or "")

    @task.short_circuit(doc_md="Hand it in as batches to be; end here if this is a rehearsal.")
    def submit(request_ids: list[str], params: dict) -> bool:
        from lakehouse import replays

        if not params["dry_run"]:
            replays.submit(Settings.from_environment(), request_ids)
        return not params["dry_run"]

    @task.sensor(
        # In the worker: a sensor that is put off for seconds only is taken for a task that ended by itself.
        mode="poke",
        poke_interval=5,
        timeout=LONGEST_WAIT.total_seconds(),
        execution_timeout=LONGEST_WAIT,
        doc_md="Wait until `ingest` has taken, loaded and proved all of it.",
    )
    def done(request_ids: list[str]) -> bool:
        from lakehouse import replays

        return not replays.are_pending(Settings.from_environment(), request_ids)

    @task(doc_md="How many rows passed and how many are still refused: in this task's log and its return value.")
    def outcome(request_ids: list[str]) -> dict:
        from lakehouse import replays

        return replays.outcome(Settings.from_environment(), request_ids)

    start_ingest = TriggerDagRunOperator(
        task_id="start_ingest",
        doc_md="Start the run that takes it. Named after this run, so that a retry cannot start two.",
        trigger_dag_id="ingest",
        trigger_run_id="for_{{ run_id }}",
        skip_when_already_exists=True,
    )
    requests = draft()
    preview(requests) >> submit(requests) >> start_ingest >> done(requests) >> outcome(requests)


replay()
