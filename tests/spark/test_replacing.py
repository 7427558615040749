"""Batches that put their rows in the place of what an earlier try of them wrote, whatever files hold that."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame

from lakehouse import batches, maintenance, parquet_file, tables
from lakehouse.contract import load_registry
from lakehouse.lake import Lake, splitting
from lakehouse.leftovers import Retention
from lakehouse.maintenance import Maintenance
from lakehouse.parquet_file import ParquetFile
from tests.support.lake import BUCKET, TestLake

USERS = load_registry().sources["storefront.users"]
BRONZE = tables.bronze_table(USERS)


def plan(lake: TestLake, name: object, ids: Iterable[str] = ()) -> batches.Batch:
    """A batch of one file of users: with these ids, or two."""
    lines = [f"{user_id},DE,2026-01-01T10:00:00" for user_id in ids or (f"u-{name}", f"v-{name}")]
    text = "\n".join(["user_id,country,signed_up_at", *lines]) + "\n"
    lake.land(USERS.dataset, f"{name}.csv.gz", gzip.compress(text.encode(), 1))
    batch = lake.plan()
    assert batch is not None
    return batch


def ingest(lake: TestLake, name: object) -> None:
    """Bring a batch of two users as far as bronze."""
    batch = plan(lake, name)
    lake.station("bronze", batch)
    lake.finish(batch)


def repeat(lake: TestLake, number: int) -> None:
    """Run bronze again, as if the first try had died before its verdicts were on record."""
    batch = batches.read(lake.s3, BUCKET, number)
    for table in (tables.batches, tables.files):
        lake.spark.sql(f"DELETE FROM {table.identifier} WHERE batch_id = {number}")
    for file in batch.files:
        raw = next(key for key in keys(lake, "raw/") if file.key.rsplit("/", 1)[-1] in key)
        lake.s3.copy_object(Bucket=BUCKET, Key=file.key, CopySource={"Bucket": BUCKET, "Key": raw})
    lake.station("bronze", batch)


def keys(lake: TestLake, prefix: str) -> list[str]:
    return [item["Key"] for item in lake.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def batches_of(lake: TestLake, table: tables.Table = BRONZE) -> dict[int, int]:
    """Rows by batch."""
    return {row._batch_id: row["count"] for row in lake.read(table).groupBy("_batch_id").count().collect()}


def bounds(lake: TestLake) -> list[tuple[int, int] | None]:
    """The first and last batch of every file of bronze, as Iceberg knows them."""
    metrics = lake.spark.table(f"{BRONZE.identifier}.files").select("readable_metrics._batch_id.*").collect()
    found = [None if row.lower_bound is None else (row.lower_bound, row.upper_bound) for row in metrics]
    return sorted(found, key=str)


def snapshots(lake: TestLake, table: tables.Table) -> list[str]:
    """The operation of every commit."""
    history = lake.spark.table(f"{table.identifier}.snapshots").orderBy("committed_at").collect()
    return [row.operation for row in history]


def maintain(lake: TestLake, table: tables.Table) -> maintenance.TableReport:
    retention = Retention(snapshots=timedelta(1), orphans=timedelta(1))
    run = Maintenance(lake.lake, lake.s3, BUCKET, datetime.now(UTC), retention)
    (report,) = run.clean_tables([f"{table.database}.{table.name}"])
    assert (report.failed, report.postponed) == (None, None)
    return report


@pytest.fixture
def two_files_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction is worth while from two files on."""
    monkeypatch.setattr(maintenance, "MIN_FILES", 2)
    monkeypatch.setitem(maintenance._PLAN, "min-input-files", "2")


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Bronze as its writer was at first: every group that is full at the end of a file is followed by one of no rows,
    which has no statistics. Small groups, written in this process."""

    def write_group(self: Any) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._parquet.write_table(table, row_group_size=max(1, table.num_rows))
        self._waiting, self._waiting_rows, self.waiting_bytes = [], 0, 0

    def run_here(_: Lake, work: Any, groups: Sequence[Any], plan: Any) -> list[Any]:
        return [result for group in groups for result in work(group, plan)]

    monkeypatch.setattr(parquet_file, "ROWS_PER_GROUP", 1)
    monkeypatch.setattr(ParquetFile, "write_group", write_group)
    monkeypatch.setattr(Lake, "run_in_tasks", run_here)
    return monkeypatch


def test_full_groups_block_no_later_batch(lake: TestLake) -> None:
    full = parquet_file.ROWS_PER_GROUP
    for number, rows in enumerate((full, full + 1, 1), start=1):
        batch = plan(lake, f"users-{number}", (f"u-{number}-{row}" for row in range(rows)))
        lake.station("bronze", batch)
        lake.finish(batch)
    assert batches_of(lake) == {1: full, 2: full + 1, 3: 1}


def test_lake_with_empty_groups_goes_on_by_itself(lake: TestLake, as_before: pytest.MonkeyPatch) -> None:
    ingest(lake, 1)
    assert bounds(lake) == [None]
    before = lake.content(BRONZE)
    as_before.undo()
    ingest(lake, 2)
    assert bounds(lake) == [(1, 1), (2, 2)]
    healed = snapshots(lake, BRONZE)
    ingest(lake, 3)
    assert set(before) < set(lake.content(BRONZE))
    assert batches_of(lake) == {1: 2, 2: 2, 3: 2}
    assert snapshots(lake, BRONZE) == [*healed, "overwrite"], "files are split once"


def test_batch_whose_own_file_has_an_empty_group_is_repeated(lake: TestLake, as_before: pytest.MonkeyPatch) -> None:
    ingest(lake, 1)
    as_before.undo()
    repeat(lake, 1)
    assert batches_of(lake) == {1: 2}


@pytest.mark.usefixtures("two_files_are_many")
def test_batch_that_compaction_mixed_with_others_is_repeated(lake: TestLake, as_before: pytest.MonkeyPatch) -> None:
    """Of a file without bounds nobody can tell that its batch is not finished."""
    ingest(lake, 1)
    batch = plan(lake, 2)
    with as_before.context() as patch:
        patch.setattr(Lake, "write_ledger", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lake.station("bronze", batch)
    before = lake.content(BRONZE)
    assert maintain(lake, BRONZE).after.files == 1
    assert bounds(lake) == [(1, 2)]
    as_before.undo()
    lake.station("bronze", batch)
    assert lake.content(BRONZE) == before
    assert bounds(lake) == [(1, 1), (2, 2)]


def test_dataset_of_more_columns_than_iceberg_measures_takes_a_second_batch(lake: TestLake) -> None:
    """It keeps bounds of the first hundred columns, unless the table asks for more; those made before did not."""
    more = [replace(USERS.columns[1], name=f"column_{number}", aliases=()) for number in range(110)]
    contract = replace(USERS, columns=(*USERS.columns, *more))
    table = tables.bronze_table(contract)
    lake.lake.ensure([table])

    def write(batch_id: int) -> None:
        schema = lake.lake.destination(table).schema
        rows = {field.name: [batch_id if field.name == "_batch_id" else None] for field in schema}
        lake.lake.replace_batch(table, lake.lake.write(table, pa.table(rows, schema)), batch_id)

    for batch_id in (1, 2):
        write(batch_id)
    assert set(snapshots(lake, table)) == {"overwrite"}
    (setting,) = splitting.with_bounds_of("_batch_id")
    lake.spark.sql(f"ALTER TABLE {table.identifier} UNSET TBLPROPERTIES ('{setting}')")
    for batch_id in (3, 4, 3):
        write(batch_id)
    assert batches_of(lake, table) == {1: 1, 2: 1, 3: 1, 4: 1}


def test_twins_that_split_the_same_file_at_once_write_nothing_twice(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one's split comes too late: the file is gone."""
    lake.lake.ensure([tables.warnings])
    lake.lake._append(tables.warnings, warnings(lake, 1, 2, 3).coalesce(1))
    both_have_planned = threading.Barrier(2, timeout=60)
    undecided = splitting._undecided

    def planned(*arguments: Any) -> list[Any]:
        files = list(undecided(*arguments))
        if threading.current_thread().name in waiting:
            waiting.remove(threading.current_thread().name)
            both_have_planned.wait()
        return files

    monkeypatch.setattr(splitting, "_undecided", planned)
    waiting = {"twin_0", "twin_1"}
    with ThreadPoolExecutor(2, "twin") as pool:
        list(pool.map(lambda _: lake.lake._replace(tables.warnings, warnings(lake, 2), 2), range(2)))
    assert lake.content(tables.warnings) == sorted(str(tuple(row)) for row in warnings(lake, 1, 2, 3).collect())
    assert snapshots(lake, tables.warnings).count("replace") == 1


