"""What a gold table holds, and what changes in it: the machinery that every gold table shares.

What a table holds is said by a pure function of its domain (`domains/<domain>/gold.py`), registered here by name; how
it is kept up to date is said once, here, by its contract: only touched keys (`touched.py`) are computed again, and a
key left empty disappears. Of rows that are no versions, a function sees those columns only that its contract names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from importlib import import_module
from operator import and_

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.contract import GoldContract
from lakehouse.touched import DAY, Frames, Keys, on_each_day, under, under_keys

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
        of_days = on_each_day(self[dataset], lookup.as_of)
        keys = [F.col(name).alias(f"_on_{name}") for name in lookup.on.values()]
        lent = [name for name in self[dataset].columns if name not in rows.columns]
        latest = of_days.groupBy(*keys, DAY).agg(
            *(F.max_by(name, lookup.as_of.day).alias(name) for name in lent if name != lookup.as_of.day)
        )
        same = [F.col(here) == F.col(f"_on_{there}") for here, there in lookup.on.items()]
        same_day = F.to_date(lookup.as_of.instant) == F.col(DAY)
        here_only = (DAY, *(f"_on_{name}" for name in lookup.on.values()))
        return rows.join(latest, reduce(and_, same, same_day), "left").drop(*here_only)


GoldFunction = Callable[[Inputs], DataFrame]


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


def unknown_key(contract: GoldContract, spark: SparkSession) -> DataFrame:
    """The recompute key of the unknown member, which has no day."""
    return _unknown(contract, spark).select(*contract.recompute_by)


def compute(contract: GoldContract, keys: Keys | None, silver: Frames) -> DataFrame:
    """The rows that the table must hold under the touched keys, or in all without any: the contract's columns, in
    order and exactly typed.

    `silver` holds whole tables, and every version of a dataset under the name `versions_of` it.
    """
    inputs = {}
    for source in contract.sources:
        rows = silver[source.dataset] if keys is None else under_keys(contract, silver[source.dataset], source, keys)
        inputs[source.dataset] = _of_lineage(contract, source.dataset, rows)
        if source.has_versions:
            versions = silver[versions_of(source.dataset)]
            inputs[versions_of(source.dataset)] = (
                versions if keys is None else under_keys(contract, versions, source, keys)
            )
    for lookup in contract.lookups:
        inputs[lookup.dataset] = _of_lineage(contract, lookup.dataset, silver[lookup.dataset])
        if lookup.has_versions:
            inputs[versions_of(lookup.dataset)] = silver[versions_of(lookup.dataset)]
    result = _exactly(contract, function_of(contract)(Inputs(contract, inputs)))
    if contract.unknown_member:
        result = result.unionByName(_unknown(contract, result.sparkSession))
    return result


def _of_lineage(contract: GoldContract, dataset: str, rows: DataFrame) -> DataFrame:
    """The rows with those columns only that the table is said to be computed from."""
    columns = contract.columns_of(dataset)
    return rows if columns is None else rows.select(*(name for name in rows.columns if name in columns))


def difference(contract: GoldContract, keys: Keys | None, computed: DataFrame, existing: DataFrame) -> DataFrame:
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


def _exactly(contract: GoldContract, rows: DataFrame) -> DataFrame:
    return rows.select(*(F.col(column.name).cast(column.type.spark) for column in contract.columns))


def _unknown(contract: GoldContract, spark: SparkSession) -> DataFrame:
    member = contract.unknown_member or {}
    return spark.range(1).select(
        *(F.lit(member.get(column.name)).cast(column.type.spark).alias(column.name) for column in contract.columns)
    )
