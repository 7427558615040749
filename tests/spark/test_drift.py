"""Columns that the contract does not declare, through the real jobs: recorded once, and taken in where it evolves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lakehouse import tables
from lakehouse.contract import Registry, load_registry
from lakehouse.contract.model import Drift
from lakehouse.lake import Lake
from tests.support.lake import JOBS, TestLake

USERS = "storefront.users"
RUN_COLUMNS = ("_batch_id", "_changed_by", "batch_id", "ingested_at", "quarantined_at", "arrived_at", "planned_at")
SIGNED_UP = "2026-01-01T00:00:00"
# Two files bring one new column under two spellings, one of them another besides; one brings none.
FILES = {
    "a.csv": f"user_id,signed_up_at,updated_at,Shoe Size,tier\n"
    f"u-1,{SIGNED_UP},2026-02-01,38,gold\nu-2,{SIGNED_UP},,,\n",
    "b.ndjson": "".join(
        json.dumps({"user_id": user, "signed_up_at": SIGNED_UP, **more}) + "\n"
        for user, more in (("u-3", {"shoe-size": 41.50, "client": {"os": "x"}}), ("u-4", {"shoe-size": None}))
    ),
    "c.csv": f"user_id,signed_up_at\nu-5,{SIGNED_UP}\nu-1,{SIGNED_UP}\n",
}


def mode(patch: pytest.MonkeyPatch, drift: Drift) -> Registry:
    """Let the jobs read contracts in which users drift so."""
    registry = load_registry()
    registry = Registry({**registry.sources, USERS: replace(registry.sources[USERS], drift=drift)}, registry.gold)
    for job in JOBS.values():
        patch.setattr(job, "load_registry", lambda: registry)
    return registry


def refine(lake: TestLake) -> None:
    """Walk what waits as far as silver: gold knows declared columns only."""
    batch = lake.plan()
    assert batch is not None
    for station in ("bronze", "silver"):
        lake.station(station, batch)
    lake.finish(batch)


def land(lake: TestLake, *names: str) -> None:
    for name in names:
        lake.land(USERS, name, FILES[name])


def state(lake: TestLake) -> dict[str, list[str]]:
    """Every table that the files fill, their names and what was added to them included; batches and times aside."""
    users = lake.lake.evolved(Registry({USERS: replace(load_registry().sources[USERS], drift="evolve")}, {}), 99)
    contract = users.sources[USERS]
    wanted = (tables.silver_table(contract), tables.history_table(contract), tables.drift, tables.row_accounts)
    return {table.identifier: lake.content(table, RUN_COLUMNS) for table in wanted}


def silver(lake: TestLake, *columns: str) -> dict[str, tuple[Any, ...]]:
    rows = lake.spark.table("lake.silver_storefront.users").collect()
    return {row.user_id: tuple(row[name] for name in columns) for row in rows}


def recorded(lake: TestLake) -> list[tuple[Any, ...]]:
    names = {row.file_id: row.key.rsplit("/", 1)[-1] for row in lake.read(tables.files).collect()}
    rows = lake.read(tables.drift).collect()
    return sorted((names[row.file_id], row.column_name, row.row_count, row.added_as) for row in rows)


def test_what_is_unknown_is_rescued_and_on_record(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    mode(monkeypatch, "rescue")
    land(lake, *FILES)
    refine(lake)
    assert recorded(lake) == [
        ("a.csv", "Shoe Size", 1, None),
        ("a.csv", "tier", 1, None),
        ("b.ndjson", "client.os", 1, None),
        ("b.ndjson", "shoe-size", 1, None),
    ]
    assert json.loads(silver(lake, "_rescued")["u-3"][0]) == {"shoe-size": 41.5, "client": {"os": "x"}}


def test_a_frozen_dataset_refuses_the_file_and_keeps_the_name(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    mode(monkeypatch, "freeze")
    land(lake, "a.csv")
    lake.station("bronze", lake.plan())
    (file,) = lake.read(tables.files).collect()
    assert (file.verdict, file.reason) == ("quarantined", "unknown_column")
    assert recorded(lake) == [("a.csv", "Shoe Size", 1, None), ("a.csv", "tier", 1, None)]


def test_new_columns_are_taken_in_whatever_came_first(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = mode(monkeypatch, "evolve")
    land(lake, *FILES)
    lake.run_all()
    at_once = state(lake)
    assert silver(lake, "shoe_size", "tier", "client", "_rescued") == {
        "u-1": ("38", "gold", None, None),
        "u-2": (None, None, None, None),
        "u-3": ("41.5", None, '{"os":"x"}', None),
        "u-4": (None, None, None, None),
        "u-5": (None, None, None, None),
    }
    content = silver(lake, "_content")["u-5"]
    assert recorded(lake) == [
        ("a.csv", "Shoe Size", 1, "shoe_size"),
        ("a.csv", "tier", 1, "tier"),
        ("b.ndjson", "client", 1, "client"),
        ("b.ndjson", "shoe-size", 1, "shoe_size"),
    ]
    for table in (tables.bronze_table, tables.history_table, tables.changes_table):
        assert {"client", "shoe_size", "tier"} <= set(lake.read(table(registry.sources[USERS])).columns)

    lake.clear()
    for name in reversed(FILES):
        land(lake, name)
        refine(lake)
        assert silver(lake, "_content")["u-5"] == content, "a row without the new columns is what it was without them"
    assert state(lake) == at_once

    # Later files of known columns are read once, and on record too.
    lake.land(USERS, "d.csv", f"User ID,signed_up_at,SHOE_SIZE\nu-6,{SIGNED_UP},40\n")
    lake.run_all()  # gold too
    assert silver(lake, "shoe_size")["u-6"] == ("40",)
    assert recorded(lake)[-1] == ("d.csv", "shoe-size", 1, "shoe_size")


def dying(step: str, patch: pytest.MonkeyPatch) -> None:
    """Let one step be the last thing that the job does; `ensure` once it has added the new columns."""
    original = getattr(Lake, step)

    def dies_after_its_work(self: Lake, *arguments: Any) -> None:
        given = [list(arguments[0])] if step == "ensure" else arguments
        original(self, *given)
        if step != "ensure" or any("shoe_size" in table.column_names for table in given[0]):
            raise RuntimeError("killed")

    patch.setattr(Lake, step, dies_after_its_work)


@pytest.mark.parametrize("step", ["ensure", "commit_bronze", "write_drift"])
def test_a_run_that_ends_around_any_step_is_made_good_by_the_next(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    mode(monkeypatch, "evolve")
    land(lake, *FILES)
    batch = lake.plan()
    assert batch is not None
    with monkeypatch.context() as broken:
        dying(step, broken)
        with pytest.raises(RuntimeError, match="killed"):
            lake.station("bronze", batch)
    assert not lake.lake.has_judged(batch)
    lake.station("bronze", batch)
    assert recorded(lake) == [
        ("a.csv", "Shoe Size", 1, "shoe_size"),
        ("a.csv", "tier", 1, "tier"),
        ("b.ndjson", "client", 1, "client"),
        ("b.ndjson", "shoe-size", 1, "shoe_size"),
    ]
    rows = lake.spark.table("lake.bronze_storefront.users").collect()
    assert sorted((row.user_id, row.shoe_size, row._rescued) for row in rows if row.shoe_size) == [
        ("u-1", "38", None),
        ("u-3", "41.5", None),
    ]
    assert len(rows) == 6
