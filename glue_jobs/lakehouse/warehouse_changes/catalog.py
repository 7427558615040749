"""What Redshift says it has, read from its system views over the Data API."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lakehouse import ddl
from lakehouse.contract import ColumnType, Registry
from lakehouse.redshift import Redshift

# RELEFFECTIVEDISTSTYLE of PG_CLASS_INFO; 10 to 12 are what AUTO has made of a table so far.
_STYLES = {0: "even", 1: "key", 8: "all", 10: "auto", 11: "auto", 12: "auto"}
_SPELLINGS = {
    "character varying": "varchar",
    "numeric": "decimal",
    "timestamp without time zone": "timestamp",
}


@dataclass(frozen=True)
class FoundColumn:
    """A column as it is. `type` is None for a type that no contract can declare; `spelled` is Redshift's own word."""

    name: str
    spelled: str
    required: bool = False
    default: str | None = None
    encoding: str | None = None
    comment: str | None = None

    @property
    def type(self) -> ColumnType | None:
        """The type as contracts know it."""
        base, bracket, arguments = self.spelled.partition("(")
        try:
            return ColumnType.parse(_SPELLINGS.get(base.strip(), base) + bracket + arguments)
        except ValueError:
            return None


@dataclass(frozen=True)
class FoundTable:
    """A table as it is; `name` is `<schema>.<table>`.

    `rows` and `nulls` (of columns that allow them and should not) are counted where a plan depends on them.
    """

    name: str
    columns: tuple[FoundColumn, ...]
    key: tuple[str, ...] = ()
    dist_style: str = "auto"
    dist_key: str | None = None
    sort_keys: tuple[str, ...] = ()
    is_sorted_by_choice: bool | None = None
    """Whether somebody chose the sort keys; None for an empty table, of which Redshift does not tell."""
    comment: str | None = None
    rows: int | None = None
    nulls: Mapping[str, int] = field(default_factory=dict, hash=False)

    def column(self, name: str) -> FoundColumn | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Found:
    """The schemas, external ones included, and the tables of those that contracts name; their views by comment."""

    schemas: frozenset[str] = frozenset()
    tables: Mapping[str, FoundTable] = field(default_factory=dict, hash=False)
    views: Mapping[str, str | None] = field(default_factory=dict, hash=False)


def read(redshift: Redshift, registry: Registry) -> Found:
    """Read the catalog, and count rows where the contracts make a plan depend on them. Raises RedshiftError."""
    parameters = {f"schema{index}": schema for index, schema in enumerate(ddl.schemas(registry))}
    ours = ", ".join(f":{name}" for name in parameters)

    def rows(sql: str) -> tuple[tuple[Any, ...], ...]:
        return redshift.query(sql.format(ours=ours), parameters).rows

    schemas = redshift.query("SELECT schema_name FROM svv_all_schemas WHERE database_name = current_database()").rows
    relations = rows(
        "SELECT schema_name, table_name, table_type, remarks FROM svv_redshift_tables "
        "WHERE database_name = current_database() AND schema_name IN ({ours})"
    )
    tables = {
        f"{schema}.{name}": FoundTable(f"{schema}.{name}", (), comment=comment)
        for schema, name, kind, comment in relations
        if kind == "TABLE"
    }
    views = {f"{schema}.{name}": comment for schema, name, kind, comment in relations if kind == "VIEW"}
    columns = rows(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, encoding, distkey, "
        "sortkey, remarks FROM svv_redshift_columns WHERE database_name = current_database() "
        "AND schema_name IN ({ours}) ORDER BY schema_name, table_name, ordinal_position"
    )
    keys = rows(
        "SELECT k.table_schema, k.table_name, k.column_name FROM information_schema.table_constraints t "
        "JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name "
        "AND k.table_schema = t.table_schema AND k.table_name = t.table_name "
        "WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_schema IN ({ours}) ORDER BY k.ordinal_position"
    )
    styles = rows(
        "SELECT TRIM(n.nspname), TRIM(c.relname), c.releffectivediststyle FROM pg_class_info c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ({ours})"
    )
    sorting = rows('SELECT "schema", "table", sortkey1 FROM svv_table_info WHERE "schema" IN ({ours})')
    found = _joined(tables, columns, keys, styles, sorting)
    for table in ddl.tables(registry):
        if table.name in found:
            found[table.name] = _counted(redshift, table, found[table.name])
    return Found(frozenset(schema for (schema,) in schemas), found, views)


def _joined(
    tables: dict[str, FoundTable],
    columns: Iterable[Sequence[Any]],
    keys: Iterable[Sequence[Any]],
    styles: Iterable[Sequence[Any]],
    sorting: Iterable[Sequence[Any]],
) -> dict[str, FoundTable]:
    sorts: dict[str, list[tuple[int, str]]] = {}
    for schema, name, column, kind, nullable, default, encoding, is_dist_key, position, comment in columns:
        table = f"{schema}.{name}"
        if table not in tables:  # a view
            continue
        entry = FoundColumn(column, _folded(kind), nullable == "NO", default, encoding, comment)
        tables[table] = replace(tables[table], columns=(*tables[table].columns, entry))
        if is_dist_key:
            tables[table] = replace(tables[table], dist_key=column)
        if position:  # interleaved sort keys alternate in sign
            sorts.setdefault(table, []).append((abs(int(position)), column))
    for table, found in sorts.items():
        tables[table] = replace(tables[table], sort_keys=tuple(column for _, column in sorted(found)))
    for schema, name, column in keys:
        if found_table := tables.get(f"{schema}.{name}"):
            tables[found_table.name] = replace(found_table, key=(*found_table.key, column))
    for schema, name, style in styles:
        if (found_table := tables.get(f"{schema}.{name}")) and style is not None:
            tables[found_table.name] = replace(found_table, dist_style=_STYLES[int(style)])
    for schema, name, first in sorting:
        if found_table := tables.get(f"{schema}.{name}"):
            is_chosen = bool(first) and not str(first).startswith("AUTO")
            tables[found_table.name] = replace(found_table, is_sorted_by_choice=is_chosen)
    return tables


def _counted(redshift: Redshift, table: ddl.Table, found: FoundTable) -> FoundTable:
    """Rows and nulls, where a column should be NOT NULL and is not, or is not there."""
    required = [column.name for column in table.columns if column.required]
    open_columns = [column.name for column in found.columns if column.name in required and not column.required]
    if not open_columns and all(found.column(name) for name in required):
        return found
    counts = "".join(f", COUNT({name})" for name in open_columns)
    rows, *values = redshift.query(f"SELECT COUNT(*){counts} FROM {table.name}").rows[0]
    nulls = {name: int(rows) - int(count) for name, count in zip(open_columns, values, strict=True)}
    return replace(found, rows=int(rows), nulls=nulls)


def _folded(kind: str) -> str:
    return re.sub(r"\s*([(,)])\s*", r"\1", kind.strip().lower())
