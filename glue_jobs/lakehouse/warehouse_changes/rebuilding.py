"""A table made anew: when it has to be, what it shall look like, and the transaction that does it."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse import ddl
from lakehouse.contract import Column, ColumnType
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL
from lakehouse.warehouse_changes.catalog import FoundColumn, FoundTable

# Encodings with which Redshift refuses ALTER COLUMN TYPE.
_FIXED_ENCODINGS = frozenset({"bytedict", "runlength", "text255", "text32k"})
_INTEGERS = {"smallint": 5, "integer": 10, "bigint": 19}
_NEW, _OLD = "__new", "__old"


@dataclass(frozen=True)
class Target:
    """What the table can be now: NOT NULL and key as declared, but where its rows forbid it; `waiting` says so."""

    required: frozenset[str]
    key: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]


def target(table: ddl.Table, found: FoundTable) -> Target:
    """What the rows of a table allow of what is declared."""
    required, waiting = set(), []
    for column in (column for column in table.columns if column.required):
        existing, subject = _kept(table, found, column), f"{table.name}.{column.name}"
        if existing is None and found.rows != 0:
            # Redshift takes NOT NULL here with a default only, and that would be a value that nobody counted.
            reason = "NOT NULL has to wait until the rows of before have a value: load every key of the table again"
            waiting.append((subject, reason))
        elif missing := found.nulls.get(column.name, 0):
            rows = f"{missing:,} row{'s have' if missing > 1 else ' has'} no value"
            waiting.append((subject, f"NOT NULL has to wait: {rows}; load their keys again"))
        else:
            required.add(column.name)
    key = table.key
    if not set(key) <= required:
        key = found.key if set(found.key) <= required else ()
        if found.key != table.key:
            waiting.append((table.name, f"the key {', '.join(table.key)} has to wait for its columns"))
    return Target(frozenset(required), key, tuple(waiting))


def reasons(table: ddl.Table, found: FoundTable, wanted: Target) -> list[str]:
    """Every difference that ALTER cannot close; none when the table need not be made anew."""
    told = []
    for column in table.columns:
        existing = found.column(column.name)
        if existing is None:
            if column.name in wanted.required:
                told.append(f"{column.name} is new and NOT NULL, which ALTER adds with a default only")
            continue
        if _kept(table, found, column) is None:
            told.append(f"{column.name} becomes a token: its clear values go, and rows have none until loaded again")
            continue
        if existing.type != column.type and not _can_lengthen(existing, column, found.key):
            told.append(f"{column.name} is {existing.spelled}, declared {column.type}{_loss(existing, column)}")
        is_required = column.name in wanted.required
        if existing.required != is_required:
            told.append(f"{column.name} has to {'be NOT NULL' if is_required else 'allow nulls'}")
    told += [
        f"{undeclared.name}, which no contract names, has to allow nulls, or no load could insert a row"
        for undeclared in _undeclared(table, found)
        if undeclared.required and undeclared.default is None
    ]
    if found.key != wanted.key:
        told.append(f"the key is {', '.join(found.key) or 'not declared'}, declared {', '.join(wanted.key) or 'none'}")
    return told


def statements(table: ddl.Table, found: FoundTable, wanted: Target) -> tuple[str, ...]:
    """One transaction: what fails in it leaves the table as it was. Columns that no contract names come along.

    It holds the lock of the loads, so that none happens meanwhile, and fails unless the columns are those of the plan:
    a second one that was planned at the same time would overwrite what was loaded since. Comments beyond what a call
    may hold are left to the next plan.
    """
    schema, _, name = table.name.partition(".")
    new, old = f"{table.name}{_NEW}", f"{name}{_OLD}"
    kept = _undeclared(table, found)
    lines = [
        *(ddl.ColumnLine(c.name, ddl.type_sql(c.type), c.name in wanted.required) for c in table.columns),
        *(ddl.ColumnLine(c.name, c.spelled, False) for c in kept),
    ]
    copied = {c.name: _converted(existing, c) for c in table.columns if (existing := _kept(table, found, c))}
    copied |= {c.name: c.name for c in kept}
    comments = ddl.comments(table)
    comments += [ddl.comment_on_column(table.name, c.name, c.comment) for c in kept if c.comment]
    swap = (
        f"LOCK {ddl.LOADS}" + (f", {table.name}" if table.name != ddl.LOADS else ""),
        _guard(schema, name, found),
        ddl.create_table(new, lines, wanted.key, ddl.layout(table), if_not_exists=False),
        f"INSERT INTO {new} ({', '.join(copied)}) SELECT {', '.join(copied.values())} FROM {table.name}",
        f"ALTER TABLE {table.name} RENAME TO {old}",
        f"ALTER TABLE {new} RENAME TO {name}",
        f"DROP TABLE {schema}.{old}",
    )
    return (*swap, *comments[: MAX_STATEMENTS_PER_CALL - len(swap)])


def _guard(schema: str, name: str, found: FoundTable) -> str:
    """A query that fails, with a sentence, unless the table has the columns that the plan was made for."""
    described = "column_name || ' ' || data_type || ' ' || is_nullable"
    planned = ", ".join(f"'{c.name} {c.spelled} {'NO' if c.required else 'YES'}'" for c in found.columns)
    count = len(found.columns)
    return (
        f"SELECT CAST(CASE WHEN COUNT(*) = {count} AND SUM(CASE WHEN {described} IN ({planned}) THEN 1 ELSE 0 END) = "
        f"{count} THEN '1' ELSE '{schema}.{name} was changed meanwhile; plan again' END AS INTEGER) AS is_as_planned "
        f"FROM svv_redshift_columns WHERE database_name = current_database() AND schema_name = '{schema}' "
        f"AND table_name = '{name}'"
    )


def _kept(table: ddl.Table, found: FoundTable, column: Column) -> FoundColumn | None:
    """The column whose values stay: None for a new one, and for clear values where tokens are declared.

    A column that has no comment yet was made for tokens: the comment follows.
    """
    existing = found.column(column.name)
    if existing is None or column.name not in table.tokens:
        return existing
    is_clear = existing.type != column.type or not (existing.comment is None or ddl.is_token_comment(existing.comment))
    return None if is_clear else existing


def _undeclared(table: ddl.Table, found: FoundTable) -> list[FoundColumn]:
    declared = {column.name for column in table.columns}
    return [column for column in found.columns if column.name not in declared]


def _can_lengthen(found: FoundColumn, column: Column, key: tuple[str, ...]) -> bool:
    """Whether ALTER COLUMN TYPE takes it: a longer VARCHAR, in no key, without default, in an encoding that allows."""
    return (
        found.type is not None
        and found.type.kind == column.type.kind == "varchar"
        and (found.type.length or 0) < (column.type.length or 0)
        and found.name not in key
        and found.default is None
        and found.encoding not in _FIXED_ENCODINGS
    )


def _converted(found: FoundColumn, column: Column) -> str:
    """The old column as a value of the new type."""
    kinds = (found.type.kind if found.type else None, column.type.kind)
    if found.type == column.type or kinds == ("varchar", "varchar"):
        # CAST would cut a text that is too long; INSERT refuses it.
        return column.name
    if kinds == ("boolean", "varchar"):  # which Redshift does not cast
        return f"CASE WHEN {column.name} THEN 'true' WHEN NOT {column.name} THEN 'false' END"
    if column.type.kind == "varchar":
        # Wide enough for any number or instant, for the same reason.
        return f"CAST({column.name} AS VARCHAR(64))"
    return f"CAST({column.name} AS {ddl.type_sql(column.type)})"


def _loss(found: FoundColumn, column: Column) -> str:
    """What the conversion may cost, in words; nothing when every value has its like in the new type."""
    old, new = found.type, column.type
    if old is None:
        return " (fails where a value cannot be converted)"
    if old.kind == "varchar":
        if new.kind == "varchar":
            return " (fails where a value is longer)" if (old.length or 0) > (new.length or 0) else ""
        return f" (fails where a text is no {new})"
    if old.kind == "timestamp" and new.kind == "date":
        return " (the time of day is lost)"
    if old.kind in ("decimal", "double") and _scale(new) < _scale(old):
        return " (rounds; fails where a number is too large)"
    if _digits(new) < _digits(old):
        return " (fails where a number is too large)"
    return ""


def _scale(kind: ColumnType) -> int:
    return 38 if kind.kind == "double" else kind.scale or 0


def _digits(kind: ColumnType) -> int:
    """Digits before the decimal point; enough for anything where the type has no such bound."""
    if kind.kind == "decimal":
        return (kind.precision or 0) - (kind.scale or 0)
    return _INTEGERS.get(kind.kind, 38)
