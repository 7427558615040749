"""From what contracts declare and what Redshift has: the steps that close the difference. Pure; runs nothing.

Redshift's ALTER adds and drops columns, lengthens VARCHARs, moves distribution and sort keys, and no more. Every other
difference is a rebuild: a table beside it is filled from it and takes its name. The order of columns is no difference:
loads name theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lakehouse import ddl
from lakehouse.contract import Registry
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL
from lakehouse.warehouse_changes import rebuilding
from lakehouse.warehouse_changes.catalog import Found, FoundTable
from lakehouse.warehouse_changes.rebuilding import Target

Kind = Literal["add", "rewrite", "drop"]
"""What a step does to data that is there: none is touched, rows are written again, or something goes."""
HARMLESS: tuple[Kind, ...] = ("add",)
"""What needs nobody's consent."""


@dataclass(frozen=True)
class Step:
    """One change that takes place as a whole or not at all. Several statements are one transaction."""

    kind: Kind
    subject: str
    """A schema, a table as `<schema>.<table>`, or a column after another dot."""
    action: str
    reason: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Waiting:
    """A difference that no step can close yet, and what has to happen first."""

    subject: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """The steps in an order that runs, those that drop something last; and what has to wait."""

    steps: tuple[Step, ...] = ()
    waiting: tuple[Waiting, ...] = ()


def plan(registry: Registry, found: Found) -> Plan:
    """Compare every declared table with the one that is there."""
    steps: list[Step] = []
    drops: list[Step] = []
    waiting: list[Waiting] = []
    declared = ddl.tables(registry)
    for schema in ddl.schemas(registry):
        steps += _schemas(schema, found)
        for table in (table for table in declared if table.schema == schema):
            existing = found.tables.get(table.name)
            if existing is None:
                sql = ddl.create_table(table.name, ddl.lines(table), table.key, ddl.layout(table))
                why = "a contract declares it, and the warehouse has no such table"
                steps.append(Step("add", table.name, "create the table", why, (sql,)))
                steps += _comments(table, FoundTable(table.name, ()))
                continue
            target = rebuilding.target(table, existing)
            waiting += (Waiting(subject, reason) for subject, reason in target.waiting)
            reasons = rebuilding.reasons(table, existing, target)
            steps += [_rebuild(table, existing, target, reasons)] if reasons else _alter(table, existing, target)
            drops += _drop_columns(table, existing)
        steps += _views(registry, schema, found)
    drops += (_drop_view(name) for name in sorted(found.views.keys() - registry.views.keys()))
    names = {table.name for table in declared}
    drops += (_drop_table(name) for name in sorted(found.tables.keys() - names))
    return Plan((*steps, *drops), tuple(waiting))


def _views(registry: Registry, schema: str, found: Found) -> Iterator[Step]:
    """A view is written anew when its comment does not name its text."""
    for view in registry.views_of(schema):
        if found.views.get(view.dataset) != ddl.view_comment(view):
            is_new = view.dataset not in found.views
            why = "there is no such view" if is_new else "its text or its description is another one"
            action = "create the view" if is_new else "replace the view"
            yield Step("add", view.dataset, action, why, (ddl.create_view(view), ddl.comment_on_view(view)))


def _drop_view(name: str) -> Step:
    return Step("drop", name, "drop the view", "no domain has it", (f"DROP VIEW {name}",))


def _schemas(schema: str, found: Found) -> Iterator[Step]:
    why = "contracts have tables in it"
    if schema not in found.schemas:
        yield Step("add", schema, "create the schema", why, (ddl.create_schema(schema),))
    for database in ddl.external_databases(schema):
        name = ddl.external_schema(database)
        if name not in found.schemas:
            why = f"the lake's database {database} is queried by it"
            yield Step("add", name, "create the external schema", why, (ddl.create_external_schema(database),))


def _rebuild(table: ddl.Table, found: FoundTable, target: Target, reasons: list[str]) -> Step:
    """Of a table without rows there is nothing to write again."""
    kind: Kind = "add" if found.rows == 0 else "rewrite"
    action = "rebuild the table, which is empty" if kind == "add" else "rebuild the table: all its rows are rewritten"
    why = f"{'; '.join(reasons)}. Grants on the table itself, but for those of the roles, have to be given again"
    return Step(kind, table.name, action, why, rebuilding.statements(table, found, target))


