"""Redshift DDL from contracts: pure functions, one statement per string.

Statements come without a final semicolon and one by one, as the Data API takes them. Those of an empty warehouse are
safe to run again; CREATE TABLE IF NOT EXISTS does not follow a changed contract, `lakehouse.warehouse_changes` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lakehouse.contract import PRIVATE, Column, ColumnType, GoldContract, Registry, View

HEADER = "-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again."
OPS = "ops"
_HASHED = "Held as a token, its keyed hash:"
"""What the comment of a column of tokens says, and that of no other column."""
LOADS = "ops.loads"
"""The ledger of loads. Whoever loads holds its lock, and so does whoever replaces a table."""


@dataclass(frozen=True)
class Table:
    """A table of the warehouse as it is declared; `name` is `<schema>.<table>`."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    dist_style: str = "auto"
    dist_key: str | None = None
    sort_keys: tuple[str, ...] = ()
    tokens: frozenset[str] = frozenset()
    """Names of the columns that hold tokens of what the lake holds in clear."""

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class ColumnLine:
    """A column in CREATE TABLE: its name, its type in SQL, and whether it is NOT NULL."""

    name: str
    type: str
    required: bool


_LEDGER = Table(
    LOADS,
    "Loads that were committed.",
    (
        Column("domain", ColumnType("varchar", length=64), "Business domain whose tables were loaded.", True, 1),
        Column(
            "batch_id",
            ColumnType("bigint"),
            "Number of the batch; within a domain no smaller one loads later.",
            True,
            2,
        ),
        Column("loaded_at", ColumnType("timestamp"), "When the load's transaction ran, in UTC.", True),
        Column("table_count", ColumnType("integer"), "Tables the load touched.", True),
        Column("row_count", ColumnType("bigint"), "Rows the load inserted, over all its tables.", True),
        Column(
            "gold_committed_at",
            ColumnType("timestamp"),
            "Last commit to one of the gold tables before they were exported, in UTC: the batch is loaded again when "
            "there has been another one.",
        ),
    ),
    ("domain", "batch_id"),
    "all",
)


def files(registry: Registry) -> Mapping[str, str]:
    """File name below ``sql/ddl/`` -> its SQL text, for every file that belongs there."""
    scripts = {f"{schema}.sql": _script(registry, schema) for schema in schemas(registry)}
    return {name: "\n\n".join((HEADER, *(f"{sql};" for sql in script))) + "\n" for name, script in scripts.items()}


def statements(registry: Registry) -> list[str]:
    """Every statement that prepares an empty warehouse, in an order that runs."""
    return [sql for schema in schemas(registry) for sql in _script(registry, schema)]


def schemas(registry: Registry) -> tuple[str, ...]:
    """The schemas that hold tables: that of the ledger, one for each domain, and those of personal data."""
    return (OPS, *registry.domains, *private_schemas(registry))


def private_schemas(registry: Registry) -> tuple[str, ...]:
    """The schemas that hold personal data in clear, one for each domain that has any."""
    return tuple(sorted({f"{PRIVATE}{contract.domain}" for contract in registry.gold.values() if contract.private}))


def tables(registry: Registry) -> tuple[Table, ...]:
    """Every table that the warehouse holds, the ledger first."""
    gold = [contract for domain in registry.domains for contract in registry.gold_of(domain)]
    return (_LEDGER, *map(_of_gold, gold), *(_private(contract) for contract in gold if contract.private))


def external_databases(schema: str) -> tuple[str, ...]:
    """The Glue databases that are queried beside the tables of a schema."""
    if schema.startswith(PRIVATE):
        return ()
    return (OPS, "quarantine") if schema == OPS else (f"silver_{schema}", f"gold_{schema}")


def external_schema(database: str) -> str:
    """Redshift's name of a Glue database."""
    return f"lake_{database}"


