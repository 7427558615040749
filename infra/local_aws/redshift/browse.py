"""ListSchemas, ListTables and DescribeTable of the Data API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import duckdb

from infra.local_aws.errors import AwsError
from infra.local_aws.redshift.access import Access
from infra.local_aws.redshift.catalog import Catalog
from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.facts import Column

PAGE_SIZE = 1000


class Browser:
    """Answers from the catalog as of the last commit."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def _access(self, connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> Access:
        return Access(connection, str(request["DbUser"]), self._warehouse.admins)

    def schemas(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Local and external schemas whose name fits ``SchemaPattern``."""
        with self._warehouse.connect() as connection:
            catalog = Catalog(connection, ["public"])
            # The names of schemas are shown to everybody, as in SVV_ALL_SCHEMAS.
            found = [*catalog.schemas(), *(schema.name for schema in catalog.external_schemas())]
        return _page(request, "Schemas", [name for name in sorted(found) if _fits(name, request.get("SchemaPattern"))])

    def tables(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Tables and views whose schema and name fit the patterns, and on which the user has some privilege."""
        with self._warehouse.connect() as connection:
            catalog = Catalog(connection, ["public"])
            access = self._access(connection, request)
            relations = [relation for relation in catalog.relations() if access.sees(relation)]
            found = [(r.schema, r.name, "VIEW" if r.is_view else "TABLE") for r in relations]
            externals = [s for s in catalog.external_schemas() if access.holds_on_schema(s.name, "USAGE")]
        for external in externals:
            found += [(external.name, name, "EXTERNAL TABLE") for name in self._warehouse.spectrum.names(external)]
        return _page(
            request,
            "Tables",
            [
                {"schema": schema, "name": name, "type": kind}
                for schema, name, kind in sorted(found)
                if _fits(schema, request.get("SchemaPattern")) and _fits(name, request.get("TablePattern"))
            ],
        )

    def table(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """The columns of a table; none when there is no such table, as the service answers."""
        schema, name = request.get("Schema") or "public", request.get("Table") or ""
        with self._warehouse.connect() as connection:
            catalog = Catalog(connection, ["public"])
            relation = catalog.find(schema, name)
            access = self._access(connection, request)
            if relation is not None and not access.sees(relation):
                return {**_page(request, "ColumnList", []), "TableName": name}
            virtual = None if relation else self._warehouse.virtual(catalog, schema, name)
        columns: tuple[Column, ...] = relation.facts.columns if relation else virtual.columns if virtual else ()
        page = _page(request, "ColumnList", [_column(schema, name, column) for column in columns])
        return {**page, "TableName": name}


def _column(schema: str, table: str, column: Column) -> dict[str, Any]:
    kind = column.type
    fields = {
        "name": column.name,
        "label": column.name,
        "typeName": kind.name,
        "length": kind.length or kind.precision or 0,
        "precision": kind.precision or 0,
        "scale": kind.scale or 0,
        "nullable": 1 if column.nullable else 0,
        "isCaseSensitive": kind.is_text,
        "isCurrency": False,
        "isSigned": kind.name.startswith(("int", "float", "numeric")),
        "schemaName": schema,
        "tableName": table,
    }
    return fields | ({"columnDefault": column.default} if column.default else {})


def _fits(name: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    regex = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, name) is not None


def _page(request: dict[str, Any], key: str, items: list[Any]) -> dict[str, Any]:
    size = request.get("MaxResults") or PAGE_SIZE
    token = str(request.get("NextToken") or "0")
    if not token.isdecimal():
        raise AwsError("ValidationException", "Invalid NextToken")
    start = int(token)
    page = {key: items[start : start + size]}
    return page | ({"NextToken": str(start + size)} if start + size < len(items) else {})
