"""What the catalog tells of how tables are defined: columns with their layout, distribution, keys, comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infra.local_aws.redshift.catalog import Catalog, Relation
from infra.local_aws.redshift.parameters import DATABASE

if TYPE_CHECKING:
    from infra.local_aws.redshift.engine import Warehouse

Row = tuple[Any, ...]

COLUMN_FIELDS = (
    "database_name text, schema_name text, table_name text, column_name text, ordinal_position int, data_type text,"
    " column_default text, is_nullable text, encoding text, distkey bool, sortkey int, column_acl text,"
    " remarks long_text"
)
TABLE_FIELDS = (
    "database_name text, schema_name text, table_name text, table_type text, table_acl text, remarks long_text"
)
CLASS_FIELDS = "reloid bigint, relname text, relnamespace bigint, releffectivediststyle int"
NAMESPACE_FIELDS = "oid bigint, nspname text"
CONSTRAINT_FIELDS = (
    "constraint_schema text, constraint_name text, table_schema text, table_name text, constraint_type text"
)
KEY_COLUMN_FIELDS = (
    "constraint_schema text, constraint_name text, table_schema text, table_name text, column_name text,"
    " ordinal_position int"
)

# releffectivediststyle of PG_CLASS_INFO; a table of AUTO begins as AUTO (ALL).
_STYLES = {"EVEN": 0, "KEY": 1, "ALL": 8, "AUTO": 10}
_FIRST_TABLE_OID = 100_000
_FIRST_SCHEMA_OID = 50_000


def _relations(catalog: Catalog) -> list[Relation]:
    return sorted(
        (relation for relation in catalog.relations() if not relation.is_temporary),
        key=lambda relation: (relation.schema, relation.name),
    )


def columns(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """SVV_REDSHIFT_COLUMNS."""
    for relation in _relations(catalog):
        facts = relation.facts
        for position, column in enumerate(facts.columns, 1):
            yield (
                DATABASE,
                relation.schema,
                relation.name,
                column.name,
                position,
                column.type.sql,
                column.default,
                "YES" if column.nullable else "NO",
                column.encoding or "none",
                facts.distkey == column.name,
                facts.sortkeys.index(column.name) + 1 if column.name in facts.sortkeys else 0,
                None,
                column.comment,
            )


def tables(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """SVV_REDSHIFT_TABLES."""
    for relation in _relations(catalog):
        kind = "VIEW" if relation.is_view else "TABLE"
        yield DATABASE, relation.schema, relation.name, kind, None, relation.facts.comment


def classes(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """PG_CLASS_INFO."""
    schemas = {name: oid for oid, name in _namespaces(catalog)}
    for oid, relation in enumerate(_relations(catalog), _FIRST_TABLE_OID):
        style = None if relation.is_view else _STYLES[relation.facts.diststyle]
        yield oid, relation.name, schemas[relation.schema], style


def table_id(catalog: Catalog, table: tuple[str, str]) -> int:
    """The reloid of PG_CLASS_INFO; 0 for a temporary table, of which that view tells nothing here."""
    names = [(relation.schema, relation.name) for relation in _relations(catalog)]
    return _FIRST_TABLE_OID + names.index(table) if table in names else 0


def namespaces(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """PG_NAMESPACE."""
    return _namespaces(catalog)


def _namespaces(catalog: Catalog) -> Iterator[tuple[int, str]]:
    names = sorted({*catalog.schemas(), *(external.name for external in catalog.external_schemas())})
    return enumerate(names, _FIRST_SCHEMA_OID)


def constraints(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """information_schema.table_constraints."""
    for relation in _relations(catalog):
        for number, constraint in enumerate(relation.facts.constraints):
            yield relation.schema, _constraint(relation, number), relation.schema, relation.name, constraint.kind


def key_columns(_: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """information_schema.key_column_usage."""
    for relation in _relations(catalog):
        for number, constraint in enumerate(relation.facts.constraints):
            for position, column in enumerate(constraint.columns, 1):
                name = _constraint(relation, number)
                yield relation.schema, name, relation.schema, relation.name, column, position


def _constraint(relation: Relation, number: int) -> str:
    """The name of a constraint that was given none."""
    kind = {"PRIMARY KEY": "pkey", "UNIQUE": "key", "FOREIGN KEY": "fkey"}[relation.facts.constraints[number].kind]
    return f"{relation.name}_{kind}{number or ''}"
