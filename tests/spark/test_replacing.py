"""Batches that put their rows in the place of what an earlier try of them wrote, whatever files hold that."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from lakehouse import batches, bronze, tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from tests.support.lake import TestLake

USERS = load_registry().sources["storefront.users"]
BRONZE = tables.bronze_table(USERS)


def plan(lake: TestLake, name: str, ids: Iterable[str]) -> batches.Batch:
    """A batch of one file: users with these ids."""
    lines = [f"{user_id},DE,2026-01-01T10:00:00" for user_id in ids]
    text = "\n".join(["user_id,country,signed_up_at", *lines]) + "\n"
    lake.land(USERS.dataset, f"{name}.csv.gz", gzip.compress(text.encode(), 1))
    batch = lake.plan()
    assert batch is not None
    return batch


def bronze_rows(lake: TestLake) -> list[tuple[int, int]]:
    """(batch, rows) of bronze."""
    return sorted((row._batch_id, row["count"]) for row in lake.read(BRONZE).groupBy("_batch_id").count().collect())


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Bronze as its writer was at first: every group that is full at the end of a file is followed by one of no rows,
    which has no statistics. Small groups, written in this process."""

    def write_group(self: Any) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._parquet.write_table(table, row_group_size=max(1, table.num_rows))
        self._rows += table.num_rows
        self._waiting = []

    def run_here(_: Lake, work: Any, groups: Sequence[Any], plan: Any) -> list[Any]:
        return [result for group in groups for result in work(group, plan)]

    monkeypatch.setattr(bronze, "ROWS_PER_GROUP", 1)
    monkeypatch.setattr(bronze._BronzeWriter, "_write_group", write_group)
    monkeypatch.setattr(Lake, "run_in_tasks", run_here)
    return monkeypatch


def forget(lake: TestLake) -> None:
    """As if the last try had died before its verdicts were on record."""
    for table in (tables.batches, tables.files):
        lake.spark.sql(
            f"DELETE FROM {table.identifier} WHERE batch_id = (SELECT max(batch_id) FROM {table.identifier})"
        )


def test_full_groups_block_no_later_batch(lake: TestLake) -> None:
    for number, rows in enumerate((bronze.ROWS_PER_GROUP, bronze.ROWS_PER_GROUP + 1, 1), start=1):
        batch = plan(lake, f"users-{number}", (f"u-{number}-{row}" for row in range(rows)))
        lake.station("bronze", batch)
        lake.finish(batch)
    assert bronze_rows(lake) == [(1, 250_000), (2, 250_001), (3, 1)]


def test_lake_with_empty_groups_goes_on_by_itself(lake: TestLake, as_before: pytest.MonkeyPatch) -> None:
    first = plan(lake, "users-1", ["u-1", "u-2"])
    lake.station("bronze", first)
    lake.finish(first)
    as_before.undo()
    for number in (2, 3):
        batch = plan(lake, f"users-{number}", [f"u-{number}"])
        lake.station("bronze", batch)
        lake.finish(batch)
    assert bronze_rows(lake) == [(1, 2), (2, 1), (3, 1)]
