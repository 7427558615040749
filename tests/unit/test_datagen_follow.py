"""A shop that is followed: what it delivers until somebody stops it, and a truth of exactly that."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from threading import Event

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from datagen.defects import shares_of
from datagen.follow import DAYS, MOST_ROWS, follow, live_order
from datagen.generate import ABOUT, TRUTH, Order
from datagen.sinks import SECOND_DELIVERY, Folder
from datagen.worlds import WORLDS
from tests.unit.test_datagen_rows import check, often

DOMAINS = pytest.mark.parametrize("domain", WORLDS)
FAST = 50.0
"""Rows a second that make slices of 1,000 rows; the tests do not wait for them."""


class Stop(Event):
    """Is set after so many waits. None lasts, so that each is asked to be longer than the one before."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.left, self.longest = waits, 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.longest = max(self.longest, timeout or 0.0)
        self.left -= 1
        if self.left <= 0:
            self.set()
        return self.is_set()


def followed(folder: Path, domain: str, shares: Mapping[str, float], waits: int, days: int = 70) -> Order:
    order = Order(domain, 12_000, days, 3, {**shares_of("none"), **shares})
    for _ in follow(order, FAST, Folder(folder), folder / TRUTH, Stop(waits)):
        pass
    return order


@DOMAINS
@pytest.mark.parametrize("waits", [1, 40, 150, 100_000])
def test_whenever_it_ends_the_truth_is_that_of_what_was_delivered(domain: str, waits: int, tmp_path: Path) -> None:
    order = followed(tmp_path, domain, often(0.01, "messy"), waits)
    rows = check(tmp_path, list(order.plan.contracts.values()))
    outcomes = {row.outcome for row in rows}
    assert outcomes >= {"silver", "quarantined", "duplicate"}
    assert ("superseded" in outcomes) or waits == 1


@DOMAINS
def test_later_versions_in_later_months_replace_rows_of_earlier_ones(domain: str, tmp_path: Path) -> None:
    order = followed(tmp_path, domain, {}, 100_000)
    rows = check(tmp_path, list(order.plan.contracts.values()))
    months = {(_day(row.file) - order.first_day).days // 28 for row in rows if row.outcome == "superseded"}
    assert months >= {0, 1}
    assert len(list((tmp_path / TRUTH / "expected_files").iterdir())) == 4  # 28 + 28 + 14 days, and what stood


@DOMAINS
def test_every_file_is_whole_and_known_to_the_truth(domain: str, tmp_path: Path) -> None:
    followed(tmp_path, domain, shares_of("messy"), 60)
    expected = {
        (file["delivery"], f"{file['dataset'].partition('.')[2]}/{file['file']}"): file["content_hash"]
        for file in pq.read_table(tmp_path / TRUTH / "expected_files").to_pylist()
    }
    found = {}
    for delivery, top in ((1, tmp_path), (2, tmp_path / SECOND_DELIVERY)):
        for path in top.rglob("*"):
            name = path.relative_to(top).as_posix()
            if path.is_file() and not name.startswith((TRUTH, SECOND_DELIVERY)):
                found[delivery, name] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == expected
    silver = pq.read_table(tmp_path / TRUTH / "silver" / {"retail": "orders", "storefront": "users"}[domain])
    assert pc.count_distinct(silver.column(0)).as_py() == len(silver)


def test_what_may_come_once_comes_once_in_all_months(tmp_path: Path) -> None:
    followed(tmp_path, "storefront", {"header_only": 0.05}, 100_000)
    files = pq.read_table(tmp_path / TRUTH / "expected_files", columns=["dataset", "defects"])
    headers = files.filter(pc.equal(pc.list_value_length(files["defects"]), 1))
    assert len(headers) == pc.count_distinct(headers["dataset"]).as_py() > 0


def test_months_differ_in_what_goes_wrong(tmp_path: Path) -> None:
    followed(tmp_path, "storefront", {"empty_file": 0.05}, 100_000)
    files = pq.read_table(tmp_path / TRUTH / "expected_files").to_pylist()
    days = [_day(file["file"]) - date(2026, 1, 1) for file in files if "empty_file" in file["defects"]]
    months = [{day.days % 28 for day in days if day.days // 28 == month} for month in (0, 1)]
    assert months[0]
    assert months[0] != months[1]


def test_the_pace_is_kept_and_the_first_day_comes_at_once(tmp_path: Path) -> None:
    order, stop = Order("storefront", 3_000, 30, 3, shares_of("none")), Stop(100_000)
    list(follow(order, 100.0, Folder(tmp_path), tmp_path / TRUTH, stop))
    files = pq.read_table(tmp_path / TRUTH / "expected_files").to_pylist()
    paced = [file["rows"] for file in files if "2026-01-01" not in file["file"] and "-late-" not in file["file"]]
    assert sum(paced) < sum(file["rows"] for file in files)
    assert stop.longest == pytest.approx(sum(paced) / 100.0, abs=3.0)


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    began = time.monotonic()
    order = Order("storefront", 20_000, 30, 3, shares_of("none"))
    for _ in follow(order, 5.0, Folder(tmp_path), tmp_path / TRUTH, Event(), seconds=0.5):
        pass
    assert 0.5 <= time.monotonic() - began < 10
    assert json.loads((tmp_path / TRUTH / ABOUT).read_text())["complete"] is True


def test_about_says_how_far_it_came(tmp_path: Path) -> None:
    followed(tmp_path, "storefront", {}, 30)
    about = json.loads((tmp_path / TRUTH / ABOUT).read_text())
    files = pq.read_table(tmp_path / TRUTH / "expected_files")
    assert about["rows"] == pc.sum(files["rows"]).as_py()
    assert 1 < about["days"] < 70
    last = max(map(_day, files["file"].to_pylist()))
    assert (last - date.fromisoformat(about["first_day"])).days + 1 == about["days"]


def _day(file: str) -> date:
    return date.fromisoformat(file.split("-", 1)[1][:10])


@pytest.mark.parametrize(("rate", "rows"), [(50.0, 50 * 60 * DAYS), (0.001, 22), (1e6, MOST_ROWS)])
def test_the_year_has_as_many_rows_as_the_pace_allows(rate: float, rows: int) -> None:
    order = live_order(Order("storefront", 1, 1, 3), rate)
    assert (order.rows, order.days) == (rows, DAYS)
