"""The system views and catalog tables that answer SELECT: what each has for columns, and where its rows come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from infra.local_aws.redshift import definition_views, load_views
from infra.local_aws.redshift.catalog import Catalog, Relation
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.parameters import DATABASE
from infra.local_aws.redshift.types import ColumnType

if TYPE_CHECKING:
    from infra.local_aws.redshift.engine import Warehouse

Row = tuple[Any, ...]
Rows = Callable[["Warehouse", Catalog], Iterable[Row]]

_TEXT = ColumnType("varchar", length=256)
_LONG_TEXT = ColumnType("varchar", length=65535)
_KINDS = {
    "text": (_TEXT, pa.string()),
    "long_text": (_LONG_TEXT, pa.string()),
    "int": (ColumnType("int4"), pa.int32()),
    "bigint": (ColumnType("int8"), pa.int64()),
    "bool": (ColumnType("bool"), pa.bool_()),
    "timestamp": (ColumnType("timestamp"), pa.timestamp("us")),
    **{f"char{length}": (ColumnType("bpchar", length=length), pa.string()) for length in (10, 64, 127, 256, 512)},
}


@dataclass(frozen=True)
class SystemView:
    """``fields`` is ``name kind, name kind, ...`` with the kinds above."""

    schema: str
    name: str
    fields: str
    rows: Rows
    of_user: str = ""
    """The column with the user whom a row is about, where others than superusers see their own alone."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns in order."""
        return tuple(Column(name, _KINDS[kind][0]) for name, kind in self._pairs())

    def read(self, warehouse: Warehouse, catalog: Catalog) -> pa.Table:
        """All its rows now."""
        schema = pa.schema([pa.field(name, _KINDS[kind][1]) for name, kind in self._pairs()])
        rows = list(self.rows(warehouse, catalog))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
        kept = [_padded(values, column.type) for values, column in zip(columns, self.columns, strict=True)]
        return pa.Table.from_arrays(
            [pa.array(values, field.type) for values, field in zip(kept, schema, strict=True)], schema=schema
        )

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = [field.split() for field in self.fields.split(",")]
        return [(name, kind) for name, kind in pairs]


def _padded(values: Iterable[Any], kind: ColumnType) -> list[Any]:
    """As a column of that type holds them: char has always its whole length."""
    if kind.name != "bpchar" or kind.length is None:
        return list(values)
    return [value[: kind.length].ljust(kind.length) for value in values]


def find(schema: str | None, name: str) -> SystemView | None:
    """The view of that name; those of pg_catalog need no schema, as nothing else does."""
    return _BY_NAME.get((schema or "pg_catalog", name))


def _schema_of(relation: Relation) -> str:
    return relation.schema or "pg_temp"


