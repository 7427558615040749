"""Bronze text → typed rows, refused rows with all their reasons, and the fate of every version of a key.

Pure functions: frames and a contract in, frames out. Casts are always tried, never forced: ANSI mode would fail the
whole batch for one bad cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name every Spark programmer knows

from lakehouse import bronze, tables, values
from lakehouse.contract import Column, SourceContract, UnitColumn

CURRENT, DUPLICATE, SUPERSEDED, RETRACTED = "current", "duplicate", "superseded", "retracted"
VIOLATIONS = "_violations"
OPEN, WAITING, REPLAYED, DISCARDED = "open", "waiting", "replayed", "discarded"
"""What is to become of a refused row: somebody has to look at it, or its parent has to arrive; or what became of it:
it passed when it was judged again, or it stays out for good."""
PLACE = ("_file_id", "_row")
CORRECTS = "_quarantine_id"
"""The column by which a landed row says which refused row it corrects."""
ORPHAN = "_orphan"
"""How the rule ends that a row without its parent breaks."""


def typed(rows: DataFrame, contract: SourceContract, keep: Sequence[str] = ()) -> DataFrame:
    """Bronze rows → silver's columns, `_raw` (the row as it came, JSON), `_violations`, and what is to be kept.

    `_violations` is an array of (rule, field, value), empty for a clean row; `value` is the text as it came.
    """
    # Three projections, so that no cell is trimmed or parsed more than once: Spark keeps apart what is used twice.
    names = list(contract.column_names)
    came = {
        c.name: F.coalesce(F.col(c.name), *(F.col(unit.name) for unit in _units(c, contract))) for c in contract.columns
    }
    texts = rows.withColumns({f"_text_{c.name}": _text(c, contract) for c in contract.columns})
    cells = texts.withColumns({f"_value_{c.name}": values.value(F.col(f"_text_{c.name}"), c) for c in contract.columns})
    found = [
        violation
        for c in contract.columns
        for violation in values.violations(came[c.name], F.col(f"_text_{c.name}"), F.col(f"_value_{c.name}"), c)
    ]
    unreadable = F.col(bronze.UNREADABLE)
    # A row that could not be read has no values: the reason why is its only violation.
    refused = F.array(values.violation(unreadable.isNotNull(), unreadable, F.lit(None), F.lit(None)))
    judged = cells.select(
        *(F.col(f"_value_{name}").alias(name) for name in names),
        bronze.RESCUED,
        "_file_id",
        "_row",
        "_batch_id",
        "_ingested_at",
        *keep,
        F.when(unreadable.isNotNull(), F.col(bronze.RESCUED))
        .otherwise(F.to_json(F.struct(*contract.text_columns, bronze.RESCUED)))
        .alias("_raw"),
        F.when(unreadable.isNotNull(), refused).otherwise(F.array_compact(F.array(*found))).alias(VIOLATIONS),
    )
    return judged.withColumns({"_key": digest(contract.key), "_content": digest(names)})


def with_orphans(typed_rows: DataFrame, contract: SourceContract, parents: Mapping[str, DataFrame]) -> DataFrame:
    """The typed rows, those refused whose parent is not among the rows of `parents` (silver by dataset).

    Only a row that breaks no rule of its own is judged: whether it is refused then depends on its parent alone, and why
    never on the order of arrival.
    """
    found: list[SparkColumn] = []
    rows = typed_rows
    for column, reference in contract.bindings:
        parent, key = f"_parent_of_{column.name}", F.col(column.name)
        known = parents[reference.dataset].select(F.col(reference.column).alias(parent))
        rows = rows.join(known, F.col(parent) == key, "left")
        came = F.get_json_object("_raw", f"$.{column.name}")
        is_orphan = key.isNotNull() & F.col(parent).isNull()
        found.append(values.violation(is_orphan, F.lit(_orphan(column)), F.lit(column.name), came))
    judged = F.when(F.size(VIOLATIONS) == 0, F.array_compact(F.array(*found))).otherwise(F.col(VIOLATIONS))
    return rows.withColumn(VIOLATIONS, judged).select(*typed_rows.columns)


def _orphan(column: Column) -> str:
    return f"{column.name}{ORPHAN}"


def _units(column: Column, contract: SourceContract) -> list[UnitColumn]:
    return [unit for unit in contract.unit_columns if unit.column == column.name]


def _text(column: Column, contract: SourceContract) -> SparkColumn:
    """The column's text; where it came in another unit only, what that is in the column's own."""
    own = values.text(F.col(column.name), column)
    others = (values.in_unit(values.text(F.col(unit.name), column), unit.worth) for unit in _units(column, contract))
    return F.coalesce(own, *others)


def split(typed_rows: DataFrame, contract: SourceContract) -> tuple[DataFrame, DataFrame]:
    """Separate clean rows (silver's columns) from refused ones (`quarantine.rows`), keeping every reason."""
    good = typed_rows.where(F.size(VIOLATIONS) == 0).select(*tables.silver_table(contract).column_names)
    waits = [_orphan(column) for column, reference in contract.bindings if reference.orphans == "wait"]
    is_waiting = F.exists(VIOLATIONS, lambda violation: violation["rule"].isin(waits))
    bad = typed_rows.where(F.size(VIOLATIONS) > 0).select(
        quarantine_id(contract),
        F.lit(contract.dataset).alias("dataset"),
        F.col("_file_id").alias("file_id"),
        F.col("_row").alias("row_number"),
        F.col("_raw").alias("raw"),
        F.to_json(VIOLATIONS).alias("violations"),
        F.when(is_waiting, WAITING).otherwise(OPEN).alias("status"),
        F.col("_batch_id").alias("batch_id"),
        F.col("_ingested_at").alias("quarantined_at"),
        F.lit(None).cast("string").alias("resolution"),
        F.lit(None).cast("bigint").alias("resolved_by"),
    )
    return good, bad


def corrections(typed_rows: DataFrame) -> DataFrame:
    """`quarantine_id` and `resolution` of every refused row that one of these says it corrects, good or bad itself:
    what was wrong is then this row's affair alone."""
    named = F.get_json_object(bronze.RESCUED, f"$.{CORRECTS}")
    where = F.concat(F.lit("corrected by row "), F.col("_row"), F.lit(" of file "), F.col("_file_id"))
    return (
        typed_rows.where(F.col(bronze.RESCUED).contains(CORRECTS))
        .select(named.alias("quarantine_id"), where.alias("resolution"))
        .where("quarantine_id IS NOT NULL")
        .groupBy("quarantine_id")
        .agg(F.min("resolution").alias("resolution"))
    )


def quarantine_id(contract: SourceContract) -> SparkColumn:
    """The id of a refused row, from where it stands: the same however often it is refused."""
    place = F.concat_ws("\n", F.lit(contract.dataset), "_file_id", "_row")
    return F.substring(F.sha2(place, 256), 1, 32).alias("quarantine_id")


def judge(
    good: DataFrame, silver: DataFrame, history: DataFrame, contract: SourceContract, retracted: DataFrame | None = None
) -> DataFrame:
    """The fate of every version of every key in `good`, over all versions ever seen.

    Silver's columns, and `_fate` (current, duplicate, superseded), `_was_current` (it is in silver) and `_old_fate`
    (what history says of it, null when it is not there). A pure function of the rows: neither the order of arrival nor
    the split into batches can change it, and rows that an interrupted try has already written count once.

    Versions in the places `retracted` (`_file_id`, `_row`) have to leave: their keys are judged without them, their own
    fate is `retracted`.
    """
    known = _known_versions(good.columns, silver, history)
    keys = good.select("_key")
    if retracted is not None:
        known = known.join(F.broadcast(retracted.withColumn("_leaves", F.lit(True))), list(PLACE), "left")
        known = known.withColumn("_leaves", F.coalesce("_leaves", F.lit(False)))
        keys = keys.unionByName(known.where("_leaves").select("_key"))
    else:
        known = known.withColumn("_leaves", F.lit(False))
    versions = known.join(keys.distinct(), "_key", "left_semi").unionByName(
        good.select(
            "*",
            F.lit(False).alias("_was_current"),
            F.lit(None).cast("string").alias("_old_fate"),
            F.lit(False).alias("_leaves"),
        )
    )
    # One shuffle by key serves all windows.
    place = Window.partitionBy("_key", *PLACE)
    order = [F.col(contract.order_by).desc_nulls_last()] if contract.order_by else []
    best = Window.partitionBy("_key").orderBy("_leaves", *order, F.desc("_content"), *PLACE)
    same_content = Window.partitionBy("_key", "_content").orderBy("_leaves", *PLACE)
    once = (
        versions.withColumns(
            {
                "_was_current": F.max("_was_current").over(place),
                "_old_fate": F.max("_old_fate").over(place),
                "_leaves": F.max("_leaves").over(place),
                "_copy": F.row_number().over(place.orderBy("_batch_id")),
            }
        )
        .where("_copy = 1")
        .drop("_copy")
    )
    fate = (
        F.when(F.col("_leaves"), RETRACTED)
        .when(F.col("_rank") == 1, CURRENT)
        .when((F.col("_twin") == 1) & (F.col("_content") != F.col("_winning_content")), SUPERSEDED)
        .otherwise(DUPLICATE)
    )
    return (
        once.withColumns(
            {
                "_rank": F.row_number().over(best),
                "_winning_content": F.first("_content").over(best),
                "_twin": F.row_number().over(same_content),
            }
        )
        .withColumn("_fate", fate)
        .drop("_rank", "_winning_content", "_twin", "_leaves")
    )


def _known_versions(columns: list[str], silver: DataFrame, history: DataFrame) -> DataFrame:
    """Every version that a table holds, with `_was_current` and `_old_fate`."""
    no_fate = F.lit(None).cast("string").alias("_old_fate")
    return silver.select(*columns, F.lit(True).alias("_was_current"), no_fate).unionByName(
        history.select(*columns, F.lit(False).alias("_was_current"), F.col("_fate").alias("_old_fate"))
    )


def changes(judged: DataFrame, contract: SourceContract, batch_id: int) -> DataFrame:
    """Rows that leave silver (`old`) and rows that enter it (`new`): what gold has to compute again."""
    is_current = F.col("_fate") == CURRENT
    return (
        judged.where(is_current != F.col("_was_current"))
        .withColumn("_change", F.when(is_current, "new").otherwise("old"))
        .withColumn("_changed_by", F.lit(batch_id).cast("bigint"))
        .select(*tables.changes_table(contract).column_names)
    )


def digest(columns: tuple[str, ...] | list[str]) -> SparkColumn:
    """128 bits of SHA-256 over the columns' values as 32 hex digits; nulls count, and no two lists of values collide
    by being written alike (each value is quoted as JSON)."""
    text = F.to_json(F.struct(*(F.col(name).cast("string").alias(name) for name in columns)))
    return F.substring(F.sha2(text, 256), 1, 32)


def files_of(typed_rows: DataFrame, judged: DataFrame) -> DataFrame:
    """`file_id` of every file whose row accounts a batch may have changed: its own, and those of rival versions."""
    return (
        typed_rows.select(F.col("_file_id").alias("file_id"))
        .unionByName(judged.select(F.col("_file_id").alias("file_id")))
        .distinct()
    )
