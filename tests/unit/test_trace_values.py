"""Keys as users type them, the refused rows that name them, and what became of a row's cells."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import typer

from lakehouse.cli.trace_values import changes, key_parts, names, on_columns, on_raw
from lakehouse.contract import load_registry

SOURCES = load_registry().sources


def key(dataset: str, *texts: str) -> list[str | None]:
    return [part.value for part in key_parts(SOURCES[dataset], texts)]


@pytest.mark.parametrize(
    ("dataset", "texts", "values"),
    [
        ("storefront.users", ["u-1"], ["u-1"]),
        ("storefront.users", [" user:u-1 "], ["u-1"]),
        ("storefront.users", [" N/A "], [None]),
        ("retail.orders", ["17"], ["17"]),
        ("retail.orders", ["+017"], ["17"]),
        ("retail.order_items", ["17", "-3"], ["17", "-3"]),
        ("storefront.exchange_rates", ["2026-01-05"], ["2026-01-05"]),
        ("storefront.exchange_rates", ["20260105", "euro"], ["2026-01-05", "EUR"]),
        ("storefront.exchange_rates", ["05.01.2026"], ["2026-01-05"]),
        ("retail.orders", ["1.7e1"], ["17"]),
        (
            "online_retail.invoice_lines",
            ["536365", "85123A", "", "6", "2010-12-01T08:26", "2.5", "17850"],
            ["536365", "85123A", None, "6", "2010-12-01 08:26:00", "2.500", "17850"],
        ),
    ],
)
def test_a_key_is_read_as_its_columns_are_typed(dataset: str, texts: list[str], values: list[str | None]) -> None:
    assert key(dataset, *texts) == values


@pytest.mark.parametrize(
    ("dataset", "texts", "complaint"),
    [
        ("retail.orders", ["abc"], '"abc" is no bigint, as order_id is'),
        ("retail.orders", ["17.5"], "is no bigint"),
        ("retail.orders", [str(2**63)], "is no bigint"),
        ("retail.order_items", ["17", "40000"], "is no smallint, as line_number is"),
        ("storefront.exchange_rates", ["05.01.26"], "is no date"),
        ("storefront.users", ["u-1", "u-2"], "2 parts; the key of storefront.users is user_id"),
        ("online_retail.invoice_lines", ["1", "a", "b", "6", "2010-12-01", "2.0005"], "is no decimal(18,3)"),
        ("online_retail.invoice_lines", ["1", "a", "b", "6", "2010-12-01", "nan"], "is no decimal(18,3)"),
        ("online_retail.invoice_lines", ["1", "a", "b", "6", "1.12.2010"], "is no timestamp"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_its_type(dataset: str, texts: list[str], complaint: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(complaint)):
        key(dataset, *texts)


def test_a_key_reaches_sql_as_parameters_cast_to_their_types() -> None:
    parts = key_parts(SOURCES["online_retail.invoice_lines"], ["5'6", "a", "", "6"])
    condition = on_columns(parts)
    assert condition.sql == (
        "(invoice_no = :key0) AND (stock_code = :key1) AND (description IS NULL) "
        "AND (quantity = CAST(:key3 AS INTEGER))"
    )
    assert condition.parameters == {"key0": "5'6", "key1": "a", "key3": "6"}


@pytest.mark.parametrize(
    ("dataset", "texts", "raw", "is_named"),
    [
        ("storefront.users", ["u-1"], {"user_id": "u-1"}, True),
        ("storefront.users", ["u-1"], {"user_id": "\ufeff User:u-1\u00a0"}, True),
        ("storefront.users", ["u-1"], {"user_id": "u-11"}, False),
        ("storefront.users", ["u-1"], {"user_id": "u-2", "full_name": "u-1"}, False),
        ("storefront.users", ["u-1"], {"full_name": "u-1"}, False),
        ("storefront.users", ['"q\\'], {"user_id": '"q\\'}, True),
        ("storefront.users", [""], {"user_id": "n/a"}, True),
        ("storefront.users", [""], {}, True),
        ("storefront.users", [""], {"user_id": "u-1"}, False),
        ("retail.orders", ["1700"], {"order_id": "1,700.0"}, True),
        ("retail.orders", ["17"], {"order_id": "1,700"}, False),
        ("retail.orders", ["17"], {"order_id": "abc17"}, False),
        ("storefront.exchange_rates", ["2026-01-05", "GBP"], {"rate_date": "05.01.2026", "currency": "£"}, True),
        ("storefront.exchange_rates", ["2026-01-05", "GBP"], {"rate_date": "2026-01-05", "currency": "gbp"}, True),
        ("storefront.exchange_rates", ["2026-01-05", "GBP"], {"rate_date": "06.01.2026", "currency": "£"}, False),
        ("storefront.exchange_rates", ["2026-01-05", "GBP"], {"rate_date": "2026-W02-1", "currency": "£"}, True),
        ("storefront.exchange_rates", ["2026-01-05", "GBP"], {"rate_date": "2026005", "currency": "£"}, True),
        ("storefront.users", ["u-1"], "u-1,too,few", True),
        ("storefront.users", ["u-1"], '{"user_id": "u-1", ', True),
        ("storefront.users", ["u-1"], "u-11,u-1-1,xu-1", False),
        ("storefront.users", [""], ",too,few", False),
    ],
)
def test_a_refused_row_is_known_by_the_key_in_it(dataset: str, texts: list[str], raw: Any, is_named: bool) -> None:
    parts = key_parts(SOURCES[dataset], texts)
    is_readable = isinstance(raw, dict)
    text = json.dumps(raw, ensure_ascii=False, separators=(",", ":")) if is_readable else raw
    assert names(text, is_readable, parts) == is_named
    # What Redshift is asked for first must let it through: one spelling of every part.
    wanted = on_raw(parts)
    ways = [
        [value for name, value in wanted.parameters.items() if name.startswith(f"raw{index}_")]
        for index in range(len(parts))
    ]
    passes = all(any(value in text.lower() for value in values) for values in ways if values)
    assert passes or not is_named


def came(dataset: str, cells: dict[str, str], row: dict[str, Any]) -> list[tuple[str, str, Any, str]]:
    found = changes(SOURCES[dataset], cells, row)
    return [(change.source, change.came, change.value, change.how) for change in found]


@pytest.mark.parametrize(
    ("column", "source", "cell", "value", "how"),
    [
        ("user_id", None, "uid-u-1", "u-1", "prefix dropped"),
        ("user_id", None, " user:u-1", "u-1", "blanks dropped, prefix dropped"),
        ("product_name", None, "Caf&eacute;", "Café", "repaired: html_entities"),
        ("product_name", None, " N/A ", None, "blanks dropped, spells null"),
        ("category", None, "  ", None, "blanks dropped"),
        ("quantity", None, "two", 2, "repaired: number_words"),
        ("quantity", None, "+2", 2, "read as integer"),
        ("unit_price", None, "1,234.5", "1234.50", "read as decimal(12,2)"),
        ("unit_price", None, "12,50 €", "12.50", "repaired: currency_sign, repaired: decimal_comma"),
        ("amount", "amount__amount_cents", "1250", "12.50", "times 0.01"),
        ("currency", None, "€", "EUR", "synonym"),
        ("status", None, "PAID", "completed", "synonym"),
        ("occurred_at", None, "1767452400000", "2026-01-03 15:00:00", "read as timestamp"),
    ],
)
def test_what_was_done_to_a_cell_is_said(column: str, source: str | None, cell: str, value: Any, how: str) -> None:
    found = came("storefront.transactions", {source or column: cell}, {column: value})
    assert found == [(source or column, cell, value, how)]


def test_a_cell_that_is_in_silver_as_it_came_is_no_change() -> None:
    cells = {"user_id": "u-1", "country": "FR", "is_marketing_opt_in": "true", "full_name": ""}
    assert came("storefront.users", cells, {"user_id": "u-1", "country": "FR", "is_marketing_opt_in": True}) == []


def test_a_column_that_the_table_has_not_got_yet_is_no_change() -> None:
    assert came("storefront.users", {"user_id": "u-1", "country": "France"}, {"user_id": "u-1"}) == []
