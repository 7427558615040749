"""ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local_aws.redshift.catalog import Relation, quoted
from infra.local_aws.redshift.create_table import parse_column, parse_constraint, starts_constraint
from infra.local_aws.redshift.ddl import definition, record
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.principals import require_principal
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.types import parse_type

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session


def alter_table(session: Session, cursor: Cursor) -> None:
    """ALTER TABLE; the cursor stands behind ALTER."""
    if not cursor.accept("TABLE"):
        raise not_emulated(f"ALTER {cursor.word()}")
    relation = session.catalog().table(*cursor.qualified_name())
    session.access().require_owner(relation)
    action = cursor.word()
    if action not in _ALTERATIONS:
        raise not_emulated(f"ALTER TABLE {action}")
    changed = _ALTERATIONS[action](session, cursor, relation)
    cursor.finish()
    record(session, changed)


def _add(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    if starts_constraint(cursor):
        constraints = (*relation.facts.constraints, parse_constraint(cursor))
        return replace(relation, facts=replace(relation.facts, constraints=constraints))
    cursor.accept("COLUMN")
    column = parse_column(cursor)
    if relation.facts.column(column.name):
        raise RedshiftError(f'column "{column.name}" of relation "{relation.name}" already exists')
    if not column.nullable and column.default is None:
        raise RedshiftError("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
    session.execute(f"ALTER TABLE {relation.duckdb} ADD COLUMN {definition(session, column, nullable=True)}")
    if not column.nullable:
        session.execute(f"ALTER TABLE {relation.duckdb} ALTER COLUMN {quoted(column.name)} SET NOT NULL")
    return replace(relation, facts=replace(relation.facts, columns=(*relation.facts.columns, column)))


def _drop_column(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    cursor.accept("COLUMN")
    name = _known_column(relation, cursor.name())
    if not cursor.accept("CASCADE"):
        cursor.accept("RESTRICT")
    session.execute(f"ALTER TABLE {relation.duckdb} DROP COLUMN {quoted(name)}")
    columns = tuple(column for column in relation.facts.columns if column.name != name)
    return replace(relation, facts=replace(relation.facts, columns=columns))


def _rename(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    if cursor.accept("TO"):
        name = cursor.name()
        session.execute(f"ALTER TABLE {relation.duckdb} RENAME TO {quoted(name)}")
        return replace(relation, name=name)
    cursor.accept("COLUMN")
    old = _known_column(relation, cursor.name())
    cursor.expect("TO")
    new = cursor.name()
    session.execute(f"ALTER TABLE {relation.duckdb} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
    return replace(relation, facts=relation.facts.with_column(old, name=new))


def _alter(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    if cursor.peek() in ("DISTSTYLE", "DISTKEY", "SORTKEY", "COMPOUND", "ENCODE"):
        # How rows are laid out changes no answer.
        cursor.rest()
        return relation
    cursor.accept("COLUMN")
    name = _known_column(relation, cursor.name())
    if cursor.accept("ENCODE"):
        return replace(relation, facts=relation.facts.with_column(name, encoding=cursor.word().lower()))
    cursor.expect("TYPE")
    if session.is_explicit:
        raise RedshiftError("ALTER TABLE ALTER COLUMN cannot run inside a transaction block")
    new = parse_type(cursor.rest())
    column = relation.facts.column(name)
    if new.name != "varchar" or column is None or column.type.name != "varchar":
        raise RedshiftError(f'cannot alter column "{name}" of relation "{relation.name}", only varchar can be resized')
    longest = session.execute(f"SELECT max(strlen({quoted(name)})) FROM {relation.duckdb}").fetchone()
    if longest and (longest[0] or 0) > (new.length or 0):
        raise RedshiftError(f'cannot alter column "{name}" because a stored value is longer than {new.length} bytes')
    return replace(relation, facts=relation.facts.with_column(name, type=new))


def _owner(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    cursor.expect("TO")
    owner = cursor.name()
    session.access().require_superuser("must be superuser to change the owner of a relation")
    require_principal(session, "USER", owner)
    return replace(relation, facts=replace(relation.facts, owner=owner))


def _known_column(relation: Relation, name: str) -> str:
    if relation.facts.column(name) is None:
        raise RedshiftError(f'column "{name}" of relation "{relation.name}" does not exist')
    return name


_ALTERATIONS: dict[str, Callable[[Session, Cursor, Relation], Relation]] = {
    "ADD": _add,
    "DROP": _drop_column,
    "RENAME": _rename,
    "ALTER": _alter,
    "OWNER": _owner,
}
