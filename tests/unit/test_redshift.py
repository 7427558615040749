"""The Data API's client: it waits, reads every page, and fails in Redshift's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lakehouse import redshift
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.settings import Settings

SETTINGS = Settings("lake", "landing", "analytics", "warehouse", "role", "queue")


class DataApi:
    """Statements that go through the given states; one page of results per list of records."""

    def __init__(self, states: Sequence[str] = ("FINISHED",), pages: Sequence[list[Any]] = (), error: str = "") -> None:
        self.states, self.pages, self.error = list(states), pages, error
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def execute_statement(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("execute", arguments))
        return {"Id": "s1"}

    def batch_execute_statement(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(("batch", arguments))
        return {"Id": f"s{len(self.calls)}", "SessionId": "session"}

    def describe_statement(self, **arguments: Any) -> dict[str, Any]:
        status = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"Status": status, "HasResultSet": bool(self.pages), **({"Error": self.error} if self.error else {})}

    def get_statement_result(self, **arguments: Any) -> dict[str, Any]:
        number = int(arguments.get("NextToken", 0))
        following = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        columns = [{"name": "id", "typeName": "int8"}, {"name": "name", "typeName": "varchar"}]
        return {"ColumnMetadata": columns, "Records": self.pages[number], **following}

    def cancel_statement(self, **arguments: Any) -> None:
        self.calls.append(("cancel", arguments))
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "it has finished"}}, "CancelStatement")


def test_a_query_reads_every_page_and_nulls() -> None:
    pages = [[[{"longValue": 1}, {"stringValue": ""}]], [[{"longValue": 2}, {"isNull": True}]], []]
    result = Redshift(SETTINGS, DataApi(["SUBMITTED", "STARTED", "FINISHED"], pages)).query("SELECT 1")
    assert result.rows == ((1, ""), (2, None))
    assert result.types == ("int8", "varchar")
    assert result.dicts() == [{"id": 1, "name": ""}, {"id": 2, "name": None}]


def test_values_travel_as_parameters() -> None:
    api = DataApi()
    Redshift(SETTINGS, api).query("SELECT :name", {"name": "O'Neill"})
    (_, arguments), *_ = api.calls
    assert arguments == {
        "WorkgroupName": "analytics",
        "Database": "warehouse",
        "Sql": "SELECT :name",
        "Parameters": [{"name": "name", "value": "O'Neill"}],
    }
    Redshift(SETTINGS, api).query("SELECT 1")
    assert "Parameters" not in api.calls[-1][1], "the Data API refuses an empty list"


def test_a_statement_without_rows_has_an_empty_result() -> None:
    assert Redshift(SETTINGS, DataApi()).query("SET a TO b").rows == ()


@pytest.mark.parametrize("state", ["FAILED", "ABORTED"])
def test_a_failure_is_told_in_redshifts_words(state: str) -> None:
    with pytest.raises(RedshiftError, match='relation "x" does not exist'):
        Redshift(SETTINGS, DataApi(["STARTED", state], error='ERROR: relation "x" does not exist')).query("SELECT 1")
    with pytest.raises(RedshiftError, match=f"statement s1 was {state}"):
        Redshift(SETTINGS, DataApi([state])).query("SELECT 1")


def test_a_statement_that_does_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redshift, "_LONGEST_WAIT_SECONDS", 0.001)
    api = DataApi(["STARTED"])
    with pytest.raises(RedshiftError, match="did not end"):
        Redshift(SETTINGS, api, timeout_seconds=0.02).query("SELECT 1")
    assert api.calls[-1] == ("cancel", {"Id": "s1"})


def test_a_secret_goes_with_every_call() -> None:
    api = DataApi()
    signed = Redshift(SETTINGS, api, secret_arn="arn:secret")
    signed.query("SELECT 1")
    signed.transaction(["a", "b"])
    assert [arguments["SecretArn"] for _, arguments in api.calls] == ["arn:secret", "arn:secret"]


def test_an_interrupt_cancels_the_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        api.states = ["ABORTED"]
        raise KeyboardInterrupt

    monkeypatch.setattr(redshift.time, "sleep", interrupt)
    api = DataApi(["STARTED"])
    with pytest.raises(KeyboardInterrupt):
        Redshift(SETTINGS, api).query("SELECT 1")
    assert api.calls[-1] == ("cancel", {"Id": "s1"}), "and its end is awaited"


def test_statements_of_a_session_follow_each_other_and_a_session_that_ended_is_told() -> None:
    class Sessions(DataApi):
        ended = False

        def execute_statement(self, **arguments: Any) -> dict[str, Any]:
            super().execute_statement(**arguments)
            if self.ended and "SessionId" in arguments:
                raise ClientError(
                    {"Error": {"Code": "ValidationException", "Message": "Session is not available"}},
                    "ExecuteStatement",
                )
            return {"Id": "s1", "SessionId": "first"}

    api = Sessions()
    session = Redshift(SETTINGS, api).session(60)
    session.run("a")
    session.run("b")
    api.ended = True
    with pytest.raises(RedshiftError, match="the session has ended"):
        session.run("c")
    session.run("d")
    assert [(arguments.get("SessionId"), arguments.get("WorkgroupName")) for _, arguments in api.calls] == [
        *((None, "analytics"), ("first", None), ("first", None), (None, "analytics")),
    ]


def test_a_session_is_opened_by_its_first_call_and_used_by_the_others() -> None:
    api = DataApi()
    Redshift(SETTINGS, api).in_session([["a"], ["b", "c"]])
    assert [(set(arguments), arguments["Sqls"]) for _, arguments in api.calls] == [
        ({"WorkgroupName", "Database", "SessionKeepAliveSeconds", "Sqls"}, ["a"]),
        ({"SessionId", "Sqls"}, ["b", "c"]),
    ]


def test_a_session_stops_at_the_first_call_that_fails() -> None:
    api = DataApi(["FINISHED", "FAILED"], error="ERROR: no")
    with pytest.raises(RedshiftError, match="no"):
        Redshift(SETTINGS, api).in_session([["a"], ["b"], ["c"]])
    assert [arguments["Sqls"] for _, arguments in api.calls] == [["a"], ["b"]]