def warnings(lake: TestLake, *numbers: int) -> DataFrame:
    return lake.lake.frame(
        lake.lake._rows([(f"f-{n}", "d.d", "rule", n, n) for n in numbers], tables.WARNINGS), tables.WARNINGS
    )


def test_refused_rows_are_replaced_in_their_own_dataset_alone(lake: TestLake) -> None:
    """Their names are longer than the 16 characters that Iceberg keeps of a bound."""
    names = [f"storefront.transactions_{letter}" for letter in "abc"]
    lake.lake.ensure([tables.quarantined_rows])

    def rows(wanted: Sequence[str], numbers: Iterable[int], status: str) -> DataFrame:
        nothing: tuple[None, ...] = (None, None, None)
        found = [
            (f"{name}-{number}", name, "f", number, "", "[]", status, number, *nothing)
            for name in wanted
            for number in numbers
        ]
        return lake.lake.frame(lake.lake._rows(found, tables.QUARANTINED_ROWS), tables.QUARANTINED_ROWS).coalesce(1)

    lake.lake._append(tables.quarantined_rows, rows(names, (1, 2, 3), "open"))
    lake.lake._replace(tables.quarantined_rows, rows(names[1:2], (2,), "new"), 2, dataset=names[1])
    contract = replace(USERS, domain="storefront", name="transactions_c")
    lake.lake.replace_quarantine(contract, rows(names[2:], (3,), "new"))
    found = {(row.quarantine_id, row.status) for row in lake.read(tables.quarantined_rows).collect()}
    expected = {(f"{name}-{number}", "open") for name in names[:2] for number in (1, 2, 3)}
    expected -= {(f"{names[1]}-2", "open")}
    assert found == {*expected, (f"{names[1]}-2", "new"), (f"{names[2]}-3", "new")}
