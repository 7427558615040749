"""Names and shapes of every lake table, in one place. Knows contracts; knows no Spark.

Grain and columns (name, Spark type) of the tables that are not a contract's own:

    ops.batches               one row per batch
    ops.files                 one row per file version ever judged, kept for ever
    ops.row_accounts          one row per accepted file: where its rows are
    ops.warnings              one row per file, rule that warns and batch that kept rows which break it
    ops.drift                 one row per file and column that the contract did not declare when the file was read
    quarantine.rows           one row per refused row
    silver_<domain>.<dataset>           the winner of every key
    silver_<domain>.<dataset>_history   every valid row that is not the winner, with its fate
    silver_<domain>.<dataset>_changes   per batch: rows that left silver (old), rows that entered (new), and versions
                                        that changed without being current before or after (version)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lakehouse import bronze
from lakehouse.contract import GoldContract, Registry, SourceContract

CATALOG = "lake"
OLD, NEW, VERSION = "old", "new", "version"
WAREHOUSE = "warehouse/"  # below it lies every table of the lake's bucket
MAX_SHOWN_CHARACTERS = 16384
"""As much of a text in the lake as Redshift reads."""
Shape = tuple[tuple[str, str], ...]

FILES: Shape = (
    ("file_id", "string"),
    ("dataset", "string"),
    ("key", "string"),
    ("etag", "string"),
    ("content_hash", "string"),
    ("bytes", "bigint"),
    ("verdict", "string"),
    ("reason", "string"),
    ("detail", "string"),
    ("rows_parsed", "bigint"),
    ("batch_id", "bigint"),
    ("arrived_at", "timestamp_ntz"),
    ("ingested_at", "timestamp_ntz"),
    # Why it was replayed or discarded.
    ("resolution", "string"),
)
BATCHES: Shape = (
    ("batch_id", "bigint"),
    ("kind", "string"),
    ("planned_at", "timestamp_ntz"),
    ("files", "bigint"),
    ("bytes", "bigint"),
    ("rows_parsed", "bigint"),
    # How often the batch was narrowed when its files got these verdicts.
    ("narrowed", "bigint"),
)
ROW_ACCOUNTS: Shape = (
    ("file_id", "string"),
    ("dataset", "string"),
    ("parsed", "bigint"),
    ("silver", "bigint"),
    ("quarantined", "bigint"),
    ("duplicate", "bigint"),
    ("superseded", "bigint"),
)
WARNINGS: Shape = (
    ("file_id", "string"),
    ("dataset", "string"),
    ("rule", "string"),
    ("rows", "bigint"),
    ("batch_id", "bigint"),
)
# `column_name` is the spelling as it came, `row_count` how many rows hold a value; `added_as` is the column that the
# dataset has got for it, null where the values stay in `_rescued` or the file was refused.
DRIFT: Shape = (
    ("dataset", "string"),
    ("column_name", "string"),
    ("file_id", "string"),
    ("row_count", "bigint"),
    ("added_as", "string"),
    ("batch_id", "bigint"),
)
QUARANTINED_ROWS: Shape = (
    ("quarantine_id", "string"),
    ("dataset", "string"),
    ("file_id", "string"),
    ("row_number", "bigint"),
    ("raw", "string"),
    ("violations", "string"),
    ("status", "string"),
    ("batch_id", "bigint"),
    ("quarantined_at", "timestamp_ntz"),
    # Why it is replayed or discarded, and by which batch.
    ("resolution", "string"),
    ("resolved_by", "bigint"),
)
# What silver knows about a row besides the contract's columns: hashes of its key and of its typed content, and where
# it came from.
SILVER_LINEAGE: Shape = (
    ("_key", "string"),
    ("_content", "string"),
    ("_rescued", "string"),
    ("_file_id", "string"),
    ("_row", "bigint"),
    ("_batch_id", "bigint"),
)


@dataclass(frozen=True)
class Table:
    """An Iceberg table: `database.name` in the Glue catalog, its columns and its partition transforms.

    A table that `is_merged_on_read` keeps its files when a few of their rows change, and notes which rows they are:
    cheap to change, dearer to read until it is compacted.
    Of one with a `batch_column`, which names each row's batch, a batch replaces its own rows.
    """

    database: str
    name: str
    columns: Shape
    partition_by: tuple[str, ...] = ()
    is_merged_on_read: bool = False
    batch_column: str | None = None

    @property
    def identifier(self) -> str:
        """The name in Spark SQL."""
        return f"{CATALOG}.{self.database}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


files = Table("ops", "files", FILES, batch_column="batch_id")
batches = Table("ops", "batches", BATCHES, batch_column="batch_id")
row_accounts = Table("ops", "row_accounts", ROW_ACCOUNTS)
warnings = Table("ops", "warnings", WARNINGS, batch_column="batch_id")
# Partitioned so that one dataset's refused rows of a batch can be replaced without touching another's files.
quarantined_rows = Table("quarantine", "rows", QUARANTINED_ROWS, ("dataset",), batch_column="batch_id")
drift = Table("ops", "drift", DRIFT, batch_column="batch_id")
LEDGER = (files, batches, row_accounts, warnings, quarantined_rows, drift)


def bronze_table(contract: SourceContract) -> Table:
    return Table(f"bronze_{contract.domain}", contract.name, bronze.columns(contract), batch_column="_batch_id")


def silver_table(contract: SourceContract) -> Table:
    return _keyed("silver", contract, _silver(contract))


def history_table(contract: SourceContract) -> Table:
    return Table(f"silver_{contract.domain}", f"{contract.name}_history", (*_silver(contract), ("_fate", "string")))


def changes_table(contract: SourceContract) -> Table:
    columns = (*_silver(contract), ("_change", "string"), ("_changed_by", "bigint"))
    return Table(f"silver_{contract.domain}", f"{contract.name}_changes", columns)


def gold_table(contract: GoldContract) -> Table:
    return _keyed("gold", contract, typed_columns(contract))


def typed_columns(contract: SourceContract | GoldContract) -> Shape:
    """(name, Spark type) of a contract's own columns."""
    return tuple((column.name, column.type.spark) for column in contract.columns)


def of_source(contract: SourceContract) -> Iterable[Table]:
    """Every table that one source fills."""
    return (bronze_table(contract), silver_table(contract), history_table(contract), changes_table(contract))


def of_batch(contract: SourceContract, registry: Registry) -> Iterable[Table]:
    """Every table that refining one source reads or fills: silver of the sources that it refers to too."""
    parents = (silver_table(registry.sources[reference.dataset]) for _, reference in contract.references)
    return (*of_source(contract), *parents)


def _keyed(layer: str, contract: SourceContract | GoldContract, columns: Shape) -> Table:
    """The table of a contract into which batches merge by its key: merged on read where the contract partitions it."""
    partitions = contract.partition_by
    database = f"{layer}_{contract.domain}"
    return Table(database, contract.name, columns, partitions, is_merged_on_read=bool(partitions))


def _silver(contract: SourceContract) -> Shape:
    derived = ((derived.column.name, derived.column.type.spark) for derived in contract.derived)
    return (*typed_columns(contract), *derived, *SILVER_LINEAGE)
