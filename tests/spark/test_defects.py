"""Every spoilt cell that the generator makes, read by the lake as the contract says: one Spark job for each dataset."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from datagen.text import spell
from lakehouse.contract import load_registry
from tests.support.spoilt_cells import DATASETS, spoilt_cells
from tests.support.typed import typed_rows


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_lake_reads_spoilt_cells_as_the_generator_says(spark: SparkSession, dataset: str) -> None:
    contract = load_registry().sources[dataset]
    cases = spoilt_cells(contract)
    rows = typed_rows(spark, contract, [{**row, column: cell.delivered} for _, column, row, cell in cases])
    wrong = []
    for (defect, column, _, cell), typed in zip(cases, rows, strict=True):
        rules = tuple(violation["rule"] for violation in typed["_violations"])
        value = None if rules else spell(typed[column])
        if sorted(rules) != sorted(cell.violations) or (not rules and value != cell.value):
            wrong.append(
                f"{defect} {column} {cell.delivered!r}: {cell.violations or cell.value!r}, not {rules or value!r}"
            )
    assert wrong == []
