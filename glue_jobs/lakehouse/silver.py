"""Bronze text → typed rows, refused rows with all their reasons, and the fate of every version of a key.

Pure functions: frames and a contract in, frames out. Cells are typed by Python over Arrow (`lakehouse.row_typing`);
what is between columns, rows and versions is Spark's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name every Spark programmer knows

from lakehouse import bronze, intake, row_typing, tables
from lakehouse.cell_text import sources
from lakehouse.cells import MAX_SHOWN
from lakehouse.contract import Column, RowRule, SourceContract
from lakehouse.extents import sent

CURRENT, DUPLICATE, SUPERSEDED, RETRACTED = "current", "duplicate", "superseded", "retracted"
VIOLATIONS, WARNINGS = row_typing.VIOLATIONS, row_typing.WARNINGS
OPEN, WAITING, REPLAYED, DISCARDED = "open", "waiting", "replayed", "discarded"
"""What is to become of a refused row: somebody has to look at it, or its parent has to arrive; or what became of it:
it passed when it was judged again, or it stays out for good."""
PLACE = ("_file_id", "_row")
ORPHAN = "_orphan"
"""How the rule ends that a row without its parent breaks."""


def typed(rows: DataFrame, contract: SourceContract, keep: Sequence[str] = ()) -> DataFrame:
    """Bronze rows → silver's columns, `_raw` (the row as it came, JSON), `_violations`, `_warnings`, and what to keep.

    `_violations` is an array of (rule, field, value), empty for a row that is kept; `value` is the text as it came, of
    a long one the beginning.
    `_warnings` is an array of the rules that the row breaks and that keep it.
    `_raw` is null in rows of which nobody asks for it (`lakehouse.row_typing`).
    """
    kinds = {
        **{column.name: column.type.spark for column in contract.columns},
        **{name: rows.schema[name].dataType.simpleString() for name in (*row_typing.LINEAGE, *keep)},
        row_typing.RAW: "string",
        VIOLATIONS: "array<struct<rule:string,field:string,value:string>>",
        WARNINGS: "array<string>",
    }
    came = (*contract.text_columns, *(name for name, _ in bronze.LINEAGE), *keep)
    read = row_typing.RowTyper(contract, tuple(keep)).batches
    judged = rows.select(*came).mapInArrow(read, ", ".join(f"`{name}` {kind}" for name, kind in kinds.items()))
    computed = {derived.column.name: F.expr(derived.spark) for derived in contract.derived}
    hashes = {"_key": digest(contract.key), "_content": digest(contract.column_names)}
    return _by_row_rules(judged, contract).withColumns({**computed, **hashes})


def _by_row_rules(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """The rows with what they break of the rules between columns.

    A rule says nothing of a row that could not be read, nor of a value that breaks a rule of its own: to put that right
    comes first, and may be all there is to do.
    """
    if not contract.rules:
        return rows
    violations, warnings = [], []
    for rule in contract.rules:
        broken = ~F.expr(rule.spark)
        if rule.severity == "warn":
            warnings.append(F.when(broken, F.lit(rule.name)))
            continue
        cells = F.struct(*(_came(contract.column(name), contract).alias(name) for name in rule.columns))
        came = F.to_json(cells, {"ignoreNullFields": "false"})
        violations.append(
            _violation(broken & ~_has_reason(rule), F.lit(rule.name), F.lit(", ".join(rule.columns)), came)
        )
    return rows.withColumns(
        {
            name: F.concat(name, F.array_compact(F.array(*found)))
            for name, found in ((VIOLATIONS, violations), (WARNINGS, warnings))
            if found
        }
    )


def _has_reason(rule: RowRule) -> SparkColumn:
    """Whether the row could not be read, or one of the rule's columns breaks a rule of its own."""
    return F.exists(VIOLATIONS, lambda found: found["field"].isNull() | found["field"].isin(*rule.columns))


def _came(column: Column, contract: SourceContract) -> SparkColumn:
    """As much as is shown of the cell that a column was read from: of a row with `_raw`."""
    cell = F.coalesce(*(F.get_json_object(row_typing.RAW, f"$.{name}") for name, _ in sources(column, contract)))
    begins = F.concat(F.left(cell, F.lit(MAX_SHOWN - 1)), F.lit("…"))
    return F.when(F.char_length(cell) > MAX_SHOWN, begins).otherwise(cell)


