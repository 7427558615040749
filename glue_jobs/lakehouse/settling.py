"""Which versions of silver's keys win when a batch's good rows have come, and the commits that make it so.

Nearly every row is the only version of its key that was ever seen: it goes to silver as it is, and only keys with
rivals are judged. Of few rows the driver finds them, and where those stand that have to leave; of many, Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import silver, tables
from lakehouse.contract import SourceContract
from lakehouse.data_files import FILE, POSITION, Written
from lakehouse.extents import are_few, sent
from lakehouse.lake import Lake
from lakehouse.tables import Table


@dataclass(frozen=True)
class Settled:
    """What has to be written for good rows of a batch: `judged` (`silver.judge`) are all versions of keys with rivals.

    Write `changes` first, then `apply`: what gold must compute again is on record before silver moves.
    """

    lake: Lake
    contract: SourceContract
    batch_id: int
    judged: DataFrame

    def record_changes(self) -> None:
        """Write what enters and leaves silver."""
        self.lake.append_changes(self.contract, silver.changes(self.judged, self.contract, self.batch_id))

    def apply(self) -> None:
        """Bring history and silver to the fates that were found."""
        self.lake.merge_history(self.contract, self.judged)
        self.lake.merge_silver(self.contract, self.judged)


@dataclass(frozen=True)
class SettledMany(Settled):
    """`alone` wait for their commit: files of rows that are the only versions of their keys, if since the snapshot
    `since` no other has come."""

    since: int | None = None
    alone: Sequence[Written] = field(default=())

    def apply(self) -> None:
        self.lake.change(tables.silver_table(self.contract), self.since, self.alone)
        super().apply()


@dataclass(frozen=True)
class Known:
    """The versions of some keys that a table has, with the places where they stand, by a snapshot that is as old or
    older; None when it has none."""

    since: int | None
    rows: pa.Table | None

    def standing(self, versions: pa.Table) -> pa.Table | None:
        """Where these versions (`silver.PLACE`) stand; all of them are known."""
        if self.rows is None or not versions.num_rows:
            return None
        wanted = set(_places(versions))
        return self.rows.filter(pa.array([place in wanted for place in _places(self.rows)]))


@dataclass(frozen=True)
class SettledFew(Settled):
    """Of rows that the driver holds: `versions` are the judged ones."""

    versions: pa.Table
    current: Known
    history: Known

    def record_changes(self) -> None:
        table = tables.changes_table(self.contract)
        changes = silver.changes(self.judged, self.contract, self.batch_id).toArrow()
        self.lake.append(table, self.lake.write(table, changes))

    def apply(self) -> None:
        lake, contract, versions = self.lake, self.contract, self.versions
        fate, old_fate, was_current = (versions[name] for name in ("_fate", "_old_fate", "_was_current"))
        is_current = pc.equal(fate, silver.CURRENT)
        was_there = old_fate.is_valid()
        has_moved = pc.invert(pc.and_(was_there, pc.fill_null(pc.equal(fate, old_fate), False)))
        table = tables.history_table(contract)
        added = versions.filter(pc.and_(has_moved, pc.invert(is_current)))
        removed = self.history.standing(versions.filter(pc.and_(has_moved, was_there)))
        lake.change(table, self.history.since, lake.write(table, added), removed)
        table = tables.silver_table(contract)
        added = versions.filter(pc.and_(is_current, pc.invert(was_current)))
        removed = self.current.standing(versions.filter(pc.and_(was_current, pc.invert(is_current))))
        lake.change(table, self.current.since, lake.write(table, added), removed)


def settle(
    lake: Lake,
    contract: SourceContract,
    batch_id: int,
    good: DataFrame,
    retracted: DataFrame | None,
    *,
    if_few: bool,
) -> Settled:
    """Judge good rows; `if_few` says that the driver holds them. `retracted` as of `silver.judge`."""
    if if_few and retracted is None and (found := _settle_few(lake, contract, batch_id, good)) is not None:
        return found
    table = tables.silver_table(contract)
    since = lake.snapshot_id(table)
    current, history = lake.read(table), lake.read(tables.history_table(contract))
    if retracted is not None:
        judged = lake.pin(silver.judge(good, current, history, contract, retracted, are_few=if_few))
        return Settled(lake, contract, batch_id, judged)
    known = [rows for rows, at in ((current, since), (history, lake.snapshot_id(tables.history_table(contract)))) if at]
    # Rows of other batches, which are judged again, have to be recorded as they enter.
    of_others = good.where(F.col("_batch_id") != batch_id).select("_key")
    rivals = lake.pin(silver.rivals(good, known).unionByName(of_others).distinct())
    is_small = are_few(rivals.count())
    wanted = sent(rivals, if_few=is_small)
    versions = good.join(wanted, "_key", "left_semi")
    judged = lake.pin(silver.judge(versions, current, history, contract, are_few=is_small))
    alone = lake.write(table, good.join(wanted, "_key", "left_anti"))
    return SettledMany(lake, contract, batch_id, judged, since, alone)


def _settle_few(lake: Lake, contract: SourceContract, batch_id: int, good: DataFrame) -> SettledFew | None:
    """None when the known versions are too many for the driver."""
    keys = good.select("_key").toArrow()
    distinct = pa.table({"_key": pc.unique(keys["_key"])})
    known = _known(lake, contract, lake.frame(distinct, (("_key", "string"),)))
    if known is None:
        return None
    current, history = known
    if current.rows is None and history.rows is None and distinct.num_rows == keys.num_rows:
        judged = silver.uncontested(good)
    else:
        judged = silver.judge(
            good,
            _frame(lake, tables.silver_table(contract), current),
            _frame(lake, tables.history_table(contract), history),
            contract,
            are_few=True,
        )
    versions = judged.toArrow()
    return SettledFew(lake, contract, batch_id, lake.frame(versions, judged), versions, current, history)


def _frame(lake: Lake, table: Table, known: Known) -> DataFrame:
    rows = lake.read(table)
    return lake.frame(known.rows, rows) if known.rows is not None else lake.spark.createDataFrame([], rows.schema)


def _known(lake: Lake, contract: SourceContract, keys: DataFrame) -> tuple[Known, Known] | None:
    """The versions of these keys in silver and in history; None when they are too many for the driver."""
    places = [of(contract) for of in (tables.silver_table, tables.history_table)]
    since = [lake.snapshot_id(table) for table in places]
    there = [lake.read(table) for table in places]
    keys = sent(keys, if_few=True)
    # First the keys alone: of most batches none is known, and whole rows are dear to read.
    looks = [
        rows.select("_key").join(keys, "_key", "left_semi").limit(1).select(F.lit(place).alias("place"))
        for place, (rows, at) in enumerate(zip(there, since, strict=True))
        if at is not None
    ]
    found = {row[0] for row in reduce(DataFrame.unionByName, looks).collect()} if looks else set()
    known = []
    for place, (table, at, rows) in enumerate(zip(places, since, there, strict=True)):
        versions = None
        if place in found:
            whole = rows.select(*table.column_names, FILE, POSITION)
            versions = lake.few(whole.join(keys, "_key", "left_semi"))
            if versions is None:
                return None
        known.append(Known(at, versions))
    return known[0], known[1]


def _places(rows: pa.Table) -> list[tuple[str, int]]:
    return list(zip(*(rows[name].to_pylist() for name in silver.PLACE), strict=True))
