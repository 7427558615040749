"""CREATE TABLE in Redshift's grammar, with its column and table attributes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.facts import Column, Constraint, Facts
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.types import parse_type

_ATTRIBUTES = frozenset(
    {"DEFAULT", "IDENTITY", "GENERATED", "NOT", "NULL", "ENCODE", "DISTKEY", "SORTKEY"}
    | {"UNIQUE", "PRIMARY", "REFERENCES", "COLLATE", ",", ")"}
)
"""What may end a type or a default."""
_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN")
_DISTSTYLES = ("AUTO", "EVEN", "KEY", "ALL")


@dataclass(frozen=True)
class CreateTable:
    """``like`` is the (schema, name) of a parent; ``query`` is Redshift SQL of CREATE TABLE AS."""

    schema: str | None
    name: str
    temporary: bool
    if_not_exists: bool
    facts: Facts
    like: tuple[str | None, str] | None = None
    like_defaults: bool = False
    query: str | None = None
    column_names: tuple[str, ...] = ()


@dataclass
class _Draft:
    columns: list[Column] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    like: tuple[str | None, str] | None = None
    like_defaults: bool = False
    diststyle: str = "AUTO"
    distkey: str | None = None
    sortkeys: list[str] = field(default_factory=list)


def parse_create_table(cursor: Cursor) -> CreateTable:
    """Read what follows CREATE; the cursor stands at [LOCAL] TEMP or TABLE. Raises RedshiftError."""
    cursor.accept("LOCAL")
    temporary = cursor.accept("TEMP") or cursor.accept("TEMPORARY")
    cursor.expect("TABLE")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    schema, name = cursor.qualified_name()
    if temporary and schema:
        raise RedshiftError("cannot create temporary table in a permanent schema")
    if name.startswith("#"):
        temporary = True
    draft = _Draft()
    column_names: tuple[str, ...] = ()
    if cursor.peek() == "(":
        if cursor.peek(2) in (",", ")"):
            column_names = tuple(cursor.parenthesised(cursor.name))
        else:
            cursor.parenthesised(lambda: _element(cursor, draft))
    _table_attributes(cursor, draft)
    query = None
    if cursor.accept("AS"):
        query = cursor.rest()
    elif column_names or not (draft.columns or draft.like):
        raise cursor.unexpected()
    cursor.finish()
    return CreateTable(
        None if temporary else schema,
        name,
        temporary,
        if_not_exists,
        _facts(draft),
        draft.like,
        draft.like_defaults,
        query,
        column_names,
    )


def parse_column(cursor: Cursor) -> Column:
    """A column definition, as in ALTER TABLE ADD COLUMN."""
    draft = _Draft()
    _column(cursor, draft)
    return draft.columns[0]


def starts_constraint(cursor: Cursor) -> bool:
    """Does a table constraint come next?"""
    return cursor.peek() in _CONSTRAINTS


def parse_constraint(cursor: Cursor) -> Constraint:
    """A table constraint, as in ALTER TABLE ADD."""
    draft = _Draft()
    _constraint(cursor, draft)
    return draft.constraints[0]


def _facts(draft: _Draft) -> Facts:
    known = {column.name for column in draft.columns}
    if len(known) < len(draft.columns):
        names = [column.name for column in draft.columns]
        twice = next(name for name in names if names.count(name) > 1)
        raise RedshiftError(f'column "{twice}" specified more than once')
    keyed = {name for constraint in draft.constraints for name in constraint.columns}
    wanted = keyed | set(draft.sortkeys) | ({draft.distkey} if draft.distkey else set())
    for name in sorted(wanted):
        if known and name not in known:
            raise RedshiftError(f'column "{name}" named in key does not exist')
    primary = {name for c in draft.constraints if c.kind == "PRIMARY KEY" for name in c.columns}
    columns = tuple(
        replace(column, nullable=column.nullable and column.name not in primary) for column in draft.columns
    )
    diststyle = "KEY" if draft.distkey else draft.diststyle
    return Facts(columns, diststyle, draft.distkey, tuple(draft.sortkeys), tuple(draft.constraints))


def _element(cursor: Cursor, draft: _Draft) -> None:
    if cursor.accept("LIKE"):
        draft.like = cursor.qualified_name()
        if cursor.accept("INCLUDING", "DEFAULTS"):
            draft.like_defaults = True
        else:
            cursor.accept("EXCLUDING", "DEFAULTS")
    elif starts_constraint(cursor):
        _constraint(cursor, draft)
    else:
        _column(cursor, draft)


def _constraint(cursor: Cursor, draft: _Draft) -> None:
    if cursor.accept("CONSTRAINT"):
        cursor.name()
    references = None
    if cursor.accept("PRIMARY", "KEY"):
        kind = "PRIMARY KEY"
    elif cursor.accept("UNIQUE"):
        kind = "UNIQUE"
    else:
        cursor.expect("FOREIGN", "KEY")
        kind = "FOREIGN KEY"
    columns = tuple(cursor.parenthesised(cursor.name))
    if kind == "FOREIGN KEY":
        cursor.expect("REFERENCES")
        references = _reference(cursor)
    draft.constraints.append(Constraint(kind, columns, references))


def _reference(cursor: Cursor) -> str:
    schema, table = cursor.qualified_name()
    columns = cursor.parenthesised(cursor.name) if cursor.peek() == "(" else []
    return f"{schema + '.' if schema else ''}{table}{'(' + ', '.join(columns) + ')' if columns else ''}"


def _column(cursor: Cursor, draft: _Draft) -> None:
    name = cursor.name()
    column = Column(name, parse_type(cursor.until(_ATTRIBUTES)))
    while cursor.peek() not in (",", ")", ""):
        column = _column_attribute(cursor, draft, column)
    draft.columns.append(column)


def _column_attribute(cursor: Cursor, draft: _Draft, column: Column) -> Column:
    name = column.name
    if cursor.accept("DEFAULT"):
        return replace(column, default="NULL" if cursor.accept("NULL") else cursor.until(_ATTRIBUTES))
    if cursor.accept("IDENTITY"):
        return replace(column, identity=_identity(cursor), identity_always=True, nullable=False)
    if cursor.accept("GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"):
        return replace(column, identity=_identity(cursor), nullable=False)
    if cursor.accept("NOT", "NULL"):
        return replace(column, nullable=False)
    if cursor.accept("ENCODE"):
        return replace(column, encoding=cursor.word().lower())
    if cursor.accept("COLLATE"):
        if cursor.word() not in ("CASE_SENSITIVE", "CS"):
            raise RedshiftError("COLLATE CASE_INSENSITIVE is not emulated by the local Redshift")
        return column
    if cursor.accept("DISTKEY"):
        if draft.distkey:
            raise RedshiftError("only one column of a table may be its DISTKEY")
        draft.distkey = name
    elif cursor.accept("SORTKEY"):
        draft.sortkeys.append(name)
    elif cursor.accept("UNIQUE"):
        cursor.accept("KEY")
        draft.constraints.append(Constraint("UNIQUE", (name,)))
    elif cursor.accept("PRIMARY", "KEY"):
        draft.constraints.append(Constraint("PRIMARY KEY", (name,)))
    elif cursor.accept("REFERENCES"):
        draft.constraints.append(Constraint("FOREIGN KEY", (name,), _reference(cursor)))
    elif not cursor.accept("NULL"):
        raise cursor.unexpected()
    return column


def _identity(cursor: Cursor) -> tuple[int, int]:
    seed, step = cursor.parenthesised(cursor.number)
    return seed, step


def _table_attributes(cursor: Cursor, draft: _Draft) -> None:
    while cursor.peek() not in ("", "AS"):
        if cursor.accept("BACKUP"):
            if cursor.word() not in ("YES", "NO"):
                raise cursor.unexpected()
        elif cursor.accept("DISTSTYLE"):
            draft.diststyle = cursor.word()
            if draft.diststyle not in _DISTSTYLES:
                raise RedshiftError(f'unrecognized diststyle "{draft.diststyle.lower()}"')
        elif cursor.accept("DISTKEY"):
            (draft.distkey,) = cursor.parenthesised(cursor.name)
        elif cursor.accept("ENCODE"):
            cursor.expect("AUTO")
        elif not cursor.accept("SORTKEY", "AUTO"):
            if not (cursor.accept("COMPOUND") or cursor.accept("INTERLEAVED")) and cursor.peek() != "SORTKEY":
                raise cursor.unexpected()
            cursor.expect("SORTKEY")
            draft.sortkeys = cursor.parenthesised(cursor.name)
