"""Maintenance on a real lake: fewer files and snapshots, the same rows, and no batch that is hurt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import batches, maintenance, tables
from lakehouse.contract import SourceContract, load_registry
from lakehouse.lake import Lake
from lakehouse.lake.conflicts import is_conflict
from lakehouse.leftovers import Retention
from lakehouse.maintenance import Maintenance, RowsChangedError, owned_tables
from tests.support.lake import BUCKET, TestLake

USERS, TRANSACTIONS = (load_registry().sources[f"storefront.{name}"] for name in ("users", "transactions"))
BRONZE, SILVER, HISTORY = tables.bronze_table(USERS), tables.silver_table(USERS), tables.history_table(USERS)
SALES = tables.silver_table(TRANSACTIONS)
NO_RETENTION = Retention(snapshots=timedelta(0), orphans=timedelta(0))
DEADLINE_SECONDS = 120


@pytest.fixture(autouse=True)
def two_files_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction is worth while from two files on, so that a few small batches will do."""
    monkeypatch.setattr(maintenance, "MIN_FILES", 2)
    monkeypatch.setitem(maintenance._PLAN, "min-input-files", "2")


def land(lake: TestLake, number: int) -> batches.Batch:
    """Plan a batch of one file: a new user, a newer version of u-0, and a row without a key."""
    rows = [
        f"u-{number},DE,2026-01-01T10:00:00,2026-03-{number:02d}T00:00:00",
        f"u-0,SE,2026-01-01T10:00:00,2026-03-{number:02d}T00:00:00",
        ",FR,2026-01-01T10:00:00,2026-03-01T00:00:00",
    ]
    text = "\n".join(["user_id,country,signed_up_at,updated_at", *rows]) + "\n"
    lake.land(USERS.dataset, f"users-{number}.csv", text)
    batch = lake.plan()
    assert batch is not None
    return batch


def walk(lake: TestLake, numbers: range, stations: tuple[str, ...] = ("bronze", "silver")) -> None:
    """Land and finish one small batch after the other."""
    for number in numbers:
        batch = land(lake, number)
        for station in stations:
            lake.station(station, batch)
        lake.finish(batch)


def maintain(lake: TestLake, retention: Retention = NO_RETENTION) -> dict[str, maintenance.TableReport]:
    run = Maintenance(lake.lake, lake.s3, BUCKET, datetime.now(UTC), retention)
    return {report.table: report for report in run.clean_tables(owned_tables(lake.glue, BUCKET))}


def name_of(table: tables.Table) -> str:
    return f"{table.database}.{table.name}"


def everything(lake: TestLake) -> dict[str, list[str]]:
    """Every row and column of every table that is in the lake, but for the records of changes."""
    return {
        name: sorted(str(tuple(row)) for row in lake.spark.table(f"{tables.CATALOG}.{name}").collect())
        for name in owned_tables(lake.glue, BUCKET)
        if not name.endswith("_changes")
    }


def keys(lake: TestLake) -> set[str]:
    pages = lake.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="warehouse/")
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def put(lake: TestLake, table: tables.Table, name: str) -> str:
    key = f"warehouse/{table.database}.db/{table.name}/data/{name}"
    lake.s3.put_object(Bucket=BUCKET, Key=key, Body=b"never committed")
    return key


