"""The ingest DAG: its stations in order, what wakes it, its form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from lakehouse.contract import load_registry, source_names
from tests.dags.conftest import LAKEHOUSE

ROAD = ["plan", "bronze", "silver", "gold", "load", "prove", "finish", "next_run"]


@pytest.fixture
def ingest(dag_bag: Any) -> Any:
    return dag_bag.dags["ingest"]


def test_stations_follow_each_other(ingest: Any) -> None:
    assert [task.task_id for task in ingest.topological_sort() if task.task_id != "note_failure"] == ROAD
    for before, after in pairwise(ROAD):
        assert after in ingest.get_task(before).downstream_task_ids


def test_only_a_glue_job_that_failed_is_put_on_record(ingest: Any) -> None:
    task = ingest.get_task("note_failure")
    assert task.trigger_rule == "one_failed"
    assert task.upstream_task_ids - {"plan"} == {"bronze", "silver", "gold"}


def test_one_batch_at_a_time(ingest: Any) -> None:
    assert ingest.max_active_runs == 1


def test_woken_by_the_queue_and_swept_by_the_clock(ingest: Any) -> None:
    [asset] = ingest.timetable.asset_condition.objects
    [watcher] = asset.watchers
    path, arguments = watcher.trigger.serialize()
    assert path.endswith("SqsSensorTrigger")
    assert arguments["sqs_queue"] == LAKEHOUSE["LAKEHOUSE_QUEUE_URL"]
    assert ingest.timetable.timetable.expression == "*/10 * * * *"


def test_only_the_batch_number_travels(ingest: Any) -> None:
    batch_id = "{{ ti.xcom_pull(task_ids='plan') }}"
    for station, job in {"bronze": "ingest-bronze", "silver": "refine-silver", "gold": "build-gold"}.items():
        task = ingest.get_task(station)
        assert task.job_name == f"lakehouse-{job}"
        assert task.script_args == {"--batch_id": batch_id}
        assert task.deferrable
        assert task.resume_glue_job_on_retry
    assert ingest.get_task("load").batch_id == batch_id


def test_backlog_run_is_named_after_its_batch_so_that_a_retry_starts_no_second(ingest: Any) -> None:
    task = ingest.get_task("next_run")
    assert task.trigger_dag_id == "ingest"
    assert "plan" in task.trigger_run_id
    assert task.skip_when_already_exists


def test_form_offers_every_dataset_of_the_contracts(ingest: Any) -> None:
    schema = ingest.params.get_param("dataset").schema
    assert schema["enum"] == ["all", *source_names()]
    assert set(source_names()) == set(load_registry().sources)


@pytest.mark.parametrize(
    ("name", "value"), [("dataset", "storefront.typo"), ("dataset", 1), ("max_files", 0), ("max_files", "many")]
)
def test_form_refuses_what_makes_no_sense(ingest: Any, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        ingest.params.get_param(name).resolve(value)


def test_form_has_valid_defaults(ingest: Any) -> None:
    ingest.params.validate()
    assert ingest.params.dump()["dataset"] == "all"
