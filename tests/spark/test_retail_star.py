"""The retailer's star: dimensions in time, facts that point at the version of their time, and what comes late."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import tables
from lakehouse.contract import load_registry
from lakehouse.versions import held_at, intervals
from tests.support.lake import TestLake

REGISTRY = load_registry()
ALWAYS, FOREVER = "1900-01-01", "9999-12-31"


def ndjson(*rows: dict[str, object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def product(number: int, price: str, since: str, **cells: object) -> dict[str, object]:
    return {
        "product_id": number,
        "product_name": f"Thing {number}",
        "brand_id": 1,
        "category_id": 1,
        "price": price,
        "currency": "EUR",
        "is_active": True,
        "updated_at": f"{since}T00:00:00Z",
    } | cells


def customer(number: int, city: str, since: str, **cells: object) -> dict[str, object]:
    return {
        "customer_id": number,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": f"ada{number}@example.com",
        "gender": "female",
        "street": "Main Street 1",
        "city": city,
        "postal_code": "10115",
        "country": "DE",
        "signed_up_at": "2025-12-01T10:00:00Z",
        "updated_at": f"{since}T00:00:00Z",
    } | cells


def order(number: int, day: str, status: str = "Placed", **cells: object) -> dict[str, object]:
    return {
        "order_id": number,
        "customer_id": 7,
        "order_status": status,
        "payment_method": "PayPal",
        "order_total": "20.00",
        "currency": "EUR",
        "shipping_country": "DE",
        "ordered_at": f"{day}T10:00:00Z",
        "updated_at": f"{day}T10:00:00Z",
    } | cells


def item(order_number: int, product_number: int = 3, line: int = 1) -> dict[str, object]:
    return {
        "order_id": order_number,
        "line_number": line,
        "product_id": product_number,
        "quantity": 2,
        "unit_price": "10.00",
        "discount_rate": "0",
        "line_total": "20.00",
        "updated_at": "2026-01-01T10:00:00Z",
    }


def query(lake: TestLake, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query over the retailer's gold tables, by their names."""
    for contract in REGISTRY.gold_of("retail"):
        if lake.spark.catalog.tableExists(tables.gold_table(contract).identifier):
            lake.read(tables.gold_table(contract)).createOrReplaceTempView(contract.name)
    return sorted(tuple(row) for row in lake.spark.sql(sql).collect())


PRICES = """
    SELECT f.order_id, p.price, cast(p.valid_from as date), cast(p.valid_to as date), p.is_current, p.brand_name
    FROM fact_order_line f JOIN dim_product p USING (product_key)"""


def test_facts_point_at_the_version_of_their_time_and_are_repaired(lake: TestLake) -> None:
    lake.land("retail.products", "1.ndjson", ndjson(product(3, "10.00", "2026-01-01")))
    lake.land(
        "retail.orders", "1.ndjson", ndjson(order(1, "2025-12-20"), order(2, "2026-01-15"), order(3, "2026-02-10"))
    )
    lake.land("retail.order_items", "1.ndjson", ndjson(item(1), item(2), item(3)))
    lake.run_all()
    assert {(row[1], str(row[2]), str(row[3])) for row in query(lake, PRICES)} == {(10, ALWAYS, FOREVER)}
    # Its brand, the customer and a new price come later; a name that changes is no new version.
    lake.land("retail.brands", "1.ndjson", ndjson({"brand_id": 1, "brand_name": "Acme", "country": "DE"}))
    lake.land("retail.products", "2.ndjson", ndjson(product(3, "12.00", "2026-02-01", product_name="Other")))
    lake.land("retail.customers", "1.ndjson", ndjson(customer(7, "Berlin", "2026-01-02")))
    lake.run_all()
    assert [
        (n, price, str(start), str(end), now, brand) for n, price, start, end, now, brand in query(lake, PRICES)
    ] == [
        (1, 10, ALWAYS, "2026-02-01", False, "Acme"),
        (2, 10, ALWAYS, "2026-02-01", False, "Acme"),
        (3, 12, "2026-02-01", FOREVER, True, "Acme"),
    ]
    assert query(lake, "SELECT DISTINCT product_name FROM dim_product WHERE product_id = 3") == [("Other",)]
    # A version between the two comes last of all: silver does not change, the dimension and a fact do.
    lake.land("retail.products", "3.ndjson", ndjson(product(3, "11.00", "2026-01-10")))
    lake.land("retail.customers", "2.ndjson", ndjson(customer(7, "Hamburg", "2026-02-01")))
    lake.run_all()
    assert [(row[0], row[1]) for row in query(lake, PRICES)] == [(1, 10), (2, 11), (3, 12)]
    cities = "SELECT f.order_id, c.city FROM fact_order_line f JOIN dim_customer c USING (customer_key)"
    assert query(lake, cities) == [(1, "Berlin"), (2, "Berlin"), (3, "Hamburg")]


