"""Queries that return rows only when the warehouse is wrong, from contracts: pure functions, one statement per check.

Redshift enforces no key and no reference; that a load keeps them is for these to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lakehouse import ddl
from lakehouse.contract import PRIVATE, Column, GoldContract, Registry

_VALIDITY = ("valid_from", "valid_to")


@dataclass(frozen=True)
class Check:
    """A SELECT without a semicolon that returns the rows for which `title` is true."""

    title: str
    sql: str


def files(registry: Registry) -> Mapping[str, str]:
    """File name below `sql/checks/` -> its text: one file for each domain that has gold tables."""
    domains = [domain for domain in registry.domains if registry.gold_of(domain)]
    return {f"{domain}.sql": "\n\n".join(_script(registry, domain)) + "\n" for domain in domains}


def of_domain(registry: Registry, domain: str) -> tuple[Check, ...]:
    """Every check of a domain: of each table by itself, then of what holds between tables and between rows."""
    tables = [table for table in ddl.tables(registry) if table.schema in (domain, f"{PRIVATE}{domain}")]
    contracts = registry.gold_of(domain)
    return (
        *(check for table in tables for check in _of_table(table)),
        *(check for contract in contracts for check in _of_star(contract, contracts)),
    )


def _script(registry: Registry, domain: str) -> Iterator[str]:
    yield ddl.HEADER
    yield f"-- What must not be in the tables of {domain}: each query returns what is wrong, else no row."
    yield from (f"-- {check.title}\n{check.sql};" for check in of_domain(registry, domain))


def _of_table(table: ddl.Table) -> Iterator[Check]:
    yield _duplicates(table)
    if any(column.required for column in table.columns):
        yield _nulls(table)


def _of_star(contract: GoldContract, tables: tuple[GoldContract, ...]) -> Iterator[Check]:
    if contract.table_type == "fact":
        for dimension in tables:
            if dimension.table_type == "dimension" and len(dimension.key) == 1:
                key = dimension.column(dimension.key[0])
                yield from (
                    _orphans(contract, column.name, dimension, key.name)
                    for column in contract.columns
                    if _refers(column, key)
                )
    if contract.table_type == "dimension" and set(_VALIDITY) <= set(contract.column_names):
        yield _intervals(contract)


def _refers(column: Column, key: Column) -> bool:
    """Does a fact's column hold a dimension's key? By its name, or, of a date, by being computed from what the days of
    the calendar are computed from."""
    if column.type.kind == key.type.kind == "date":
        return bool(column.sources) and set(column.sources) <= set(key.sources)
    return column.name == key.name


def _duplicates(table: ddl.Table) -> Check:
    key = ",\n    ".join(table.key)
    return Check(
        f"Keys of {table.name} that more than one row has",
        f"SELECT\n    {key},\n    COUNT(*) AS rows_found\nFROM {table.name}\nGROUP BY\n    {key}\nHAVING COUNT(*) > 1",
    )


def _nulls(table: ddl.Table) -> Check:
    """Redshift enforces NOT NULL, except of a column that was added to a table with rows."""
    names = [column.name for column in table.columns if column.required]
    shown = ",\n    ".join(dict.fromkeys((*table.key, *names)))
    condition = "\n    OR ".join(f"{name} IS NULL" for name in names)
    return Check(
        f"Rows of {table.name} without a value that is required",
        f"SELECT\n    {shown}\nFROM {table.name}\nWHERE\n    {condition}",
    )


def _orphans(fact: GoldContract, column: str, dimension: GoldContract, key: str) -> Check:
    own = f"{fact.name}.{column}"
    return Check(
        f"Values of {fact.dataset}.{column} without a row in {dimension.dataset}",
        f"SELECT\n    {own},\n    COUNT(*) AS rows_found\nFROM {fact.dataset}\n"
        f"LEFT JOIN {dimension.dataset} ON {own} = {dimension.name}.{key}\n"
        f"WHERE\n    {own} IS NOT NULL\n    AND {dimension.name}.{key} IS NULL\nGROUP BY {own}",
    )


def _intervals(contract: GoldContract) -> Check:
    """One object is told by the columns that its rows are recomputed by; its rows follow each other without a gap."""
    of = ", ".join(contract.recompute_by)
    shown = ",\n    ".join((*contract.recompute_by, *_VALIDITY, "next_from"))
    wrong = ["valid_from >= valid_to", "valid_to <> next_from"]
    inner = [*contract.recompute_by, *_VALIDITY]
    if "is_current" in contract.column_names:
        inner.append("is_current")
        wrong += ["(is_current AND next_from IS NOT NULL)", "(NOT is_current AND next_from IS NULL)"]
    columns = ",\n        ".join(inner)
    return Check(
        f"Times of {contract.dataset} that overlap or leave a gap, or whose last row is not the current one",
        f"WITH intervals AS (\n    SELECT\n        {columns},\n"
        f"        LEAD(valid_from) OVER (PARTITION BY {of} ORDER BY valid_from) AS next_from\n"
        f"    FROM {contract.dataset}\n)\n\nSELECT\n    {shown}\nFROM intervals\nWHERE\n    " + "\n    OR ".join(wrong),
    )
