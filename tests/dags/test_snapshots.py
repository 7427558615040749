"""The snapshots DAG: once a day, a run of `ingest` for every scheduled dataset that has files."""

from __future__ import annotations

from typing import Any

from tests.dags.conftest import LAKEHOUSE

LANDING = LAKEHOUSE["LAKEHOUSE_LANDING_BUCKET"]


def test_each_scheduled_dataset_that_has_files_gets_a_run_of_its_own(dag_bag: Any, s3: Any) -> None:
    snapshots = dag_bag.dags["snapshots"]
    assert [task.task_id for task in snapshots.topological_sort()] == ["waiting", "ingest"]
    assert snapshots.timetable.can_be_scheduled
    waiting, ingest = snapshots.get_task("waiting"), snapshots.get_task("ingest")
    assert ingest.partial_kwargs["trigger_dag_id"] == "ingest"
    s3.put_object(Bucket=LANDING, Key="storefront/users/1.ndjson", Body=b"{}")
    assert waiting.python_callable() == []
    s3.put_object(Bucket=LANDING, Key="fashion/members/1.csv", Body=b"x")
    assert waiting.python_callable() == [{"dataset": "fashion.members"}]
    allowed = dag_bag.dags["ingest"].params.get_param("dataset").schema["enum"]
    assert "fashion.members" in allowed
