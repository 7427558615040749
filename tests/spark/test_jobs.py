"""The three Glue jobs on a real lake: what becomes of files and rows, and what survives being killed and repeated."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse import silver, tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from lakehouse.landing import ABANDONED_AFTER
from tests.support.lake import TestLake

REGISTRY = load_registry()
USERS, TRANSACTIONS, EVENTS, RATES = (
    f"storefront.{name}" for name in ("users", "transactions", "events", "exchange_rates")
)
# Batch numbers and times differ between two histories that must end alike in everything else.
RUN_COLUMNS = ("_batch_id", "_changed_by", "batch_id", "ingested_at", "quarantined_at", "arrived_at", "planned_at")


def transaction(number: int, **cells: object) -> dict[str, object]:
    return {
        "transaction_id": f"t-{number}",
        "user_id": f"u-{number % 3}",
        "product_id": "p-1",
        "quantity": 1,
        "unit_price": "10.00",
        "amount": "10.00",
        "currency": "EUR",
        "status": "completed",
        "occurred_at": f"2026-03-{1 + number % 5:02d}T10:00:00",
        "updated_at": "2026-03-10T00:00:00",
    } | cells


def user(number: int, **cells: object) -> dict[str, object]:
    return {"user_id": f"u-{number}", "country": "DE", "signed_up_at": "2025-12-31T10:00:00"} | cells


def event(number: int, **cells: object) -> dict[str, object]:
    when = f"2026-03-{1 + number % 5:02d}T09:00:00"
    who = None if number % 4 == 0 else f"u-{number % 3}"
    return {"event_id": f"e-{number}", "event_type": "page_view", "user_id": who, "occurred_at": when} | cells


def ndjson(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def delimited(rows: list[dict[str, object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def accounts(lake: TestLake) -> dict[str, int]:
    names = ("parsed", "silver", "quarantined", "duplicate", "superseded")
    rows = lake.read(tables.row_accounts).collect()
    return {name: sum(row[name] for row in rows) for name in names}


def everything(lake: TestLake, datasets: tuple[str, ...]) -> dict[str, list[str]]:
    """Contents of every table of the domains of these datasets, run columns aside."""
    sources = [REGISTRY.sources[name] for name in datasets]
    wanted = [
        *(table(contract) for contract in sources for table in (tables.silver_table, tables.history_table)),
        *(tables.gold_table(contract) for contract in REGISTRY.gold.values() if set(datasets) & set(contract.datasets)),
        tables.row_accounts,
        tables.quarantined_rows,
    ]
    return {table.identifier: lake.content(table, RUN_COLUMNS) for table in wanted}


def test_every_file_has_a_verdict_and_every_row_a_place(lake: TestLake) -> None:
    rows = [transaction(n) for n in range(20)]
    lake.land(TRANSACTIONS, "a.csv", delimited(rows))
    lake.land(TRANSACTIONS, "same bytes+%41é.csv", delimited(rows))
    lake.land(
        TRANSACTIONS,
        "b.ndjson.gz",
        gzip.compress(ndjson([transaction(1, amount="12.00", updated_at="2026-03-11T00:00:00")]).encode()),
    )
    lake.land(TRANSACTIONS, "c.txt", delimited([transaction(2), transaction(30, amount="ten")], "|"))
    lake.land(TRANSACTIONS, "d.json", json.dumps([transaction(31, status="teleported", currency=None)]))
    lake.land(TRANSACTIONS, "broken.csv.gz", gzip.compress(b"x" * 1000)[:-9])
    lake.land(TRANSACTIONS, "upload.csv.part", "half a")
    lake.land("storefront.wishes", "wishes.csv", "a,b\n1,2\n")
    (batch,) = lake.run_all()

    verdicts = {row.key.rsplit("/", 1)[-1]: (row.verdict, row.reason) for row in lake.read(tables.files).collect()}
    assert verdicts == {
        "wishes.csv": ("quarantined", "unknown_dataset"),
        "a.csv": ("accepted", None),
        "same bytes+%41é.csv": ("duplicate_content", None),
        "b.ndjson.gz": ("accepted", None),
        "c.txt": ("accepted", None),
        "d.json": ("accepted", None),
        "broken.csv.gz": ("quarantined", "truncated_gzip"),
    }
    assert accounts(lake) == {"parsed": 24, "silver": 20, "quarantined": 2, "duplicate": 1, "superseded": 1}
    refused = lake.read(tables.quarantined_rows).orderBy("raw").collect()
    reasons = sorted([found["rule"] for found in json.loads(row.violations)] for row in refused)
    assert reasons == [["amount_malformed"], ["currency_missing", "status_not_allowed"]]
    assert lake.left_in_landing() == ["storefront/transactions/upload.csv.part"], "its writer will rename it"
    assert len(batch.files) == 7


def test_an_upload_that_was_given_up_is_ignored_in_the_end(lake: TestLake) -> None:
    lake.land(TRANSACTIONS, "_temporary/0/part-0.csv", delimited([transaction(1)]))
    assert lake.plan() is None
    batch = lake.plan(now=datetime.now(UTC) + ABANDONED_AFTER + timedelta(minutes=1))
    assert batch is not None
    lake.station("bronze", batch)
    lake.finish(batch)
    (row,) = lake.read(tables.files).collect()
    assert (row.verdict, row.reason, row.rows_parsed) == ("ignored", "temporary_name", 0)
    assert lake.left_in_landing() == []


def test_the_same_files_and_the_same_batch_again_change_no_row(lake: TestLake) -> None:
    files = {"a.csv": delimited([transaction(n) for n in range(5)]), "b.csv": delimited([transaction(9, amount="x")])}
    gold_tables = [tables.gold_table(one) for one in REGISTRY.gold_of("storefront") if TRANSACTIONS in one.datasets]
    written = [tables.silver_table(REGISTRY.sources[TRANSACTIONS]), *gold_tables]

    def commits() -> dict[str, list[int]]:
        return {
            table.identifier: [
                row.snapshot_id
                for row in lake.spark.sql(f"SELECT snapshot_id FROM {table.identifier}.snapshots").collect()
            ]
            for table in written
        }

    def land() -> None:
        for name, content in files.items():
            lake.land(TRANSACTIONS, name, content)

    land()
    (batch,) = lake.run_all()
    before = everything(lake, (TRANSACTIONS,)), commits()
    assert all(commits().values())
    for station in ("bronze", "silver", "gold"):
        lake.station(station, batch)
    assert (everything(lake, (TRANSACTIONS,)), commits()) == before
    land()
    (again,) = lake.run_all()
    assert again.batch_id == 2
    assert (everything(lake, (TRANSACTIONS,)), commits()) == before


def test_first_file_of_a_dataset_may_hold_nothing_but_refused_rows(lake: TestLake) -> None:
    lake.land(TRANSACTIONS, "bad.csv", delimited([transaction(1, amount="ten")]))
    lake.run_all()
    assert accounts(lake) == {"parsed": 1, "silver": 0, "quarantined": 1, "duplicate": 0, "superseded": 0}
    for contract in REGISTRY.gold.values():
        if TRANSACTIONS in contract.datasets:
            # A dimension has its unknown member all the same.
            assert lake.read(tables.gold_table(contract)).count() == bool(contract.unknown_member), contract.dataset


def test_a_file_replaced_after_it_was_judged_keeps_its_verdict(lake: TestLake) -> None:
    lake.land(TRANSACTIONS, "a.csv", delimited([transaction(1)]))
    batch = lake.plan()
    assert batch is not None
    lake.station("bronze", batch)
    lake.station("silver", batch)
    lake.land(TRANSACTIONS, "a.csv", delimited([transaction(2)]))
    # The run failed after silver and is resumed: what it judged stays judged, the new version is the next batch's.
    batches = lake.run_all()
    assert [ended.batch_id for ended in batches] == [1, 2]
    assert accounts(lake) == {"parsed": 2, "silver": 2, "quarantined": 0, "duplicate": 0, "superseded": 0}


KILLED_AT = ("transactions_history", "transactions", "daily_revenue")


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("write", KILLED_AT)
def test_a_run_that_died_around_a_write_is_repeated_to_the_same_end(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any], write: str
) -> None:
    lake.land(TRANSACTIONS, "1.csv", delimited([transaction(n) for n in range(6)]))
    lake.run_all()
    changed = [transaction(n, amount="11.00", updated_at="2026-03-12T00:00:00") for n in range(3)]
    lake.land(TRANSACTIONS, "2.csv", delimited([*changed, transaction(5), transaction(7, amount="-1"), transaction(8)]))
    batch = lake.plan()
    assert batch is not None

    original = Lake.change

    def dies_after_its_work(self: Lake, table: tables.Table, *args: Any) -> None:
        original(self, table, *args)
        if table.name == write:
            raise RuntimeError("killed")

    lake.station("bronze", batch)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "change", dies_after_its_work)
        station = "gold" if write == "daily_revenue" else "silver"
        if station == "gold":
            lake.station("silver", batch)
        with pytest.raises(RuntimeError, match="killed"):
            lake.station(station, batch)
    for _ in lake.run():
        pass
    result = everything(lake, (TRANSACTIONS,))
    assert accounts(lake) == {"parsed": 12, "silver": 7, "quarantined": 1, "duplicate": 1, "superseded": 3}
    assert undisturbed.setdefault("result", result) == result


def test_silver_does_not_depend_on_the_split_into_batches(lake: TestLake) -> None:
    rng = random.Random(3)
    files = {
        f"{n}.csv": delimited(
            [
                transaction(
                    rng.randint(0, 6), amount=f"{rng.randint(1, 3)}.00", updated_at=f"2026-03-1{rng.randint(0, 2)}"
                )
                for _ in range(6)
            ]
        )
        for n in range(4)
    }
    ends = []
    for max_files in (2, 4):
        lake.clear()
        for name, content in files.items():
            lake.land(TRANSACTIONS, name, content)
        lake.run_all(max_files)
        ends.append(everything(lake, (TRANSACTIONS,)))
    assert ends[0] == ends[1]
    fates = {row["_fate"] for row in lake.read(tables.history_table(REGISTRY.sources[TRANSACTIONS])).collect()}
    assert fates == {silver.DUPLICATE, silver.SUPERSEDED}
