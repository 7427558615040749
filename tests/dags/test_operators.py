"""The operators wait while the work is short, defer when it is long, and fail in the words of the service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from airflow.providers.amazon.aws.hooks.redshift_data import RedshiftDataHook
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from lakehouse_dags import operators
from lakehouse_dags.operators import BatchGlueJob, LoadWarehouse

from lakehouse import road

TIMEOUT = timedelta(minutes=5)


@contextlib.contextmanager
def as_the_task_runner(operator: Any) -> Iterator[None]:
    token = ExecutorSafeguard.tracker.set(operator)
    try:
        yield
    finally:
        ExecutorSafeguard.tracker.reset(token)


def context() -> Any:
    task_instance = MagicMock()
    task_instance.xcom_pull.return_value = None
    return {"ti": task_instance}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Poll without pause; call it with the seconds that an operator waits before it defers."""
    monkeypatch.setattr(operators, "POLL_SECONDS", 0)
    monkeypatch.setattr(operators, "POLL_SHARE", 0)
    return lambda seconds: monkeypatch.setattr(operators, "SHORT_WAIT_SECONDS", seconds)


class FakeGlue:
    """Glue as a run passes through the given states, one per look; the last one stays."""

    def __init__(self, *states: str, message: str | None = None, earlier: dict[str, str] | None = None) -> None:
        self.states, self.message, self.earlier = list(states), message, earlier
        self.started: list[dict[str, str]] = []

    def get_job_runs(self, **_: Any) -> dict[str, Any]:
        if self.earlier is None:
            return {"JobRuns": []}
        arguments = {"--airflow_task_uuid": self.earlier["uuid"]}
        return {"JobRuns": [{"Id": "jr_earlier", "JobRunState": self.earlier["state"], "Arguments": arguments}]}

    def get_job_run(self, **_: Any) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"JobRun": {"JobRunState": state, **({"ErrorMessage": self.message} if self.message else {})}}

    def initialize_job(self, arguments: dict[str, str], _: dict[str, Any]) -> dict[str, str]:
        self.started.append(arguments)
        return {"JobRunId": "jr_1"}


def glue_job(glue: FakeGlue) -> BatchGlueJob:
    operator = BatchGlueJob(task_id="bronze", job_name="job", batch_id="7", execution_timeout=TIMEOUT)
    operator.hook = SimpleNamespace(
        conn=glue, initialize_job=glue.initialize_job, conn_partition="aws", conn_region_name="us-east-1"
    )
    return operator


def run_glue(operator: BatchGlueJob, current: Any = None) -> Any:
    with as_the_task_runner(operator):
        return operator.execute(current or context())


def test_short_glue_run_ends_without_deferring() -> None:
    glue = FakeGlue("STARTING", "RUNNING", "SUCCEEDED")
    assert run_glue(glue_job(glue)) == "jr_1"
    assert [run["--batch_id"] for run in glue.started] == ["7"]


def test_long_glue_run_is_handed_to_the_triggerer(impatient: Callable[[float], None]) -> None:
    impatient(0)
    with pytest.raises(TaskDeferred) as deferred:
        run_glue(glue_job(FakeGlue("RUNNING")))
    assert deferred.value.timeout == TIMEOUT
    assert deferred.value.trigger.serialize()[1]["run_id"] == "jr_1"


def test_failed_glue_run_fails_with_glues_own_message() -> None:
    with pytest.raises(AirflowException, match="FAILED: AnalysisException: no such table"):
        run_glue(glue_job(FakeGlue("FAILED", message="AnalysisException: no such table")))


def test_glue_run_that_fails_while_deferred_fails_with_glues_own_message() -> None:
    operator = glue_job(FakeGlue("TIMEOUT", message="Job run timed out"))
    with pytest.raises(AirflowException, match="jr_2, is TIMEOUT: Job run timed out"):
        operator.execute_complete(context(), {"status": "error", "message": "Waiter error", "run_id": "jr_2"})


def test_retry_joins_the_run_that_a_lost_worker_left() -> None:
    current = context()
    ti = current["ti"]
    ti.dag_id, ti.task_id, ti.run_id, ti.map_index = "ingest", "bronze", "run", -1
    glue = FakeGlue("SUCCEEDED", earlier={"uuid": "ingest:bronze:run:-1", "state": "RUNNING"})
    assert run_glue(glue_job(glue), current) == "jr_earlier"
    assert glue.started == []