def test_files_and_snapshots_go_and_every_row_of_every_table_stays(lake: TestLake) -> None:
    walk(lake, range(1, 3))
    walk(lake, range(3, 4), ("bronze", "silver", "gold"))
    before = everything(lake)
    assert {"bronze_storefront.users", "silver_storefront.users", "quarantine.rows", "ops.files"} < before.keys()
    assert any(name.startswith("gold_storefront.") for name in before)
    opened = lake.read(SILVER)  # a job that began to read before the files were rewritten

    first = maintain(lake)
    assert [report for report in first.values() if report.failed or report.postponed] == []
    assert everything(lake) == before
    for table in (BRONZE, HISTORY, tables.quarantined_rows, tables.files, tables.batches):
        report = first[name_of(table)]
        assert report.after.files == 1 < report.before.files, table
        assert report.after.rows == report.before.rows > 0, table
    # Nothing that was current when the run began has been removed by it, even without any retention.
    assert opened.count() == 4

    second = maintain(lake)
    assert {report.after.snapshots for report in second.values() if report.after.rows} == {1}
    assert everything(lake) == before
    after = keys(lake)
    data_files = [key for key in after if key.startswith("warehouse/bronze_storefront.db/users/data/")]
    assert len(data_files) == 1

    assert {report.before for report in maintain(lake).values()} == {report.after for report in second.values()}
    assert keys(lake) == after, "a run that has nothing to do changes nothing"


def test_changes_of_finished_batches_go_and_those_of_the_last_stay_until_it_is_finished(lake: TestLake) -> None:
    table = tables.changes_table(USERS)
    walk(lake, range(1, 4))
    batch = land(lake, 4)
    lake.station("bronze", batch)
    lake.station("silver", batch)
    moved = sorted(map(str, lake.lake.read_changes(USERS, batch.batch_id).collect()))
    before = everything(lake)
    first = maintain(lake)[name_of(table)]
    assert first.failed is None
    assert first.before.rows > first.after.rows > 0
    assert {row["_changed_by"] for row in lake.read(table).collect()} == {batch.batch_id}
    assert sorted(map(str, lake.lake.read_changes(USERS, batch.batch_id).collect())) == moved
    lake.station("gold", batch)
    lake.finish(batch)
    assert maintain(lake)[name_of(table)].after.rows == 0
    assert {name: rows for name, rows in everything(lake).items() if name in before} == before


def land_sales(lake: TestLake) -> list[str]:
    """Eight sales of two months, and changes of two of them by another batch; `transaction_id status` as it then is."""
    header = "transaction_id,user_id,product_id,unit_price,amount,currency,status,occurred_at,updated_at"
    rows = [f"t-{number},u-1,p-1,5.00,5.00,EUR,completed,2026-0{1 + number % 2}-01T10:00:00" for number in range(8)]
    changed = [row.replace("completed", "refunded") for row in rows[:2]]
    for day, lines in enumerate((rows, changed), start=1):
        text = "\n".join([header, *(f"{line},2026-03-0{day}T00:00:00" for line in lines)])
        lake.land(TRANSACTIONS.dataset, f"sales-{day}.csv", text)
        lake.run_to_silver()
    return [f"t-{number} {'refunded' if number < 2 else 'completed'}" for number in range(8)]


def test_rows_that_merges_noted_as_deleted_leave_the_files(lake: TestLake) -> None:
    """Silver of a partitioned dataset is merged on read: a changed row is noted beside the file that holds it."""
    expected = land_sales(lake)

    def summary() -> tuple[str, str]:
        found = lake.lake._iceberg(SALES).currentSnapshot().summary()
        return found["total-data-files"], found["total-position-deletes"]

    def statuses() -> list[str]:
        return sorted(f"{row.transaction_id} {row.status}" for row in lake.read(SALES).collect())

    assert summary() == ("4", "2"), "each of two months has the first file, a note on it, and what has changed"
    assert statuses() == expected
    report = maintain(lake)[name_of(SALES)]
    assert (report.failed, report.before.rows, report.after.rows, report.after.files) == (None, 8, 8, 2)
    assert summary() == ("2", "0")
    assert statuses() == expected


def test_table_made_again_keeps_no_notes(lake: TestLake) -> None:
    expected = land_sales(lake)
    lake.lake._overwrite(SALES, lake.read(SALES))
    assert lake.lake._iceberg(SALES).currentSnapshot().summary()["total-delete-files"] == "0"
    assert sorted(f"{row.transaction_id} {row.status}" for row in lake.read(SALES).collect()) == expected


