"""Which version of a key wins, and what becomes of the others, whatever the order of arrival."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import silver, tables
from lakehouse.contract import load_registry

CONTRACT = load_registry().sources["storefront.users"]
COLUMNS = tables.silver_table(CONTRACT).columns
Version = tuple[str, str | None, int | None, str, int]  # user_id, country, updated (days, None: unknown), file, row


def good_rows(spark: SparkSession, versions: list[Version], batch_id: int = 1) -> DataFrame:
    start = datetime(2026, 1, 1)
    cells = [
        {
            "user_id": user,
            "country": country,
            "signed_up_at": start,
            "updated_at": None if day is None else start + timedelta(days=day),
            "_file_id": file,
            "_row": row,
            "_batch_id": batch_id,
        }
        for user, country, day, file, row in versions
    ]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in COLUMNS)
    rows = spark.createDataFrame([tuple(cell.get(name) for name, _ in COLUMNS) for cell in cells], schema)
    names = list(CONTRACT.column_names)
    return rows.withColumns({"_key": silver.digest(CONTRACT.key), "_content": silver.digest(names)}).select(
        *(name for name, _ in COLUMNS)
    )


def empty(spark: SparkSession) -> tuple[DataFrame, DataFrame]:
    rows = good_rows(spark, [])
    return rows, rows.withColumn("_fate", F.lit(None).cast("string"))


def fates(judged: DataFrame) -> dict[tuple[str, int], str]:
    return {(row["_file_id"], row["_row"]): row["_fate"] for row in judged.collect()}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        pytest.param([("u", "DE", 1, "a", 1)], ["current"], id="alone"),
        pytest.param([("u", "DE", 1, "a", 1), ("u", "FR", 2, "a", 2)], ["superseded", "current"], id="newer wins"),
        pytest.param([("u", "DE", 1, "a", 1), ("u", "DE", 1, "b", 1)], ["current", "duplicate"], id="exact twin"),
        pytest.param(
            [("u", "DE", None, "a", 1), ("u", "FR", 1, "b", 1)], ["superseded", "current"], id="null is oldest"
        ),
        pytest.param(
            [("u", "DE", 1, "a", 1), ("u", "DE", 1, "b", 1), ("u", "FR", 2, "c", 1)],
            ["superseded", "duplicate", "current"],
            id="twin of a loser",
        ),
        pytest.param([("u", "DE", 1, "a", 1), ("v", "DE", 1, "a", 2)], ["current", "current"], id="two keys"),
        pytest.param([("u", None, None, "a", 1), ("u", None, None, "a", 2)], ["current", "duplicate"], id="null twins"),
    ],
)
def test_fate_of_every_version(spark: SparkSession, versions: list[Version], expected: list[str]) -> None:
    judged = silver.judge(good_rows(spark, versions), *empty(spark), CONTRACT)
    assert fates(judged) == dict(zip([(file, row) for *_, file, row in versions], expected, strict=True))


def test_rows_without_rivals_are_judged_without_looking(spark: SparkSession) -> None:
    good = good_rows(spark, [("u", "DE", 1, "a", 1), ("v", None, None, "a", 2), ("w", "DE", 1, "b", 1)])
    judged, known = silver.judge(good, *empty(spark), CONTRACT), silver.uncontested(good)
    assert sorted(known.dtypes) == sorted(judged.dtypes)
    judged = judged.select(*known.columns)
    assert sorted(known.collect(), key=str) == sorted(judged.collect(), key=str)


@pytest.mark.parametrize("seed", range(3))
def test_order_and_split_into_batches_do_not_matter(spark: SparkSession, seed: int) -> None:
    rng = random.Random(seed)
    versions: list[Version] = [
        (rng.choice("uvw"), rng.choice(["DE", "FR", None]), rng.choice([None, 1, 2]), f"file{n % 4}", n)
        for n in range(40)
    ]
    at_once = fates(silver.judge(good_rows(spark, versions), *empty(spark), CONTRACT))
    rng.shuffle(versions)
    current, history = empty(spark)
    for batch_id, part in enumerate(_parts(versions, 14)):
        judged = silver.judge(good_rows(spark, list(part), batch_id), current, history, CONTRACT)
        judged = judged.localCheckpoint()
        untouched = judged.select("_key").distinct()
        names = current.columns
        winners = judged.where("_fate = 'current'").select(*names)
        losers = judged.where("_fate <> 'current'").select(*names, "_fate")
        current = current.join(untouched, "_key", "left_anti").unionByName(winners).localCheckpoint()
        history = history.join(untouched, "_key", "left_anti").unionByName(losers).localCheckpoint()
    in_batches = fates(current.withColumn("_fate", F.lit("current"))) | fates(history)
    assert in_batches == at_once


def test_rows_that_an_interrupted_try_has_written_count_once(spark: SparkSession) -> None:
    rows = good_rows(spark, [("u", "DE", 1, "a", 1), ("u", "DE", 1, "b", 1), ("u", "FR", 2, "c", 1)])
    current, _ = empty(spark)
    judged = silver.judge(rows, *empty(spark), CONTRACT).localCheckpoint()
    # Killed after history was written and before silver was.
    history = judged.where("_fate <> 'current'").select(*current.columns, "_fate")
    again = silver.judge(rows, current, history, CONTRACT)
    assert fates(again) == fates(judged)
    assert again.count() == 3


def test_changes_name_what_leaves_and_what_enters(spark: SparkSession) -> None:
    old = good_rows(spark, [("u", "DE", 1, "a", 1), ("v", "DE", 1, "a", 2)])
    _, history = empty(spark)
    new = good_rows(spark, [("u", "FR", 2, "b", 1), ("v", "DE", 1, "b", 2)], batch_id=2)
    judged = silver.judge(new, old, history, CONTRACT)

    def moved(batch_id: int) -> list[tuple[object, ...]]:
        found = silver.changes(judged, CONTRACT, batch_id).select("user_id", "country", "_change").collect()
        return sorted(tuple(row) for row in found)

    assert moved(2) == [("u", "DE", "old")], "the batch's own rows are in silver by its number"
    assert moved(3) == [("u", "DE", "old"), ("u", "FR", "new")]


def _parts(items: list[Version], size: int) -> list[list[Version]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
