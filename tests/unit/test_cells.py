"""A cell → its value and the rules it breaks: by the reference, by many at once, and by an independent judge."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from datagen.text import spell
from lakehouse import intake
from lakehouse.cells import CellReader, Reading, RowReader, shown
from lakehouse.column_typing import ColumnTyper
from lakehouse.contract import Column, ColumnType, SourceContract, load_registry
from lakehouse.row_typing import RowTyper
from tests.support.bronze_rows import ARRIVED_AT, bronze_rows
from tests.support.contract_oracle import read_cell
from tests.support.hostile_cells import instant_cells, long_cells, mutated, number_cells, short_cells
from tests.support.spoilt_cells import DATASETS, spoilt_cells

SOURCES = load_registry().sources
COLUMNS = [(dataset, column) for dataset, contract in SOURCES.items() for column in contract.columns]
NAMES = [f"{dataset}.{column.name}" for dataset, column in COLUMNS]
TRANSACTIONS = SOURCES["storefront.transactions"]
PLAIN = [
    *("4711", "12.50", "-3", "0", "2026-03-01", "2026-03-01T10:00:00Z", "2026-12-31 23:59:59.25", "u-123456789"),
    *("a plain text", "true", "EUR", "mobile", "completed", "FR", "a@example.org", "32767", "9999.9", "0.0001"),
]
# (column of transactions, cell, what it is)
READ: list[tuple[str, str, Any]] = [
    ("amount", "1.2345E3", Decimal("1234.50")),
    ("amount", "12345e-1", Decimal("1234.50")),
    ("amount", "+1e+2", Decimal("100.00")),
    ("amount", "0e999999999", Decimal("0.00")),
    ("amount", "-0.00", Decimal("0.00")),
    ("amount", "1.0e-0000000002", Decimal("0.01")),
    ("quantity", "2e0", 2),
    ("quantity", "20E-1", 2),
    ("quantity", "1,200", 1200),
    ("occurred_at", "2026-03-01 09:30:00+00", datetime(2026, 3, 1, 9, 30)),
    ("occurred_at", "2026-03-01 10:30:00.25+01", datetime(2026, 3, 1, 9, 30, 0, 250_000)),
    ("occurred_at", "2026-03-01T09:30:00,5-0500", datetime(2026, 3, 1, 14, 30, 0, 500_000)),
    ("occurred_at", "2026-03-01T09:30:00.123456789Z", datetime(2026, 3, 1, 9, 30, 0, 123_456)),
    ("occurred_at", "20260301T093000Z", datetime(2026, 3, 1, 9, 30)),
    ("occurred_at", "20260301T093000,25+0530", datetime(2026, 3, 1, 4, 0, 0, 250_000)),
    ("occurred_at", "2026-03-01T09", datetime(2026, 3, 1, 9)),
    ("occurred_at", "2026-03-01T24:00", datetime(2026, 3, 2)),
    ("occurred_at", "2026-W09-7T09:30Z", datetime(2026, 3, 1, 9, 30)),
    ("occurred_at", "2026-060", datetime(2026, 3, 1)),
    ("occurred_at", "1767452400", datetime(2026, 1, 3, 15)),
    ("occurred_at", "1.7674524E9", datetime(2026, 1, 3, 15)),
    ("occurred_at", "1767452400.25", datetime(2026, 1, 3, 15, 0, 0, 250_000)),
    ("occurred_at", "1.7674524E+12", datetime(2026, 1, 3, 15)),
    ("occurred_at", "0000-12-31T23:30:00-01:00", datetime(1, 1, 1, 0, 30)),
]
REFUSED = [
    ("amount", "1e-3", "too_precise"),
    ("amount", "1e-999999999999", "too_precise"),
    ("amount", "1e999999999999", "out_of_range"),
    ("amount", "9" * 200 + "e50", "out_of_range"),
    ("amount", "1e", "malformed"),
    ("amount", "1e1.0", "malformed"),
    ("amount", "1,234e1", "malformed"),
    ("quantity", "15e-1", "malformed"),
    ("quantity", "1e10", "out_of_range"),
    ("occurred_at", "9999-12-31T23:59:59-05:00", "out_of_range"),
    ("occurred_at", "0001-01-01T00:00:00+05:30", "out_of_range"),
    ("occurred_at", "0000-02-29", "out_of_range"),
    ("occurred_at", "0000-00-00", "malformed"),
    ("occurred_at", "+12026/01/01 00:00:00", "out_of_range"),
    ("occurred_at", "+12026/02/30 00:00:00", "malformed"),
    ("occurred_at", "2026-03-01T23:59:60", "malformed"),
    ("occurred_at", "2026-03-01T24:00:01", "malformed"),
    ("occurred_at", "2026-03-01T09:30:00+18:01", "malformed"),
    ("occurred_at", "2025-W53-1", "malformed"),
    ("occurred_at", "2026-366", "malformed"),
    ("occurred_at", "2026-03", "malformed"),
    ("occurred_at", "17674524001", "malformed"),
]


@pytest.mark.parametrize(("name", "cell", "value"), READ)
def test_a_value_is_read_in_every_form_of_its_standard(name: str, cell: str, value: Any) -> None:
    assert CellReader(TRANSACTIONS.column(name))(cell) == Reading(value)


@pytest.mark.parametrize(("name", "cell", "rule"), REFUSED)
def test_a_cell_is_refused_by_its_rule(name: str, cell: str, rule: str) -> None:
    assert CellReader(TRANSACTIONS.column(name))(cell) == Reading(refused=(f"{name}_{rule}",))


@pytest.mark.parametrize(
    ("formats", "cell", "value"),
    [
        ((), "20260301", date(2026, 3, 1)),
        (("yyyyddMM",), "20260103", date(2026, 3, 1)),
        (("yyyyddMM",), "20260301", date(2026, 1, 3)),
        (("yyyy-dd-MM",), "2026-03-01", date(2026, 3, 1)),
    ],
)
def test_digits_alone_mean_what_a_format_says_and_only_else_a_day_of_iso_8601(
    formats: tuple[str, ...], cell: str, value: date
) -> None:
    column = replace(SOURCES["storefront.exchange_rates"].column("rate_date"), formats=formats)
    assert CellReader(column)(cell).value == value


@pytest.mark.parametrize(
    ("cell", "value", "rule"),
    [("1.5", 1.5, None), ("-1e-400", 0.0, None), ("1e308", 1e308, None), ("1e309", None, "out_of_range"),
     ("Infinity", None, "malformed"), ("0x1p3", None, "malformed"), ("1,234.5", 1234.5, None)],
)  # fmt: skip
def test_a_double_is_the_nearest_to_the_number(cell: str, value: float | None, rule: str | None) -> None:
    column = replace(TRANSACTIONS.column("amount"), type=ColumnType("double"), repairs=(), minimum=None)
    reading = CellReader(column)(cell)
    assert (reading.value, reading.refused) == (value, (f"amount_{rule}",) if rule else ())


def _cells(dataset: str, column: Column, chance: random.Random, count: int) -> list[str]:
    """Cells of every kind that fits the column, spoilt ones among them."""
    found = [*short_cells(column, chance, count), *PLAIN, *column.values, *list(column.synonyms)[:20], *column.nulls]
    if column.type.is_temporal:
        found += instant_cells(chance, 3 * count)
    if column.type.is_temporal or column.type.is_numeric:
        found += number_cells(chance, 2 * count)
    if dataset in DATASETS:
        found += [cell.delivered for _, name, _, cell in _spoilt(dataset) if name == column.name and cell.delivered]
    return [*found, *(mutated(chance, cell) for cell in found)]


SPOILT: dict[str, list[Any]] = {}


def _spoilt(dataset: str) -> list[Any]:
    if dataset not in SPOILT:
        SPOILT[dataset] = spoilt_cells(SOURCES[dataset])
    return SPOILT[dataset]


@pytest.mark.parametrize(("dataset", "column"), COLUMNS, ids=NAMES)
def test_the_reference_says_what_the_contract_says(dataset: str, column: Column) -> None:
    reader = CellReader(replace(column, substitute=None))
    for cell in _cells(dataset, column, random.Random(dataset + column.name), 200):
        reading, expected = reader(cell), read_cell(cell, column)
        if reading.is_said:
            assert set(reading.refused) == expected.violations, cell
            assert reading.refused or reading.value == expected.value, cell
        else:
            assert expected.value is None, cell
            assert expected.violations == ({f"{column.name}_missing"} if column.required else set()), cell


@pytest.mark.parametrize(("dataset", "column"), COLUMNS, ids=NAMES)
def test_a_plain_cell_is_its_value_and_breaks_nothing(dataset: str, column: Column) -> None:
    """What is read all at once is what the reference makes of each; and no cell that is not plain is."""
    plain, read = ColumnTyper(column).plain, CellReader(column)
    cells = _cells(dataset, column, random.Random(column.name), 300)
    if plain is None:
        return
    values, is_plain = plain(pa.array(cells, pa.string()))
    assert is_plain.true_count, "some are plain"
    plain_cells = pa.array(cells, pa.string()).filter(is_plain).to_pylist()
    for cell, value in zip(plain_cells, values.filter(is_plain).to_pylist(), strict=True):
        assert read(cell) == Reading(value), cell


@pytest.mark.parametrize("contract", SOURCES.values(), ids=SOURCES)
def test_many_rows_at_once_are_read_as_one_by_one(contract: SourceContract) -> None:
    """In batches, for what is remembered; null among them, other units, and rows that could not be read."""
    chance, typer, read = random.Random(contract.dataset), RowTyper(contract), RowReader(contract)
    cells = {
        name: _cells(contract.dataset, contract.column(name.partition("__")[0]), chance, 100)
        for name in contract.text_columns
    }
    for share in (0.9, 0.5, 0.0):
        rows: list[dict[str, Any]] = []
        for n in range(300):
            row = {name: None if chance.random() > share else chance.choice(found) for name, found in cells.items()}
            rows.append({**row, "_rescued": chance.choice((None, '{"x":"\\u0001\\n"}'))})
            if n % 50 == 7:
                rows[-1] = {"_unreadable": "wrong_field_count", "_rescued": '["a"]'}
        for row, typed in zip(rows, typer(bronze_rows(contract, rows)).to_pylist(), strict=True):
            _assert_read(contract, read, row, typed)


def _assert_read(contract: SourceContract, read: RowReader, row: dict[str, Any], typed: dict[str, Any]) -> None:
    if row.get("_unreadable"):
        assert typed["_violations"] == [{"rule": "wrong_field_count", "field": None, "value": None}]
        assert typed["_raw"] == '["a"]'
        assert typed["_warnings"] == []
        return
    expected = read(row, ARRIVED_AT)
    assert {name: typed[name] for name in expected} == {name: reading.value for name, reading in expected.items()}
    assert typed["_violations"] == [
        {"rule": rule, "field": name, "value": shown(read.came(name, row)[0])}
        for name, reading in expected.items()
        for rule in reading.refused
    ]
    assert typed["_warnings"] == [rule for reading in expected.values() for rule in reading.warned]
    if typed["_violations"]:
        assert typed["_raw"] is not None


@pytest.mark.parametrize("dataset", DATASETS)
def test_spoilt_cells_are_read_as_the_generator_says(dataset: str) -> None:
    contract = SOURCES[dataset]
    cases = _spoilt(dataset)
    rows = [{**row, column: cell.delivered} for _, column, row, cell in cases]
    typed = RowTyper(contract)(bronze_rows(contract, rows)).to_pylist()
    wrong = []
    for (defect, column, _, cell), row in zip(cases, typed, strict=True):
        rules = tuple(found["rule"] for found in row["_violations"])
        value = None if rules else spell(row[column])
        if sorted(rules) != sorted(cell.violations) or (not rules and value != cell.value):
            wrong.append(f"{defect} {column} {cell.delivered!r}: {cell}, not {rules or value!r}")
    assert wrong == []


# One of all columns that read their cells alike.
KINDS = {(c.type, c.repairs, c.prefixes, c.pattern, c.formats): (dataset, c) for dataset, c in COLUMNS}


@pytest.mark.parametrize(("dataset", "column"), KINDS.values(), ids=[f"{d}.{c.name}" for d, c in KINDS.values()])
def test_no_cell_costs_more_than_looking_at_it(dataset: str, column: Column) -> None:
    read = CellReader(column)
    hostile = ["1e" + "9" * 250, "9" * 256, "1," * 128, "-" * 256, "0" * 250 + "e-9", "1" * 20 + "e-" + "9" * 200]
    for cell in [*long_cells(), *hostile]:
        before = time.process_time()
        read(cell)
        assert time.process_time() - before < 0.5, cell[:10]


# From reports of people who load such files: what Postgres' COPY writes, and JSON numbers of a scientific library.
POSTGRES = b"""user_id,email,full_name,country,signed_up_at,is_marketing_opt_in,updated_at
pg-1,a1@example.org,Aino Aro,DK,2026-03-01 09:30:00+00,t,2026-03-01 09:30:00.5+00
pg-2,a2@example.org,Bruno Bal,FR,2026-03-01 10:30:00.25+01,f,2026-03-02 00:15:00.745232+01
pg-3,a4@example.org,Dana Eck,US,2026-02-28 23:30:00-05,t,2026-03-01 00:00:00-05
"""
EXPONENTS = b"""{"transaction_id":"ex-1","user_id":"ex-u","product_id":"p-exp","quantity":1,"unit_price":1.2345E3,\
"amount":1.2345E3,"currency":"EUR","status":"completed","occurred_at":"2026-03-01T09:30:00Z"}
{"transaction_id":"ex-2","user_id":"ex-u","product_id":"p-exp","quantity":1,"unit_price":0.01,"amount":1e-3,\
"currency":"EUR","status":"completed","occurred_at":"2026-03-01T09:34:00Z"}
"""


def _typed(dataset: str, file: bytes) -> list[dict[str, Any]]:
    contract = SOURCES[dataset]
    rows = [
        {name: cells[n].as_py() for name, cells in chunk.values.items()}
        for chunk in intake.read(file, contract, {})
        for n in range(chunk.length)
    ]
    found: list[dict[str, Any]] = RowTyper(contract)(bronze_rows(contract, rows)).to_pylist()
    return found


def test_instants_are_read_as_postgres_writes_them() -> None:
    rows = _typed("storefront.users", POSTGRES)
    assert [(row["signed_up_at"], row["updated_at"], row["_violations"]) for row in rows] == [
        (datetime(2026, 3, 1, 9, 30), datetime(2026, 3, 1, 9, 30, 0, 500_000), []),
        (datetime(2026, 3, 1, 9, 30, 0, 250_000), datetime(2026, 3, 1, 23, 15, 0, 745_232), []),
        (datetime(2026, 3, 1, 4, 30), datetime(2026, 3, 1, 5), []),
    ]


def test_a_number_with_an_exponent_is_judged_as_if_it_were_written_out() -> None:
    whole, small = _typed("storefront.transactions", EXPONENTS)
    assert (whole["amount"], whole["unit_price"], whole["_violations"]) == (Decimal("1234.5"), Decimal("1234.5"), [])
    assert small["_violations"] == [{"rule": "amount_too_precise", "field": "amount", "value": "1e-3"}]


def test_another_unit_is_exact_whatever_the_number_and_its_cell_is_shown() -> None:
    cells = ["1999", "1.999E3", "1999.000000000", "-5", "1999.5", "N/A", None]
    rows = [{"amount": own, "amount__amount_cents": cell} for cell in cells for own in (None, "n/a")]
    typed = RowTyper(TRANSACTIONS)(bronze_rows(TRANSACTIONS, rows)).to_pylist()
    found = [
        (row["amount"], [(told["rule"], told["value"]) for told in row["_violations"] if told["field"] == "amount"])
        for row in typed
    ]
    price = (Decimal("19.99"), [])
    assert found[:6] == [price] * 6
    assert found[6:10] == [
        *[(Decimal("-0.05"), [("amount_below_minimum", "-5")])] * 2,
        *[(None, [("amount_too_precise", "1999.5")])] * 2,
    ]
    assert [told for _, (told,) in found[10:]] == [
        *[("amount_missing", "N/A"), ("amount_missing", "n/a")],
        *[("amount_missing", None), ("amount_missing", "n/a")],
    ]
