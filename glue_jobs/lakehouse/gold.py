"""Which gold rows a batch touches, and what changes in a gold table: the machinery that every gold table shares.

What a table holds is said by a pure function of its domain (`domains/<domain>/gold.py`), registered here by name; how
it is kept up to date is said once, here, by its contract: only touched keys are computed again, and a key left empty
disappears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from importlib import import_module
from operator import and_

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import tables
from lakehouse.contract import AsOf, GoldContract, GoldLookup, GoldSource

Frames = Mapping[str, DataFrame]
UNKNOWN_KEY = 0
DELETED = "_deleted"


class Inputs(dict[str, DataFrame]):
    """What a gold function is given: silver rows by dataset, and the table's contract."""

    def __init__(self, contract: GoldContract, frames: Frames) -> None:
        super().__init__(frames)
        self.contract = contract

    def looked_up(self, dataset: str) -> DataFrame:
        """The rows of the source with those of a lookup that has one row a day: those of the day that holds, if any.

        The columns of the lookup that the source lacks come along, null where nothing holds.
        """
        lookup = next(lookup for lookup in self.contract.lookups if lookup.dataset == dataset)
        if lookup.as_of is None:
            raise ValueError(f"{self.contract.dataset}: the lookup {dataset} has no asOf")
        rows = self[lookup.source]
        of_days = _on_each_day(self[dataset], lookup.as_of)
        keys = [F.col(name).alias(f"_on_{name}") for name in lookup.on.values()]
        lent = [name for name in self[dataset].columns if name not in rows.columns]
        latest = of_days.groupBy(*keys, _DAY).agg(
            *(F.max_by(name, lookup.as_of.day).alias(name) for name in lent if name != lookup.as_of.day)
        )
        same = [F.col(here) == F.col(f"_on_{there}") for here, there in lookup.on.items()]
        same_day = F.to_date(lookup.as_of.instant) == F.col(_DAY)
        here_only = (_DAY, *(f"_on_{name}" for name in lookup.on.values()))
        return rows.join(latest, reduce(and_, same, same_day), "left").drop(*here_only)


GoldFunction = Callable[[Inputs], DataFrame]
_DAY = "_day"


def function_of(contract: GoldContract) -> GoldFunction:
    """The domain's function named like the table. Raises AttributeError naming the module when it is not there."""
    module = import_module(f"lakehouse.domains.{contract.domain}.gold")
    function: GoldFunction = getattr(module, contract.name)
    return function


def versions_of(dataset: str) -> str:
    """Under which name a gold function finds every version of a dataset's rows: silver's columns, one row a version."""
    return f"{dataset} versions"


def surrogate(*columns: str) -> SparkColumn:
    """A 64-bit surrogate key of a natural key: the same everywhere, without a sequence to keep."""
    return F.xxhash64(*columns)


def surrogate_or_unknown(key: SparkColumn, is_known: SparkColumn) -> SparkColumn:
    """The surrogate key where the dimension row has arrived, else the unknown member."""
    return F.when(is_known, key).otherwise(F.lit(UNKNOWN_KEY).cast("bigint"))


def touched(contract: GoldContract, changes: Frames, silver: Frames) -> DataFrame:
    """Distinct recompute keys that the batch's changes touch.

    `changes` holds those of the datasets that changed (`silver.changes`; others are absent), `silver` whole tables.
    What happened to versions that are not current concerns those tables only that are made of versions.
    """
    changes = {
        name: rows if name in contract.versioned else rows.where(F.col("_change") != tables.VERSION)
        for name, rows in changes.items()
    }
    keys = [
        _keys_of(contract, source, changes[source.dataset]) for source in contract.sources if source.dataset in changes
    ]
    for lookup in contract.lookups:
        if lookup.dataset not in changes:
            continue
        keys.append(_keys_of(contract, contract.source(lookup.source), _looking_up(lookup, changes, silver)))
    if contract.unknown_member:
        keys.append(_unknown(contract, next(iter(silver.values()))).select(*contract.recompute_by))
    # Recompute columns are required: a row for which one is null, such as an event about no product, is in no row here.
    distinct = reduce(DataFrame.unionByName, keys).na.drop().distinct()
    return _whole_sessions(contract, distinct, changes, silver) if contract.sessions else distinct


def _looking_up(lookup: GoldLookup, changes: Frames, silver: Frames) -> DataFrame:
    """The rows of a source for which changes of a lookup matter."""
    moved, source = changes[lookup.dataset], silver[lookup.source]
    names = {here: F.col(there).alias(here) for here, there in lookup.on.items()}
    if lookup.as_of is None:
        return _semi_join(source, moved.select(*names.values()).distinct(), tuple(lookup.on))
    days = _on_each_day(moved, lookup.as_of).select(*names.values(), _DAY).distinct()
    dated = source.withColumn(_DAY, F.to_date(lookup.as_of.instant))
    return _semi_join(dated, days, (*lookup.on, _DAY)).drop(_DAY)


