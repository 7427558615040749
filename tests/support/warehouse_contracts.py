"""A gold contract that tests change, column by column, and the table that Redshift would have of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lakehouse import ddl
from lakehouse.contract import Column, ColumnType, GoldContract, GoldSource, Registry
from lakehouse.warehouse_changes.catalog import Found, FoundColumn, FoundTable

NAME = "shop.sales"


def column(name: str, kind: str, *, required: bool = False, key: int | None = None, text: str = "") -> Column:
    """A column of a type as contracts spell it."""
    return Column(name, ColumnType.parse(kind), text or f"The {name}.", required, key)


SALES = (
    column("sale_id", "varchar(8)", required=True, key=1),
    column("day", "date", required=True),
    column("amount", "decimal(18,2)", required=True),
    column("note", "varchar(10)"),
)


def contract(*columns: Column, **changes: Any) -> GoldContract:
    """The table `shop.sales` with these columns, else those of `SALES`."""
    made = GoldContract(
        domain="shop",
        name="sales",
        version="1.0.0",
        description="Sales.",
        grain=None,
        columns=columns or SALES,
        table_type="fact",
        sources=(GoldSource("shop.sale", {"sale_id": "sale_id"}),),
        lookups=(),
        recompute_by=("sale_id",),
        unknown_member=None,
        partition_by=(),
        dist_style="auto",
        dist_key=None,
        sort_keys=(),
        path=Path("sales.yaml"),
    )
    return replace(made, **changes)


def registry(*contracts: GoldContract) -> Registry:
    """These gold tables, and no source."""
    return Registry(sources={}, gold={made.dataset: made for made in contracts or (contract(),)})


def with_column(name: str, **changes: Any) -> GoldContract:
    """The contract with one column changed; a `type` as contracts spell it."""
    if "type" in changes:
        changes["type"] = ColumnType.parse(changes["type"])
    return contract(*(replace(entry, **changes) if entry.name == name else entry for entry in SALES))


def found(of: Registry) -> Found:
    """What Redshift says once the tables of a registry have been made, and hold rows."""
    schemas = ddl.schemas(of)
    external = {ddl.external_schema(database) for schema in schemas for database in ddl.external_databases(schema)}
    return Found(
        frozenset({*schemas, *external}),
        {table.name: _found(table) for table in ddl.tables(of)},
        {name: ddl.view_comment(view) for name, view in of.views.items()},
    )


def _found(table: ddl.Table) -> FoundTable:
    spelled = {"varchar": "character varying", "decimal": "numeric", "timestamp": "timestamp without time zone"}
    columns = tuple(
        FoundColumn(
            entry.name,
            str(entry.type).replace(entry.type.kind, spelled.get(entry.type.kind, entry.type.kind)),
            entry.required,
            comment=ddl.column_comment(entry),
        )
        for entry in table.columns
    )
    return FoundTable(
        table.name,
        columns,
        table.key,
        table.dist_style,
        table.dist_key,
        table.sort_keys,
        is_sorted_by_choice=bool(table.sort_keys),
        comment=table.description,
        rows=3,
    )
