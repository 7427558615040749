"""Files split by batch, for a filter on the batch that could not tell whether all of their rows are meant, or none.

Iceberg decides by the bounds that it keeps of a file's columns. They do not tell

    where there are none      of files with a row group of no rows, which the lake's own writer once wrote, and of
                              columns after the hundredth, unless the table asks for them
    where they span batches   in files of which compaction made one, when a batch among them is run again

A split puts the rows of the batch, those before it and those after it into files of their own. It changes no row: one
commit takes the old files away and adds the new ones. It costs a batch nothing while every file can be decided.
"""

from __future__ import annotations

import functools
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from lakehouse.data_files import DataFile, described


class SplitError(Exception):
    """A split would have changed the number of rows; nothing was committed."""


@dataclass(frozen=True)
class Part(DataFile):
    """Some rows of a file that is split."""

    rows: int


def with_bounds_of(column: str) -> dict[str, str]:
    """The property of a table that keeps the bounds of a column wherever it stands."""
    return {f"write.metadata.metrics.column.{column}": "full"}


def split(spark: SparkSession, table: Any, column: str, batch_id: int, replaced: Any) -> None:
    """Split the files of which Iceberg's expression `replaced` may mean some rows and not others, in one commit.

    It is refused when one of them has been replaced meanwhile; its parts are then orphans, which maintenance removes.
    Files with notes of deleted rows are left as they are.
    """
    jvm: Any = spark._jvm
    table.refresh()
    for name, value in with_bounds_of(column).items():
        if name not in table.properties():
            table.updateProperties().set(name, value).commit()
    snapshot_id = table.currentSnapshot().snapshotId()
    files = list(_undecided(jvm, table, snapshot_id, replaced))
    if not files:
        return
    paths = [file.location() for file in files]
    work = functools.partial(split_file, column=column, batch_id=batch_id)
    parts: list[list[Part]] = spark.sparkContext.parallelize(paths, len(paths)).map(work).collect()
    rewrite = table.newRewrite().validateFromSnapshot(snapshot_id)
    for file, made in zip(files, parts, strict=True):
        if (rows := sum(part.rows for part in made)) != file.recordCount():
            raise SplitError(f"{file.location()} has {file.recordCount():,} rows; {rows:,} were read of it")
        rewrite = rewrite.deleteFile(file)
        for part in made:
            rewrite = rewrite.addFile(described(jvm, table, part, table.specs().get(file.specId()), file.partition()))
    rewrite.commit()


def _undecided(jvm: Any, table: Any, snapshot_id: int, replaced: Any) -> Iterator[Any]:
    """Files that may hold rows which the expression means, but for those of which it surely means all."""
    strictly = jvm.org.apache.iceberg.expressions.StrictMetricsEvaluator
    with ExitStack() as stack:
        tasks = table.newScan().useSnapshot(snapshot_id).filter(replaced).includeColumnStats().planFiles()
        stack.callback(tasks.close)
        for task in tasks.iterator():
            # What is left of the expression in the file's partition.
            if task.deletes().isEmpty() and not strictly(table.schema(), task.residual()).eval(task.file()):
                yield task.file()


def split_file(path: str, column: str, batch_id: int) -> list[Part]:
    """Write the rows of a Parquet file beside it again: those of the batch apart, and those before from those after."""
    s3 = boto3.client("s3")
    bucket, _, key = path.removeprefix("s3://").partition("/")
    made: dict[int, _Writer] = {}
    with ExitStack() as stack:
        source = stack.enter_context(tempfile.TemporaryFile())
        s3.download_fileobj(bucket, key, source)
        parquet = pq.ParquetFile(source)
        for group in range(parquet.num_row_groups):
            for side, rows in enumerate(_sides(parquet.read_row_group(group), column, batch_id)):
                # A group of no rows is what made files undecided.
                if rows.num_rows:
                    if side not in made:
                        made[side] = _Writer(stack.enter_context(tempfile.TemporaryFile()), parquet.schema_arrow)
                    made[side].write(rows)
        return [writer.upload(s3, bucket, key.rpartition("/")[0]) for writer in made.values()]


def _sides(rows: pa.Table, column: str, batch_id: int) -> Iterator[pa.Table]:
    """The rows of the batch, those before it, and all others."""
    is_mine = pc.fill_null(pc.equal(rows[column], batch_id), False)
    is_earlier = pc.fill_null(pc.less(rows[column], batch_id), False)
    for side in (is_mine, is_earlier, pc.invert(pc.or_(is_mine, is_earlier))):
        yield rows.filter(side)


class _Writer:
    """Rows → one Parquet file, of the same columns as the one that is split."""

    def __init__(self, file: Any, schema: pa.Schema) -> None:
        self._file, self._rows = file, 0
        self._parquet = pq.ParquetWriter(file, schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        self._parquet.write_table(rows)
        self._rows += rows.num_rows

    def upload(self, s3: Any, bucket: str, folder: str) -> Part:
        self._parquet.close()
        size, key = self._file.tell(), f"{folder}/{uuid.uuid4()}.parquet"
        self._file.seek(0)
        s3.upload_fileobj(self._file, bucket, key)
        return Part(f"s3://{bucket}/{key}", size, self._rows)
