"""Cells that mean harm, through silver's typing by every contract: what the contract says, and nothing else happens."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import silver, tables
from lakehouse.bronze import utc_instant
from lakehouse.cells import MAX_SHOWN
from lakehouse.contract import SourceContract, load_registry
from tests.support.contract_oracle import read_cell
from tests.support.hostile_cells import long_cells, short_cells

SOURCES = load_registry().sources
_TYPES = {"string": pa.string(), "bigint": pa.int64(), "timestamp_ntz": pa.timestamp("us")}


def _cases(contract: SourceContract) -> list[tuple[str, str]]:
    """(column, cell): short ones for each column, long ones where something is repaired or has a shape."""
    chance, long = random.Random(contract.dataset), long_cells()
    found = []
    for column in contract.columns:
        if column.substitute is None:
            found += [(column.name, cell) for cell in short_cells(column, chance, 40)]
        if column.repairs or column.pattern:
            found += [(column.name, cell) for cell in chance.sample(long, 3)]
            found.append((column.name, "Ã©" + 3_000 * "a"))
    return found


def _bronze(path: Path, contract: SourceContract, cases: list[tuple[str, str]]) -> str:
    at = utc_instant("2026-03-02T00:00:00+00:00")
    lineage = {"_batch_id": 1, "_file_id": "f", "_ingested_at": at, "_arrived_at": at}
    columns = {
        name: pa.array(
            [row if name == "_row" else lineage.get(name, cell if name == column else None)
             for row, (column, cell) in enumerate(cases)],
            _TYPES[kind],
        )
        for name, kind in tables.bronze_table(contract).columns
    }  # fmt: skip
    pq.write_table(pa.table(columns), path, row_group_size=50)
    return str(path)


@pytest.mark.parametrize("dataset", SOURCES)
def test_a_hostile_cell_is_read_as_the_contract_says(spark: SparkSession, tmp_path: Path, dataset: str) -> None:
    contract = SOURCES[dataset]
    cases = _cases(contract)
    bronze = spark.read.parquet(_bronze(tmp_path / "bronze.parquet", contract, cases))
    typed = silver.typed(bronze, contract).select("_row", *contract.column_names, silver.VIOLATIONS)
    # Of a long value its end is enough to know it by.
    rows = typed.withColumns({c.name: F.right(c.name, F.lit(1_000)) for c in contract.columns if c.type.length})
    wrong = []
    for row, (name, cell) in zip(rows.orderBy("_row").collect(), cases, strict=True):
        expected = read_cell(cell, contract.column(name))
        mine = [found for found in row[silver.VIOLATIONS] if found["field"] == name]
        value = expected.value[-1_000:] if isinstance(expected.value, str) else expected.value
        if {found["rule"] for found in mine} != expected.violations or (not mine and row[name] != value):
            wrong.append(
                f"{name} {cell[:40]!r}: {expected}, not {[found['rule'] for found in mine]} {row[name]!r}"[:400]
            )
        assert all(len(found["value"] or "") <= MAX_SHOWN for found in mine)
        assert "\x00" not in str(row[name])
    assert wrong == []


def test_reasons_are_as_short_as_redshift_shows_them(spark: SparkSession, tmp_path: Path) -> None:
    contract = SOURCES["fashion.members"]
    path = tmp_path / "bronze.parquet"
    pq.write_table(
        pq.read_table(_bronze(path, contract, [("gender", "x")])).select(
            [name for name, _ in tables.bronze_table(contract).columns if name not in contract.column_names]
        ),
        path,
    )
    cells = {name: F.lit("\x01" * 5_000) for name in contract.column_names}
    _, bad = silver.split(silver.typed(spark.read.parquet(str(path)).withColumns(cells), contract), contract)
    (row,) = bad.collect()
    assert len(row.violations) <= tables.MAX_SHOWN_CHARACTERS
    assert row.violations.count('"rule"') > 20
    assert len(row.raw) > 25 * 5_000
