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
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import tables
from lakehouse.contract import GoldContract, GoldSource

Inputs = Mapping[str, DataFrame]
GoldFunction = Callable[[Inputs], DataFrame]
UNKNOWN_KEY = 0
DELETED = "_deleted"


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


def touched(contract: GoldContract, changes: Inputs, silver: Inputs) -> DataFrame:
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
        moved = changes[lookup.dataset].select(*(F.col(there).alias(here) for here, there in lookup.on.items()))
        affected = _semi_join(silver[lookup.source], moved.distinct(), tuple(lookup.on))
        keys.append(_keys_of(contract, contract.source(lookup.source), affected))
    if contract.unknown_member:
        keys.append(_unknown(contract, next(iter(silver.values()))).select(*contract.recompute_by))
    return reduce(DataFrame.unionByName, keys).distinct()


def compute(contract: GoldContract, keys: DataFrame, silver: Inputs) -> DataFrame:
    """The rows that the table must hold under the touched keys: the contract's columns, in order and exactly typed.

    `silver` holds whole tables, and every version of a dataset under the name `versions_of` it.
    """
    inputs = dict(silver)
    for source in contract.sources:
        names = [source.dataset, *([versions_of(source.dataset)] if source.has_versions else [])]
        for name in names:
            inputs[name] = _under_keys(silver[name], source, keys)
    result = _exactly(contract, function_of(contract)(inputs))
    if contract.unknown_member:
        result = result.unionByName(_unknown(contract, result))
    return result


def _under_keys(rows: DataFrame, source: GoldSource, keys: DataFrame) -> DataFrame:
    """The rows of a source that touch one of the keys."""
    named = rows.withColumns({f"_k_{name}": F.expr(text) for name, text in source.keys.items()})
    prefixed = keys.select(*(F.col(name).alias(f"_k_{name}") for name in source.keys))
    return _semi_join(named, prefixed, tuple(prefixed.columns)).select(*rows.columns)


def difference(contract: GoldContract, keys: DataFrame, computed: DataFrame, existing: DataFrame) -> DataFrame:
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


def under(keys: DataFrame, table: DataFrame, contract: GoldContract) -> DataFrame:
    """The rows of a gold table whose recompute key is among the touched ones."""
    return _semi_join(table, keys, contract.recompute_by)


def _keys_of(contract: GoldContract, source: GoldSource, rows: DataFrame) -> DataFrame:
    types = {column.name: column.type.spark for column in contract.columns}
    return rows.select(*(F.expr(source.keys[name]).cast(types[name]).alias(name) for name in contract.recompute_by))


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
