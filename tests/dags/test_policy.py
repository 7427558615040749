"""What every DAG in dags/ has to keep, whoever writes it. The DAGs are found, not listed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dags import parse_dags
from tests.dags.conftest import DAGS

DAG_FILES = sorted(DAGS.glob("*.py"))
READING_CPU_SECONDS = 1.0


def dags_of(dag_bag: Any, file: Path) -> list[Any]:
    return [dag for dag in dag_bag.dags.values() if Path(dag.fileloc) == file]


def tasks_of(dag_bag: Any, file: Path) -> list[Any]:
    return [task for dag in dags_of(dag_bag, file) for task in dag.tasks]


def test_reading_the_dags_is_quick_reaches_nobody_and_needs_no_spark() -> None:
    reading = subprocess.run(
        [sys.executable, parse_dags.__file__, str(DAGS)], capture_output=True, text=True, check=True, timeout=120
    )
    facts = json.loads(reading.stdout.splitlines()[-1])
    assert facts["errors"] == {}
    assert facts["dags"]
    assert facts["connections"] == []
    assert facts["spark"] == []
    assert facts["cpu_seconds"] < READING_CPU_SECONDS


def test_there_are_dags() -> None:
    assert DAG_FILES


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
class TestEveryDag:
    def test_file_holds_a_dag_that_is_read_without_error(self, dag_bag: Any, file: Path) -> None:
        assert dag_bag.import_errors == {}
        assert dags_of(dag_bag, file)

    def test_is_documented_and_tagged(self, dag_bag: Any, file: Path) -> None:
        for dag in dags_of(dag_bag, file):
            assert dag.doc_md
            assert dag.doc_md.strip()
            assert dag.tags

    def test_ends_in_bounded_time_and_says_so_when_it_does_not(self, dag_bag: Any, file: Path) -> None:
        for dag in dags_of(dag_bag, file):
            assert dag.dagrun_timeout
            assert timedelta(0) < dag.dagrun_timeout <= timedelta(days=1)
            assert dag.has_on_failure_callback

    def test_does_not_make_up_for_the_past(self, dag_bag: Any, file: Path) -> None:
        assert [dag.dag_id for dag in dags_of(dag_bag, file) if dag.catchup] == []

    def test_every_parameter_is_typed_and_explained(self, dag_bag: Any, file: Path) -> None:
        for dag in dags_of(dag_bag, file):
            for name in dag.params:
                parameter = dag.params.get_param(name)
                assert parameter.schema.get("type"), name
                assert parameter.description, name

    def test_every_task_has_an_owner_and_says_what_it_does(self, dag_bag: Any, file: Path) -> None:
        for task in tasks_of(dag_bag, file):
            assert task.owner not in ("", "airflow"), task.task_id
            assert task.doc_md, task.task_id

    def test_every_task_is_tried_again_later_and_later(self, dag_bag: Any, file: Path) -> None:
        for task in tasks_of(dag_bag, file):
            assert task.retries >= 2, task.task_id
            assert task.retry_exponential_backoff >= 2, task.task_id
            assert task.max_retry_delay, task.task_id

    def test_every_task_ends_in_bounded_time_and_tells_when_it_failed(self, dag_bag: Any, file: Path) -> None:
        for dag in dags_of(dag_bag, file):
            for task in dag.tasks:
                assert task.execution_timeout, task.task_id
                assert task.execution_timeout <= dag.dagrun_timeout, task.task_id
                assert task.on_failure_callback, task.task_id
