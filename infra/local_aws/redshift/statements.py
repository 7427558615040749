"""Statements of the Data API: submitted, run in a thread of their own, kept for a day."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local_aws.redshift import commands
from infra.local_aws.redshift.commands import Kind
from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError, StatementCanceledError
from infra.local_aws.redshift.history import Query
from infra.local_aws.redshift.results import ResultSet
from infra.local_aws.redshift.session import Session
from infra.local_aws.redshift.sessions import Lease

MAX_ACTIVE = 500
MAX_KEPT = 10_000
MAX_KEPT_RESULT_BYTES = 256 * 2**20
RUNNING = ("SUBMITTED", "PICKED", "STARTED")

_query_ids = itertools.count(1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Part:
    """One SQL statement; a batch has several. ``duration`` is in nanoseconds."""

    sql: str
    status: str = "SUBMITTED"
    error: str | None = None
    duration: int = 0
    rows: int = -1
    result: ResultSet | None = None
    has_result: bool = False
    result_size: int = -1
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)
    query_id: int = field(default_factory=lambda: next(_query_ids))

    def enter(self, status: str) -> None:
        """Change the status."""
        self.status, self.updated_at = status, _now()


@dataclass(frozen=True)
class Request:
    """What a client asked for; equal requests with one token are one statement."""

    sqls: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    is_batch: bool
    user: str
    database: str
    workgroup: str | None
    cluster: str | None
    secret: str | None
    name: str | None
    auto_commit: bool
    result_format: str


class Statement:
    """A single statement or a batch. ``done`` is set when it has ended, one way or another."""

    def __init__(self, request: Request, session_id: str | None, statement_id: str | None = None) -> None:
        self.request, self.session_id = request, session_id
        self.id = statement_id or str(uuid.uuid4())
        self.parts = [Part(sql) for sql in request.sqls]
        self.created_at = self.updated_at = _now()
        self.status = "SUBMITTED"
        self.error: str | None = None
        self.pid = 0
        self.done = threading.Event()
        self.session: Session | None = None
        self.canceled = threading.Event()

    def enter(self, status: str) -> None:
        """Change the status."""
        self.status, self.updated_at = status, _now()

    def to_record(self, token: str | None) -> str:
        """As JSON for the log of what has changed the warehouse."""
        parts = [(part.rows, part.duration, part.has_result) for part in self.parts]
        request = vars(self.request)
        fields = {"id": self.id, "token": token, "request": request, "session_id": self.session_id, "parts": parts}
        return json.dumps({**fields, "created_at": self.created_at.timestamp(), "ended_at": _now().timestamp()})


def from_record(text: str) -> tuple[Statement, str | None]:
    """A finished statement and its token, from the log; the rows of its queries are gone."""
    fields: dict[str, Any] = json.loads(text)
    request = fields["request"]
    request["sqls"] = tuple(request["sqls"])
    request["parameters"] = tuple((name, value) for name, value in request["parameters"])
    statement = Statement(Request(**request), fields["session_id"], fields["id"])
    for part, (rows, duration, has_result) in zip(statement.parts, fields["parts"], strict=True):
        part.rows, part.duration, part.has_result = rows, duration, has_result
        part.enter("FINISHED")
    statement.created_at = datetime.fromtimestamp(fields["created_at"], UTC)
    statement.status, statement.updated_at = "FINISHED", datetime.fromtimestamp(fields["ended_at"], UTC)
    statement.done.set()
    return statement, fields["token"]


class TooManyStatementsError(Exception):
    """More statements are active than the quota allows."""


class TokenReusedError(Exception):
    """A client token came with another request than the first time."""


class Statements:
    """All statements of a warehouse. Finished ones that changed something are found again after a restart."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._by_id: OrderedDict[str, Statement] = OrderedDict()
        self._by_token: dict[str, Statement] = {}
        self._results: OrderedDict[int, Part] = OrderedDict()
        for record in warehouse.logged_statements(MAX_KEPT):
            statement, token = from_record(record)
            self._by_id[statement.id] = statement
            if token:
                self._by_token[token] = statement

    def submit(self, request: Request, token: str | None, lease: Callable[[], tuple[str | None, Lease]]) -> Statement:
        """Start a statement, or return the one that the token has started before.

        ``lease`` gives the id of the session, if it has one, and the session to run in; it may raise.
        Raises TooManyStatementsError and TokenReusedError.
        """
        with self._lock:
            known = self._by_token.get(token) if token else None
            if known is not None:
                if known.request != request:
                    raise TokenReusedError
                return known
            if sum(not statement.done.is_set() for statement in self._by_id.values()) >= MAX_ACTIVE:
                raise TooManyStatementsError
            session_id, (session, release) = lease()
            statement = Statement(request, session_id)
            statement.session, statement.pid = session, session.number
            self._by_id[statement.id] = statement
            if token:
                self._by_token[token] = statement
            self._forget()
        session.canceled = statement.canceled
        threading.Thread(
            target=self._execute,
            args=(statement, session, token, release),
            name=f"redshift-{statement.id}",
            daemon=True,
        ).start()
        return statement

    def find(self, statement_id: str) -> Statement | None:
        """The statement of that id (of a batch, not of its parts), or None."""
        with self._lock:
            return self._by_id.get(statement_id)

    def all(self) -> list[Statement]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._by_id.values()))

    def cancel(self, statement: Statement, timeout: float) -> None:
        """Ask a running statement to stop, and wait until it has, ``timeout`` seconds at most."""
        statement.canceled.set()
        deadline = time.monotonic() + timeout
        while not statement.done.is_set() and time.monotonic() < deadline:
            # An interrupt between two steps of a statement would be lost, so it is repeated until it took.
            with self._lock:
                if statement.session is not None:
                    statement.session.interrupt()
            statement.done.wait(0.02)

    def cancel_all(self, timeout: float) -> None:
        """Stop everything within ``timeout`` seconds, for the end of the server."""
        running = [statement for statement in self.all() if not statement.done.is_set()]
        for statement in running:
            statement.canceled.set()
        deadline = time.monotonic() + timeout
        for statement in running:
            self.cancel(statement, deadline - time.monotonic())

    def _execute(self, statement: Statement, session: Session, token: str | None, release: Callable[[], None]) -> None:
        statement.enter("PICKED")
        values = dict(statement.request.parameters)
        try:
            statement.enter("STARTED")
            if statement.request.auto_commit:
                self._run_apart(statement, session, values)
            else:
                self._run_together(statement, session, values, token)
        except RedshiftError as error:
            self._end(session, failed=True)
            for part in statement.parts:
                if part.status in RUNNING:
                    part.enter("ABORTED")
            is_canceled = isinstance(error, StatementCanceledError)
            statement.error = _numbered(statement, str(error))
            statement.enter("ABORTED" if is_canceled else "FAILED")
        except Exception as error:
            self._end(session, failed=True)
            statement.error = f"ERROR: internal error of the local Redshift: {type(error).__name__}"
            statement.enter("FAILED")
            raise
        finally:
            with self._lock:
                statement.session = None
            release()
            statement.done.set()

    def _run_together(
        self, statement: Statement, session: Session, values: Mapping[str, str], token: str | None
    ) -> None:
        for part in statement.parts:
            self._run(part, session, values, statement)
        is_ours = not session.is_explicit
        if session.has_written:
            session.log(statement.id, statement.to_record(token))
        if is_ours:
            session.commit()
        statement.enter("FINISHED")

    def _run_apart(self, statement: Statement, session: Session, values: Mapping[str, str]) -> None:
        failures = []
        for part in statement.parts:
            try:
                self._run(part, session, values, statement)
                if not session.is_explicit:
                    session.commit()
            except RedshiftError as error:
                if isinstance(error, StatementCanceledError):
                    raise
                self._end(session, failed=True)
                failures.append(part.error or str(error))
        if failures:
            statement.error = failures[0]
        statement.enter("FAILED" if failures else "FINISHED")

    def _run(self, part: Part, session: Session, values: Mapping[str, str], statement: Statement) -> None:
        part.enter("STARTED")
        started_at, started = _now(), time.perf_counter_ns()
        try:
            session.query_id = part.query_id
            outcome = session.run(part.sql, values)
        except RedshiftError as error:
            part.duration = time.perf_counter_ns() - started
            part.error = str(error)
            is_canceled = isinstance(error, StatementCanceledError)
            part.enter("ABORTED" if is_canceled else "FAILED")
            self._remember(part, session, started_at, "canceled" if is_canceled else "failed")
            raise
        part.duration = time.perf_counter_ns() - started
        part.rows, part.has_result = outcome.rows, outcome.result is not None
        if outcome.result is not None:
            self._keep(part, outcome.result)
        part.enter("FINISHED")
        self._remember(part, session, started_at, "success")

    def _keep(self, part: Part, result: ResultSet) -> None:
        part.result, part.result_size = result, result.size
        with self._lock:
            self._results[id(part)] = part
            while sum(kept.result_size for kept in self._results.values()) > MAX_KEPT_RESULT_BYTES:
                self._results.popitem(last=False)[1].result = None

    def _remember(self, part: Part, session: Session, started_at: datetime, status: str) -> None:
        try:
            kind = commands.kind_of(part.sql).name
        except RedshiftError:
            kind = "UNKNOWN"
        self._warehouse.history.add_query(
            Query(
                part.query_id,
                session.number,
                session.user,
                "SELECT" if kind == Kind.QUERY.name else kind,
                part.sql,
                status,
                part.error or "",
                started_at,
                _now(),
                part.duration // 1000,
                max(part.rows, 0),
            )
        )

    @staticmethod
    def _end(session: Session, *, failed: bool) -> None:
        session.rollback()
        # In a transaction that the client began, only the client's ROLLBACK (or COMMIT) goes on.
        session.is_failed = failed and session.is_explicit

    def _forget(self) -> None:
        while len(self._by_id) > MAX_KEPT:
            _, oldest = self._by_id.popitem(last=False)
            self._by_token = {token: kept for token, kept in self._by_token.items() if kept is not oldest}
            for part in oldest.parts:
                self._results.pop(id(part), None)


def _numbered(statement: Statement, error: str) -> str:
    """The error of a batch says which of its statements failed."""
    if not statement.request.is_batch:
        return error
    failed = next((number for number, part in enumerate(statement.parts, 1) if part.error is not None), None)
    return error if failed is None else f"Query #{failed} failed with {error}"
