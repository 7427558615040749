"""The maintain DAG: its stations in order, what is skipped when, and that nothing is removed while it may be needed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.task.trigger_rule import TriggerRule

from lakehouse.jobs import JOBS
from lakehouse.leftovers import Retention
from tests.dags.conftest import LAKEHOUSE

BUCKET, LANDING = LAKEHOUSE["LAKEHOUSE_BUCKET"], LAKEHOUSE["LAKEHOUSE_LANDING_BUCKET"]


@pytest.fixture
def maintain(dag_bag: Any) -> Any:
    return dag_bag.dags["maintain"]


class Runs:
    """The task instance's view of other runs: how many of `ingest` are queued or running."""

    def __init__(self, unfinished: int) -> None:
        self.unfinished = unfinished

    def get_dr_count(self, dag_id: str, states: list[str]) -> int:
        assert (dag_id, states) == ("ingest", ["queued", "running"])
        return self.unfinished


def test_stations_follow_each_other_every_night(maintain: Any) -> None:
    order = ["sweep", "start_ingest", "quiet", "tables", "report"]
    assert [task.task_id for task in maintain.topological_sort()] == order
    assert maintain.timetable.can_be_scheduled
    assert maintain.max_active_runs == 1


def test_sweep_starts_an_ingest_only_if_something_waits(maintain: Any, s3: Any) -> None:
    sweep = maintain.get_task("sweep")
    assert sweep.python_callable() is False
    for bucket, key in ((LANDING, "storefront/users/a.csv"), (BUCKET, "requests/20261120T120000-name.json")):
        place = {"Bucket": bucket, "Key": key}
        version = s3.put_object(**place, Body=b"{}").get("VersionId")
        assert sweep.python_callable() is True
        s3.delete_object(**place, **({"VersionId": version} if version else {}))
    start = maintain.get_task("start_ingest")
    assert start.trigger_dag_id == "ingest"
    assert start.skip_when_already_exists
    assert "run_id" in start.trigger_run_id


def test_tables_are_maintained_even_if_nothing_waited_and_ingest_never_rests(maintain: Any) -> None:
    assert not maintain.get_task("sweep").ignore_downstream_trigger_rules
    assert maintain.get_task("quiet").soft_fail
    assert maintain.get_task("quiet").trigger_rule == TriggerRule.NONE_FAILED
    assert maintain.get_task("tables").trigger_rule == TriggerRule.NONE_FAILED


@pytest.mark.parametrize(("unfinished", "is_quiet"), [(0, True), (1, False)])
def test_waits_while_an_ingest_run_is_at_work(maintain: Any, unfinished: int, is_quiet: bool) -> None:
    assert maintain.get_task("quiet").python_callable(ti=Runs(unfinished)) is is_quiet


def test_job_and_report_agree_on_the_place(maintain: Any) -> None:
    job = maintain.get_task("tables")
    assert job.job_name == "lakehouse-maintain-tables"
    assert job.script_args == {"--report": "maintenance/{{ run_id }}.json"}
    assert list(maintain.get_task("report").op_args) == [job.script_args["--report"]]


def test_report_hands_on_the_sums_and_leaves_the_tables_to_the_log(maintain: Any, s3: Any) -> None:
    done = {"tables": 1, "files": {"before": 9, "after": 1}, "by_table": [{"table": "ops.files"}]}
    s3.put_object(Bucket=BUCKET, Key="maintenance/run.json", Body=json.dumps(done).encode())
    handed_on = maintain.get_task("report").python_callable("maintenance/run.json")
    assert handed_on == {"tables": 1, "files": {"before": 9, "after": 1}}


def test_retentions_outlast_every_run_that_could_need_what_they_keep(dag_bag: Any) -> None:
    retention = Retention()
    longest_run = dag_bag.dags["ingest"].dagrun_timeout.total_seconds()
    longest_job = max(JOBS.values()) * 60
    for kept in (retention.snapshots, retention.orphans, retention.exports):
        # Twice: a run that was ended by its timeout may have left a Glue run behind, which ends by its own.
        assert kept.total_seconds() > 2 * (longest_run + longest_job)
