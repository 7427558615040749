"""Which keys of a gold table a batch touches: only the rows under them are computed, merged and loaded again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import extents, tables
from lakehouse.contract import AsOf, GoldContract, GoldLookup, GoldSource
from lakehouse.extents import Extent, sent

Frames = Mapping[str, DataFrame]
DAY = "_day"
"""Of `on_each_day`."""


@dataclass(frozen=True)
class Keys:
    """Touched keys: `rows` hold one column for each that the contract recomputes by, `extent` their number and days."""

    rows: DataFrame
    extent: Extent


def measured(contract: GoldContract, rows: DataFrame) -> Keys | None:
    """The keys that these rows are; None when there is none. Computes: the rows should be pinned."""
    extent = extents.measured(rows, contract.recompute_by)
    return Keys(rows, extent) if extent.count else None


def touched(
    contract: GoldContract,
    changes: Frames,
    silver: Frames,
    *,
    compared: Collection[str] = (),
    are_few: bool = False,
) -> DataFrame | None:
    """Distinct recompute keys that the batch's changes touch; None when no dataset of the table has changed.

    `changes` holds those of the datasets that changed (`silver.changes`; others are absent), `silver` whole tables.
    What happened to versions that are not current concerns those tables only that are made of versions. `compared` are
    the datasets of which a row may be among the changes as it was and as it is: where that says the same in all that
    the table is computed from, it touches nothing. Of a batch that was narrowed every change counts: what one try let
    in, a later one took out again. `are_few` says that the changes are few enough to be sent to every task.
    """
    changes = {name: rows for name, rows in changes.items() if name in contract.datasets}
    if not changes:
        return None
    changes = {
        name: rows if name in contract.versioned else rows.where(F.col("_change") != tables.VERSION)
        for name, rows in changes.items()
    }
    changes = {name: _that_matter(contract, name, rows) if name in compared else rows for name, rows in changes.items()}
    moved = {source: changes[source.dataset] for source in contract.sources if source.dataset in changes}
    looking = [lookup for lookup in contract.lookups if lookup.dataset in changes]
    keys = [
        *(_keys_of(contract, source, rows) for source, rows in moved.items()),
        *(
            _keys_of(contract, contract.source(one.source), _looking_up(one, changes, silver, are_few=are_few))
            for one in looking
        ),
    ]
    # Recompute columns are required: a row for which one is null, such as an event about no product, is in no row here.
    distinct = reduce(DataFrame.unionByName, keys).na.drop().distinct()
    if contract.sessions is None:
        return distinct
    return _whole_sessions(contract, distinct, changes, silver, are_few=are_few)


def _that_matter(contract: GoldContract, dataset: str, changes: DataFrame) -> DataFrame:
    """The changes but those of a row that was there and is there now, and says the same in all that the table is
    computed from.

    It was there when a version of it left, and is when one entered, unless a version did both: then one try of the
    batch has undone what another did, under another contract perhaps, and what there was between does not matter less.
    """
    columns = contract.columns_of(dataset)
    if columns is None or dataset in contract.versioned:
        return changes
    sources = (source for source in contract.sources if source.dataset == dataset)
    keys = (key for source in sources for key in _key_of(contract, source).values())
    said = F.struct(*(F.col(name) for name in sorted(columns | {"_key"})), *keys)
    of_row, of_version = Window.partitionBy("_key"), Window.partitionBy("_key", "_file_id", "_row")
    # What entered by a try of the batch is among the changes as long as it is in silver.
    came_and_left = (F.col("_change") == tables.OLD) & (F.col("_batch_id") == F.col("_changed_by"))
    did_both = (F.min("_change").over(of_version) != F.max("_change").over(of_version)) | came_and_left
    told = changes.withColumns({"_said": said, "_did_both": did_both})
    is_same = F.min("_said").over(of_row).eqNullSafe(F.max("_said").over(of_row))
    is_still_there = F.min("_change").over(of_row) != F.max("_change").over(of_row)
    idle = is_same & is_still_there & ~F.max("_did_both").over(of_row)
    return told.withColumn("_is_idle", idle).where(~F.col("_is_idle")).select(*changes.columns)


def _looking_up(lookup: GoldLookup, changes: Frames, silver: Frames, *, are_few: bool) -> DataFrame:
    """The rows of a source for which changes of a lookup matter."""
    moved, source = changes[lookup.dataset], silver[lookup.source]
    names = {here: F.col(there).alias(here) for here, there in lookup.on.items()}
    if lookup.as_of is None:
        wanted = moved.select(*names.values()).distinct()
        return _semi_join(source, sent(wanted, if_few=are_few), tuple(lookup.on))
    days = on_each_day(moved, lookup.as_of).select(*names.values(), DAY).distinct()
    dated = source.withColumn(DAY, F.to_date(lookup.as_of.instant))
    return _semi_join(dated, sent(days, if_few=are_few), (*lookup.on, DAY)).drop(DAY)


def on_each_day(rows: DataFrame, as_of: AsOf) -> DataFrame:
    """The rows of a lookup, once for every `DAY` on which they may hold."""
    return rows.withColumn(DAY, F.explode(F.sequence(as_of.day, F.date_add(as_of.day, as_of.days - 1))))


def _whole_sessions(
    contract: GoldContract, keys: DataFrame, changes: Frames, silver: Frames, *, are_few: bool
) -> DataFrame:
    """The keys, and those of the days that sessions with a touched day reach or reached, midnight after midnight."""
    sessions = contract.sessions
    assert sessions is not None  # noqa: S101 - for the type checker
    rows = silver[sessions.dataset]
    if sessions.dataset in changes:
        # What left may have held two days together that its leaving parts.
        gone = changes[sessions.dataset].where(F.col("_change") == tables.OLD)
        rows = rows.unionByName(gone.select(*rows.columns))
    whose = [name for name in contract.recompute_by if name != sessions.day]
    source = contract.source(sessions.dataset)
    keyed = _keys_of(contract, source, rows, (sessions.instant,))
    days = (
        _semi_join(keyed, sent(keys.select(*whose).distinct(), if_few=are_few), tuple(whose))
        .groupBy(*contract.recompute_by)
        .agg(F.min(sessions.instant).alias("_first"), F.max(sessions.instant).alias("_last"))
    )
    in_order = Window.partitionBy(*whose).orderBy(sessions.day)
    is_linked = F.col("_first") - F.lag("_last").over(in_order) <= F.expr(
        f"INTERVAL {sessions.silence_minutes} MINUTES"
    )
    islands = days.withColumn("_island", F.count_if(~F.coalesce(is_linked, F.lit(False))).over(in_order))
    touched_islands = (
        _semi_join(islands, sent(keys, if_few=are_few), contract.recompute_by).select(*whose, "_island").distinct()
    )
    reached = _semi_join(islands, touched_islands, (*whose, "_island")).select(*contract.recompute_by)
    return keys.unionByName(reached).distinct()


def under_keys(contract: GoldContract, rows: DataFrame, source: GoldSource, keys: Keys) -> DataFrame:
    """The rows of a source that touch one of the keys."""
    key_of = _key_of(contract, source)
    named = rows.where(keys.extent.may_hold(key_of.__getitem__)).withColumns(
        {f"_k_{name}": key for name, key in key_of.items()}
    )
    prefixed = keys.rows.select(*(F.col(name).alias(f"_k_{name}") for name in key_of))
    return _semi_join(named, sent(prefixed, if_few=keys.extent.is_small), tuple(prefixed.columns)).select(*rows.columns)


def under(keys: Keys | None, table: DataFrame, contract: GoldContract) -> DataFrame:
    """The rows of a gold table whose recompute key is among the touched ones; all of them without any."""
    if keys is None:
        return table
    wanted = sent(keys.rows, if_few=keys.extent.is_small)
    return _semi_join(table.where(keys.extent.may_hold(F.col)), wanted, contract.recompute_by)


def _keys_of(contract: GoldContract, source: GoldSource, rows: DataFrame, others: tuple[str, ...] = ()) -> DataFrame:
    """The recompute key of every row of a source, and other columns of it."""
    keys = (key.alias(name) for name, key in _key_of(contract, source).items())
    return rows.select(*keys, *others)


def _key_of(contract: GoldContract, source: GoldSource) -> Mapping[str, SparkColumn]:
    """The recompute key that a row of a source touches, typed as the table's columns are."""
    return {name: F.expr(source.keys[name]).cast(contract.column(name).type.spark) for name in contract.recompute_by}


def _semi_join(rows: DataFrame, keys: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Rows whose `names` are among the keys; null equals null."""
    left, right = rows.alias("l"), keys.alias("r")
    condition = reduce(and_, (F.col(f"l.{name}").eqNullSafe(F.col(f"r.{name}")) for name in names))
    return left.join(right, condition, "left_semi")
