"""How tables change: each way is one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JJavaError
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.data_files import FILE, POSITION, DataFile, Destination, Written, described, described_deletes
from lakehouse.extents import Extent, sent
from lakehouse.lake import splitting
from lakehouse.lake.conflicts import is_conflict, is_undecided
from lakehouse.lake.iceberg import IcebergTables
from lakehouse.tables import Table

# Tries to split files that others may be splitting or rewriting too.
_SPLITS = 3
_LEAVES = "_leaves"


class ChangingTables(IcebergTables):
    """Tables that are written: rows first become data files, in tasks or in the driver, then a commit names them."""

    def destination(self, table: Table) -> Destination:
        """What a task needs to write data files of a table."""
        return Destination.of(self._iceberg(table), table.column_names)

    def write(self, table: Table, rows: DataFrame | pa.Table) -> list[Written]:
        """Write rows as data files that wait for their commit: in tasks, or those that the driver holds in it."""
        destination = self.destination(table)
        if isinstance(rows, pa.Table):
            return list(destination.write(rows.to_batches()))

        def write(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
            for file in destination.write(batches):
                yield pa.RecordBatch.from_pylist([{"file": file.told()}])

        found = rows.select(*destination.schema.names).mapInArrow(write, "file string").collect()
        return [Written.of(row.file) for row in found]

    def replace(self, table: Table, written: Sequence[DataFile], values: Mapping[str, object] | None = None) -> None:
        """Make files of rows all that a table holds, or all that it holds with these values."""
        loaded = self._iceberg(table)
        overwrite = loaded.newOverwrite().overwriteByRowFilter(self._expression(values or {}))
        for file in written:
            overwrite = overwrite.addFile(described(self._jvm, loaded, file))
        overwrite.commit()
        self.spark.catalog.refreshTable(table.identifier)

    def replace_batch(self, table: Table, written: Sequence[DataFile], batch_id: int, **partition: str) -> None:
        """Put files of rows in the place of all rows of a batch, or of those of it with these values in columns that
        partition the table.

        Iceberg takes whole files away, and refuses when it cannot tell whether all rows of one are meant, or none. Such
        files are then split, and the commit is tried again: it alone decides what is replaced, by what the table holds
        at that moment. A twin of this run may split the same ones, or maintenance rewrite them.
        """
        values = {str(table.batch_column): batch_id, **partition}
        for _ in range(_SPLITS):
            try:
                self.replace(table, written, values)
                return
            except Py4JJavaError as error:
                if not is_undecided(error):
                    raise
            try:
                replaced = self._expression(values)
                splitting.split(self.spark, self._iceberg(table), str(table.batch_column), batch_id, replaced)
            except Py4JJavaError as error:
                if not is_conflict(error):
                    raise
            self.spark.catalog.refreshTable(table.identifier)
        self.replace(table, written, values)

    def append(self, table: Table, added: Sequence[Written]) -> None:
        """Add files of rows, whatever others do; nothing is committed when there is none."""
        if added:
            loaded = self._iceberg(table)
            append = loaded.newAppend()
            for file in added:
                append = append.appendFile(described(self._jvm, loaded, file))
            append.commit()
            self.spark.catalog.refreshTable(table.identifier)

    def change(
        self,
        table: Table,
        since: int | None,
        added: Sequence[Written],
        removed: pa.Table | None = None,
        within: Mapping[str, object] | None = None,
    ) -> None:
        """Add files of rows and take rows away, in one commit: what MERGE does, for changes that are known.

        `removed` says where rows stand (`data_files.FILE`, `POSITION`) and holds the columns that partition the table.
        Refused, as a MERGE would be, when somebody else has changed the table since the snapshot `since`, after which
        the rows were read; a compaction that leaves their files alone is no change, nor is what concerns no row
        `within` these values. Nothing is committed when there is nothing to change.
        """
        deletes = removed is not None and removed.num_rows > 0
        if not added and not deletes:
            return
        loaded = self._iceberg(table)
        delta = loaded.newRowDelta()
        if since is not None:
            delta = delta.validateFromSnapshot(since)
        delta = delta.conflictDetectionFilter(self._expression(within or {})).validateNoConflictingDataFiles()
        for file in added:
            delta = delta.addRows(described(self._jvm, loaded, file))
        if removed is not None and deletes:
            for file in Destination.of(loaded, table.column_names).write_deletes(removed):
                delta = delta.addDeletes(described_deletes(self._jvm, loaded, file))
            paths = self._jvm.java.util.ArrayList()
            for path in pc.unique(removed[FILE]).to_pylist():
                paths.add(path)
            delta = delta.validateNoConflictingDeleteFiles().validateDeletedFiles().validateDataFilesExist(paths)
        delta.commit()
        self.spark.catalog.refreshTable(table.identifier)

    def _merge(
        self,
        table: Table,
        source: DataFrame,
        on: tuple[str, ...],
        delete_when: SparkColumn | None = None,
        among: Extent | None = None,
        within: Mapping[str, str] | None = None,
    ) -> None:
        """Upsert `source` (`s`) by the columns `on`, null equal to null; where `delete_when` holds, delete and never
        insert.

        All rows of the table that `source` may concern lie `among` an extent and `within` values, whatever has become
        of them since it was computed: files that hold none of it are not read, and what others write there in the
        meantime is no conflict. Nothing is committed when there is nothing to merge.
        """
        leaves = F.lit(False) if delete_when is None else F.coalesce(delete_when, F.lit(False))
        wanted = source.alias("s").select(*(F.col(f"s.{name}") for name in table.column_names), leaves.alias(_LEAVES))
        if (few := self.few(wanted)) is None:
            self._merge_many(table, self.pin(wanted), on, among, within or {})
        elif few.num_rows:
            self._merge_few(table, few, on, among, within or {})

    def _merge_many(
        self, table: Table, source: DataFrame, on: tuple[str, ...], among: Extent | None, within: Mapping[str, str]
    ) -> None:
        target = {name: F.col(f"{table.identifier}.{name}") for name in table.column_names}
        same = reduce(and_, (target[name].eqNullSafe(F.col(f"s.{name}")) for name in on))
        same = reduce(and_, (target[name] == F.lit(value) for name, value in within.items()), same)
        if among is not None:
            same &= among.may_hold(target.__getitem__)
        values = {name: F.col(f"s.{name}") for name in table.column_names}
        merge = source.alias("s").mergeInto(table.identifier, same).whenMatched(F.col(f"s.{_LEAVES}")).delete()
        merge.whenMatched().update(values).whenNotMatched(~F.col(f"s.{_LEAVES}")).insert(values).merge()

    def _merge_few(
        self, table: Table, few: pa.Table, on: tuple[str, ...], among: Extent | None, within: Mapping[str, str]
    ) -> None:
        since = self.snapshot_id(table)
        keys = self.frame(few, table.columns).select(*(F.col(name).alias(f"_on_{name}") for name in on))
        there = self.read(table).select(*table.column_names, FILE, POSITION)
        there = reduce(DataFrame.where, (F.col(name) == F.lit(value) for name, value in within.items()), there)
        if among is not None:
            there = there.where(among.may_hold(F.col))
        same = reduce(and_, (F.col(name).eqNullSafe(F.col(f"_on_{name}")) for name in on))
        existing = self.few(there.join(sent(keys, if_few=True), same, "left_semi")) if since is not None else None
        if existing is None and since is not None:
            wanted = self.frame(few, (*table.columns, (_LEAVES, "boolean")))
            self._merge_many(table, wanted, on, among, within)
            return
        wanted_rows = few.filter(pc.invert(few[_LEAVES]))
        if existing is None:
            self.change(table, since, self.write(table, wanted_rows), within=within)
            return
        added, removed = differing(wanted_rows, existing, table.column_names)
        self.change(table, since, self.write(table, wanted_rows.take(added)), existing.take(removed), within)

    def _update(
        self,
        table: Table,
        source: DataFrame,
        on: str,
        where: SparkColumn,
        values: Mapping[str, SparkColumn],
        within: Mapping[str, str] | None = None,
    ) -> None:
        """Set columns of the rows (`t`) that a row of `source` (`s`) names by `on`, where the condition holds.

        `within` as of `_merge`. Nothing is committed when there is nothing to change.
        """
        if source.isEmpty():
            return
        there = reduce(
            DataFrame.where, (F.col(name) == F.lit(value) for name, value in (within or {}).items()), self.read(table)
        )
        same = F.col(f"t.{on}") == F.col(f"s.{on}")
        changed = there.alias("t").join(source.alias("s"), same).where(where)
        names = [name for name in table.column_names if name not in values]
        rows = changed.select(*(F.col(f"t.{name}") for name in names), *(v.alias(name) for name, v in values.items()))
        self._merge(table, rows, on=(on,), within=within)

    def _append(self, table: Table, rows: DataFrame) -> None:
        self.append(table, self.write(table, rows))

    def _replace(self, table: Table, rows: DataFrame | pa.Table, batch_id: int, **partition: str) -> None:
        self.replace_batch(table, self.write(table, rows), batch_id, **partition)

    def _overwrite(self, table: Table, rows: DataFrame, values: Mapping[str, object] | None = None) -> None:
        self.replace(table, self.write(table, rows), values)

    def _expression(self, values: Mapping[str, object]) -> Any:
        """Iceberg's expression for rows with these values."""
        expressions = self._jvm.org.apache.iceberg.expressions.Expressions
        found = expressions.alwaysTrue()
        for name, value in values.items():
            found = getattr(expressions, "and")(found, expressions.equal(name, value))
        return found


def differing(computed: pa.Table, existing: pa.Table, names: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Indices of the computed rows that are to be added, and of the existing ones that are to leave, by all columns."""
    there = Counter(_comparable(existing, names))
    added = []
    for index, row in enumerate(_comparable(computed, names)):
        if there[row]:
            there[row] -= 1
        else:
            added.append(index)
    removed = []
    for index, row in enumerate(_comparable(existing, names)):
        if there[row]:
            there[row] -= 1
            removed.append(index)
    return pa.array(added, pa.int64()), pa.array(removed, pa.int64())


def _comparable(rows: pa.Table, names: Sequence[str]) -> Iterable[tuple[object, ...]]:
    """The rows as values that are equal when the rows are: Python knows no year 0, and no number that equals itself
    when it is none."""
    columns = []
    for name in names:
        column = rows[name].combine_chunks()
        if pa.types.is_timestamp(column.type) or pa.types.is_floating(column.type):
            column = column.view(pa.int64())
        elif pa.types.is_date32(column.type):
            column = column.view(pa.int32())
        columns.append(column.to_pylist())
    return zip(*columns, strict=True)