def _alter(table: ddl.Table, found: FoundTable, target: Target) -> Iterator[Step]:
    """What ALTER can do, in an order that Redshift takes: a key column has to be there before it is a key."""
    for column in table.columns:
        existing = found.column(column.name)
        subject = f"{table.name}.{column.name}"
        if existing is None:
            sql = f"ALTER TABLE {table.name} ADD COLUMN {column.name} {ddl.type_sql(column.type)}"
            yield Step("add", subject, "add the column", f"new in the contract: {column.description}", (sql,))
        elif existing.type != column.type:
            sql = f"ALTER TABLE {table.name} ALTER COLUMN {column.name} TYPE {ddl.type_sql(column.type)}"
            why = f"{existing.spelled} has become {column.type}; longer values fit, stored ones stay as they are"
            yield Step("add", subject, "lengthen the column", why, (sql,))
    yield from _layout(table, found)
    yield from _comments(table, found)


def _layout(table: ddl.Table, found: FoundTable) -> Iterator[Step]:
    """ALTER moves rows between and within slices while they can be read; no value changes."""
    here = f"is {_style(found.dist_style, found.dist_key)}, declared {_style(table.dist_style, table.dist_key)}"
    if table.dist_style == "key" and (found.dist_style, found.dist_key) != ("key", table.dist_key):
        change = f"DISTKEY {table.dist_key}" if found.dist_style == "key" else f"DISTSTYLE KEY DISTKEY {table.dist_key}"
        yield Step("add", table.name, "move the rows", f"distribution {here}", (_alter_sql(table, change),))
    elif table.dist_style != found.dist_style:
        change = f"DISTSTYLE {table.dist_style.upper()}"
        yield Step("add", table.name, "move the rows", f"distribution {here}", (_alter_sql(table, change),))
    were = ", ".join(found.sort_keys) or "nothing"
    if table.sort_keys and table.sort_keys != found.sort_keys:
        wanted = ", ".join(table.sort_keys)
        change, why = f"SORTKEY ({wanted})", f"sorted by {were}, declared {wanted}"
        yield Step("add", table.name, "sort the rows", why, (_alter_sql(table, change),))
    elif not table.sort_keys and found.sort_keys and found.is_sorted_by_choice:
        why = f"sorted by {were}, and the contract leaves it to Redshift"
        yield Step("add", table.name, "let Redshift sort", why, (_alter_sql(table, "SORTKEY AUTO"),))


def _style(style: str, key: str | None) -> str:
    return f"{style} ({key})" if style == "key" else style


def _alter_sql(table: ddl.Table, change: str) -> str:
    return f"ALTER TABLE {table.name} ALTER {change}"


def _comments(table: ddl.Table, found: FoundTable) -> Iterator[Step]:
    """Comments that say something else now, those of one table together, in transactions as long as a call may be."""
    changed = [ddl.comment_on_table(table.name, table.description)] if found.comment != table.description else []
    for column in table.columns:
        existing = found.column(column.name)
        if existing is None or existing.comment != ddl.column_comment(column):
            changed.append(ddl.comment_on_column(table.name, column.name, ddl.column_comment(column)))
    size = MAX_STATEMENTS_PER_CALL
    for start in range(0, len(changed), size):
        part = tuple(changed[start : start + size])
        why = f"{len(part)} description{'s'[: len(part) > 1]} in the contract differ{'s'[: len(part) == 1]}"
        yield Step("add", table.name, "write comments", why, part)


def _drop_columns(table: ddl.Table, found: FoundTable) -> Iterator[Step]:
    declared = {column.name for column in table.columns}
    for column in found.columns:
        if column.name not in declared:
            sql = f"ALTER TABLE {table.name} DROP COLUMN {column.name}"
            why = f"no contract names it; its values ({column.spelled}) would be gone"
            yield Step("drop", f"{table.name}.{column.name}", "drop the column", why, (sql,))


def _drop_table(name: str) -> Step:
    why = "no contract names it; its rows would be gone"
    return Step("drop", name, "drop the table", why, (f"DROP TABLE {name}",))
