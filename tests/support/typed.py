"""Bronze rows of a few cells each, typed by a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lakehouse import silver, tables
from lakehouse.contract import SourceContract
from tests.support.bronze_rows import bronze_rows


def bronze(spark: SparkSession, contract: SourceContract, rows: Sequence[Mapping[str, str | None]]) -> DataFrame:
    """Rows that came so, numbered from 0."""
    names = ", ".join(f"`{name}` {kind}" for name, kind in tables.bronze_table(contract).columns)
    return spark.createDataFrame([tuple(row.values()) for row in bronze_rows(contract, rows).to_pylist()], names)


def typed(spark: SparkSession, contract: SourceContract, rows: Sequence[Mapping[str, str | None]]) -> DataFrame:
    """What silver makes of rows that came so."""
    return silver.typed(bronze(spark, contract, rows), contract).orderBy("_row")


def typed_rows(spark: SparkSession, contract: SourceContract, rows: Sequence[Mapping[str, str | None]]) -> list[Any]:
    """The same, collected."""
    return typed(spark, contract, rows).collect()
