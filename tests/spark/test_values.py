"""Text → typed value, and every rule that refuses one, by the real contracts."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse.bronze import UNREADABLE
from lakehouse.contract import load_registry
from tests.support.typed import typed_rows

SOURCES = load_registry().sources
TRANSACTION = {
    "transaction_id": "t-1",
    "user_id": "u-1",
    "product_id": "p-1",
    "quantity": "2",
    "unit_price": "9.50",
    "amount": "19.00",
    "currency": "EUR",
    "status": "completed",
    "occurred_at": "2026-03-01 10:00:00",
}
LINE = {
    "invoice_no": "536365",
    "stock_code": "85123A",
    "quantity": "6",
    "invoiced_at": "2010-12-01 08:26:00",
    "unit_price": "2.55",
    "customer_id": "17850.0",
    "country": "United Kingdom",
}
VALID = {"storefront.transactions": TRANSACTION, "online_retail.invoice_lines": LINE}

REFUSED = [
    ("storefront.transactions", "transaction_id", None, "transaction_id_missing"),
    ("storefront.transactions", "transaction_id", "  ", "transaction_id_missing"),
    ("storefront.transactions", "transaction_id", "N/A", "transaction_id_missing"),
    ("storefront.transactions", "transaction_id", "x" * 41, "transaction_id_too_long"),
    ("storefront.transactions", "product_name", "é" * 101, "product_name_too_long"),
    ("storefront.transactions", "amount", "ten", "amount_malformed"),
    ("storefront.transactions", "amount", "1,5,0", "amount_malformed"),
    ("storefront.transactions", "amount", "1e3", "amount_malformed"),
    ("storefront.transactions", "amount", "Infinity", "amount_malformed"),
    ("storefront.transactions", "amount", "-1", "amount_below_minimum"),
    ("storefront.transactions", "amount", "19.005", "amount_too_precise"),
    ("storefront.transactions", "amount", "9999999999999.00", "amount_out_of_range"),
    ("storefront.transactions", "quantity", "0", "quantity_below_minimum"),
    ("storefront.transactions", "quantity", "2.5", "quantity_malformed"),
    ("storefront.transactions", "quantity", "3000000000", "quantity_out_of_range"),
    ("storefront.transactions", "quantity", "9" * 60, "quantity_out_of_range"),
    ("storefront.transactions", "currency", "Eurodollar", "currency_not_allowed"),
    ("storefront.transactions", "status", "teleported", "status_not_allowed"),
    ("storefront.transactions", "occurred_at", "2026-02-30 10:00:00", "occurred_at_malformed"),
    ("storefront.transactions", "occurred_at", "soon", "occurred_at_malformed"),
    ("storefront.transactions", "occurred_at", "2026", "occurred_at_malformed"),
    ("online_retail.invoice_lines", "customer_id", "", "customer_id_missing"),
    ("online_retail.invoice_lines", "customer_id", "17850.5", "customer_id_malformed"),
    ("online_retail.invoice_lines", "quantity", "-6", "quantity_below_minimum"),
    ("online_retail.invoice_lines", "unit_price", "-0.001", "unit_price_below_minimum"),
    ("online_retail.invoice_lines", "unit_price", "2.5555", "unit_price_too_precise"),
]
READ = [
    ("storefront.transactions", "amount", "1,234.50", Decimal("1234.50")),
    ("storefront.transactions", "amount", "1,5", Decimal("1.50")),
    ("storefront.transactions", "amount", "+7", Decimal("7.00")),
    ("storefront.transactions", "amount", "7.5000", Decimal("7.50")),
    ("storefront.transactions", "amount", "\u00a07.5\t", Decimal("7.50")),
    ("storefront.transactions", "amount", "999999999999.99", Decimal("999999999999.99")),
    ("storefront.transactions", "quantity", "2.0", 2),
    ("storefront.transactions", "currency", " eur ", "EUR"),
    ("storefront.transactions", "status", "COMPLETED", "completed"),
    ("storefront.transactions", "payment_method", "null", None),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00:00+02:00", datetime(2026, 3, 1, 8)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00:00.123456", datetime(2026, 3, 1, 10, 0, 0, 123456)),
    ("storefront.transactions", "occurred_at", "2026-03-01", datetime(2026, 3, 1)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00", datetime(2026, 3, 1, 10)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00Z", datetime(2026, 3, 1, 10)),
    ("storefront.transactions", "occurred_at", "2026-03-01 10:00+02:00", datetime(2026, 3, 1, 8)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00:00z", datetime(2026, 3, 1, 10)),
    ("storefront.transactions", "occurred_at", "2026-03-01T10:00:00+0200", datetime(2026, 3, 1, 8)),
    ("online_retail.invoice_lines", "customer_id", "17850.0", 17850),
    ("online_retail.invoice_lines", "unit_price", "0.001", Decimal("0.001")),
    ("online_retail.invoice_lines", "description", " CREAM CUPID ", "CREAM CUPID"),
    ("storefront.users", "country", "Germany", "DE"),
    ("storefront.users", "country", "gb", "GB"),
    ("storefront.users", "is_marketing_opt_in", "Y", True),
]
VALID["storefront.users"] = {"user_id": "u-1", "signed_up_at": "2026-01-01 00:00:00"}


@pytest.fixture(scope="module")
def outcomes(spark: SparkSession) -> dict[tuple[str, str, str | None], Any]:
    """Every case's typed row, by one Spark job per dataset."""
    cases = {(dataset, column, cell) for dataset, column, cell, _ in [*REFUSED, *READ]}
    found = {}
    for dataset, valid in VALID.items():
        mine = sorted((case for case in cases if case[0] == dataset), key=str)
        rows = typed_rows(spark, SOURCES[dataset], [{**valid, column: cell} for _, column, cell in mine])
        found.update(zip(mine, rows, strict=True))
    return found


@pytest.mark.parametrize(("dataset", "column", "cell", "rule"), REFUSED)
def test_bad_cell_is_refused_by_its_rule_and_no_other(
    outcomes: dict[Any, Any], dataset: str, column: str, cell: str | None, rule: str
) -> None:
    violations = outcomes[dataset, column, cell]["_violations"]
    assert [(found["rule"], found["field"], found["value"]) for found in violations] == [(rule, column, cell)]


@pytest.mark.parametrize(("dataset", "column", "cell", "value"), READ)
def test_odd_spelling_is_read_as_what_it_means(
    outcomes: dict[Any, Any], dataset: str, column: str, cell: str, value: object
) -> None:
    row = outcomes[dataset, column, cell]
    assert row["_violations"] == []
    assert row[column] == value


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
