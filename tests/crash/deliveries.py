"""Two small deliveries that together hold whatever a batch can: versions and duplicates of rows across batches, facts
whose user comes later, lines that wait for their order and are released, refused rows, refused and repeated files. And
many files of the same kinds, made from a seed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping

Delivery = Mapping[str, bytes]
"""By key in landing."""


def ndjson(*rows: Mapping[str, object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def user(number: int, **cells: object) -> dict[str, object]:
    return {"user_id": f"u-{number}", "country": "DE", "signed_up_at": "2025-12-31T10:00:00"} | cells


def transaction(number: int, **cells: object) -> dict[str, object]:
    return {
        "transaction_id": f"t-{number}",
        "user_id": f"u-{number % 4}",
        "product_id": "p-1",
        "quantity": 1,
        "unit_price": "10.00",
        "amount": "10.00",
        "currency": "EUR",
        "status": "completed",
        "occurred_at": f"2026-03-{1 + number % 5:02d}T10:00:00",
        "updated_at": "2026-03-10T00:00:00",
    } | cells


def order(number: int, **cells: object) -> dict[str, object]:
    return {
        "order_id": number,
        "customer_id": 7,
        "order_status": "Placed",
        "payment_method": "PayPal",
        "order_total": "10.00",
        "currency": "EUR",
        "shipping_country": "DE",
        "ordered_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:00:00Z",
    } | cells


def item(order_number: int, line: int = 1, **cells: object) -> dict[str, object]:
    return {
        "order_id": order_number,
        "line_number": line,
        "product_id": 3,
        "quantity": 1,
        "unit_price": "10.00",
        "discount_rate": "0",
        "line_total": "10.00",
        "updated_at": "2026-03-01T10:00:00Z",
    } | cells


def invoice(*lines: str) -> bytes:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    return "\n".join((header, *lines, "")).encode()


_SALES = ndjson(*(transaction(n) for n in range(8)), transaction(20, amount="ten"))
LATER = "2026-03-12T00:00:00"

FIRST: Delivery = {
    "storefront/users/1.ndjson": ndjson(*(user(n) for n in range(3))),
    "storefront/transactions/1.ndjson": _SALES,
    "storefront/transactions/cut-off.csv.gz": gzip.compress(b"x" * 1000)[:-9],
    "retail/orders/1.ndjson": ndjson(order(1), order(2, ordered_at="never")),
    # Order 2 comes broken and then whole, order 5 in the second delivery, order 4 never.
    "retail/order_items/1.ndjson": ndjson(item(1), item(2), item(5), item(4), item(3, quantity="-1")),
    "online_retail/invoice_lines/1.csv": invoice(
        "536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
        "536365,71053,HOLDER,6,2010-12-01 08:26:00,3.39,,United Kingdom",
    ),
}
SECOND: Delivery = {
    # A changed user, one known already, and the one that the facts of t-3 and t-7 have waited for.
    "storefront/users/2.ndjson": ndjson(user(1, country="FR", updated_at=LATER), user(2), user(3)),
    # The first of its dataset: its tables have to be made.
    "storefront/exchange_rates/1.csv": b"rate_date,currency,euro_rate\n2026-03-01,USD,1.08\n2026-03-01,PLN,cheap\n",
    "storefront/users/notes.csv": b"%PDF-1.7 no table at all",
    "storefront/transactions/page.csv": b"<html><body>503 Service Unavailable</body></html>",
    # Stays where it is: its writer will rename it.
    "storefront/users/upload.csv.part": b"half a",
    "storefront/transactions/1-again.ndjson": _SALES,
    "storefront/transactions/2.ndjson": ndjson(
        transaction(0, amount="11.00", updated_at=LATER),
        transaction(1, occurred_at="2026-03-20T10:00:00", updated_at=LATER),
        transaction(2, amount="9.00", updated_at="2026-03-01T00:00:00"),
        transaction(5),
        transaction(8),
        transaction(9, amount="-1"),
    ),
    "retail/orders/2.ndjson": ndjson(order(2), order(5)),
    "retail/order_items/2.ndjson": ndjson(item(1), item(1, 2), item(6), item(5, 2, quantity="none")),
    "online_retail/invoice_lines/2.csv": invoice(
        "536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom",
        "536366,22633,WARMER,6,2010-12-01 08:28:00,1.85,17850,United Kingdom",
        "536367,22633,WARMER,-6,2010-12-02 08:28:00,1.85,17850,United Kingdom",
    ),
}


def files_of_all_kinds(count: int, seed: int) -> Delivery:
    """Files whose rows compete for few keys, with ties, duplicates, orphans, refused rows and refused files. No two are
    alike, for which of two equal files is the duplicate is decided by who came first."""
    rng = random.Random(seed)

    def later() -> str:
        return f"2026-04-{rng.randint(1, 6):02d}T00:00:00"

    def row(dataset: str) -> dict[str, object]:
        if dataset == "storefront/users":
            return user(rng.randint(0, 9), country=rng.choice(["DE", "FR", "IT", "nowhere"]), updated_at=later())
        if dataset == "storefront/transactions":
            amount, day = rng.choice(["5.00", "10.00", "12.50", "-1", "ten"]), rng.randint(1, 9)
            when = f"2026-03-{day:02d}T10:00:00"
            return transaction(rng.randint(0, 60), amount=amount, occurred_at=when, updated_at=later())
        if dataset == "storefront/events":
            kind = rng.choice(["page_view", "purchase", "teleport"])
            when = f"2026-03-{rng.randint(1, 9):02d}T09:00:00"
            return {
                "event_id": f"e-{rng.randint(0, 40)}",
                "event_type": kind,
                "user_id": f"u-{rng.randint(0, 12)}",
                "occurred_at": when,
            }
        if dataset == "retail/orders":
            total = rng.choice(["10.00", "11.00", "none"])
            return order(rng.randint(0, 30), order_total=total, updated_at=f"{later()}Z")
        quantity = rng.choice([1, 2, -1])
        return item(rng.randint(0, 35), rng.randint(1, 2), quantity=quantity, updated_at=f"{later()}Z")

    datasets = [
        *(["storefront/users", "retail/orders", "storefront/events"] * 2),
        *(["storefront/transactions", "retail/order_items"] * 3),
    ]
    found: dict[str, bytes] = {}
    while len(found) < count:
        dataset = rng.choice(datasets)
        body = ndjson(*(row(dataset) for _ in range(rng.randint(2, 5))))
        if rng.random() < 0.04:
            body = gzip.compress(body, mtime=0)[:-9]
        if body not in found.values():
            found[f"{dataset}/{len(found)}.ndjson"] = body
    return found
