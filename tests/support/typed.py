"""Bronze rows of a few cells each, typed by a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lakehouse import silver, tables
from lakehouse.bronze import utc_instant
from lakehouse.contract import SourceContract


def typed(spark: SparkSession, contract: SourceContract, rows: Sequence[Mapping[str, str | None]]) -> DataFrame:
    """What silver makes of rows that came so, numbered from 0."""
    table = tables.bronze_table(contract)
    at = utc_instant("2026-03-02T00:00:00+00:00")
    lineage = {"_batch_id": 1, "_file_id": "f", "_ingested_at": at, "_arrived_at": at}
    bronze = spark.createDataFrame(
        [tuple({**row, **lineage, "_row": n}.get(name) for name in table.column_names) for n, row in enumerate(rows)],
        ", ".join(f"`{name}` {kind}" for name, kind in table.columns),
    )
    return silver.typed(bronze, contract).orderBy("_row")


def typed_rows(spark: SparkSession, contract: SourceContract, rows: Sequence[Mapping[str, str | None]]) -> list[Any]:
    """The same, collected."""
    return typed(spark, contract, rows).collect()