def test_a_fact_whose_product_is_unknown_points_at_the_unknown_member_until_it_comes(lake: TestLake) -> None:
    lake.land("retail.orders", "1.ndjson", ndjson(order(1, "2026-01-15", "Cancelled", payment_method=None)))
    lake.land("retail.order_items", "1.ndjson", ndjson(item(1)))
    lake.run_all()
    names = """
        SELECT p.product_name, m.payment_method, f.revenue, f.cancelled_amount
        FROM fact_order_line f JOIN dim_payment_method m USING (payment_method_key)
        JOIN dim_product p USING (product_key)"""
    (found,) = query(lake, names) or [None]
    assert found == ("(unknown)", "Unknown", 0, 20)
    lake.land("retail.products", "1.ndjson", ndjson(product(3, "10.00", "2026-03-01")))
    lake.run_all()
    assert query(lake, names) == [("Thing 3", "Unknown", 0, 20)]


def test_any_order_and_split_of_versions_ends_in_the_same_star(lake: TestLake) -> None:
    chance = random.Random(3)
    days = [f"2026-01-{day:02d}" for day in range(1, 20)]
    files = [
        *(("retail.products", ndjson(product(n % 2, f"{n % 3}.00", chance.choice(days)))) for n in range(8)),
        *(
            ("retail.customers", ndjson(customer(7, chance.choice(["Bonn", "Ulm"]), chance.choice(days))))
            for _ in "12345"
        ),
        *(("retail.orders", ndjson(order(n, days[4 * n]))) for n in range(4)),
        ("retail.order_items", ndjson(*(item(n, n % 3) for n in range(4)))),
        ("retail.orders", ndjson(order(1, days[4], "Returned", updated_at="2026-02-01T00:00:00Z"))),
    ]
    ends = []
    for _ in range(2):
        lake.clear()
        chance.shuffle(files)
        for number, (dataset, content) in enumerate(files):
            lake.land(dataset, f"{number}.ndjson", content)
            if chance.random() < 0.2:
                lake.run_all()
        lake.run_all()
        ends.append({table.name: lake.content(tables.gold_table(table)) for table in REGISTRY.gold_of("retail")})
    assert ends[0] == ends[1]
    assert len(ends[0]["dim_product"]) > 4
    assert len(ends[0]["fact_order_line"]) == 4


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([("2026-01-01", "a")], [("a", ALWAYS, FOREVER)]),
        ([(None, "a"), ("2026-01-01", "a")], [("a", ALWAYS, FOREVER)]),
        ([(None, "a"), ("2026-01-01", "b")], [("a", ALWAYS, "2026-01-01"), ("b", "2026-01-01", FOREVER)]),
        (
            [("2026-01-03", "a"), ("2026-01-01", "a"), ("2026-01-02", None)],
            [("a", ALWAYS, "2026-01-02"), (None, "2026-01-02", "2026-01-03"), ("a", "2026-01-03", FOREVER)],
        ),
        # Versions from before all intervals say what held at their beginning, the latest of them.
        ([(None, "a"), ("1900-01-01", "b")], [("b", ALWAYS, FOREVER)]),
        (
            [("0001-01-01", "z"), ("1899-12-31", "a"), ("2026-01-01", "b")],
            [("a", ALWAYS, "2026-01-01"), ("b", "2026-01-01", FOREVER)],
        ),
        # Of two versions of one instant, that of the greatest content.
        ([("2026-01-01", "a"), ("2026-01-01", "b")], [("b", ALWAYS, FOREVER)]),
    ],
)
def test_intervals(
    spark: SparkSession, versions: list[tuple[str | None, str | None]], expected: list[tuple[str | None, str, str]]
) -> None:
    rows = [
        (1, datetime.fromisoformat(at) if at else None, value, value or "", "file", number)
        for number, (at, value) in enumerate(versions)
    ]
    shape = "id int, at timestamp_ntz, value string, _content string, _file_id string, _row bigint"
    found = intervals(spark.createDataFrame(rows, shape), ["id"], ["value"], "at").orderBy("valid_from").collect()
    assert [(row.value, str(row.valid_from.date()), str(row.valid_to.date())) for row in found] == expected
    assert [row.is_current for row in found] == [False] * (len(expected) - 1) + [True]


@pytest.mark.parametrize(
    ("instant", "value"),
    [
        ("0001-01-01", "a"),
        ("1900-01-01", "a"),
        ("2025-12-31", "a"),
        ("2026-01-01", "b"),
        ("9999-12-31T12:00:00", "b"),
        (None, None),
    ],
)
def test_one_interval_of_a_key_holds_at_each_instant(
    spark: SparkSession, instant: str | None, value: str | None
) -> None:
    rows = [("a", ALWAYS, "2026-01-01"), ("b", "2026-01-01", FOREVER)]
    when = F.lit(instant and datetime.fromisoformat(instant)).cast("timestamp_ntz")
    held = held_at(when, F.col("valid_from").cast("timestamp_ntz"), F.col("valid_to").cast("timestamp_ntz"))
    found = spark.createDataFrame(rows, "value string, valid_from string, valid_to string").where(held).collect()
    assert [row.value for row in found] == ([] if value is None else [value])
