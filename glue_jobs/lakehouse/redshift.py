"""A thin client of the Redshift Data API: run statements, wait with a deadline, read typed rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lakehouse.settings import Settings

# Limits of BatchExecuteStatement: statements per call, all in one transaction.
MAX_STATEMENTS_PER_CALL = 40
# The statements of one load follow each other within seconds; a session that outlives them holds temporary tables only.
SESSION_SECONDS = 300
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.02, 0.5


class RedshiftError(Exception):
    """A statement failed, or did not end in time; the message is Redshift's own."""


@dataclass(frozen=True)
class Result:
    """Rows of a statement: column names with Redshift's type names, and values (decimals and times as text)."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Redshift:
    """One workgroup and database."""

    def __init__(self, settings: Settings, client: Any = None, timeout_seconds: float = 900) -> None:
        self._client = client or boto3.client("redshift-data")
        self._target = {"WorkgroupName": settings.workgroup, "Database": settings.database}
        self._timeout_seconds = timeout_seconds

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> Result:
        """Run one statement. Raises RedshiftError."""
        bound = [{"name": name, "value": value} for name, value in (parameters or {}).items()]
        started = self._client.execute_statement(**self._target, Sql=sql, **({"Parameters": bound} if bound else {}))
        described = self._wait(started["Id"])
        return self._result(started["Id"]) if described["HasResultSet"] else Result((), (), ())

    def transaction(self, statements: Sequence[str]) -> None:
        """Run up to 40 statements as one transaction. Raises RedshiftError."""
        self._wait(self._client.batch_execute_statement(**self._target, Sqls=list(statements))["Id"])

    def in_session(self, calls: Sequence[Sequence[str]]) -> None:
        """Run lists of statements one after the other, each as one transaction, all in one session."""
        target: dict[str, Any] = {**self._target, "SessionKeepAliveSeconds": SESSION_SECONDS}
        for statements in calls:
            started = self._client.batch_execute_statement(**target, Sqls=list(statements))
            self._wait(started["Id"])
            target = {"SessionId": started["SessionId"]}

    def _wait(self, statement_id: str) -> dict[str, Any]:
        deadline, wait = time.monotonic() + self._timeout_seconds, _FIRST_WAIT_SECONDS
        while True:
            described: dict[str, Any] = self._client.describe_statement(Id=statement_id)
            if described["Status"] == "FINISHED":
                return described
            if described["Status"] in ("FAILED", "ABORTED"):
                raise RedshiftError(described.get("Error") or f"statement {statement_id} was {described['Status']}")
            if time.monotonic() > deadline:
                with contextlib.suppress(ClientError):  # it may end this very moment
                    self._client.cancel_statement(Id=statement_id)
                raise RedshiftError(f"statement {statement_id} did not end in {self._timeout_seconds:.0f} s")
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _result(self, statement_id: str) -> Result:
        pages = list(self._pages(statement_id))
        metadata = pages[0]["ColumnMetadata"]
        rows = tuple(tuple(_value(field) for field in record) for page in pages for record in page["Records"])
        return Result(tuple(c["name"] for c in metadata), tuple(c["typeName"] for c in metadata), rows)

    def _pages(self, statement_id: str) -> Iterator[dict[str, Any]]:
        page = self._client.get_statement_result(Id=statement_id)
        yield page
        while token := page.get("NextToken"):
            page = self._client.get_statement_result(Id=statement_id, NextToken=token)
            yield page


def _value(field: Mapping[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
