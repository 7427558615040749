"""The DAG rebuild: its stations and its form."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

ROAD = ["submit", "start_ingest", "done", "outcome"]


@pytest.fixture
def rebuild(dag_bag: Any) -> Any:
    return dag_bag.dags["rebuild"]


def test_it_is_handed_in_before_ingest_starts_and_waited_for(rebuild: Any) -> None:
    for before, after in pairwise(ROAD):
        assert after in rebuild.get_task(before).downstream_task_ids
    assert {task.task_id for task in rebuild.tasks} == set(ROAD)


def test_ingest_is_the_only_writer(rebuild: Any) -> None:
    task = rebuild.get_task("start_ingest")
    assert task.trigger_dag_id == "ingest"
    assert "run_id" in task.trigger_run_id
    assert task.skip_when_already_exists


def test_a_domain_has_to_be_named(rebuild: Any) -> None:
    with pytest.raises(ParamValidationError):
        rebuild.params.validate()
    rebuild.params.get_param("domain").resolve("retail")
    assert rebuild.params.get_param("source").schema["enum"] == ["raw", "bronze", "silver"]


@pytest.mark.parametrize(("name", "value"), [("domain", "retial"), ("source", "gold"), ("because", "")])
def test_form_refuses_what_makes_no_sense(rebuild: Any, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        rebuild.params.get_param(name).resolve(value)
