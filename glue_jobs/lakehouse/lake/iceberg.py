"""Reading and writing of Iceberg tables, whatever they hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from typing import Any, TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import tables
from lakehouse.extents import Extent, are_few, sent
from lakehouse.lake import splitting
from lakehouse.lake.conflicts import is_conflict, is_undecided
from lakehouse.tables import Table

PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.retry.num-retries": "10",
}
MERGED_ON_READ = {"write.merge.mode": "merge-on-read"}
# Tables worked on at once: enough to fill the gaps, few enough to bound the driver's memory.
SIDE_BY_SIDE = 3
# Tries to split files that others may be splitting or rewriting too.
_SPLITS = 3

Item = TypeVar("Item")
Result = TypeVar("Result")


class IcebergTables:
    """The tables of one catalog, through one Spark session. Each write is one commit."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def ensure(self, wanted: Iterable[Table]) -> None:
        """Create the tables (and their databases) that are not there yet, and the columns that a contract has got
        since; their values are null in the rows of before."""
        for table in wanted:
            if self.spark.catalog.tableExists(table.identifier):
                self._add_columns(table)
                continue
            columns = ", ".join(f"`{name}` {kind}" for name, kind in table.columns)
            partition = f"PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
            own = dict(MERGED_ON_READ) if table.is_merged_on_read else {}
            if table.batch_column:
                own |= splitting.with_bounds_of(table.batch_column)
            properties = ", ".join(f"'{name}'='{value}'" for name, value in {**PROPERTIES, **own}.items())
            self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {tables.CATALOG}.{table.database}")
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {table.identifier} ({columns}) USING iceberg {partition} "
                f"TBLPROPERTIES ({properties})"
            )

    def _add_columns(self, table: Table) -> None:
        if not (absent := self._absent_columns(table)):
            return
        try:
            self.spark.sql(f"ALTER TABLE {table.identifier} ADD COLUMNS ({', '.join(absent)})")
        except Exception:
            # A twin of this run may have been quicker; Spark remembers the table as it was.
            self.spark.catalog.refreshTable(table.identifier)
            if self._absent_columns(table):
                raise

    def _absent_columns(self, table: Table) -> list[str]:
        present = set(self.read(table).columns)
        return [f"`{name}` {kind}" for name, kind in table.columns if name not in present]

    def read(self, table: Table) -> DataFrame:
        """A table as it is now; the frame keeps to this snapshot."""
        return self.spark.table(table.identifier)

    @staticmethod
    def pin(rows: DataFrame) -> DataFrame:
        """Compute a frame once, now, and forget how: what follows neither computes nor plans it again.

        A lost executor loses the rows too; the run then fails and is repeated, which every job here allows.
        """
        return rows.localCheckpoint(eager=True)

    @staticmethod
    def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do independent work on several items at once; results in order, the first error raised once all have ended.

        Small batches spend their time in Spark's driver, planning and waiting, which leaves cores idle.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(work, items))

    def _merge(
        self,
        table: Table,
        source: DataFrame,
        on: tuple[str, ...],
        delete_when: SparkColumn | None = None,
        among: Extent | None = None,
    ) -> None:
        """Upsert `source` by the columns `on`, null equal to null; where `delete_when` holds, delete and never insert.

        `among` is the extent of all rows of the table that `source` may concern, whatever has become of them since it
        was computed: files that hold none of it are not read, and what others write there in the meantime is no
        conflict. Nothing is committed when there is nothing to merge.
        """
        if not (count := source.count()):
            return
        target = {name: F.col(f"{table.identifier}.{name}") for name in table.column_names}
        same = reduce(and_, (target[name].eqNullSafe(F.col(f"s.{name}")) for name in on))
        if among is not None:
            same &= among.may_hold(target.__getitem__)
        # Of a table that is not merged on read, the files that hold one of the rows are looked for first: for a few
        # rows it need not be shuffled.
        merge = sent(source, if_few=are_few(count)).alias("s").mergeInto(table.identifier, same)
        if delete_when is not None:
            merge = merge.whenMatched(delete_when).delete()
        values = {name: F.col(f"s.{name}") for name in table.column_names}
        merge = merge.whenMatched().update(values)
        new = merge.whenNotMatched() if delete_when is None else merge.whenNotMatched(~delete_when)
        new.insert(values).merge()

    def _update(
        self, table: Table, source: DataFrame, on: str, where: SparkColumn, values: Mapping[str, SparkColumn]
    ) -> None:
        """Set columns of the rows (`t`) that a row of `source` (`s`) names by `on`, where the condition holds.

        Nothing is committed when there is nothing to change.
        """
        if source.isEmpty():
            return
        same = F.col(f"t.{on}") == F.col(f"s.{on}")
        changed = self.read(table).alias("t").join(F.broadcast(source.alias("s")), same).where(where)
        names = [name for name in table.column_names if name not in values]
        rows = changed.select(*(F.col(f"t.{name}") for name in names), *(v.alias(name) for name, v in values.items()))
        self._merge(table, self.pin(rows), on=(on,))

    def _append(self, table: Table, rows: DataFrame) -> None:
        if not rows.isEmpty():
            rows.select(*table.column_names).writeTo(table.identifier).append()

    def _overwrite(self, table: Table, rows: DataFrame, condition: SparkColumn) -> None:
        rows.select(*table.column_names).writeTo(table.identifier).overwrite(condition)

    def _replace(self, table: Table, rows: DataFrame, batch_id: int, **partition: str) -> None:
        """Put rows in the place of all those of a batch, or of those with these values in columns that partition the
        table, in one commit."""
        values = {str(table.batch_column): batch_id, **partition}
        condition = reduce(and_, (F.col(name) == F.lit(value) for name, value in values.items()))
        self._when_decided(table, batch_id, self._expression(values), lambda: self._overwrite(table, rows, condition))

    def _when_decided(self, table: Table, batch_id: int, replaced: Any, commit: Callable[[], None]) -> None:
        """Commit what takes the place of a batch's rows, which Iceberg's expression `replaced` names.

        Iceberg takes whole files away, and refuses when it cannot tell whether all rows of one are the batch's, or
        none. Such files are then split, and the commit is tried again: it alone decides what is replaced, by what the
        table holds at that moment. A twin of this run may split the same ones, or maintenance rewrite them.
        """
        for _ in range(_SPLITS):
            try:
                commit()
                return
            except (Py4JJavaError, PySparkException) as error:
                if not is_undecided(error):
                    raise
            try:
                splitting.split(self.spark, self._iceberg(table), str(table.batch_column), batch_id, replaced)
            except Py4JJavaError as error:
                if not is_conflict(error):
                    raise
            self.spark.catalog.refreshTable(table.identifier)
        commit()

    def _expression(self, values: Mapping[str, object]) -> Any:
        """Iceberg's expression for rows with these values."""
        expressions = self._jvm.org.apache.iceberg.expressions.Expressions
        found = expressions.alwaysTrue()
        for name, value in values.items():
            found = getattr(expressions, "and")(found, expressions.equal(name, value))
        return found

    def _frame(self, rows: Sequence[tuple[object, ...]], columns: tables.Shape) -> DataFrame:
        return self.spark.createDataFrame(list(rows), ", ".join(f"`{name}` {kind}" for name, kind in columns))

    def _ids(self, column: str, values: Iterable[str]) -> DataFrame:
        """One column of ids."""
        return self._frame([(value,) for value in values], ((column, "string"),))

    def committed_at(self, table: Table) -> str:
        """When a table was last committed, in UTC to the millisecond, as `2026-01-31 12:00:00.000`; 1970 when never."""
        snapshot = self._iceberg(table).currentSnapshot()
        instant = datetime.fromtimestamp((snapshot.timestampMillis() if snapshot else 0) / 1000, UTC)
        return instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def _iceberg(self, table: Table) -> Any:
        return self._jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(
            self.spark._jsparkSession, table.identifier
        )

    @functools.cached_property
    def _jvm(self) -> Any:
        return self.spark._jvm