class FakeRedshift:
    """The Data API: remembers each call; a statement is finished at the second look, or has the given end."""

    def __init__(self, ends: dict[int, str] | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self.looks: dict[str, int] = {}
        self.ends = ends or {}

    def batch_execute_statement(self, **call: Any) -> dict[str, str]:
        self.calls.append(call)
        opened = "SessionId" not in call
        number = sum("SessionId" not in earlier for earlier in self.calls)
        session = f"0a1b2c3d-0000-4000-8000-{number:012d}" if opened else call["SessionId"]
        return {"Id": str(len(self.calls) - 1), "SessionId": session}

    def describe_statement(self, Id: str) -> dict[str, Any]:  # noqa: N803 - as the API names it
        self.looks[Id] = self.looks.get(Id, 0) + 1
        end = self.ends.get(int(Id), "FINISHED")
        return {"Id": Id, "Status": end if self.looks[Id] > 1 else "STARTED", "Error": "ERROR: lock timeout"}


@pytest.fixture
def redshift(monkeypatch: pytest.MonkeyPatch) -> FakeRedshift:
    fake = FakeRedshift()
    monkeypatch.setattr(road, "stage_calls", lambda _, batch: [[f"COPY a{batch}"], [f"COPY b{batch}"]])
    monkeypatch.setattr(road, "load_transactions", lambda _, batch: [["LOCK ops.loads", f"INSERT {batch}"]])
    monkeypatch.setattr(RedshiftDataHook, "conn", fake)
    return fake


def load() -> LoadWarehouse:
    return LoadWarehouse(task_id="load", batch_id="7", execution_timeout=TIMEOUT)


def execute(operator: LoadWarehouse) -> None:
    with as_the_task_runner(operator):
        operator.execute(context())


CALLS = [["COPY a7"], ["COPY b7"], ["LOCK ops.loads", "INSERT 7"]]


def test_load_runs_every_list_as_one_transaction_of_one_session(redshift: FakeRedshift) -> None:
    execute(load())
    assert [call["Sqls"] for call in redshift.calls] == CALLS
    opening, *following = redshift.calls
    assert opening["WorkgroupName"] == "lakehouse"
    assert opening["SessionKeepAliveSeconds"] > 0
    assert opening["SecretArn"] == "lakehouse/redshift/loader"
    assert {call["SessionId"] for call in following} == {"0a1b2c3d-0000-4000-8000-000000000001"}
    assert not any("SecretArn" in call for call in following)
    assert not any("WorkgroupName" in call or "SessionKeepAliveSeconds" in call for call in following)


def test_load_waits_for_each_call_before_the_next(redshift: FakeRedshift) -> None:
    execute(load())
    assert redshift.looks == {"0": 2, "1": 2, "2": 2}


def test_long_load_defers_and_goes_on_in_its_session(
    redshift: FakeRedshift, impatient: Callable[[float], None]
) -> None:
    impatient(0)
    with pytest.raises(TaskDeferred) as deferred:
        execute(load())
    assert [call["Sqls"] for call in redshift.calls] == CALLS[:1]
    assert deferred.value.timeout == TIMEOUT
    impatient(60)
    resume = getattr(load(), deferred.value.method_name)
    resume(context(), {"status": "success", "statement_id": "0"}, **deferred.value.kwargs)
    assert [call["Sqls"] for call in redshift.calls] == CALLS
    assert redshift.calls[1]["SessionId"] == redshift.calls[2]["SessionId"] == deferred.value.kwargs["session_id"]


def test_failed_statement_stops_the_load_with_redshifts_own_message(redshift: FakeRedshift) -> None:
    redshift.ends = {1: "FAILED"}
    with pytest.raises(AirflowException, match=r"^lock timeout$"):
        execute(load())
    assert [call["Sqls"] for call in redshift.calls] == CALLS[:2]


def test_statement_that_fails_while_deferred_stops_the_load(redshift: FakeRedshift) -> None:
    event = {"status": "error", "message": "Response details: ...", "statement_id": "3"}
    with pytest.raises(AirflowException, match=r"^lock timeout$"):
        load().continue_session(context(), event, call=0, session_id="session")
    assert redshift.calls == []


def test_retry_stages_again_in_a_session_of_its_own(redshift: FakeRedshift) -> None:
    redshift.ends = {2: "FAILED"}
    with pytest.raises(AirflowException, match="lock timeout"):
        execute(load())
    redshift.ends = {}
    execute(load())
    assert [call["Sqls"] for call in redshift.calls[3:]] == CALLS
    assert redshift.calls[4]["SessionId"] == "0a1b2c3d-0000-4000-8000-000000000002"
