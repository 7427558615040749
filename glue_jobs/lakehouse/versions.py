"""From every version of a key to the intervals in which its values held: what a type 2 dimension is made of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

BEGINNING, END = "1900-01-01 00:00:00", "9999-12-31 00:00:00"
"""What stands for "always" and "until further notice". What a version or a fact says of before or after counts as said
of the nearest instant between them."""
_LAST = "9999-12-30 23:59:59.999999"


def intervals(versions: DataFrame, key: Sequence[str], tracked: Sequence[str], changed_at: str) -> DataFrame:
    """One row per key and run of equal `tracked` values: the first version of the run, with `valid_from` (inclusive),
    `valid_to` (exclusive) and `is_current`.

    `versions` hold silver's columns; `changed_at` says since when a version holds. A pure function of them, so a
    version that comes late splits an interval as if it had come in time. The first interval of a key begins at
    `BEGINNING`: of what was before, nothing else is known. Of two versions of one instant silver's favourite counts, of
    those without a date and from before `BEGINNING` the latest.
    """
    same_instant = Window.partitionBy(*key, "_at").orderBy(
        F.col(changed_at).desc_nulls_last(), F.desc("_content"), "_file_id", "_row"
    )
    in_order = Window.partitionBy(*key).orderBy("_at")
    # Values that are null have to be told from values that are not there.
    values = F.to_json(F.struct(*(F.col(name).cast("string").alias(name) for name in tracked)))
    runs = (
        versions.withColumn("_at", F.greatest(F.col(changed_at), _instant(BEGINNING)))
        .withColumn("_rank", F.row_number().over(same_instant))
        .where("_rank = 1")
        .withColumns({"_values": values, "_place": F.row_number().over(in_order)})
        .withColumn("_values_before", F.lag("_values").over(in_order))
        .where((F.col("_place") == 1) | (F.col("_values") != F.col("_values_before")))
    )
    first = F.when(F.col("_place") == 1, _instant(BEGINNING)).otherwise(F.col("_at"))
    following = F.lead("_at").over(in_order)
    return runs.withColumns(
        {
            "valid_from": first,
            "valid_to": F.coalesce(following, _instant(END)),
            "is_current": following.isNull(),
        }
    ).drop("_at", "_rank", "_values", "_values_before", "_place")


def held_at(instant: SparkColumn, valid_from: SparkColumn, valid_to: SparkColumn) -> SparkColumn:
    """Whether an interval of `intervals` holds at an instant. At each instant one of a key's does; at null none."""
    within = F.when(instant.isNotNull(), F.least(F.greatest(instant, _instant(BEGINNING)), _instant(_LAST)))
    return (within >= valid_from) & (within < valid_to)


def _instant(text: str) -> SparkColumn:
    return F.lit(text).cast("timestamp_ntz")