def test_old_orphans_go_and_fresh_files_of_a_running_batch_stay(lake: TestLake) -> None:
    orphan, neighbours = put(lake, SILVER, "old.parquet"), put(lake, HISTORY, "old.parquet")
    wait_until_the_clock_of_s3_moves_on(lake)
    cut = datetime.now(UTC)
    walk(lake, range(1, 2))
    fresh = put(lake, BRONZE, "0000000002-5d1ebb0e.parquet")
    before = everything(lake)

    run = Maintenance(
        lake.lake, lake.s3, BUCKET, now := datetime.now(UTC), Retention(snapshots=now - cut, orphans=now - cut)
    )
    # The folder of `users` begins like those of `users_history` and `users_changes`, whose files are not its orphans.
    assert run.remove_orphans(run.load(name_of(SILVER))) == 1
    assert orphan not in keys(lake)
    assert {neighbours, fresh} < keys(lake)
    assert run.remove_orphans(run.load(name_of(HISTORY))) == 1
    assert run.remove_orphans(run.load(name_of(BRONZE))) == 0
    assert fresh in keys(lake)
    assert everything(lake) == before


def wait_until_the_clock_of_s3_moves_on(lake: TestLake) -> None:
    """S3 tells the time of an object to the second."""
    first = lake.s3.put_object(Bucket=BUCKET, Key="clock", Body=b"") and modified(lake, "clock")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        lake.s3.put_object(Bucket=BUCKET, Key="clock", Body=b"")
        if modified(lake, "clock") > first:
            return
    pytest.fail("the clock of S3 stands still")


def modified(lake: TestLake, key: str) -> datetime:
    instant: datetime = lake.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
    return instant


def test_snapshot_that_was_current_within_the_retention_stays_however_old_it_is(lake: TestLake) -> None:
    identifier = SILVER.identifier
    walk(lake, range(1, 3))
    rested = datetime.now(UTC)
    old, resting = (
        row.snapshot_id for row in lake.spark.table(f"{identifier}.snapshots").orderBy("committed_at").collect()
    )
    walk(lake, range(3, 4))

    run = Maintenance(lake.lake, lake.s3, BUCKET, now := datetime.now(UTC), Retention(snapshots=now - rested))
    run.expire_snapshots(run.load(name_of(SILVER)))
    left = {row.snapshot_id for row in lake.spark.table(f"{identifier}.snapshots").collect()}
    assert old not in left
    assert resting in left
    assert lake.spark.read.option("versionAsOf", resting).table(identifier).count() == 3


