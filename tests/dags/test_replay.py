"""The DAG replay: its stations, its form, and that a rehearsal hands nothing in."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from lakehouse.contract import source_names

ROAD = ["draft", "preview", "submit", "start_ingest", "done", "outcome"]


@pytest.fixture
def replay(dag_bag: Any) -> Any:
    return dag_bag.dags["replay"]


def test_what_is_meant_is_judged_before_it_is_handed_in(replay: Any) -> None:
    for before, after in pairwise(ROAD):
        assert after in replay.get_task(before).downstream_task_ids
    assert {task.task_id for task in replay.tasks} == set(ROAD)


def test_ingest_is_the_only_writer(replay: Any) -> None:
    task = replay.get_task("start_ingest")
    assert task.trigger_dag_id == "ingest"
    assert "run_id" in task.trigger_run_id
    assert task.skip_when_already_exists


def test_nothing_happens_unless_it_is_asked_for(replay: Any) -> None:
    replay.params.validate()
    asked = replay.params.dump()
    assert asked["dry_run"] is True
    assert asked["dataset"] == "all"
    assert replay.params.get_param("dataset").schema["enum"] == ["all", *source_names()]


@pytest.mark.parametrize(
    ("name", "value"),
    [("dataset", "storefront.typo"), ("reason", ""), ("file", ""), ("since", "soon"), ("because", ""), ("dry_run", 1)],
)
def test_form_refuses_what_makes_no_sense(replay: Any, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        replay.params.get_param(name).resolve(value)
