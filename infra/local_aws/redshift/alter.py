"""ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.local_aws.redshift.catalog import Relation, quoted
from infra.local_aws.redshift.create_table import parse_column, parse_constraint, starts_constraint
from infra.local_aws.redshift.ddl import definition, record
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.principals import require_principal
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.types import parse_type

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

_FIXED_ENCODINGS = ("bytedict", "runlength", "text255", "text32k")


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
    is_cascade = cursor.accept("CASCADE")
    if not is_cascade:
        cursor.accept("RESTRICT")
    facts = relation.facts
    if name == facts.distkey:
        raise RedshiftError(f'cannot drop distkey column "{name}"')
    if name in facts.sortkeys:
        raise RedshiftError(f'cannot drop sortkey column "{name}"')
    if not is_cascade and any(name in constraint.columns for constraint in facts.constraints):
        raise RedshiftError(
            f"cannot drop table {relation.name} column {name} because other objects depend on it\n"
            "  Hint: Use DROP ... CASCADE to drop the dependent objects too."
        )
    session.execute(f"ALTER TABLE {relation.duckdb} DROP COLUMN {quoted(name)}")
    columns = tuple(column for column in facts.columns if column.name != name)
    constraints = tuple(constraint for constraint in facts.constraints if name not in constraint.columns)
    return replace(relation, facts=replace(facts, columns=columns, constraints=constraints))


def _rename(session: Session, cursor: Cursor, relation: Relation) -> Relation:
    if cursor.accept("TO"):
        name = cursor.name()
        if session.catalog().find(relation.schema or None, name) is not None:
            raise RedshiftError(f'relation "{name}" already exists')
        if views := session.catalog().views_over(relation):
            # In Redshift they would go on reading this table under its new name.
            raise not_emulated(f"RENAME of {relation.name}, to which the view {views[0].name} is bound,")
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
        return _alter_layout(cursor, relation)
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
    if session.is_explicit:
        raise RedshiftError("ALTER TABLE ALTER COLUMN cannot run inside a transaction block")
    _require_resizable(relation, column)
    longest = session.execute(f"SELECT max(strlen({quoted(name)})) FROM {relation.duckdb}").fetchone()
    if longest and (longest[0] or 0) > (new.length or 0):
        raise RedshiftError(f'cannot alter column "{name}" because a stored value is longer than {new.length} bytes')
    return replace(relation, facts=relation.facts.with_column(name, type=new))


def _alter_layout(cursor: Cursor, relation: Relation) -> Relation:
    """How rows are laid out changes no answer, but the catalog tells it."""
    facts = relation.facts
    if cursor.accept("ENCODE"):
        cursor.expect("AUTO")
        return relation
    if cursor.accept("DISTKEY"):
        return replace(relation, facts=replace(facts, diststyle="KEY", distkey=_known_column(relation, cursor.name())))
    if cursor.accept("DISTSTYLE"):
        style = cursor.word()
        if style == "KEY":
            cursor.expect("DISTKEY")
            key = _known_column(relation, cursor.name())
        elif style in ("ALL", "EVEN", "AUTO"):
            key = None
        else:
            raise RedshiftError(f'unrecognized diststyle "{style.lower()}"')
        return replace(relation, facts=replace(facts, diststyle=style, distkey=key))
    cursor.accept("COMPOUND")
    cursor.expect("SORTKEY")
    if cursor.accept("AUTO") or cursor.accept("NONE"):
        return replace(relation, facts=replace(facts, sortkeys=()))
    names = cursor.parenthesised(cursor.name)
    return replace(relation, facts=replace(facts, sortkeys=tuple(_known_column(relation, name) for name in names)))


def _require_resizable(relation: Relation, column: Column) -> None:
    """What Redshift's documentation of ALTER COLUMN TYPE excludes, but for a transaction block."""
    what = f'cannot alter type of column "{column.name}" of relation "{relation.name}"'
    if column.default is not None:
        raise RedshiftError(f"{what}: it has a default value")
    if any(column.name in constraint.columns for constraint in relation.facts.constraints):
        raise RedshiftError(f"{what}: it is part of a key")
    if column.encoding in _FIXED_ENCODINGS:
        raise RedshiftError(f"{what}: its encoding is {column.encoding}")


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
