"""The same files in any order and any split into batches: one and the same lake and warehouse."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from lakehouse import road
from tests.crash.conftest import ALL
from tests.crash.deliveries import files_of_all_kinds
from tests.crash.lake import CrashLake
from tests.support.everything import BATCHES, TIMES, Content, but_for_batches, differences
from tests.support.road_driver import provision_quick

FILES, ORDERS, MOST_PORTIONS = 200, 20, 4
pytestmark = pytest.mark.skipif(not ALL, reason="takes long: `make crash`; tests/spark has the short form")


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
def in_one_go() -> dict[str, Content]:
    """The end of the first order, to which all others are held."""
    return {}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(ORDERS))
def test_neither_order_nor_split_changes_a_table(lake: CrashLake, in_one_go: dict[str, Content], seed: int) -> None:
    files, rng = files_of_all_kinds(FILES, seed=1), random.Random(seed)
    lake.clear()
    order_of_arrival = rng.sample(sorted(files), len(files))
    cuts = sorted(rng.sample(range(1, len(files)), rng.randint(1, MOST_PORTIONS - 1) if seed else 0))
    for start, end in zip([0, *cuts], [*cuts, len(files)], strict=True):
        lake.land({key: files[key] for key in order_of_arrival[start:end]})
        while list(road.run(lake.settings)):
            pass
    content = but_for_batches(lake.content(TIMES | BATCHES))
    assert not content["landing"]
    assert all(content[name] for name in MUST_HOLD_ROWS), "a table is empty: nothing was compared"
    assert not differences(content, in_one_go.setdefault("content", content))


MUST_HOLD_ROWS = (
    *(f"silver_storefront.{name}{kind}" for name in ("users", "transactions", "events") for kind in ("", "_history")),
    *(f"silver_retail.{name}{kind}" for name in ("orders", "order_items") for kind in ("", "_history")),
    "quarantine.rows",
    "gold_storefront.fact_transaction",
    "redshift storefront.fact_transaction",
    "redshift storefront.daily_revenue",
    "quarantine/files/",
)
