"""One session of the warehouse: its connection, transaction, locks, temporary tables, search path and user."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
from sqlglot import exp

from infra.local_aws.redshift import (
    commands,
    dml,
    grammar,
    guards,
    locking,
    parameters,
    results,
    tokens,
    types,
    utility,
)
from infra.local_aws.redshift.access import Access
from infra.local_aws.redshift.catalog import INTERNAL, Catalog
from infra.local_aws.redshift.commands import Kind
from infra.local_aws.redshift.errors import (
    ABORTED_TRANSACTION,
    TIMED_OUT,
    RedshiftError,
    StatementCanceledError,
    from_duckdb,
    not_emulated,
)
from infra.local_aws.redshift.facts import Column, Facts
from infra.local_aws.redshift.locks import Mode
from infra.local_aws.redshift.results import ResultSet
from infra.local_aws.redshift.system_views import SystemView
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.translate import Translation, Translator, Virtual
from infra.local_aws.redshift.types import ColumnType

if TYPE_CHECKING:
    from infra.local_aws.redshift.engine import Warehouse

Tree = TypeVar("Tree", bound=exp.Expr)
_numbers = itertools.count(1_073_741_825)
_transactions = itertools.count(1)


@dataclass(frozen=True)
class Outcome:
    """What a statement did: rows returned or changed, and the rows themselves when it is a query."""

    rows: int = 0
    result: ResultSet | None = None


class Session:
    """Used by one thread at a time, except for ``interrupt``. Whoever runs a statement may set ``canceled`` before.

    A transaction begins with the first statement that needs one and lasts until ``commit`` or ``rollback``. Its
    snapshot comes after an explicit LOCK and before the locks that a writing statement takes by itself, as in Redshift.
    """

    def __init__(self, warehouse: Warehouse, user: str) -> None:
        self.warehouse, self.user, self.login = warehouse, user, user
        self.number = next(_numbers)
        self.parameters = parameters.Parameters()
        self.canceled = threading.Event()
        self.query_id = 0
        """Of the statement that runs, as the SYS views know it; whoever runs one sets it before."""
        self.transaction_id = 0
        self.is_explicit = False
        """Did the client say BEGIN, and not yet COMMIT?"""
        self.is_failed = False
        self.has_written = False
        self._connection = warehouse.connect()
        self._in_transaction = False
        self._registered: list[str] = []

    def run(self, sql: str, values: Mapping[str, str]) -> Outcome:
        """Run one statement in the current transaction; the caller commits. Raises RedshiftError."""
        statements = tokens.split(sql)
        if len(statements) != 1:
            problem = "cannot insert multiple commands into a prepared statement"
            raise RedshiftError(problem if statements else "Query must not be empty")
        (sql,) = statements
        kind = commands.kind_of(sql)
        if self.is_failed and kind not in (Kind.COMMIT, Kind.ROLLBACK):
            raise RedshiftError(ABORTED_TRANSACTION)
        if self.canceled.is_set():
            raise StatementCanceledError
        try:
            with self._limited() as is_over:
                try:
                    return self._run(kind, sql, values)
                except duckdb.InterruptException as error:
                    raise RedshiftError(TIMED_OUT) if is_over() else StatementCanceledError() from error
        except duckdb.Error as error:
            raise from_duckdb(error) from error
        finally:
            self._unregister()

    @contextmanager
    def _limited(self) -> Iterator[Callable[[], bool]]:
        """Interrupt what runs meanwhile when the session's statement_timeout is over; yields whether it is."""
        seconds = self.parameters.statement_timeout
        over = threading.Event()

        def end() -> None:
            over.set()
            self.interrupt()

        timer = threading.Timer(seconds, end)
        if seconds:
            timer.start()
        try:
            yield over.is_set
        finally:
            timer.cancel()

    def commit(self) -> None:
        """End the transaction; raises RedshiftError when a conflict forbids it."""
        try:
            if self._in_transaction:
                self._connection.execute("COMMIT")
        except duckdb.Error as error:
            raise from_duckdb(error) from error
        finally:
            self._ended()

    def rollback(self) -> None:
        """Give up the transaction, if there is one."""
        try:
            if self._in_transaction:
                self._connection.execute("ROLLBACK")
        except duckdb.Error:
            # A failed commit has rolled back already.
            pass
        finally:
            self._ended()

    def interrupt(self) -> None:
        """Stop the query that runs now, from another thread; ``canceled`` stops what comes after it."""
        self._connection.interrupt()

    def close(self) -> None:
        """Roll back and drop the temporary tables."""
        self.rollback()
        self._connection.close()

    def log(self, statement_id: str, record: str) -> None:
        """Record a statement in the transaction that it is part of."""
        self.execute(f"INSERT INTO {INTERNAL}.statements VALUES (?, now(), ?)", [statement_id, record])

    # --- for the modules that carry out commands
    def execute(self, sql: str, values: Sequence[Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run DuckDB's SQL on the session's connection."""
        return self._connection.execute(sql, values) if values is not None else self._connection.execute(sql)

    def catalog(self) -> Catalog:
        """The relations as this transaction sees them."""
        return Catalog(self._connection, self.parameters.search_path)

    def access(self) -> Access:
        """What the session's user may do, as this transaction sees it."""
        return Access(self._connection, self.user, self.warehouse.admins)

    def translator(self, values: Mapping[str, str] | None = None) -> Translator:
        """A translator over the present catalog."""
        return self._translator(self.catalog(), values or {})

    def _translator(self, catalog: Catalog, values: Mapping[str, str]) -> Translator:
        def virtual(schema: str | None, name: str) -> Virtual | None:
            return self.warehouse.virtual(catalog, schema, name)

        return Translator(catalog, virtual, self.access(), values)

    def prepare_query(self, sql: str, values: Mapping[str, str] | None = None) -> Translation:
        """Translate a SELECT."""
        tree = self._parse_query(sql)
        return self.translator(values).query(tree, sql)

    def describe(self, query: Translation) -> list[ColumnType]:
        """The types of a query's columns, without running it."""
        self._register(query)
        described = self.execute(f"DESCRIBE {query.sql}").fetchall()
        found = [types.of_duckdb(str(row[1])) for row in described]
        return [results.refined(kind, column.type) for kind, column in zip(found, query.columns, strict=True)]

    def change(self, statement: Translation, values: Mapping[str, str] | None = None) -> int:
        """Run a translated INSERT, UPDATE, DELETE or MERGE; the number of rows changed."""
        self._register(statement)
        self.has_written = True
        return _count(self._bound(statement, values or {}).fetchone())

    def register(self, name: str, rows: object) -> None:
        """Make Arrow data readable as a table until the statement ends."""
        self._connection.register(name, rows)
        self._registered.append(name)

    def view_facts(self, sql: str, names: Sequence[str], *, late_binding: bool) -> Facts:
        """The columns and dependencies of a view over ``sql``."""
        translator = self.translator()
        query = translator.query(self._parse_query(sql), sql)
        if not late_binding and any(not isinstance(scan.source, SystemView) for scan in query.scans):
            raise RedshiftError("a view over an external table must be created WITH NO SCHEMA BINDING")
        found = self.describe(query)
        titles = list(names) or [column.name for column in query.columns]
        if len(titles) > len(found):
            raise RedshiftError("CREATE VIEW specifies more column names than columns")
        titles += [column.name for column in query.columns[len(titles) :]]
        columns = tuple(Column(title, kind) for title, kind in zip(titles, found, strict=True))
        depends_on = tuple(sorted(locking.closure(translator.catalog, translator.reads)))
        return Facts(columns, query=self.stored_query(sql, titles, late_binding=late_binding), depends_on=depends_on)

    def stored_query(self, sql: str, titles: Sequence[str] = (), *, late_binding: bool) -> str:
        """A view's query with every name qualified, so that it means the same under another search path, and, unless it
        is bound late, when its relations have got more columns."""
        tree, translator = self._parse_query(sql), self.translator()

        def expand(root: exp.Expr) -> None:
            if not late_binding:
                translator.expand_pivots(root, 0, translator.access)

        return grammar.stored(tree, sql, titles, translator.catalog.find, expand)

    # --- how statements run
    def _run(self, kind: Kind, sql: str, values: Mapping[str, str]) -> Outcome:
        if kind in commands.NO_TRANSACTION:
            return self._without_transaction(kind, sql)
        cursor = Cursor(sql)
        cursor.word()
        if kind is Kind.LOCK:
            locking.lock(self, cursor)
            return Outcome()
        tree = self._parsed(kind, sql)
        catalog = self._begin(kind, cursor, tree)
        if isinstance(tree, exp.Query):
            return self._query(self._translator(catalog, values), tree, sql, values)
        self.has_written = True
        if kind in commands.CHANGES:
            return Outcome(self._change(kind, self._translator(catalog, values), tree, sql, values))
        return Outcome(utility.run(self, kind, cursor))

    def _parsed(self, kind: Kind, sql: str) -> exp.Expr | None:
        if kind is Kind.QUERY:
            return self._parse_query(sql)
        if kind is Kind.DELETE and Cursor(sql).accept("DELETE") and "FROM" not in sql.upper().split()[1:2]:
            sql = f"DELETE FROM {sql.lstrip()[len('DELETE') :]}"
        return self._with_values(grammar.parse(sql)) if kind in commands.CHANGES else None

    def _parse_query(self, sql: str) -> exp.Query:
        tree = grammar.parse(sql)
        if isinstance(tree, exp.Subquery):
            tree = tree.unnest()
        if isinstance(tree, exp.Select) and tree.args.get("into"):
            raise not_emulated("SELECT INTO")
        if not isinstance(tree, exp.Query):
            raise RedshiftError("a query is expected")
        return self._with_values(tree)

    def _with_values(self, tree: Tree) -> Tree:
        tree = parameters.with_session_values(tree, self.user, self.login, self.parameters, self.number)
        return guards.with_privilege_values(tree, self)

    def _begin(self, kind: Kind, cursor: Cursor, tree: exp.Expr | None) -> Catalog:
        if not self._in_transaction:
            locking.before_snapshot(self, kind, cursor, tree)
            self._connection.execute("BEGIN TRANSACTION")
            self._in_transaction, self.transaction_id = True, next(_transactions)
        # DuckDB takes the snapshot with the first look at the data, and the catalog is one.
        catalog = self.catalog()
        target = locking.target(kind, cursor, tree)
        relation = catalog.find(*target) if target is not None else None
        if relation is not None and not relation.is_temporary:
            guards.check_target(self.access(), kind, tree, relation)
            locking.acquire(self, {(relation.schema, relation.name)}, Mode.WRITE)
        return catalog

    def _query(self, translator: Translator, tree: exp.Query, sql: str, values: Mapping[str, str]) -> Outcome:
        query = translator.query(tree, sql)
        self._register(query)
        if self.canceled.is_set():
            raise StatementCanceledError
        used = {name: values[name] for name in query.parameters}
        relation = self._connection.sql(query.sql, params=used) if used else self._connection.sql(query.sql)
        result = results.fetch(relation, query.columns)
        return Outcome(result.rows.num_rows, result)

    def _change(
        self, kind: Kind, translator: Translator, tree: exp.Expr | None, sql: str, values: Mapping[str, str]
    ) -> int:
        if isinstance(tree, exp.Insert):
            change = dml.insert(translator, tree, sql)
        elif isinstance(tree, exp.Update):
            change = dml.update(translator, tree)
        elif isinstance(tree, exp.Delete):
            change = dml.delete(translator, tree)
        elif isinstance(tree, exp.Merge):
            change = dml.merge(translator, tree)
        else:
            raise not_emulated(f"this form of {kind.name}")
        if change.guard is not None and self._bound(change.guard, values).fetchone() is not None:
            raise RedshiftError(change.guard_message)
        return self.change(change.statement, values)

    def _bound(self, statement: Translation, values: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
        used = {name: values[name] for name in statement.parameters}
        if self.canceled.is_set():
            raise StatementCanceledError
        return self._connection.execute(statement.sql, used) if used else self._connection.execute(statement.sql)

    def _register(self, statement: Translation) -> None:
        for scan in statement.scans:
            self.register(scan.name, self.warehouse.read(scan, self.catalog(), self.access()))

    def _unregister(self) -> None:
        for name in self._registered:
            try:
                self._connection.unregister(name)
            except duckdb.Error:
                # The transaction has failed; its rollback removes the name.
                continue
        self._registered = []

    def _without_transaction(self, kind: Kind, sql: str) -> Outcome:
        cursor = Cursor(sql)
        word = cursor.word()
        if kind is Kind.BEGIN:
            self.is_explicit = True
        elif kind is Kind.COMMIT:
            self._end_explicit(self.rollback if self.is_failed else self.commit)
        elif kind is Kind.ROLLBACK:
            self._end_explicit(self.rollback)
        elif kind is Kind.SET:
            if not guards.set_session_authorization(self, cursor, is_reset=word == "RESET"):
                self.parameters.assign(cursor, is_reset=word == "RESET")
        elif word == "VACUUM" and self.is_explicit:
            raise RedshiftError("VACUUM cannot run inside a transaction block")
        elif kind is Kind.SHOW:
            result = self.parameters.show(cursor)
            return Outcome(result.rows.num_rows, result)
        return Outcome()

    def _end_explicit(self, end: Callable[[], None]) -> None:
        self.is_explicit = self.is_failed = False
        end()

    def _ended(self) -> None:
        self._in_transaction = self.has_written = False
        self.warehouse.locks.release(self.number)

    def truncate(self, cursor: Cursor) -> None:
        """TRUNCATE, which commits the transaction it is in."""
        cursor.accept("TABLE")
        relation = self.catalog().table(*cursor.qualified_name())
        self.access().require_owner(relation, "TRUNCATE")
        cursor.finish()
        self.execute(f"DELETE FROM {relation.duckdb}")
        self.commit()


def _count(row: tuple[Any, ...] | None) -> int:
    return int(row[0]) if row and isinstance(row[0], int) else 0
