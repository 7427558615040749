"""Typed rows as Spark sees them: values of every type, reasons, and the row as it came."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import silver
from lakehouse.bronze import UNREADABLE
from lakehouse.cells import RowReader
from lakehouse.contract import SourceContract, load_registry
from tests.support.bronze_rows import ARRIVED_AT, TRANSACTION
from tests.support.hostile_cells import short_cells
from tests.support.typed import bronze, typed_rows

SOURCES = load_registry().sources
# One of them is of each type of a column, and no text is like another.
SPELLED = {"date": "2026-03-01", "timestamp": "2026-03-01T10:00:00.25Z", "decimal": "1.5", "boolean": "yes"}


@pytest.mark.parametrize("contract", SOURCES.values(), ids=SOURCES)
def test_spark_takes_the_values_and_reasons_of_every_column(spark: SparkSession, contract: SourceContract) -> None:
    numbers = dict.fromkeys(("smallint", "integer", "bigint", "double"), "7")
    spelled = {**SPELLED, **numbers}
    good = {c.name: c.values[0] if c.values else spelled.get(c.type.kind, "FR") for c in contract.columns}
    rows: list[dict[str, str | None]] = [{**good}, dict.fromkeys(good), dict.fromkeys(good, "\x01 #?")]
    read = RowReader(contract)
    for row, typed in zip(rows, typed_rows(spark, contract, rows), strict=True):
        expected = read(row, ARRIVED_AT)
        assert {name: typed[name] for name in expected} == {name: found.value for name, found in expected.items()}
        told = [found["rule"] for found in typed["_violations"] if found["rule"].startswith(tuple(good))]
        refused = [rule for found in expected.values() for rule in found.refused]
        assert told[: len(refused)] == refused


def test_a_row_is_kept_as_spark_writes_json(spark: SparkSession) -> None:
    """Of a contract whose rows may be refused for more than their cells."""
    contract, chance = SOURCES["retail.order_items"], random.Random(9)
    texts = [*short_cells(contract.column("order_id"), chance, 400), '"\\', "\\u001f", *map(chr, range(1, 0x20)), ""]
    names = [*contract.text_columns, "_rescued"]
    rows = [{name: chance.choice((None, *texts)) for name in names} for _ in range(200)]
    cells = bronze(spark, contract, [*rows, {}, *({"_rescued": text} for text in texts)])
    kept = silver.typed(cells, contract).select("_row", "_raw")
    expected = cells.select("_row", F.to_json(F.struct(*names)).alias("json"))
    found = kept.join(expected, "_row").collect()
    assert len(found) == cells.count()
    assert [row for row in found if row["_raw"] != row["json"]] == []


def test_what_came_in_another_unit_is_read_in_the_columns_own(spark: SparkSession) -> None:
    """Exactly, with the rules of the column, and with what came as it came."""
    cells = ["1999", "-5", "1999.5", "12x", "1,999", None]
    rows = [{**TRANSACTION, "amount": None, "amount__amount_cents": cell} for cell in cells]
    found = [
        (row["amount"], [(v["rule"], v["value"]) for v in row["_violations"]])
        for row in typed_rows(spark, SOURCES["storefront.transactions"], rows)
    ]
    assert found == [
        (Decimal("19.99"), []),
        (Decimal("-0.05"), [("amount_below_minimum", "-5")]),
        (None, [("amount_too_precise", "1999.5")]),
        (None, [("amount_malformed", "12x")]),
        (Decimal("19.99"), []),
        (None, [("amount_missing", None)]),
    ]


def test_row_keeps_all_its_reasons_and_its_raw_form(spark: SparkSession) -> None:
    row = {**TRANSACTION, "amount": "ten", "currency": None, "_rescued": '{"coupon": "X"}'}
    typed = typed_rows(spark, SOURCES["storefront.transactions"], [row])[0]
    assert [violation["rule"] for violation in typed["_violations"]] == ["amount_malformed", "currency_missing"]
    assert json.loads(typed["_raw"])["amount"] == "ten"
    assert json.loads(typed["_raw"])["_rescued"] == '{"coupon": "X"}'


def test_unreadable_row_has_one_reason_and_its_text(spark: SparkSession) -> None:
    row = {UNREADABLE: "wrong_field_count", "_rescued": '["t-1", "u-1"]'}
    typed = typed_rows(spark, SOURCES["storefront.transactions"], [row])[0]
    assert [violation["rule"] for violation in typed["_violations"]] == ["wrong_field_count"]
    assert typed["_raw"] == '["t-1", "u-1"]'
