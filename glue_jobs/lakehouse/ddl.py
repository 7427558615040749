"""Redshift DDL from contracts: pure functions, one statement per string, each safe to run again.

Statements come without a final semicolon and one by one, as the Data API takes them. A table that exists is left as it
is: CREATE TABLE IF NOT EXISTS does not follow a changed contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakehouse.contract import Column, ColumnType, GoldContract, Registry

_HEADER = "-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again."

_LOADS = (
    Column("domain", ColumnType("varchar", length=64), "Business domain whose tables were loaded.", True, 1),
    Column("batch_id", ColumnType("bigint"), "Number of the batch; within a domain only a greater one loads.", True, 2),
    Column("loaded_at", ColumnType("timestamp"), "When the load's transaction ran, in UTC.", True),
    Column("table_count", ColumnType("integer"), "Tables the load touched.", True),
    Column("row_count", ColumnType("bigint"), "Rows the load inserted, over all its tables.", True),
)


def files(registry: Registry) -> Mapping[str, str]:
    """File name below ``sql/ddl/`` -> its SQL text, for every file that belongs there."""
    scripts = {"ops.sql": _ops(), **{f"{domain}.sql": _domain(registry, domain) for domain in registry.domains}}
    return {name: "\n\n".join((_HEADER, *(f"{sql};" for sql in script))) + "\n" for name, script in scripts.items()}


def statements(registry: Registry) -> list[str]:
    """Every statement that prepares an empty warehouse, in an order that runs."""
    return [*_ops(), *(sql for domain in registry.domains for sql in _domain(registry, domain))]


def _ops() -> Iterator[str]:
    yield "CREATE SCHEMA IF NOT EXISTS ops"
    yield from _table("ops.loads", "Loads that were committed.", _LOADS, ("domain", "batch_id"), "DISTSTYLE ALL")
    yield _external_schema("ops")
    yield _external_schema("quarantine")


def _domain(registry: Registry, domain: str) -> Iterator[str]:
    yield f"CREATE SCHEMA IF NOT EXISTS {domain}"
    for contract in registry.gold_of(domain):
        yield from _table(contract.dataset, contract.description, contract.columns, contract.key, _layout(contract))
    for layer in ("silver", "gold"):
        yield _external_schema(f"{layer}_{domain}")


def _table(name: str, description: str, columns: Sequence[Column], key: Sequence[str], layout: str) -> Iterator[str]:
    # The key is not enforced: Redshift only plans with it, and the load keeps it.
    lines = [
        *(f"{column.name} {_type(column)}{' NOT NULL' if column.required else ''}" for column in columns),
        f"PRIMARY KEY ({', '.join(key)})",
    ]
    body = ",\n".join(f"    {line}" for line in lines)
    yield f"CREATE TABLE IF NOT EXISTS {name} (\n{body}\n)\n{layout}"
    yield f"COMMENT ON TABLE {name} IS {_literal(description)}"
    for column in columns:
        unit = f" Unit: {column.unit}." if column.unit else ""
        yield f"COMMENT ON COLUMN {name}.{column.name} IS {_literal(column.description + unit)}"


def _layout(contract: GoldContract) -> str:
    """Where rows live and how they are sorted; without sort keys Redshift chooses (SORTKEY AUTO is its default)."""
    clauses = [f"DISTSTYLE {contract.dist_style.upper()}"]
    if contract.dist_key:
        clauses.append(f"DISTKEY ({contract.dist_key})")
    if contract.sort_keys:
        clauses.append(f"SORTKEY ({', '.join(contract.sort_keys)})")
    return "\n".join(clauses)


def _external_schema(database: str) -> str:
    """The Glue database as Redshift queries it (Spectrum)."""
    return (
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_{database}\n"
        f"FROM DATA CATALOG DATABASE '{database}'\nIAM_ROLE DEFAULT"
    )


def _type(column: Column) -> str:
    return column.type.redshift.replace(",", ", ")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