def test_batch_that_was_killed_and_compacted_meanwhile_is_repeated_without_loss(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk(lake, range(1, 3))
    batch = land(lake, 3)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "write_ledger", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lake.station("bronze", batch)  # its rows are in bronze, its verdicts not on record
    committed = everything(lake)
    assert maintain(lake)[name_of(BRONZE)].after.files == 2, "those of finished batches and those of this one"
    assert everything(lake) == committed
    lake.station("bronze", batch)
    lake.station("silver", batch)
    maintain(lake)
    lake.station("silver", batch)
    lake.finish(batch)
    assert lake.read(BRONZE).count() == 9
    assert lake.read(tables.quarantined_rows).count() == 3
    assert sorted(row.user_id for row in lake.read(SILVER).collect()) == ["u-0", "u-1", "u-2", "u-3"]
    assert lake.read(HISTORY).count() == 2


def test_compaction_that_loses_to_a_batch_is_postponed_and_changes_nothing(lake: TestLake) -> None:
    walk(lake, range(1, 4))
    before = everything(lake)

    class Overtaken(Maintenance):
        """A merge rewrites all files of the table after its compaction has been planned."""

        def load(self, name: str) -> Any:
            table = super().load(name)
            lake.spark.sql(f"UPDATE {HISTORY.identifier} SET country = 'NO'")
            return table

    run = Overtaken(lake.lake, lake.s3, BUCKET, datetime.now(UTC), NO_RETENTION)
    [report] = run.clean_tables([name_of(HISTORY)])
    assert report.failed is None
    assert report.postponed == "1 of 1 groups of files were changed by a batch meanwhile"
    assert {row.country for row in lake.read(HISTORY).collect()} == {"NO"}
    assert lake.read(HISTORY).count() == len(before[name_of(HISTORY)])
    assert maintain(lake)[name_of(HISTORY)].postponed is None


@pytest.mark.parametrize("way", ["few", "many"])
@pytest.mark.parametrize(("source", "partitions"), [(USERS, 1), (TRANSACTIONS, 2)], ids=["written anew", "on read"])
def test_batch_that_loses_to_a_compaction_is_refused_and_right_when_repeated(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: SourceContract, partitions: int, way: str
) -> None:
    table = tables.silver_table(source)
    assert table.is_merged_on_read == (source is TRANSACTIONS)
    walk(lake, range(1, 4))
    land_sales(lake)
    before, others = lake.content(table), lake.content(table, without=["user_id"])
    reading, go_on = (tmp_path / name for name in ("reading", "go-on"))

    def wait() -> None:
        reading.touch()
        wait_for(go_on.exists)

    def hold(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        reading.touch()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not go_on.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield from frames

    winners = lake.lake.pin(lake.read(table).withColumn("user_id", F.lit("u-9")).coalesce(1))
    failure: list[Py4JJavaError] = []

    def merge() -> None:
        try:
            if way == "few":
                # Where the rows stand is known by then, and nothing is committed yet.
                write = Lake.write
                with monkeypatch.context() as patch:
                    patch.setattr(Lake, "write", lambda *arguments: (wait(), write(*arguments))[1])
                    lake.lake._merge(table, winners, on=("_key",))
            else:
                held = winners.withColumn("_leaves", F.lit(False))
                lake.lake._merge_many(table, held.mapInPandas(hold, held.schema), ("_key",), None, {})
        except Py4JJavaError as error:
            failure.append(error)

    batch = threading.Thread(target=merge)
    batch.start()
    wait_for(reading.exists)
    assert maintain(lake)[name_of(table)].after.files == partitions
    go_on.touch()
    batch.join(DEADLINE_SECONDS)
    assert not batch.is_alive()
    [error] = failure
    assert is_conflict(error)
    assert lake.content(table) == before
    lake.lake._merge(table, winners, on=("_key",))
    assert {row.user_id for row in lake.read(table).collect()} == {"u-9"}
    assert lake.content(table, without=["user_id"]) == others


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_rewrite_that_loses_rows_is_named_and_can_be_rolled_back(lake: TestLake) -> None:
    walk(lake, range(1, 3))
    run = Maintenance(lake.lake, lake.s3, BUCKET, datetime.now(UTC), NO_RETENTION)
    table = run.load(name_of(SILVER))
    start = table.currentSnapshot().snapshotId()
    file = table.newScan().planFiles().iterator().next().file()
    table.newRewrite().validateFromSnapshot(start).rewriteFiles(jset(lake, [file]), jset(lake, [])).commit()
    with pytest.raises(RowsChangedError, match=rf"go back with .*\('silver_storefront.users', {start}\)"):
        run.require_same_rows(table, name_of(SILVER), start)


def jset(lake: TestLake, items: list[Any]) -> Any:
    made = lake.spark._jvm.java.util.HashSet()  # type: ignore[union-attr]
    for item in items:
        made.add(item)
    return made


def test_tables_of_other_lakes_are_not_touched(lake: TestLake) -> None:
    lake.lake.ensure([tables.files])
    lake.glue.create_table(
        DatabaseName="ops",
        TableInput={
            "Name": "elsewhere",
            "Parameters": {"table_type": "ICEBERG"},
            "StorageDescriptor": {"Location": "s3://other/warehouse/ops.db/elsewhere"},
        },
    )
    assert owned_tables(lake.glue, BUCKET) == ["ops.files"]
