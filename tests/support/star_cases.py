"""Rows by hand for the star: what a generated delivery has too rarely to rely on, different for every seed.

A history is what is delivered of one row: its versions, of which the last one has to win whatever the order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
History = tuple[str, Sequence[Row]]
# Around the silence that ends a visit.
_GAPS = [timedelta(seconds=s) for s in (0, 10, 600, 900, 1799, 1800, 1801, 7200)] + [
    timedelta(minutes=30, microseconds=1)
]
_BEGINNING = date(2026, 3, 1)
_DAYS = 70
# At the thresholds of what a user is worth; what was paid back does not count.
_AT_THRESHOLDS = [("199.99", "completed"), ("200.00", "completed"), ("1000.00", "completed"), ("1000.00", "refunded")]
_CURRENCIES = ("EUR", "USD", "CHF", "JPY")
# Together with _GREATEST_AMOUNT, the most euros that silver lets in.
_LEAST_RATE = {
    "rate_date": date(2026, 8, 1),
    "currency": "SEK",
    "euro_rate": Decimal("0.000001"),
    "published_at": datetime(2026, 8, 1),
}
_GREATEST_AMOUNT = {
    "transaction_id": "h-greatest",
    "user_id": "h-greatest",
    "product_id": "p-h0",
    "quantity": 100,
    "unit_price": Decimal("9999999999.99"),
    "amount": Decimal("999999999999.99"),
    "currency": "SEK",
    "status": "completed",
    "occurred_at": datetime(2026, 8, 1),
}


def storefront(chance: random.Random) -> Iterator[History]:
    """Visits around midnight of which events come late, sales with and without a rate of their day, users who never
    come, years that empty again."""
    yield from _users(chance)
    yield from _events(chance)
    yield from _rates(chance)
    yield from _sales(chance)


def _users(chance: random.Random) -> Iterator[History]:
    for number in range(5):
        signed_up = datetime(chance.choice([2023, 2024]), 12, 31, 23, 59, 59)
        row = {
            "user_id": f"h-{number}",
            "country": chance.choice(["DE", "PL", None]),
            "signed_up_at": signed_up,
            "is_marketing_opt_in": chance.choice([True, False, None]),
            "updated_at": datetime(2026, 3, 1),
        }
        earlier = row | {"country": "FR", "signed_up_at": datetime(2019, 5, 1), "updated_at": datetime(2026, 2, 1)}
        yield "users", [earlier, row]


def _events(chance: random.Random) -> Iterator[History]:
    for visitor in range(14):
        who = chance.choice([{"user_id": f"h-{visitor % 7}"}, {"session_id": f"s-{visitor}"}] * 2 + [{}])
        now = datetime(2026, 3, chance.randint(1, 28), 23, chance.randint(45, 59), 30)
        for number in range(chance.randint(4, 10)):
            row = {
                "event_id": f"h-{visitor}-{number}",
                "user_id": None,
                "session_id": None,
                "event_type": chance.choice(["page_view", "search", "add_to_cart", "checkout", "purchase"]),
                "product_id": chance.choice([None, f"p-h{visitor}"]),
                "device": chance.choice([None, "desktop", "tablet"]),
                "occurred_at": now,
                "received_at": datetime(2026, 4, 1),
                **who,
            }
            moved = {"occurred_at": now - chance.choice(_GAPS) * 2, "product_id": "p-gone", "user_id": "h-9"}
            yield "events", [*_earlier(chance, row, "received_at", moved), row]
            now += chance.choice(_GAPS)


def _rates(chance: random.Random) -> Iterator[History]:
    yield "exchange_rates", [_LEAST_RATE]
    for currency in _CURRENCIES[1:]:
        day = _BEGINNING + timedelta(chance.randrange(20))
        while day < _BEGINNING + timedelta(_DAYS):
            row = {
                "rate_date": day,
                "currency": currency,
                "euro_rate": Decimal(chance.choice(["2", "8", "1.25", "0.937000", "161.123457"])),
                "published_at": datetime(2026, 6, 1),
            }
            yield "exchange_rates", [*_earlier(chance, row, "published_at", {"euro_rate": Decimal(3)}), row]
            day += timedelta(chance.choice([1, 3, 9, 10, 11, 25]))


def _sales(chance: random.Random) -> Iterator[History]:
    yield "transactions", [_GREATEST_AMOUNT]
    for number, (euros, status) in enumerate(_AT_THRESHOLDS, start=90):
        row = {
            "transaction_id": f"h-{number}",
            "user_id": f"h-{number}",
            "product_id": "p-h0",
            "unit_price": Decimal(euros),
            "amount": Decimal(euros),
            "currency": "EUR",
            "status": status,
            "occurred_at": datetime(2026, 3, 1),
        }
        yield "transactions", [row]
    for number in range(60):
        now = datetime.combine(_BEGINNING, datetime.min.time()) + timedelta(
            days=chance.randrange(_DAYS), seconds=chance.choice([0, 43_200, 86_399])
        )
        amount = Decimal(chance.choice([chance.randint(1, 99), chance.randint(100, 40_000)])) / 100
        row = {
            "transaction_id": f"h-{number}",
            "user_id": f"h-{number % 8 if number < 30 else number}",
            "product_id": f"p-h{number % 5}",
            "product_name": chance.choice([None, f"Thing of {now:%d %B}"]),
            "category": chance.choice([None, "Things", "Garden"]),
            "quantity": chance.choice([None, 1, 2]),
            "unit_price": amount,
            "amount": amount,
            "currency": chance.choice(_CURRENCIES),
            "status": chance.choice(["completed", "completed", "refunded", "cancelled", "pending"]),
            "payment_method": chance.choice([None, "card"]),
            "occurred_at": now,
            "updated_at": datetime(2026, 6, 1),
        }
        other = {"occurred_at": datetime(2022, 7, 1), "currency": "PLN", "status": "pending", "user_id": "h-10"}
        yield "transactions", [*_earlier(chance, row, "updated_at", other), row]


def retail(chance: random.Random, delivered: Mapping[str, Sequence[Row]]) -> Iterator[History]:
    """More versions of products and customers who are there, and orders in between, some of whom and of what never
    comes. Of products and customers every version counts."""
    again = {"price": [9.99, 10.99], "product_name": ["Other", "Another"], "is_active": [True, False, None]}
    moves = {"street": ["Main Street 1", None], "city": ["Bonn", None], "gender": ["female", None]}
    several = {
        dataset: chance.sample(sorted({row[key] for row in delivered[dataset]}), 8)
        for dataset, key in (("products", "product_id"), ("customers", "customer_id"))
    }
    for dataset, key, changes in (("products", "product_id", again), ("customers", "customer_id", moves)):
        for row in delivered[dataset]:
            if row[key] in several[dataset]:
                for _ in range(3):
                    change = {name: chance.choice([row[name], *values]) for name, values in changes.items()}
                    yield dataset, [row | change | {"updated_at": _instant(chance)}]
    for number in range(30):
        order = {
            "order_id": 10 + number,
            "customer_id": chance.choice([*several["customers"], 99]),
            "order_status": chance.choice(["Placed", "Cancelled", "Returned"]),
            "payment_method": chance.choice([None, "PayPal"]),
            "order_total": Decimal(20),
            "currency": "EUR",
            "shipping_country": "DE",
            "ordered_at": _instant(chance),
            "updated_at": datetime(2026, 6, 1),
        }
        line = {
            "order_id": 10 + number,
            "line_number": 1,
            "product_id": chance.choice([*several["products"], 999_999]),
            "quantity": 2,
            "unit_price": Decimal(10),
            "discount_rate": None,
            "line_total": Decimal(20),
            "updated_at": datetime(2026, 6, 1),
        }
        moved = {"ordered_at": datetime(2022, 7, 1), "order_status": "Placed", "payment_method": "Gift Card"}
        yield "orders", [*_earlier(chance, order, "updated_at", moved), order]
        yield "order_items", [line]


def _instant(chance: random.Random) -> datetime:
    """Of a span of two months; to the microsecond, so that no two are the same."""
    return datetime(2025, 12, 15) + timedelta(microseconds=chance.randrange(60 * 86_400_000_000))


def _earlier(chance: random.Random, row: Row, order_by: str, others: Row) -> Iterator[Row]:
    """Of a third of the rows, an earlier version: it differs in some of the others."""
    if chance.random() < 0.35:
        differs = {name: value for name, value in others.items() if chance.random() < 0.7}
        yield row | differs | {order_by: row[order_by] - timedelta(days=1)}
