"""Rows whose parent is not there: refused, and judged again when it arrives, whatever came first."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lakehouse import tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from lakehouse.settling import SettledFew
from tests.support.lake import TestLake

REGISTRY = load_registry()
ORDERS, ITEMS = "retail.orders", "retail.order_items"
RUN_COLUMNS = ("_batch_id", "_changed_by", "batch_id", "ingested_at", "quarantined_at", "arrived_at", "planned_at")


def order(number: int, **cells: object) -> str:
    row = {
        "order_id": number,
        "customer_id": 7,
        "order_status": "Placed",
        "payment_method": "PayPal",
        "order_total": "10.00",
        "currency": "EUR",
        "shipping_country": "DE",
        "ordered_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:00:00Z",
    }
    return json.dumps(row | cells) + "\n"


def item(order_number: int, line: int = 1, **cells: object) -> str:
    row = {
        "order_id": order_number,
        "line_number": line,
        "product_id": 3,
        "quantity": 1,
        "unit_price": "10.00",
        "discount_rate": "0",
        "line_total": "10.00",
        "updated_at": "2026-03-01T10:00:00Z",
    }
    return json.dumps(row | cells) + "\n"


# What arrives, file by file: (dataset, name, rows). Order 1 has two lines in two files, one of them twice; order 2
# comes broken and then whole; of order 3 only a line comes, which is broken besides; order 4 never comes.
FILES = [
    (ORDERS, "orders-1.ndjson", order(1) + order(2, ordered_at="never")),
    (ITEMS, "items-1.ndjson", item(1) + item(2) + item(4)),
    (ITEMS, "items-2.ndjson", item(1) + item(1, 2) + item(3, quantity="-1")),
    (ORDERS, "orders-2.ndjson", order(2)),
]


def land(lake: TestLake, numbers: Sequence[int]) -> None:
    for number in numbers:
        dataset, name, rows = FILES[number]
        lake.land(dataset, name, rows)


def refused(lake: TestLake) -> list[tuple[int, list[str], str]]:
    """(order, rules, status) of every refused line."""
    rows = lake.read(tables.quarantined_rows).where(f"dataset = '{ITEMS}'").collect()
    return sorted(
        (int(json.loads(row.raw)["order_id"]), [found["rule"] for found in json.loads(row.violations)], row.status)
        for row in rows
    )


def state(lake: TestLake) -> dict[str, list[str]]:
    sources = [REGISTRY.sources[name] for name in (ORDERS, ITEMS)]
    wanted = [
        *(table(contract) for contract in sources for table in (tables.silver_table, tables.history_table)),
        tables.row_accounts,
        tables.quarantined_rows,
    ]
    return {table.identifier: lake.content(table, RUN_COLUMNS) for table in wanted}


def test_a_line_waits_for_its_order_and_leaves_quarantine_when_it_comes(lake: TestLake) -> None:
    land(lake, [1])
    lake.run_to_silver()
    assert refused(lake) == [(number, ["order_id_orphan"], "waiting") for number in (1, 2, 4)]

    land(lake, [0])
    lake.run_to_silver()
    assert refused(lake) == [(number, ["order_id_orphan"], "waiting") for number in (2, 4)]
    (account,) = lake.read(tables.row_accounts).where(f"dataset = '{ITEMS}'").collect()
    assert (account.parsed, account.silver, account.quarantined) == (3, 1, 2)
    changes = tables.changes_table(REGISTRY.sources[ITEMS])
    assert [row["_change"] for row in lake.read(changes).collect()] == ["new"], "gold has to hear of it"


def test_neither_order_nor_batches_change_what_comes_of_it(lake: TestLake) -> None:
    land(lake, range(len(FILES)))
    lake.run_to_silver()
    expected = state(lake)
    assert refused(lake) == [
        (3, ["quantity_below_minimum"], "open"),
        (4, ["order_id_orphan"], "waiting"),
    ]
    lake.clear()
    for number in (1, 3, 2, 0):
        land(lake, [number])
        lake.run_to_silver()
    assert state(lake) == expected


@pytest.mark.parametrize(("owner", "step"), [(SettledFew, "apply"), (Lake, "release")])
def test_a_run_that_ends_before_any_step_is_made_good_by_the_next(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    land(lake, [1])
    lake.run_to_silver()
    land(lake, [0])
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.run_to_silver()
    lake.run_to_silver()
    assert refused(lake) == [(number, ["order_id_orphan"], "waiting") for number in (2, 4)]
    assert sum(row.silver for row in lake.read(tables.row_accounts).collect()) == 2


def lines(lake: TestLake) -> list[tuple[int, int]]:
    """(order, quantity) of every line in silver."""
    rows = lake.read(tables.silver_table(REGISTRY.sources[ITEMS])).collect()
    return sorted((row.order_id, row.quantity) for row in rows)


def closed(lake: TestLake) -> bool:
    """Every row of every file is in one place."""
    rows = lake.read(tables.row_accounts).collect()
    return all(row.parsed == row.silver + row.quarantined + row.duplicate + row.superseded for row in rows)


@pytest.mark.parametrize("has_waited", [False, True])
def test_lines_leave_silver_with_an_order_that_leaves_with_a_narrowed_batch(lake: TestLake, has_waited: bool) -> None:
    if has_waited:
        lake.land(ITEMS, "before.ndjson", item(7))
        lake.run_to_silver()
    lake.land(ITEMS, "a.ndjson", item(8) if has_waited else item(7) + item(8))
    lake.land(ORDERS, "b.ndjson", order(7))
    batch = lake.plan()
    assert batch is not None
    for station in ("bronze", "silver"):
        lake.station(station, batch)
    assert lines(lake) == [(7, 1)]
    for _ in range(3):
        lake.note_failure(batch)
    batch = lake.plan()
    assert batch is not None
    assert [file.dataset for file in batch.files] == [ITEMS]
    for station in ("bronze", "silver", "silver"):
        lake.station(station, batch)
        if station == "silver":
            assert lines(lake) == []
            assert refused(lake) == [(number, ["order_id_orphan"], "waiting") for number in (7, 8)]
            assert closed(lake)
    lake.finish(batch)
    lake.run_to_silver()
    assert lines(lake) == [(7, 1)]
    assert refused(lake) == [(8, ["order_id_orphan"], "waiting")]
    assert closed(lake)


def test_of_a_line_and_its_correction_that_comes_with_the_order_the_correction_counts(lake: TestLake) -> None:
    lake.land(ITEMS, "a.ndjson", item(7, quantity=9))
    lake.run_to_silver()
    (waiting,) = lake.read(tables.quarantined_rows).collect()
    corrected = json.loads(item(7, quantity=2)) | {"_quarantine_id": waiting.quarantine_id}
    lake.land(ITEMS, "fixed.ndjson", json.dumps(corrected) + "\n")
    lake.land(ORDERS, "b.ndjson", order(7))
    lake.run_to_silver()
    assert lines(lake) == [(7, 2)]
    assert [status for _, _, status in refused(lake)] == ["discarded"]
    assert closed(lake)
