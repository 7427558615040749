"""Which locks a statement takes, and when: the part of a session that meets other transactions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlglot import exp

from infra.local_aws.redshift import commands, copy
from infra.local_aws.redshift.catalog import Catalog
from infra.local_aws.redshift.commands import Kind
from infra.local_aws.redshift.locks import Mode, Table
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

WAIT_SECONDS = 15 * 60
"""How long a statement waits for a lock when no statement_timeout is set."""


def before_snapshot(session: Session, kind: Kind, cursor: Cursor, tree: exp.Expr | None) -> None:
    """Wait for whoever holds a table exclusively before the snapshot is taken, or it would lack their work."""
    named = {(t.db.lower() or None, t.name.lower()) for t in tree.find_all(exp.Table)} if tree is not None else set()
    if named:
        catalog = session.catalog()
        found = {(r.schema, r.name) for n in named if (r := catalog.find(*n)) and not r.is_temporary}
        acquire(session, closure(catalog, found), Mode.SHARE)
    elif kind in (Kind.DROP, Kind.ALTER, Kind.TRUNCATE):
        acquire(session, _named_tables(session.catalog(), cursor), Mode.EXCLUSIVE)


def target(kind: Kind, cursor: Cursor, tree: exp.Expr | None) -> tuple[str | None, str] | None:
    """Schema (None: that of the search path) and name of the table that a statement writes, or None."""
    if kind is Kind.COPY:
        return copy.parse(cursor.sql).target
    if kind not in commands.CHANGES or tree is None:
        return None
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return (table.db.lower() or None, table.name.lower()) if isinstance(table, exp.Table) else None


def closure(catalog: Catalog, tables: set[Table]) -> set[Table]:
    """These tables and views, and the tables that the views read."""
    relations = [catalog.find(*table) for table in tables]
    return tables | {table for relation in relations if relation for table in relation.facts.depends_on}


def acquire(session: Session, tables: set[Table], mode: Mode) -> None:
    """Take the locks for the session's transaction. Raises RedshiftError as `LockManager.acquire` does."""
    if tables:
        seconds = session.parameters.statement_timeout or WAIT_SECONDS
        session.warehouse.locks.acquire(session.number, tables, mode, time.monotonic() + seconds, session.canceled)


def lock(session: Session, cursor: Cursor) -> None:
    """Carry out LOCK."""
    cursor.accept("TABLE")
    catalog = session.catalog()
    relations = [catalog.table(*name) for name in cursor.listed(cursor.qualified_name)]
    cursor.finish()
    access = session.access()
    for relation in relations:
        # As in PostgreSQL: who may change rows may lock the table.
        access.require(relation, "UPDATE" if access.holds(relation, "UPDATE") else "DELETE")
    acquire(session, {(r.schema, r.name) for r in relations if not r.is_temporary}, Mode.EXCLUSIVE)


def _named_tables(catalog: Catalog, cursor: Cursor) -> set[Table]:
    look = Cursor(cursor.sql)
    first = look.word()
    if first != "TRUNCATE" and not look.accept("TABLE"):
        return set()
    look.accept("TABLE")
    look.accept("IF", "EXISTS")
    found = [catalog.find(*name) for name in look.listed(look.qualified_name)]
    return {(relation.schema, relation.name) for relation in found if relation and not relation.is_temporary}
