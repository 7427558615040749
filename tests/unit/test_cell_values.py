"""Text → typed value, and every rule that refuses one, by the real contracts: each cell in a row that else is sound."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from lakehouse.contract import load_registry
from lakehouse.row_typing import RowTyper
from tests.support.bronze_rows import TRANSACTION, bronze_rows

SOURCES = load_registry().sources
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
    ("storefront.transactions", "amount", "1e3,", "amount_malformed"),
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
    ("storefront.transactions", "amount", "1e3", Decimal("1000.00")),
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


TYPERS = {dataset: RowTyper(SOURCES[dataset]) for dataset in VALID}


@pytest.mark.parametrize(("dataset", "column", "cell", "rule"), REFUSED)
def test_bad_cell_is_refused_by_its_rule_and_no_other(dataset: str, column: str, cell: str | None, rule: str) -> None:
    (row,) = TYPERS[dataset](bronze_rows(SOURCES[dataset], [{**VALID[dataset], column: cell}])).to_pylist()
    assert row["_violations"] == [{"rule": rule, "field": column, "value": cell}]


@pytest.mark.parametrize(("dataset", "column", "cell", "value"), READ)
def test_odd_spelling_is_read_as_what_it_means(dataset: str, column: str, cell: str, value: object) -> None:
    (row,) = TYPERS[dataset](bronze_rows(SOURCES[dataset], [{**VALID[dataset], column: cell}])).to_pylist()
    assert row["_violations"] == []
    assert row[column] == value
