"""Rules between columns, and rules that keep a row and count it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from lakehouse import silver, tables
from lakehouse.bronze import UNREADABLE
from lakehouse.contract import ColumnType, RowRule, SourceContract, load_registry
from lakehouse.contract.conditions import read_condition
from lakehouse.contract.row_rules import Severity
from tests.support.lake import TestLake
from tests.support.typed import typed, typed_rows

REGISTRY = load_registry()
USERS, TRANSACTIONS = REGISTRY.sources["storefront.users"], REGISTRY.sources["storefront.transactions"]
ORDERS, ITEMS = REGISTRY.sources["retail.orders"], REGISTRY.sources["retail.order_items"]
ITEM = {
    "order_id": "1",
    "line_number": "1",
    "product_id": "3",
    "quantity": "2",
    "unit_price": "10.00",
    "line_total": "20.00",
}
ABOVE = "line_total_above_price"
# Types of columns, with the least and the greatest value of each.
EXTREMES: dict[str, tuple[str, Any, Any]] = {
    "small": ("smallint", -(2**15), 2**15 - 1),
    "number": ("integer", -(2**31), 2**31 - 1),
    "big": ("bigint", -(2**63), 2**63 - 1),
    "amount": ("decimal(18,3)", Decimal("-999999999999999.999"), Decimal("999999999999999.999")),
    "rate": ("decimal(5,4)", Decimal("-9.9999"), Decimal("9.9999")),
    "status": ("varchar(9)", "", "zürich"),
    "is_paid": ("boolean", False, True),
    "day": ("date", date(1, 1, 1), date(9999, 12, 31)),
    "started_at": ("timestamp", datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)),
}


def with_rule(contract: SourceContract, condition: str, severity: Severity = "error") -> SourceContract:
    """The contract with this rule alone, called `broken`."""
    read = read_condition(condition, {column.name: column.type for column in contract.columns})
    rule = RowRule("broken", severity, condition, read.spark, read.columns, "A rule.")
    return replace(contract, rules=(rule,))


def reasons(row: Any) -> list[str]:
    return [found["rule"] for found in row["_violations"]]


def frame_of_extremes(spark: SparkSession, columns: dict[str, tuple[str, Any, Any]]) -> DataFrame:
    """Three rows: the least values, the greatest, and none."""
    types = {name: ColumnType.parse(type_).spark for name, (type_, _, _) in columns.items()}
    rows = [tuple(values[place] for values in columns.values()) for place in (1, 2)]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    return spark.createDataFrame([*rows, (None,) * len(columns)], schema)


@pytest.mark.parametrize(
    ("condition", "of_least", "of_greatest"),
    [
        ("big * 10 > number * small", False, True),
        ("abs(number) > 0 and abs(big) = 9223372036854775808 or amount > 0", True, True),
        ("big + big + number - small < 0", True, False),
        ("amount * rate >= amount - 0.5", True, True),
        ("-small = 32768", True, False),
        ("amount = big", False, False),
        ("coalesce(rate, amount) = greatest(rate, small)", True, False),
        ("length(status) = 6 and upper(status) = 'ZÜRICH'", False, True),
        ("day = date(started_at) and day <= started_at", True, True),
        ("started_at + interval 5 hours > started_at - interval 999999 days", True, True),
        ("is_paid or status in ('', 'x') and day between date '0001-01-01' and date '2026-01-01'", True, True),
        ("started_at <> timestamp '2026-01-01 00:00:00'", True, True),
    ],
)
def test_a_condition_means_in_spark_what_it_says_at_the_edges_of_its_types(
    spark: SparkSession, condition: str, of_least: bool, of_greatest: bool
) -> None:
    types = {name: ColumnType.parse(type_) for name, (type_, _, _) in EXTREMES.items()}
    rows = frame_of_extremes(spark, EXTREMES)
    found = rows.select(F.expr(read_condition(condition, types).spark).alias("holds"))
    assert found.schema["holds"].dataType == T.BooleanType()
    assert [row.holds for row in found.collect()] == [of_least, of_greatest, None]


def test_spark_takes_every_rule_of_every_contract(spark: SparkSession) -> None:
    extremes = {kind: (least, greatest) for kind, least, greatest in EXTREMES.values()}
    for contract in REGISTRY.sources.values():
        if not contract.rules:
            continue
        columns = {}
        for column in contract.columns:
            type_ = column.type
            largest = Decimal((0, (9,) * (type_.precision or 1), -(type_.scale or 0)))
            edges = (-largest, largest) if type_.kind == "decimal" else extremes.get(str(type_), ("", "x"))
            columns[column.name] = (str(type_), *edges)
        holds = frame_of_extremes(spark, columns).select(*(F.expr(r.spark).alias(r.name) for r in contract.rules))
        assert {field.dataType for field in holds.schema} == {T.BooleanType()}, contract.dataset
        assert holds.count() == 3
        assert len(holds.collect()) == 3


def test_a_row_is_refused_with_all_its_reasons_and_what_came(spark: SparkSession) -> None:
    row = {**ITEM, "product_id": None, "unit_price": "€ 9,50", "line_total": "30"}
    (found,) = typed_rows(spark, ITEMS, [row])
    assert reasons(found) == ["product_id_missing", ABOVE]
    violation = found["_violations"][1]
    assert violation["field"] == "line_total, quantity, unit_price"
    assert json.loads(violation["value"]) == {"line_total": "30", "quantity": "2", "unit_price": "€ 9,50"}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, []),
        ({"line_total": "20.01"}, [ABOVE]),
        ({"quantity": "-2"}, ["quantity_below_minimum"]),
        ({"quantity": "two?"}, ["quantity_malformed"]),
        ({"unit_price": None}, ["unit_price_missing"]),
        ({UNREADABLE: "wrong_field_count", "_rescued": "[]"}, ["wrong_field_count"]),
    ],
    ids=str,
)
def test_a_value_with_a_reason_of_its_own_gives_no_second_one(
    spark: SparkSession, cells: dict[str, str | None], expected: list[str]
) -> None:
    (found,) = typed_rows(spark, ITEMS, [{**ITEM, **cells}])
    assert reasons(found) == expected


def test_null_is_no_violation_unless_the_rule_says_so(spark: SparkSession) -> None:
    rows = [{**ITEM, "updated_at": at} for at in (None, "2026-01-01", "2025-12-31")]
    later = with_rule(ITEMS, "updated_at >= timestamp '2026-01-01 00:00:00'")
    assert [reasons(row) for row in typed_rows(spark, later, rows)] == [[], [], ["broken"]]
    told = with_rule(ITEMS, "updated_at is not null or quantity > 5")
    (absent, *_) = typed_rows(spark, told, rows)
    assert reasons(absent) == ["broken"]
    assert json.loads(absent["_violations"][0]["value"]) == {"updated_at": None, "quantity": "2"}


def test_a_softened_rule_keeps_the_row_and_its_value(spark: SparkSession) -> None:
    columns = tuple(
        replace(column, warnings=("above_maximum",)) if column.name == "discount_rate" else column
        for column in ITEMS.columns
    )
    softened = replace(ITEMS, columns=columns)
    rows = [{**ITEM, "discount_rate": rate} for rate in ("1.5", "-0.5", "99", None)]
    found = typed_rows(spark, softened, rows)
    assert [reasons(row) for row in found] == [
        [],
        ["discount_rate_below_minimum"],
        ["discount_rate_out_of_range"],
        [],
    ]
    assert found[0]["discount_rate"] == Decimal("1.5")
    assert "discount_rate_above_maximum" in found[0]["_warnings"]
    assert "discount_rate_above_maximum" not in found[3]["_warnings"]


def test_only_kept_rows_count(spark: SparkSession) -> None:
    contract = with_rule(USERS, "updated_at >= signed_up_at", "warn")
    user = {"user_id": "u-1", "signed_up_at": "2026-01-02", "updated_at": "2026-01-01"}
    rows = typed(spark, contract, [user, user, {**user, "signed_up_at": "never"}, {**user, "email": "nobody"}])
    counted = silver.warned(rows, contract, {contract.dataset: rows})
    assert [tuple(row) for row in counted.collect()] == [("f", USERS.dataset, "broken", 2)]


def ndjson(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def user(number: int, **cells: object) -> dict[str, object]:
    return {"user_id": f"u-{number}", "email": f"u{number}@example.com", "signed_up_at": "2026-01-02"} | cells


def sale(number: int, **cells: object) -> dict[str, object]:
    return {
        "transaction_id": f"t-{number}",
        "user_id": "u-1",
        "product_id": "p-1",
        "quantity": 2,
        "unit_price": "10.00",
        "amount": "20.00",
        "currency": "EUR",
        "status": "completed",
        "occurred_at": "2026-03-01T10:00:00",
    } | cells


def counted(lake: TestLake) -> list[tuple[int, str, str, int]]:
    """(batch, file, rule, rows) of every warning."""
    names = {row.file_id: row.key.rsplit("/", 1)[-1] for row in lake.read(tables.files).collect()}
    rows = lake.read(tables.warnings).collect()
    return sorted((row.batch_id, names[row.file_id], row.rule, row["rows"]) for row in rows)


def test_warnings_are_counted_by_file_and_rule_however_often_the_station_runs(lake: TestLake) -> None:
    lake.land(USERS.dataset, "users-1.ndjson", ndjson(user(1), user(2), user(3, updated_at="2026-01-01")))
    lake.land(
        TRANSACTIONS.dataset,
        "sales.ndjson",
        ndjson(sale(1), sale(2, user_id="u-9"), sale(2, user_id="u-9"), sale(3, amount="21"), sale(4, amount="-1")),
    )
    lake.run_to_silver()
    expected = [
        (1, "sales.ndjson", "amount_above_price", 1),
        (1, "sales.ndjson", "user_id_orphan", 2),
        (1, "users-1.ndjson", "updated_before_sign_up", 1),
    ]
    assert counted(lake) == expected
    assert {row["amount"] for row in lake.read(tables.silver_table(TRANSACTIONS)).collect()} == {20, 21}

    # Two keys of one batch share an address, another one has that of an earlier key; u-1 only repeats its own.
    again = [user(1), user(5, email="u2@example.com"), user(6, email="u7@example.com"), user(7), user(8, email=None)]
    lake.land(USERS.dataset, "users-2.ndjson", ndjson(*again))
    second = lake.run_to_silver()[0]
    expected.append((2, "users-2.ndjson", "email_not_unique", 3))
    assert counted(lake) == expected
    lake.station("silver", second)
    assert counted(lake) == expected


def test_a_row_that_waited_counts_in_the_batch_that_lets_it_in_however_often_that_runs(lake: TestLake) -> None:
    item = {"order_id": 1, "product_id": 3, "quantity": 1, "unit_price": "10.00", "updated_at": "2026-03-01T10:00:00Z"}
    order = {
        "order_id": 1,
        "customer_id": 7,
        "order_status": "Placed",
        "order_total": "15.00",
        "currency": "EUR",
        "ordered_at": "2026-03-01T10:00:00Z",
    }
    lines = [{**item, "line_number": 1, "line_total": "5.00"}, {**item, "line_number": 2, "line_total": "10.00"}]
    lake.land(ITEMS.dataset, "items.ndjson", ndjson(*lines))
    lake.run_to_silver()
    assert counted(lake) == []
    lake.land(ORDERS.dataset, "orders.ndjson", ndjson(order))
    batch = lake.run_to_silver()[0]
    expected = [
        (2, "items.ndjson", "line_total_does_not_add_up", 1),
        (2, "items.ndjson", "product_id_orphan", 2),
        (2, "orders.ndjson", "customer_id_orphan", 1),
    ]
    assert counted(lake) == expected
    lake.station("silver", batch)
    assert counted(lake) == expected