def _tables(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for relation in catalog.relations():
        kind = "VIEW" if relation.is_view else "TABLE"
        yield DATABASE, _schema_of(relation), relation.name, kind, "", relation.facts.comment


def _svv_tables(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for database, schema, name, kind, _, comment in _tables(warehouse, catalog):
        yield database, schema, name, "BASE TABLE" if kind == "TABLE" else kind, comment
    for database, schema, name, *_ in _external_tables(warehouse, catalog):
        yield database, schema, name, "EXTERNAL TABLE", None


def _all_tables(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    yield from _tables(warehouse, catalog)
    for database, schema, name, *_ in _external_tables(warehouse, catalog):
        yield database, schema, name, "EXTERNAL TABLE", "", None


def _information_tables(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for database, schema, name, kind, _, _ in _tables(warehouse, catalog):
        yield database, schema, name, "BASE TABLE" if kind == "TABLE" else kind


def _columns(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for relation in catalog.relations():
        for position, column in enumerate(relation.facts.columns, 1):
            kind = column.type
            yield (
                DATABASE,
                _schema_of(relation),
                relation.name,
                column.name,
                position,
                column.default or (f'"identity"({", ".join(map(str, column.identity))})' if column.identity else None),
                "YES" if column.nullable else "NO",
                kind.base_sql,
                kind.length,
                kind.precision,
                kind.scale,
                column.comment,
            )


def _table_def(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for relation in catalog.relations():
        if relation.is_view:
            continue
        for column in relation.facts.columns:
            sortkeys = relation.facts.sortkeys
            yield (
                _schema_of(relation),
                relation.name,
                column.name,
                column.type.sql,
                column.encoding or "none",
                relation.facts.distkey == column.name,
                sortkeys.index(column.name) + 1 if column.name in sortkeys else 0,
                not column.nullable,
            )


def _table_info(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    connection = warehouse.connect()
    for number, relation in enumerate(catalog.relations(), 100_000):
        if relation.is_view or relation.is_temporary:
            continue
        found = connection.execute(f"SELECT count(*) FROM {relation.duckdb}").fetchone()
        if not found or not found[0]:
            continue  # the view tells nothing of empty tables
        facts = relation.facts
        style = f"KEY({facts.distkey})" if facts.distkey else facts.diststyle
        first = facts.sortkeys[0] if facts.sortkeys else "AUTO(SORTKEY)"
        yield (
            DATABASE,
            relation.schema,
            number,
            relation.name,
            style,
            first,
            len(facts.sortkeys),
            found[0],
        )
    connection.close()


def _schemas(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for schema in catalog.schemas():
        yield DATABASE, schema, "local"
    for external in catalog.external_schemas():
        yield DATABASE, external.name, "external"


def _external_schemas(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for external in catalog.external_schemas():
        yield external.name, external.database, f'{{"IAM_ROLE":"{external.iam_role}"}}'


def _external_tables(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for external in catalog.external_schemas():
        for name in warehouse.spectrum.names(external):
            yield DATABASE, external.name, name, external.database


def _external_columns(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    for external in catalog.external_schemas():
        for name in warehouse.spectrum.names(external):
            table = warehouse.spectrum.table(external, name)
            for position, column in enumerate(table.columns if table else (), 1):
                yield DATABASE, external.name, name, column.name, column.type.sql, position


def _queries(warehouse: Warehouse, _: Catalog) -> Iterator[Row]:
    for query in warehouse.history.queries():
        yield (
            query.user,
            query.query_id,
            query.session_id,
            DATABASE,
            query.kind,
            query.status,
            query.started_at.replace(tzinfo=None),
            query.ended_at.replace(tzinfo=None),
            query.elapsed_us,
            query.rows,
            query.error,
            query.text[:4000],
        )


def _principals(kind: str) -> Rows:
    def rows(warehouse: Warehouse, _: Catalog) -> list[Row]:
        connection = warehouse.connect()
        sql = "SELECT name FROM _redshift.principals WHERE kind = ? ORDER BY name"
        found: list[Row] = connection.execute(sql, [kind]).fetchall()
        connection.close()
        return found

    return rows


_COLUMN_FIELDS = (
    "table_catalog text, table_schema text, table_name text, column_name text, ordinal_position int,"
    " column_default text, is_nullable text, data_type text, character_maximum_length int,"
    " numeric_precision int, numeric_scale int, remarks text"
)

VIEWS = (
    SystemView(
        "pg_catalog",
        "svv_tables",
        "table_catalog text, table_schema text, table_name text, table_type text, remarks text",
        _svv_tables,
    ),
    SystemView(
        "pg_catalog",
        "svv_all_tables",
        "database_name text, schema_name text, table_name text, table_type text, table_acl text, remarks text",
        _all_tables,
    ),
    SystemView("pg_catalog", "svv_columns", _COLUMN_FIELDS, _columns),
    SystemView("information_schema", "columns", _COLUMN_FIELDS, _columns),
    SystemView(
        "information_schema",
        "tables",
        "table_catalog text, table_schema text, table_name text, table_type text",
        _information_tables,
    ),
    SystemView(
        "information_schema",
        "schemata",
        "catalog_name text, schema_name text, schema_type text",
        _schemas,
    ),
    SystemView("pg_catalog", "svv_all_schemas", "database_name text, schema_name text, schema_type text", _schemas),
    SystemView(
        "pg_catalog", "svv_external_schemas", "schemaname text, databasename text, esoptions text", _external_schemas
    ),
    SystemView(
        "pg_catalog",
        "svv_external_tables",
        "redshift_database_name text, schemaname text, tablename text, glue_database text",
        _external_tables,
    ),
    SystemView(
        "pg_catalog",
        "svv_external_columns",
        "redshift_database_name text, schemaname text, tablename text, columnname text, external_type text,"
        " columnnum int",
        _external_columns,
    ),
    SystemView(
        "pg_catalog",
        "pg_table_def",
        "schemaname text, tablename text, column text, type text, encoding text, distkey bool, sortkey int,"
        " notnull bool",
        _table_def,
    ),
    SystemView(
        "pg_catalog",
        "svv_table_info",
        "database text, schema text, table_id bigint, table text, diststyle text, sortkey1 text, sortkey_num int,"
        " tbl_rows bigint",
        _table_info,
    ),
    SystemView(
        "pg_catalog",
        "svv_redshift_columns",
        definition_views.COLUMN_FIELDS,
        definition_views.columns,
    ),
    SystemView("pg_catalog", "svv_redshift_tables", definition_views.TABLE_FIELDS, definition_views.tables),
    SystemView("pg_catalog", "pg_class_info", definition_views.CLASS_FIELDS, definition_views.classes),
    SystemView("pg_catalog", "pg_namespace", definition_views.NAMESPACE_FIELDS, definition_views.namespaces),
    SystemView(
        "pg_catalog",
        "pg_tables",
        "schemaname text, tablename text",
        lambda _, catalog: ((_schema_of(r), r.name) for r in catalog.relations() if not r.is_view),
    ),
    SystemView(
        "pg_catalog",
        "pg_views",
        "schemaname text, viewname text, definition long_text",
        lambda _, catalog: ((_schema_of(r), r.name, r.facts.query) for r in catalog.relations() if r.is_view),
    ),
    SystemView(
        "information_schema",
        "table_constraints",
        definition_views.CONSTRAINT_FIELDS,
        definition_views.constraints,
    ),
    SystemView(
        "information_schema",
        "key_column_usage",
        definition_views.KEY_COLUMN_FIELDS,
        definition_views.key_columns,
    ),
    SystemView("pg_catalog", "svv_roles", "role_name text", _principals("ROLE")),
    SystemView("pg_catalog", "pg_user", "usename text", _principals("USER")),
    SystemView("pg_catalog", "pg_group", "groname text", _principals("GROUP")),
    SystemView(
        "pg_catalog",
        "sys_query_history",
        "username text, query_id bigint, session_id int, database_name text, query_type text, status text,"
        " start_time timestamp, end_time timestamp, elapsed_time bigint, returned_rows bigint,"
        " error_message long_text, query_text long_text",
        _queries,
        "username",
    ),
    SystemView("pg_catalog", "sys_load_history", load_views.LOAD_FIELDS, load_views.loads),
    SystemView("pg_catalog", "sys_load_detail", load_views.DETAIL_FIELDS, load_views.details),
    SystemView("pg_catalog", "sys_load_error_detail", load_views.ERROR_FIELDS, load_views.errors),
)
_BY_NAME = {(view.schema, view.name): view for view in VIEWS}
