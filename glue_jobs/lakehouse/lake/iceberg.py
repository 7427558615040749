"""Reading and writing of Iceberg tables, whatever they hold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from lakehouse import tables
from lakehouse.extents import FEW_ROWS, are_few
from lakehouse.lake import splitting
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

# Bytes of rows that the driver holds at once, whatever their number.
_FEW_BYTES = 64 << 20
_IS_CUT = "_is_cut"

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
            partition = f"PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
            own = dict(MERGED_ON_READ) if table.is_merged_on_read else {}
            if table.batch_column:
                own |= splitting.with_bounds_of(table.batch_column)
            properties = ", ".join(f"'{name}'='{value}'" for name, value in {**PROPERTIES, **own}.items())
            self.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {tables.CATALOG}.{table.database}")
            self.spark.sql(
                f"CREATE TABLE IF NOT EXISTS {table.identifier} ({_ddl(table.columns)}) USING iceberg {partition} "
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

    def few(self, rows: DataFrame, *, is_narrow: bool = False) -> pa.Table | None:
        """The rows, brought to the driver; None when they are more than `extents.FEW_ROWS`, or too large together, as
        rows that are `is_narrow` cannot be."""
        found = rows.limit(FEW_ROWS + 1)
        if not is_narrow:
            shape = _ddl((*rows.dtypes, (_IS_CUT, "boolean")))
            found = found.mapInArrow(functools.partial(_cut_short, most=_FEW_BYTES), shape)
        table = found.toArrow()
        if not is_narrow:
            if pc.any(table[_IS_CUT]).as_py():
                return None
            table = table.drop_columns([_IS_CUT])
        return table if are_few(table.num_rows) else None

    def frame(self, rows: pa.Table, like: DataFrame | tables.Shape) -> DataFrame:
        """Rows that the driver holds, with the columns of another frame, or these. Spark knows how few they are."""
        shape = tuple(like.dtypes) if isinstance(like, DataFrame) else like
        return self.spark.createDataFrame(rows.select([name for name, _ in shape]), _ddl(shape))

    def settled(self, rows: DataFrame, *, if_few: bool) -> tuple[DataFrame, bool]:
        """Rows computed once, now; and whether the driver holds them: it tries to when they are said to be few."""
        found = self.few(rows) if if_few else None
        return (self.pin(rows), False) if found is None else (self.frame(found, rows), True)

    def snapshot_id(self, table: Table) -> int | None:
        """The snapshot that a table is at; None before the first. What is read after it is as new, or newer."""
        snapshot = self._iceberg(table).currentSnapshot()
        return None if snapshot is None else int(snapshot.snapshotId())

    def row_count(self, table: Table) -> int:
        """About how many rows a table has, from its metadata: less where maintenance has left notes behind."""
        snapshot = self._iceberg(table).currentSnapshot()
        if snapshot is None:
            return 0
        summary = snapshot.summary()
        return int(summary["total-records"]) - int(summary["total-position-deletes"])

    @staticmethod
    def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do independent work on several items at once; results in order, the first error raised once all have ended.

        Small batches spend their time in Spark's driver, planning and waiting, which leaves cores idle.
        """
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(work, items))

    def _rows(self, rows: Sequence[tuple[object, ...]], columns: tables.Shape) -> pa.Table:
        """Rows of these columns (name, Spark type), held by the driver."""
        shape = to_arrow_schema(
            cast("StructType", StructType.fromDDL(", ".join(f"`{name}` {kind}" for name, kind in columns)))
        )
        values = zip(*rows, strict=True) if rows else [() for _ in columns]
        return pa.table([pa.array(of, field.type) for of, field in zip(values, shape, strict=True)], shape)

    def _ids(self, column: str, values: Iterable[str]) -> DataFrame:
        """One column of ids."""
        return self.spark.createDataFrame([(value,) for value in values], f"`{column}` string")

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


def _ddl(columns: Iterable[tuple[str, str]]) -> str:
    """Columns (name, Spark type) as Spark SQL declares them."""
    return ", ".join(f"`{name}` {kind}" for name, kind in columns)


def _cut_short(batches: Iterable[pa.RecordBatch], most: int) -> Iterable[pa.RecordBatch]:
    """The rows, with `_IS_CUT` false; instead of those that go beyond so many bytes together one that says so."""
    size = 0
    for batch in batches:
        size += batch.nbytes
        if size > most:
            nothing = [pa.nulls(1, field.type) for field in batch.schema]
            yield pa.RecordBatch.from_arrays([*nothing, pa.array([True])], [*batch.schema.names, _IS_CUT])
            return
        yield batch.append_column(_IS_CUT, pa.array([False] * batch.num_rows))
