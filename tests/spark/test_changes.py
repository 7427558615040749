"""Rows that the driver adds and takes away by their places: the right partitions, one commit, and no twin let in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError

from lakehouse import data_files, parquet_file
from lakehouse.data_files import FILE, POSITION
from lakehouse.lake.conflicts import is_conflict
from lakehouse.tables import Table
from tests.support.lake import TestLake

COLUMNS = (
    ("id", "bigint"),
    ("at", "timestamp_ntz"),
    ("day", "date"),
    ("name", "string"),
    ("flag", "boolean"),
    ("amount", "decimal(12,2)"),
    ("share", "double"),
    ("small", "int"),
)
SHAPE = pa.schema(
    {
        "id": pa.int64(),
        "at": pa.timestamp("us"),
        "day": pa.date32(),
        "name": pa.string(),
        "flag": pa.bool_(),
        "amount": pa.decimal128(12, 2),
        "share": pa.float64(),
        "small": pa.int32(),
    }
)


def rows(count: int) -> pa.Table:
    """Rows of several years, some before 1970, with nulls in every column but the first."""

    def row(number: int) -> dict[str, Any]:
        at = datetime(1969 + number % 4, 1 + number % 12, 1 + number % 28, number % 24, 59, 59, 999_999)
        full = {
            "at": at,
            "day": date(1968 + number % 5, 12, 31),
            "name": f"a/b=c %{number % 3}é",
            "flag": number % 2 == 0,
            "amount": number,
            "share": number / 3,
            "small": number % 4 - 2,
        }
        return {"id": number} | {
            name: None if number % 7 == place else value for place, (name, value) in enumerate(full.items())
        }

    return pa.Table.from_pylist([row(number) for number in range(count)], SHAPE)


def table(lake: TestLake, partition_by: Sequence[str]) -> Table:
    made = Table("gold_tests", "changes", COLUMNS, tuple(partition_by), is_merged_on_read=True)
    lake.lake.ensure([made])
    return made


def add(lake: TestLake, to: Table, added: pa.Table) -> None:
    lake.lake.change(to, lake.lake.snapshot_id(to), lake.lake.write(to, added))


def standing(lake: TestLake, of: Table, where: str) -> pa.Table:
    return lake.read(of).select(*of.column_names, FILE, POSITION).where(where).toArrow()


def content(lake: TestLake, of: Table) -> list[str]:
    return sorted(map(str, lake.read(of).select(*of.column_names).collect()))


PARTITIONS = [
    (),
    ("years(at)",),
    ("months(at)",),
    ("days(at)",),
    ("hours(at)",),
    ("months(day)",),
    ("days(day)",),
    *((name,) for name in ("id", "day", "name", "flag", "amount", "small")),
    ("months(at)", "name"),
]


@pytest.mark.parametrize("partition_by", PARTITIONS, ids=", ".join)
def test_rows_are_where_spark_would_have_put_them(lake: TestLake, partition_by: Sequence[str]) -> None:
    to, wanted = table(lake, partition_by), rows(60)
    add(lake, to, wanted)
    spark = Table("gold_tests", "by_spark", COLUMNS, tuple(partition_by))
    lake.lake.ensure([spark])
    lake.lake.frame(wanted, COLUMNS).writeTo(spark.identifier).append()
    assert content(lake, to) == content(lake, spark)
    mine, theirs = (
        sorted(
            map(
                str,
                lake.spark.table(f"{of.identifier}.partitions")
                .select("record_count", *(["partition"] if partition_by else []))
                .collect(),
            )
        )
        for of in (to, spark)
    )
    assert mine == theirs
    # Each row is found by a filter on its partition, and is taken away by its place.
    removed = standing(lake, to, "id % 3 = 0")
    lake.lake.change(to, lake.lake.snapshot_id(to), lake.lake.write(to, rows(4).slice(3)), removed)
    lake.spark.sql(f"DELETE FROM {spark.identifier} WHERE id % 3 = 0 AND id <> 3")
    assert content(lake, to) == content(lake, spark)
    for number in (3, 4, 59):
        (row,) = lake.read(spark).where(f"id = {number}").collect()
        assert lake.read(to).where(f"id = {number} AND at <=> {at(row.at)} AND day <=> {day(row.day)}").count() == 1


def at(value: datetime | None) -> str:
    return "NULL" if value is None else f"TIMESTAMP_NTZ'{value}'"


def day(value: date | None) -> str:
    return "NULL" if value is None else f"DATE'{value}'"


def test_a_twin_is_refused_and_a_compaction_is_not_in_the_way(lake: TestLake) -> None:
    to = table(lake, ("months(at)",))
    add(lake, to, rows(10))
    before, removed = lake.lake.snapshot_id(to), standing(lake, to, "id < 3")
    lake.lake.change(to, before, lake.lake.write(to, rows(1)), removed)
    once = content(lake, to)
    for added, gone in ((rows(1), removed), (rows(1), None), (rows(0), removed)):
        with pytest.raises(Py4JJavaError) as refused:
            lake.lake.change(to, before, lake.lake.write(to, added), gone)
        assert is_conflict(refused.value)
    assert content(lake, to) == once
    before = lake.lake.snapshot_id(to)
    lake.spark.sql(
        "CALL lake.system.rewrite_data_files(table => 'gold_tests.changes', options => map('rewrite-all','true'))"
    )
    lake.spark.catalog.refreshTable(to.identifier)
    lake.lake.change(to, before, lake.lake.write(to, rows(11).slice(10)))
    assert len(content(lake, to)) == len(once) + 1
    # Rows of a file that a compaction has replaced are no longer where they stood.
    with pytest.raises(Py4JJavaError) as refused:
        lake.lake.change(to, before, [], removed)
    assert is_conflict(refused.value)


def test_two_firsts_are_not_both_let_in(lake: TestLake) -> None:
    to = table(lake, ())
    written = lake.lake.write(to, rows(5))
    lake.lake.change(to, None, written)
    with pytest.raises(Py4JJavaError) as refused:
        lake.lake.change(to, None, lake.lake.write(to, rows(5)))
    assert is_conflict(refused.value)
    assert len(content(lake, to)) == 5


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 21])
def test_files_at_the_bounds_of_groups_and_open_files(
    lake: TestLake, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(parquet_file, "ROWS_PER_GROUP", 10)
    monkeypatch.setattr(data_files, "_OPEN_FILES", 3)
    for name, partition_by in (("whole", ()), ("parts", ("days(at)",))):
        to = Table("gold_tests", name, COLUMNS, partition_by)
        lake.lake.ensure([to])
        written = lake.lake.write(to, rows(count))
        assert sum(file.rows for file in written) == count
        assert all(file.rows for file in written)
        lake.lake.change(to, None, written)
        assert len(content(lake, to)) == count


def test_many_rows_come_from_tasks(lake: TestLake) -> None:
    to = table(lake, ("months(at)",))
    wanted = rows(500)
    lake.lake.change(to, None, lake.lake.write(to, lake.lake.frame(wanted, COLUMNS).repartition(3)))
    assert content(lake, to) == sorted(map(str, lake.lake.frame(wanted, COLUMNS).collect()))


def test_few_rows_are_brought_and_too_large_ones_are_not(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = lake.lake.frame(rows(100), COLUMNS)
    found = lake.lake.few(frame)
    assert found is not None
    assert found.sort_by("id").equals(rows(100))
    monkeypatch.setattr("lakehouse.lake.iceberg._FEW_BYTES", 1000)
    assert lake.lake.few(frame) is None
    monkeypatch.setattr("lakehouse.extents.FEW_ROWS", 99)
    assert lake.lake.few(frame, is_narrow=True) is None
