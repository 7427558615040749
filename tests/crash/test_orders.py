"""The same files in any order and any split into batches: one and the same lake and warehouse."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

import pytest

from lakehouse import road
from tests.crash.conftest import ALL
from tests.crash.deliveries import Delivery, item, ndjson, order, transaction, user
from tests.crash.lake import CrashLake
from tests.support.everything import BATCHES, TIMES, Content, differences
from tests.support.road_driver import provision_quick

FILES, ORDERS = (200, 20) if ALL else (40, 2)
MOST_PORTIONS = 4 if ALL else 2
# Which batch brought what differs by design; bronze and the changes say nothing else.
OF_BATCHES = ("bronze_", "ops.batches", "redshift ops.loads")


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


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashLake]:
    """One lake, emptied for each order: its warm worker is worth keeping. This process's environment leads to it."""
    live = CrashLake(tmp_path_factory.mktemp("orders") / "state")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in live.environment.items():
            patch.setenv(name, value)
        try:
            provision_quick(live.settings)
            yield live
        finally:
            live.close()


@pytest.fixture(scope="module")
def in_one_batch() -> dict[str, Content]:
    """The end of the first order, to which all others are held."""
    return {}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(ORDERS))
def test_neither_order_nor_split_changes_a_table(lake: CrashLake, in_one_batch: dict[str, Content], seed: int) -> None:
    files, rng = files_of_all_kinds(FILES, seed=1), random.Random(seed)
    lake.clear()
    order_of_arrival = rng.sample(sorted(files), len(files))
    cuts = sorted(rng.sample(range(1, len(files)), rng.randint(1, MOST_PORTIONS - 1)))
    for start, end in zip([0, *cuts], [*cuts, len(files)], strict=True):
        lake.land({key: files[key] for key in order_of_arrival[start:end]})
        while list(road.run(lake.settings)):
            pass
    content = {
        name: rows
        for name, rows in lake.content(TIMES | BATCHES).items()
        if not name.startswith(OF_BATCHES) and not name.endswith("_changes")
    }
    assert not content["landing/"]
    assert all(content[name] for name in MUST_HOLD_ROWS), "a table is empty: nothing was compared"
    assert not differences(content, in_one_batch.setdefault("content", content))


MUST_HOLD_ROWS = (
    *(f"silver_storefront.{name}{kind}" for name in ("users", "transactions", "events") for kind in ("", "_history")),
    *(f"silver_retail.{name}{kind}" for name in ("orders", "order_items") for kind in ("", "_history")),
    "quarantine.rows",
    "gold_storefront.fact_transaction",
    "redshift storefront.fact_transaction",
    "redshift storefront.daily_revenue",
    "quarantine/files/",
)
