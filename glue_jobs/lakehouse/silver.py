"""Bronze text → typed rows, refused rows with all their reasons, and the fate of every version of a key.

Pure functions: frames and a contract in, frames out. Casts are always tried, never forced: ANSI mode would fail the
whole batch for one bad cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name every Spark programmer knows
from pyspark.sql.pandas.functions import arrow_udf

from lakehouse import bronze, intake, tables, texts, values
from lakehouse.cell_text import sources
from lakehouse.contract import Column, RowRule, SourceContract
from lakehouse.extents import sent

CURRENT, DUPLICATE, SUPERSEDED, RETRACTED = "current", "duplicate", "superseded", "retracted"
VIOLATIONS = "_violations"
WARNINGS = "_warnings"
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
    """
    # Projections one after the other, so that no cell is parsed more than once: Spark keeps apart what is used twice.
    names = list(contract.column_names)
    came = {
        c.name: values.shown(F.coalesce(*(F.col(name) for name, _ in sources(c, contract)))) for c in contract.columns
    }
    cells = _with_texts(rows, contract).withColumns(
        {f"_value_{c.name}": values.value(F.col(f"_text_{c.name}"), c) for c in contract.columns}
    )
    if filled := [c for c in contract.columns if c.substitute]:
        cells = cells.withColumns({f"_value_{c.name}": _filled(c) for c in filled})
    found = [
        violation
        for c in contract.columns
        for violation in values.violations(came[c.name], F.col(f"_text_{c.name}"), F.col(f"_value_{c.name}"), c)
    ]
    warned = [
        warning
        for c in contract.columns
        for warning in values.warnings(F.col(f"_text_{c.name}"), F.col(f"_value_{c.name}"), c)
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
        F.array_compact(F.array(*warned).cast("array<string>")).alias(WARNINGS),
        *(F.struct(*(came[name].alias(name) for name in rule.columns)).alias(_came(rule)) for rule in contract.rules),
    )
    computed = {derived.column.name: F.expr(derived.spark) for derived in contract.derived}
    hashes = {"_key": digest(contract.key), "_content": digest(names)}
    return _by_row_rules(judged, contract).withColumns({**computed, **hashes})


def _with_texts(rows: DataFrame, contract: SourceContract) -> DataFrame:
    """The rows with `_text_<column>` for each of the contract's columns, and `_mismatched` (`lakehouse.texts`)."""
    names = [*contract.column_names, texts.MISMATCHED]
    shape = ", ".join(f"`{name}` {'array<string>' if name == texts.MISMATCHED else 'string'}" for name in names)
    # Spark takes its kind from its hints, which its own types do not know.
    read = arrow_udf(texts.Texts(contract).__call__, f"struct<{shape}>")  # type: ignore[call-overload]
    return rows.withColumn("_texts", read(*contract.text_columns)).select(
        "*",
        *(F.col("_texts")[name].alias(f"_text_{name}") for name in contract.column_names),
        F.col("_texts")[texts.MISMATCHED].alias(texts.MISMATCHED),
    )


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
        came = F.to_json(F.col(_came(rule)), {"ignoreNullFields": "false"})
        violations.append(
            values.violation(broken & ~_has_reason(rule), F.lit(rule.name), F.lit(", ".join(rule.columns)), came)
        )
    return rows.withColumns(
        {
            name: F.concat(name, F.array_compact(F.array(*found)))
            for name, found in ((VIOLATIONS, violations), (WARNINGS, warnings))
            if found
        }
    ).drop(*(_came(rule) for rule in contract.rules))


def _has_reason(rule: RowRule) -> SparkColumn:
    """Whether the row could not be read, or one of the rule's columns breaks a rule of its own."""
    return F.exists(VIOLATIONS, lambda found: found["field"].isNull() | found["field"].isin(*rule.columns))


def _came(rule: RowRule) -> str:
    """The texts that a rule's columns came as."""
    return f"_came_{rule.name}"


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
        came = values.shown(F.get_json_object("_raw", f"$.{column.name}"))
        is_orphan = key.isNotNull() & F.col(parent).isNull()
        found.append(values.violation(is_orphan, F.lit(_orphan(column)), F.lit(column.name), came))
    judged = F.when(F.size(VIOLATIONS) == 0, F.array_compact(F.array(*found))).otherwise(F.col(VIOLATIONS))
    return rows.withColumn(VIOLATIONS, judged).select(*typed_rows.columns)


def _orphan(column: Column) -> str:
    return f"{column.name}{ORPHAN}"


def _filled(column: Column) -> SparkColumn:
    """The column's value, or what stands in its place; other columns count as they came, whether filled or not."""
    return values.substituted(
        F.col(f"_text_{column.name}"),
        column,
        lambda name: F.col(name if name.startswith("_") else f"_value_{name}"),
    )


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


def _known_versions(columns: list[str], silver: DataFrame, history: DataFrame) -> DataFrame:
    """Every version that a table holds, with `_was_current` and `_old_fate`."""
    no_fate = F.lit(None).cast("string").alias("_old_fate")
    return silver.select(*columns, F.lit(True).alias("_was_current"), no_fate).unionByName(
        history.select(*columns, F.lit(False).alias("_was_current"), F.col("_fate").alias("_old_fate"))
    )


def changes(judged: DataFrame, contract: SourceContract, batch_id: int) -> DataFrame:
    """Rows that leave silver (`old`), rows that enter it (`new`), and versions that were never there and yet are not
    what they were (`version`): what gold has to compute again."""
    is_current, moves = F.col("_fate") == CURRENT, F.col("_was_current") != (F.col("_fate") == CURRENT)
    other_version = ~F.col("_fate").eqNullSafe(F.col("_old_fate")) & (
        F.col("_fate").isin(SUPERSEDED) | F.col("_old_fate").eqNullSafe(SUPERSEDED)
    )
    return (
        judged.where(moves | other_version)
        .withColumn("_change", F.when(~moves, tables.VERSION).when(is_current, tables.NEW).otherwise(tables.OLD))
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
