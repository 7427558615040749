"""How many rows there are and between which days: what tells Iceberg which files may hold rows like them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import extents
from lakehouse.extents import Ends, Extent

DAY_MICROS = 86_400_000_000


@pytest.mark.parametrize(
    ("kind", "values", "ends", "inside", "outside"),
    [
        (
            "date",
            ("1969-12-31", "1970-01-03", None),
            Ends("date", -1, 2),
            ("1969-12-31", "1970-01-01", "1970-01-03", None),
            ("1969-12-30", "1970-01-04"),
        ),
        (
            "timestamp_ntz",
            ("0000-05-05 00:00:00", "+10000-01-01 00:00:00.000001", None),
            Ends("timestamp_ntz", -719_403 * DAY_MICROS, 2_932_897 * DAY_MICROS + 1),
            ("0000-05-05 00:00:00", "1500-03-01 00:00:00", "+10000-01-01 00:00:00.000001", None),
            ("0000-05-04 23:59:59.999999", "+10000-01-01 00:00:00.000002"),
        ),
    ],
)
def test_a_row_may_be_where_the_rows_are(
    spark: SparkSession,
    kind: str,
    values: Sequence[str | None],
    ends: Ends,
    inside: Sequence[str | None],
    outside: Sequence[str],
) -> None:
    def rows(texts: Sequence[str | None]) -> DataFrame:
        texts_frame = spark.createDataFrame([(text,) for text in texts], "text string")
        return texts_frame.withColumn("at", F.col("text").cast(kind))

    extent = extents.measured(rows(values), ["at"])
    assert extent == Extent(len(values), {"at": ends})
    found = rows([*inside, *outside]).where(extent.may_hold(F.col)).select("text").collect()
    assert [row["text"] for row in found] == list(inside)


def test_what_holds_no_days_has_no_ends(spark: SparkSession) -> None:
    rows = spark.sql("SELECT 'a' AS name, CAST(NULL AS DATE) AS day")
    assert extents.measured(rows, ["name", "day"]) == Extent(1, {})
    assert extents.measured(rows.where("false"), ["day"]) == Extent(0, {})
    assert rows.where(Extent(1, {}).may_hold(F.col)).count() == 1


def test_few_rows_are_sent_to_every_task_however_many_spark_takes_them_for(spark: SparkSession) -> None:
    name, nothing = "spark.sql.autoBroadcastJoinThreshold", "-1"
    usual = spark.conf.get(name)
    spark.conf.set(name, nothing)
    try:
        for if_few, strategy in ((True, "BroadcastHashJoin"), (False, "SortMergeJoin")):
            few = extents.sent(spark.range(10).distinct(), if_few=if_few).alias("r")
            joined = spark.range(1000).alias("l").join(few, F.expr("l.id <=> r.id"), "left_semi")
            assert strategy in joined._jdf.queryExecution().sparkPlan().toString()
            assert joined.count() == 10
    finally:
        spark.conf.set(name, usual or nothing)