def _on_each_day(rows: DataFrame, as_of: AsOf) -> DataFrame:
    """The rows of a lookup, once for every `_day` on which they may hold."""
    return rows.withColumn(_DAY, F.explode(F.sequence(as_of.day, F.date_add(as_of.day, as_of.days - 1))))


def _whole_sessions(contract: GoldContract, keys: DataFrame, changes: Frames, silver: Frames) -> DataFrame:
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
    keyed = _with_keys(contract, source, rows, (sessions.instant,))
    days = (
        _semi_join(keyed, keys.select(*whose).distinct(), tuple(whose))
        .groupBy(*contract.recompute_by)
        .agg(F.min(sessions.instant).alias("_first"), F.max(sessions.instant).alias("_last"))
    )
    in_order = Window.partitionBy(*whose).orderBy(sessions.day)
    is_linked = F.col("_first") - F.lag("_last").over(in_order) <= F.expr(
        f"INTERVAL {sessions.silence_minutes} MINUTES"
    )
    islands = days.withColumn("_island", F.count_if(~F.coalesce(is_linked, F.lit(False))).over(in_order))
    touched_islands = _semi_join(islands, keys, contract.recompute_by).select(*whose, "_island").distinct()
    reached = _semi_join(islands, touched_islands, (*whose, "_island")).select(*contract.recompute_by)
    return keys.unionByName(reached).distinct()


def compute(contract: GoldContract, keys: DataFrame | None, silver: Frames) -> DataFrame:
    """The rows that the table must hold under the touched keys, or in all without any: the contract's columns, in
    order and exactly typed.

    `silver` holds whole tables, and every version of a dataset under the name `versions_of` it.
    """
    inputs = dict(silver)
    if keys is not None:
        for source in contract.sources:
            names = [source.dataset, *([versions_of(source.dataset)] if source.has_versions else [])]
            inputs |= {name: _under_keys(silver[name], source, keys) for name in names}
    result = _exactly(contract, function_of(contract)(Inputs(contract, inputs)))
    if contract.unknown_member:
        result = result.unionByName(_unknown(contract, result))
    return result


def _under_keys(rows: DataFrame, source: GoldSource, keys: DataFrame) -> DataFrame:
    """The rows of a source that touch one of the keys."""
    named = rows.withColumns({f"_k_{name}": F.expr(text) for name, text in source.keys.items()})
    prefixed = keys.select(*(F.col(name).alias(f"_k_{name}") for name in source.keys))
    return _semi_join(named, prefixed, tuple(prefixed.columns)).select(*rows.columns)


def difference(contract: GoldContract, keys: DataFrame | None, computed: DataFrame, existing: DataFrame) -> DataFrame:
    """Rows to upsert (`_deleted` false: new or different) and to delete (`_deleted` true: their key is empty now)."""
    row = F.struct(*existing.columns)
    grain = [F.col(name).alias(f"_k_{name}") for name in contract.key]
    new = computed.select(*grain, row.alias("_after")).alias("a")
    old = under(keys, existing, contract).select(*grain, row.alias("_before")).alias("b")
    same_key = reduce(and_, (F.col(f"a._k_{name}").eqNullSafe(F.col(f"b._k_{name}")) for name in contract.key))
    return (
        new.join(old, same_key, "full_outer")
        .where(~F.col("_after").eqNullSafe(F.col("_before")))
        .select(F.coalesce("_after", "_before").alias("row"), F.col("_after").isNull().alias(DELETED))
        .select("row.*", DELETED)
    )


def under(keys: DataFrame | None, table: DataFrame, contract: GoldContract) -> DataFrame:
    """The rows of a gold table whose recompute key is among the touched ones; all of them without any."""
    return table if keys is None else _semi_join(table, keys, contract.recompute_by)


def _keys_of(contract: GoldContract, source: GoldSource, rows: DataFrame) -> DataFrame:
    return _with_keys(contract, source, rows, ())


def _with_keys(contract: GoldContract, source: GoldSource, rows: DataFrame, others: tuple[str, ...]) -> DataFrame:
    """The recompute key of every row, and other columns of it."""
    types = {column.name: column.type.spark for column in contract.columns}
    keys = (F.expr(source.keys[name]).cast(types[name]).alias(name) for name in contract.recompute_by)
    return rows.select(*keys, *others)


def _exactly(contract: GoldContract, rows: DataFrame) -> DataFrame:
    return rows.select(*(F.col(column.name).cast(column.type.spark) for column in contract.columns))


def _unknown(contract: GoldContract, like: DataFrame) -> DataFrame:
    member = contract.unknown_member or {}
    row = like.sparkSession.range(1)
    return row.select(
        *(F.lit(member.get(column.name)).cast(column.type.spark).alias(column.name) for column in contract.columns)
    )


def _semi_join(rows: DataFrame, keys: DataFrame, names: tuple[str, ...]) -> DataFrame:
    """Rows whose `names` are among the keys; null equals null."""
    left, right = rows.alias("l"), keys.alias("r")
    condition = reduce(and_, (F.col(f"l.{name}").eqNullSafe(F.col(f"r.{name}")) for name in names))
    return left.join(right, condition, "left_semi")
