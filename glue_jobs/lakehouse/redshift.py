"""A thin client of the Redshift Data API: run statements, wait with a deadline, read typed rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lakehouse.settings import Settings

# Limits of BatchExecuteStatement: statements per call, all in one transaction.
MAX_STATEMENTS_PER_CALL = 40
# The statements of one load follow each other within seconds; a session that outlives them holds temporary tables only.
SESSION_SECONDS = 300
_CANCEL_SECONDS = 5
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.02, 0.5


class RedshiftError(Exception):
    """A statement failed, or did not end in time; the message is Redshift's own.

    `statement_id` is the Data API's, for `Redshift.failure`; None when no statement is at fault.
    """

    def __init__(self, message: str, statement_id: str | None = None) -> None:
        super().__init__(message)
        self.statement_id = statement_id


@dataclass(frozen=True)
class Failure:
    """The SQL that failed, of a batch the one part; Redshift's message, and its number of the query, 0 for none."""

    sql: str
    error: str
    query_id: int


@dataclass(frozen=True)
class Result:
    """Rows of a statement: column names with Redshift's type names, and values (decimals and times as text)."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result by its name and Redshift's type name; numeric has a precision and a scale."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True)
class Rows:
    """A result that is fetched page by page, once; no columns for a statement that returns nothing."""

    columns: tuple[ResultColumn, ...] = ()
    pages: Iterable[tuple[tuple[Any, ...], ...]] = ()

    def result(self) -> Result:
        """All pages."""
        rows = tuple(row for page in self.pages for row in page)
        return Result(tuple(c.name for c in self.columns), tuple(c.type for c in self.columns), rows)


class Redshift:
    """One workgroup and database; with a secret's ARN as the user that the secret names."""

    def __init__(
        self, settings: Settings, client: Any = None, timeout_seconds: float = 900, secret_arn: str | None = None
    ) -> None:
        self._client = client or boto3.client("redshift-data")
        self._target = {"WorkgroupName": settings.workgroup, "Database": settings.database}
        if secret_arn:
            self._target["SecretArn"] = secret_arn
        self._timeout_seconds = timeout_seconds

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> Result:
        """Run one statement. Raises RedshiftError."""
        return self.run(sql, parameters).result()

    def run(self, sql: str, parameters: Mapping[str, str] | None = None) -> Rows:
        """Run one statement; its rows come page by page. Raises RedshiftError.

        An interrupt (Ctrl-C) while it runs cancels it.
        """
        return self._run(sql, parameters, self._target)[0]

    def session(self, keep_alive_seconds: int) -> Session:
        """Statements that share temporary tables, settings and transactions."""
        return Session(self, keep_alive_seconds)

    def _run(
        self, sql: str, parameters: Mapping[str, str] | None, target: Mapping[str, Any]
    ) -> tuple[Rows, str | None]:
        bound = [{"name": name, "value": value} for name, value in (parameters or {}).items()]
        options = {"Parameters": bound} if bound else {}
        with ThreadPoolExecutor(1, "redshift") as sender:
            # Sent in a thread of its own, for an interrupt reaches the main one alone: coming between the server's
            # start and its answer, it would leave a statement running whose id nobody knows.
            sending = sender.submit(self._client.execute_statement, **target, Sql=sql, **options)
            try:
                started = sending.result()
                described = self._wait(started["Id"])
            except KeyboardInterrupt:
                with contextlib.suppress(ClientError, RedshiftError):
                    self._cancel(sending.result()["Id"])
                    # Before it has ended, its session takes no other statement.
                    self._wait(sending.result()["Id"], _CANCEL_SECONDS)
                raise
        return self._rows(started["Id"]) if described["HasResultSet"] else Rows(), started.get("SessionId")

    def _cancel(self, statement_id: str) -> None:
        with contextlib.suppress(ClientError):  # it may end this very moment
            self._client.cancel_statement(Id=statement_id)

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

    def failure(self, statement_id: str) -> Failure:
        """What a statement failed of that has ended otherwise than well."""
        described: Mapping[str, Any] = self._client.describe_statement(Id=statement_id)
        parts: Sequence[Mapping[str, Any]] = described.get("SubStatements") or [described]
        failed = next((part for part in parts if part.get("Error")), described)
        error = failed.get("Error") or f"statement {statement_id} was {described['Status']}"
        return Failure(failed.get("QueryString", ""), error, max(failed.get("RedshiftQueryId", 0), 0))

    def _wait(self, statement_id: str, timeout_seconds: float | None = None) -> dict[str, Any]:
        timeout_seconds = timeout_seconds or self._timeout_seconds
        deadline, wait = time.monotonic() + timeout_seconds, _FIRST_WAIT_SECONDS
        while True:
            described: dict[str, Any] = self._client.describe_statement(Id=statement_id)
            if described["Status"] == "FINISHED":
                return described
            if described["Status"] in ("FAILED", "ABORTED"):
                error = described.get("Error") or f"statement {statement_id} was {described['Status']}"
                raise RedshiftError(error, statement_id)
            if time.monotonic() > deadline:
                self._cancel(statement_id)
                raise RedshiftError(f"statement {statement_id} did not end in {timeout_seconds:.0f} s")
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _rows(self, statement_id: str) -> Rows:
        first = self._client.get_statement_result(Id=statement_id)
        columns = tuple(
            ResultColumn(c["name"], c["typeName"], c.get("precision", 0), c.get("scale", 0))
            for c in first["ColumnMetadata"]
        )
        return Rows(columns, self._pages(statement_id, first))

    def _pages(self, statement_id: str, page: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], ...]]:
        yield tuple(tuple(_value(field) for field in record) for record in page["Records"])
        while token := page.get("NextToken"):
            page = self._client.get_statement_result(Id=statement_id, NextToken=token)
            yield tuple(tuple(_value(field) for field in record) for record in page["Records"])


class Session:
    """One session of the Data API, opened by its first statement and anew when it has ended meanwhile."""

    def __init__(self, redshift: Redshift, keep_alive_seconds: int) -> None:
        self._redshift, self._keep_alive_seconds = redshift, keep_alive_seconds
        self._id: str | None = None

    def run(self, sql: str, parameters: Mapping[str, str] | None = None) -> Rows:
        """Run one statement; its rows come page by page. Raises RedshiftError, also when the session has ended."""
        target: dict[str, Any] = {**self._redshift._target, "SessionKeepAliveSeconds": self._keep_alive_seconds}
        if self._id is not None:
            target = {"SessionId": self._id, "SessionKeepAliveSeconds": self._keep_alive_seconds}
        try:
            rows, session_id = self._redshift._run(sql, parameters, target)
        except ClientError as error:
            said = str(error).lower()
            if self._id is None or "session" not in said or "busy" in said:
                raise
            self._id = None
            raise RedshiftError(
                "the session has ended, and with it temporary tables, settings and what was not committed; "
                "the next statement begins another"
            ) from error
        self._id = session_id or self._id
        return rows


def _value(field: Mapping[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
