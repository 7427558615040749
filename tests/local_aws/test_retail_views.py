"""Revenue and cancellations by everything that they are asked by, held to sums that Python makes of the same rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift
from lakehouse.warehouse_changes import applying
from tests.support.declared import declared_warehouse
from tests.support.local_aws_process import LocalAwsProcess

REGISTRY = load_registry()
Row = dict[str, Any]
FOREVER = {"valid_from": "1900-01-01", "valid_to": "9999-12-31", "is_current": True}
# The second product was renamed to another brand's; of the third neither is known.
PRODUCTS: list[Row] = [
    {"product_key": 0, "product_id": 0, "product_name": "(unknown)", "brand_name": None, "category_name": None},
    {"product_key": 1, "product_id": 1, "product_name": "Lamp", "brand_name": "Acme", "category_name": "Light"},
    {"product_key": 2, "product_id": 2, "product_name": "Desk", "brand_name": "Acme", "category_name": "Wood"},
    {"product_key": 3, "product_id": 2, "product_name": "Desk", "brand_name": "Brio", "category_name": "Wood"},
    {"product_key": 4, "product_id": 4, "product_name": "Rope", "brand_name": None, "category_name": None},
]
CUSTOMERS: list[Row] = [
    {"customer_key": 0, "customer_id": 0, "gender": None, "country": None},
    {"customer_key": 1, "customer_id": 1, "gender": "female", "country": "DE"},
    {"customer_key": 2, "customer_id": 1, "gender": "female", "country": "FR"},
    {"customer_key": 3, "customer_id": 3, "gender": "male", "country": "FR"},
    {"customer_key": 4, "customer_id": 4, "gender": None, "country": "DE"},
]
METHODS: list[Row] = [
    {"payment_method_key": 1, "payment_method": "PayPal", "is_known": True},
    {"payment_method_key": 2, "payment_method": "Cash", "is_known": False},
]
UNKNOWN = "(unknown)"
# View → what it groups by, beside the currency.
VIEWS: dict[str, Callable[[Row, Row, Row, Row], tuple[Any, ...]]] = {
    "revenue_by_product": lambda line, product, _, __: (line["product_id"], product["product_name"]),
    "revenue_by_brand": lambda _, product, __, ___: (product["brand_name"] or UNKNOWN,),
    "revenue_by_category": lambda _, product, __, ___: (product["category_name"] or UNKNOWN,),
    "revenue_by_customer": lambda line, _, __, ___: (line["customer_id"],),
    "revenue_by_gender": lambda _, __, customer, ___: (customer["gender"] or UNKNOWN,),
    "revenue_by_country": lambda _, __, customer, ___: (customer["country"] or UNKNOWN,),
    "revenue_by_payment_method": lambda _, __, ___, method: (method["payment_method"],),
}


def order_lines(chance: random.Random) -> list[Row]:
    """Lines of forty orders, an order having one customer, currency, payment method and status."""
    lines = []
    for order in range(1, 41):
        customer, method = chance.choice(CUSTOMERS), chance.choice(METHODS)
        status = chance.choice(("Placed", "Cancelled", "Returned", "Delivered"))
        whole = {
            "order_id": order,
            "customer_key": customer["customer_key"],
            "customer_id": customer["customer_id"] or 99,
            "payment_method_key": method["payment_method_key"],
            "order_date": "2026-01-10",
            "ordered_at": "2026-01-10 10:00:00",
            "order_status": status,
            "currency": chance.choice(("EUR", "GBP")),
        }
        for number in range(1, chance.randint(1, 4) + 1):
            product, quantity = chance.choice(PRODUCTS), chance.randint(1, 5)
            price = Decimal(chance.randint(1, 9_999)) / 100
            total = quantity * price
            lines.append(
                {
                    **whole,
                    "line_number": number,
                    "product_key": product["product_key"],
                    "product_id": product["product_id"] or 99,
                    "quantity": quantity,
                    "unit_price": price,
                    "line_total": total,
                    "revenue": Decimal(0) if status in ("Cancelled", "Returned") else total,
                    "cancelled_amount": total if status == "Cancelled" else Decimal(0),
                    "returned_amount": total if status == "Returned" else Decimal(0),
                }
            )
    return lines


LINES = order_lines(random.Random(3))


def insert(redshift: Redshift, table: str, rows: list[Row]) -> None:
    def literal(value: object) -> str:
        return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)

    values = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in rows)
    redshift.query(f"INSERT INTO retail.{table} ({', '.join(rows[0])}) VALUES {values}")


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> Iterator[Redshift]:
    with declared_warehouse(local_aws, REGISTRY, lambda table: table.schema in ("retail", "ops")) as settings:
        made = Redshift(settings)
        applying.apply(made, REGISTRY, ("add",))
        insert(made, "dim_product", [row | FOREVER for row in PRODUCTS])
        insert(made, "dim_customer", [row | FOREVER for row in CUSTOMERS])
        insert(made, "dim_payment_method", METHODS)
        insert(made, "fact_order_line", LINES)
        yield made


def expected(view: str) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for line in LINES:
        product = next(row for row in PRODUCTS if row["product_key"] == line["product_key"])
        customer = next(row for row in CUSTOMERS if row["customer_key"] == line["customer_key"])
        method = next(row for row in METHODS if row["payment_method_key"] == line["payment_method_key"])
        by = (*VIEWS[view](line, product, customer, method), line["currency"])
        groups.setdefault(by, []).append(line)
    found = []
    for by, lines in groups.items():
        orders = {line["order_id"] for line in lines}
        cancelled = {line["order_id"] for line in lines if line["order_status"] == "Cancelled"}
        sums = (
            sum(line[name] for line in lines) for name in ("quantity", "revenue", "cancelled_amount", "returned_amount")
        )
        rate = (Decimal(len(cancelled)) / len(orders)).quantize(Decimal("0.000001"))
        found.append((*by, len(orders), *sums, len(cancelled), rate))
    return found


def test_every_view_of_revenue_is_held_to_it() -> None:
    assert {f"retail.{view}" for view in VIEWS} == {name for name in REGISTRY.views if name.startswith("retail.")}


@pytest.mark.parametrize("view", VIEWS)
def test_sums_are_those_of_the_lines(redshift: Redshift, view: str) -> None:
    found, wanted = redshift.query(f"SELECT * FROM retail.{view}").rows, expected(view)
    assert len(wanted) > 2
    assert comparable(found) == comparable(wanted)


def comparable(rows: Iterable[Sequence[Any]]) -> list[tuple[str, ...]]:
    """In one order, numbers in one spelling: the Data API gives decimals as text."""

    def plain(cell: Any) -> str:
        try:
            return format(Decimal(cell).normalize(), "f")
        except ArithmeticError:
            return str(cell)

    return sorted(tuple(map(plain, row)) for row in rows)