def create_schema(schema: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {schema}"


def create_external_schema(database: str) -> str:
    """The Glue database as Redshift queries it (Spectrum)."""
    return (
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {external_schema(database)}\n"
        f"FROM DATA CATALOG DATABASE '{database}'\nIAM_ROLE DEFAULT"
    )


def create_table(
    name: str, lines: Iterable[ColumnLine], key: Sequence[str], layout: str, *, if_not_exists: bool = True
) -> str:
    """CREATE TABLE. The key is not enforced: Redshift only plans with it, and the load keeps it."""
    parts = [
        *(f"{line.name} {line.type}{' NOT NULL' if line.required else ''}" for line in lines),
        *([f"PRIMARY KEY ({', '.join(key)})"] if key else []),
    ]
    body = ",\n".join(f"    {part}" for part in parts)
    return f"CREATE TABLE {'IF NOT EXISTS ' if if_not_exists else ''}{name} (\n{body}\n)\n{layout}"


def lines(table: Table) -> tuple[ColumnLine, ...]:
    """The columns of a declared table, for `create_table`."""
    return tuple(ColumnLine(column.name, type_sql(column.type), column.required) for column in table.columns)


def layout(table: Table) -> str:
    """Where rows live and how they are sorted; without sort keys Redshift chooses (SORTKEY AUTO is its default)."""
    clauses = [f"DISTSTYLE {table.dist_style.upper()}"]
    if table.dist_key:
        clauses.append(f"DISTKEY ({table.dist_key})")
    if table.sort_keys:
        clauses.append(f"SORTKEY ({', '.join(table.sort_keys)})")
    return "\n".join(clauses)


def create_view(view: View) -> str:
    """Bound by name only: a table that is replaced keeps its views."""
    return f"CREATE OR REPLACE VIEW {view.dataset} AS\n{view.select}\nWITH NO SCHEMA BINDING"


def view_comment(view: View) -> str:
    """What Redshift is told of a view, and by what it is known again."""
    return f"{view.description} [{view.fingerprint}]"


def comment_on_view(view: View) -> str:
    return f"COMMENT ON VIEW {view.dataset} IS {_literal(view_comment(view))}"


def column_comment(column: Column) -> str:
    """What Redshift is told of a column."""
    return column.description + (f" Unit: {column.unit}." if column.unit else "")


def is_token_comment(comment: str) -> bool:
    """Whether a column of that comment was made for tokens."""
    return _HASHED in comment


def comment_on_table(name: str, text: str) -> str:
    return f"COMMENT ON TABLE {name} IS {_literal(text)}"


def comment_on_column(name: str, column: str, text: str) -> str:
    return f"COMMENT ON COLUMN {name}.{column} IS {_literal(text)}"


def comments(table: Table) -> list[str]:
    """Every comment on a table and its columns."""
    return [
        comment_on_table(table.name, table.description),
        *(comment_on_column(table.name, column.name, column_comment(column)) for column in table.columns),
    ]


def type_sql(kind: ColumnType) -> str:
    """A type as DDL is written here: `DECIMAL(18, 3)`."""
    return kind.redshift.replace(",", ", ")


def _script(registry: Registry, schema: str) -> Iterator[str]:
    yield create_schema(schema)
    for table in tables(registry):
        if table.schema == schema:
            yield create_table(table.name, lines(table), table.key, layout(table))
            yield from comments(table)
    for view in registry.views_of(schema):
        yield create_view(view)
        yield comment_on_view(view)
    for database in external_databases(schema):
        yield create_external_schema(database)


def _of_gold(contract: GoldContract) -> Table:
    said = f"{_HASHED} {contract.private_dataset} has the clear value."
    return Table(
        contract.dataset,
        contract.description,
        tuple(
            replace(column, description=f"{column.description} {said}") if column.is_personal else column
            for column in contract.served
        ),
        contract.key,
        contract.dist_style,
        contract.dist_key,
        contract.sort_keys,
        frozenset(contract.personal),
    )


def _private(contract: GoldContract) -> Table:
    """Distributed as the table that it is joined to, where that is possible."""
    names = {column.name for column in contract.private}
    is_possible = contract.dist_key is None or contract.dist_key in names
    return Table(
        contract.private_dataset,
        f"Personal data of {contract.dataset} in clear: the rows that have any.",
        contract.private,
        contract.key,
        contract.dist_style if is_possible else "auto",
        contract.dist_key if is_possible else None,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
