"""The comparison from end to end: lake tables and a truth in, a score out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse import tables
from lakehouse.contract import Registry
from lakehouse.score import defects, differences, files, rows, silver
from lakehouse.score.model import DatasetScore, Score
from lakehouse.score.truth import Truth, duckdb_type
from lakehouse.tables import Table

MEMORY_LIMIT = "1GB"
SHOWN_DIFFERENCES = 20

Read = Callable[[Table, Sequence[str], str | None], pa.Table | pa.RecordBatchReader | None]
"""(table, columns, dataset) → these columns of the table, of one dataset's rows where one is named; None when there is
no such table. Rows that a reader hands over batch by batch are never in memory all at once."""


def compare(truth: Truth, registry: Registry, read: Read) -> Score:
    """Compare what the lake holds of the truth's files with what it should hold. Raises TruthError."""
    with _database() as (database, folder):
        contracts = truth.attach(database, folder / "truth", registry)
        _load(database, "judged_files", read, tables.files, files.LEDGER_COLUMNS, [c.dataset for c in contracts])
        files.build(database)
        rows.prepare(database)
        silver.prepare(database)
        for contract in contracts:
            for table, columns, dataset, work in (
                (tables.history_table(contract), rows.HISTORY_COLUMNS, None, rows.place_history),
                (tables.quarantined_rows, rows.QUARANTINE_COLUMNS, contract.dataset, rows.place_refused),
                (tables.silver_table(contract), silver.columns(contract), None, rows.place_silver),
            ):
                _load(database, "lake_rows", read, table, columns, [dataset])
                work(database, "lake_rows")
            silver.compare(database, contract, "lake_rows")
        database.execute("DROP TABLE IF EXISTS lake_rows")
        rows.judge(database)
        defects.judge(database)
        of_files, of_rows = files.score(database, contracts), rows.score(database, contracts)
        shown, count = differences.first(database, contracts, SHOWN_DIFFERENCES)
        return Score(
            tuple(
                DatasetScore(c.dataset, of_files[c.dataset], of_rows[c.dataset], silver.score(database, c))
                for c in contracts
            ),
            defects.score(database),
            shown,
            count,
        )


@contextmanager
def _database() -> Iterator[tuple[Any, Path]]:
    """A DuckDB database on disk and the folder it is in; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-score-") as name:
        settings: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "preserve_insertion_order": False}
        with duckdb.connect(f"{name}/score.duckdb", config=settings | {"temp_directory": f"{name}/spill"}) as database:
            yield database, Path(name)


def _load(
    database: Any, name: str, read: Read, table: Table, columns: Sequence[str], datasets: Sequence[str | None]
) -> None:
    """Make a lake table, or the rows of some datasets of it, a table of the database; empty when the lake lacks it."""
    types = dict(table.columns)
    shape = ", ".join(f'"{column}" {duckdb_type(types[column])}' for column in columns)
    database.execute(f"CREATE OR REPLACE TABLE {name} ({shape})")
    is_empty = True
    for dataset in datasets:
        incoming = read(table, columns, dataset)
        if incoming is None:
            continue
        database.register("incoming", incoming)
        # The lake's own types, not those it should have: a cast could round away a difference.
        make = f"CREATE OR REPLACE TABLE {name} AS" if is_empty else f"INSERT INTO {name} BY NAME"
        database.execute(f"{make} SELECT * FROM incoming")
        database.unregister("incoming")
        is_empty = False