def _violation(broken: SparkColumn, rule: SparkColumn, field: SparkColumn, came: SparkColumn) -> SparkColumn:
    """(rule, field, value) where a rule is broken, else null."""
    return F.when(broken, F.struct(rule.alias("rule"), field.alias("field"), came.alias("value")))


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
        is_orphan = key.isNotNull() & F.col(parent).isNull()
        came = _came(column, contract)
        found.append(_violation(is_orphan, F.lit(_orphan(column)), F.lit(column.name), came))
    judged = F.when(F.size(VIOLATIONS) == 0, F.array_compact(F.array(*found))).otherwise(F.col(VIOLATIONS))
    return rows.withColumn(VIOLATIONS, judged).select(*typed_rows.columns)


def _orphan(column: Column) -> str:
    return f"{column.name}{ORPHAN}"


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
        F.col(row_typing.RAW).alias("raw"),
        _reasons().alias("violations"),
        F.when(is_waiting, WAITING).otherwise(OPEN).alias("status"),
        F.col("_batch_id").alias("batch_id"),
        F.col("_ingested_at").alias("quarantined_at"),
        F.lit(None).cast("string").alias("resolution"),
        F.lit(None).cast("bigint").alias("resolved_by"),
    )
    return good, bad


def _reasons() -> SparkColumn:
    """The violations as JSON that Redshift shows whole: where they are too much for that, without the values."""
    bare = F.transform(VIOLATIONS, lambda found: F.struct(found["rule"].alias("rule"), found["field"].alias("field")))
    # No name is longer than 127 characters.
    ways = (F.to_json(VIOLATIONS), F.to_json(bare), F.to_json(F.slice(bare, 1, tables.MAX_SHOWN_CHARACTERS // 320)))
    return F.coalesce(*(F.when(F.char_length(way) <= tables.MAX_SHOWN_CHARACTERS, way) for way in ways))


def corrections(typed_rows: DataFrame) -> DataFrame:
    """`quarantine_id` and `resolution` of refused rows that these rows say they correct, good or bad themselves: what
    was wrong is then the new row's affair alone. Several may claim the same."""
    named = F.get_json_object(bronze.RESCUED, f"$.{intake.CORRECTS}")
    where = F.concat(F.lit("corrected by row "), F.col("_row"), F.lit(" of file "), F.col("_file_id"))
    return (
        typed_rows.where(F.col(bronze.RESCUED).contains(intake.CORRECTS))
        .select(named.alias("quarantine_id"), where.alias("resolution"))
        .where("quarantine_id IS NOT NULL")
    )


def warned(typed_rows: DataFrame, contract: SourceContract, silver: Mapping[str, DataFrame]) -> DataFrame:
    """(file_id, dataset, rule, rows): how many of the rows that are kept break a rule that warns.

    Whether a value has its parent, or is also that of another key, is looked up in `silver` (by dataset), in which the
    rows themselves have to be: so the answer is the same however often it is asked for.
    """
    kept = typed_rows.where(F.size(VIOLATIONS) == 0)
    found = [kept.select("_file_id", F.explode(WARNINGS).alias("rule"))]
    for column, reference in contract.references:
        if not reference.is_binding:
            parents = silver[reference.dataset].select(F.col(reference.column).alias(column.name))
            orphans = kept.where(F.col(column.name).isNotNull()).join(parents, column.name, "left_anti")
            found.append(orphans.select("_file_id", F.lit(_orphan(column)).alias("rule")))
    for column in contract.columns:
        if column.is_unique:
            values_here = kept.select(column.name).distinct()
            holders = (
                silver[contract.dataset]
                .join(values_here, column.name, "left_semi")
                .groupBy(column.name)
                .agg(F.min("_key").alias("_first"), F.max("_key").alias("_last"))
            )
            shared = kept.join(holders, column.name).where("_first <> _key OR _last <> _key")
            found.append(shared.select("_file_id", F.lit(f"{column.name}_not_unique").alias("rule")))
    return (
        reduce(DataFrame.unionByName, found)
        .groupBy(F.col("_file_id").alias("file_id"), F.lit(contract.dataset).alias("dataset"), "rule")
        .agg(F.count("*").alias("rows"))
    )


def quarantine_id(contract: SourceContract) -> SparkColumn:
    """The id of a refused row, from where it stands: the same however often it is refused."""
    place = F.concat_ws("\n", F.lit(contract.dataset), "_file_id", "_row")
    return F.substring(F.sha2(place, 256), 1, 32).alias("quarantine_id")


def judge(
    good: DataFrame,
    silver: DataFrame,
    history: DataFrame,
    contract: SourceContract,
    retracted: DataFrame | None = None,
    *,
    are_few: bool = False,
) -> DataFrame:
    """The fate of every version of every key in `good`, over all versions ever seen.

    Silver's columns, and `_fate` (current, duplicate, superseded), `_was_current` (it is in silver) and `_old_fate`
    (what history says of it, null when it is not there). A pure function of the rows: neither the order of arrival nor
    the split into batches can change it, and rows that an interrupted try has already written count once.

    Versions in the places `retracted` (`_file_id`, `_row`) have to leave: their keys are judged without them, their own
    fate is `retracted`. `are_few` says that `good` is small enough for its keys to be sent to every task.
    """
    known = _known_versions(good.columns, silver, history)
    keys = good.select("_key")
    if retracted is not None:
        known = known.join(F.broadcast(retracted.withColumn("_leaves", F.lit(True))), list(PLACE), "left")
        known = known.withColumn("_leaves", F.coalesce("_leaves", F.lit(False)))
        keys = keys.unionByName(known.where("_leaves").select("_key"))
    else:
        known = known.withColumn("_leaves", F.lit(False))
    versions = known.join(sent(keys.distinct(), if_few=are_few), "_key", "left_semi").unionByName(
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


def uncontested(good: DataFrame) -> DataFrame:
    """What `judge` says of rows that are the only versions of their keys."""
    no_fate = F.lit(None).cast("string")
    return good.withColumns({"_was_current": F.lit(False), "_old_fate": no_fate, "_fate": F.lit(CURRENT)})


def rivals(good: DataFrame, known: Iterable[DataFrame]) -> DataFrame:
    """Keys (`_key`) of which `good` has more versions than one, or one of the tables `known` has any. All others are
    current, whoever asks."""
    repeated = good.groupBy("_key").count().where("count > 1").select("_key")
    keys = good.select("_key")
    return reduce(
        DataFrame.unionByName, (keys.join(table.select("_key"), "_key", "left_semi") for table in known), repeated
    ).distinct()


def _known_versions(columns: list[str], silver: DataFrame, history: DataFrame) -> DataFrame:
    """Every version that a table holds, with `_was_current` and `_old_fate`."""
    no_fate = F.lit(None).cast("string").alias("_old_fate")
    return silver.select(*columns, F.lit(True).alias("_was_current"), no_fate).unionByName(
        history.select(*columns, F.lit(False).alias("_was_current"), F.col("_fate").alias("_old_fate"))
    )


def changes(judged: DataFrame, contract: SourceContract, batch_id: int) -> DataFrame:
    """Rows that leave silver (`old`), rows that enter it (`new`), and versions that were never there and yet are not
    what they were (`version`): what gold has to compute again. The batch's own rows that enter are in silver by its
    number."""
    is_current, moves = F.col("_fate") == CURRENT, F.col("_was_current") != (F.col("_fate") == CURRENT)
    other_version = ~F.col("_fate").eqNullSafe(F.col("_old_fate")) & (
        F.col("_fate").isin(SUPERSEDED) | F.col("_old_fate").eqNullSafe(SUPERSEDED)
    )
    return (
        judged.where(moves | other_version)
        .withColumn("_change", F.when(~moves, tables.VERSION).when(is_current, tables.NEW).otherwise(tables.OLD))
        .withColumn("_changed_by", F.lit(batch_id).cast("bigint"))
        .where((F.col("_change") != tables.NEW) | (F.col("_batch_id") != batch_id))
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
