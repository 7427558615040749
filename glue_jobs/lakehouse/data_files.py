"""Parquet files that wait for their commit: how tasks and the driver write them, and how Iceberg is told of them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.parquet_file import BYTES_PER_GROUP, ParquetFile

FILE, POSITION = "_file", "_pos"
"""Where a row stands, by the names of Iceberg's metadata columns."""
_FIELD_ID = b"PARQUET:field_id"
# Columns of position deletes, with the field ids that Iceberg's specification reserves for them.
_DELETES = pa.schema(
    [
        pa.field("file_path", pa.string(), False, {_FIELD_ID: b"2147483546"}),
        pa.field("pos", pa.int64(), False, {_FIELD_ID: b"2147483545"}),
    ]
)
_ARROW: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_DECIMAL = re.compile(r"decimal\((\d+), (\d+)\)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # Iceberg's spelling of null in a partition's path
# Files that one task writes at once, of as many partitions.
_OPEN_FILES = 64


@dataclass(frozen=True)
class DataFile:
    """A Parquet file in the lake's bucket; `path` is a URL of S3."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Written(DataFile):
    """A data file of one partition, its values as Iceberg spells them; none where the table is not partitioned."""

    rows: int
    partition: tuple[str | None, ...]

    def told(self) -> str:
        """The file as a task tells of it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Written:
        """What a task has told."""
        found = json.loads(text)
        return cls(**found | {"partition": tuple(found["partition"])})


@dataclass(frozen=True)
class Destination:
    """What a writer has to know of a table: its folder, the columns of its files with Iceberg's field ids, and (column,
    transform) of what partitions it. It is sent to tasks."""

    location: str
    schema: pa.Schema
    partition_by: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, table: Any, names: Collection[str]) -> Destination:
        """That of a table, as Iceberg's Java knows it, for rows with these of its columns: a run that was killed may
        have left more, which are null in files that lack them."""
        schema, fields = table.schema(), table.spec().fields()
        columns = (
            pa.field(field.name(), _arrow_type(str(field.type())), metadata={_FIELD_ID: str(field.fieldId()).encode()})
            for field in schema.columns()
            if field.name() in names
        )
        by = ((str(schema.findColumnName(field.sourceId())), str(field.transform())) for field in fields)
        return cls(table.location(), pa.schema(columns), tuple(by))

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Written]:
        """Write rows, which have the table's columns."""
        writer = DataFileWriter(self)
        for batch in batches:
            yield from writer.add(batch)
        yield from writer.close()

    def write_deletes(self, removed: pa.Table) -> Iterator[Written]:
        """Write which rows (`FILE`, `POSITION`, and the columns that partition the table) are deleted.

        One file for each data file, so that whoever reads that one need not read the notes on others.
        """
        ordered = removed.sort_by([(FILE, "ascending"), (POSITION, "ascending")])
        counts = pc.value_counts(ordered[FILE])
        first = 0
        for count in counts.field("counts").to_pylist():
            writer = DataFileWriter(self, _DELETES, {FILE: "file_path", POSITION: "pos"}, "-deletes")
            for batch in ordered.slice(first, count).to_batches():
                yield from writer.add(batch)
            yield from writer.close()
            first += count


def described(jvm: Any, table: Any, file: DataFile, spec: Any = None, partition: Any = None) -> Any:
    """Iceberg's description of a data file, with the bounds from its footer; of a partitioned table with the partition,
    by the spec that it is of, or by today's."""
    iceberg = jvm.org.apache.iceberg
    source = table.io().newInputFile(file.path, file.bytes)
    builder = iceberg.DataFiles.builder(spec or table.spec()).withInputFile(source).withFormat("parquet")
    if partition is not None:
        builder = builder.withPartition(partition)
    elif isinstance(file, Written) and file.partition:
        builder = builder.withPartitionValues(_java_list(jvm, file.partition))
    metrics = iceberg.parquet.ParquetUtil.fileMetrics(source, iceberg.MetricsConfig.forTable(table))
    return builder.withMetrics(metrics).build()


def described_deletes(jvm: Any, table: Any, file: Written) -> Any:
    """Iceberg's description of a file of position deletes."""
    iceberg = jvm.org.apache.iceberg
    source = table.io().newInputFile(file.path, file.bytes)
    builder = iceberg.FileMetadata.deleteFileBuilder(table.spec()).ofPositionDeletes()
    if file.partition:
        # Only the builder of data files reads a partition's values from texts.
        like = iceberg.DataFiles.builder(table.spec()).withPath(file.path).withFormat("parquet")
        like = like.withFileSizeInBytes(file.bytes).withRecordCount(file.rows)
        builder = builder.withPartition(like.withPartitionValues(_java_list(jvm, file.partition)).build().partition())
    metrics = iceberg.parquet.ParquetUtil.fileMetrics(source, iceberg.MetricsConfig.forPositionDelete(table))
    return builder.withInputFile(source).withFormat("parquet").withMetrics(metrics).build()


def _java_list(jvm: Any, texts: Iterable[str | None]) -> Any:
    found = jvm.java.util.ArrayList()
    for text in texts:
        found.add(_NO_VALUE if text is None else text)
    return found


def _arrow_type(kind: str) -> pa.DataType:
    if decimal := _DECIMAL.fullmatch(kind):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return _ARROW[kind]


class DataFileWriter:
    """Rows → data files of one partition each."""

    def __init__(
        self,
        destination: Destination,
        schema: pa.Schema | None = None,
        names: Mapping[str, str] | None = None,
        suffix: str = "",
    ) -> None:
        """Files of the table's columns, or these, which the rows have, or have by other `names`."""
        self._destination, self._suffix = destination, suffix
        self._schema = schema or destination.schema
        self._names = list(names or self._schema.names)
        self._open: dict[tuple[str | None, ...], ParquetFile] = {}

    def add(self, batch: pa.RecordBatch) -> Iterator[Written]:
        """Take rows; yields files that are finished by then."""
        for partition, rows in _by_partition(batch, self._destination.partition_by):
            # The last is the latest that was written to.
            self._open[partition] = file = self._open.pop(partition, None) or ParquetFile(self._schema)
            file.add(rows.select(self._names).rename_columns(self._schema.names))
            if len(self._open) > _OPEN_FILES:
                yield self._finish(next(iter(self._open)))
        if sum(file.waiting_bytes for file in self._open.values()) > BYTES_PER_GROUP:
            for file in self._open.values():
                file.write_group()

    def close(self) -> Iterator[Written]:
        """Finish all files."""
        while self._open:
            yield self._finish(next(iter(self._open)))

    def _finish(self, partition: tuple[str | None, ...]) -> Written:
        file = self._open.pop(partition)
        path = f"{self._destination.location}/data/{uuid.uuid4()}{self._suffix}.parquet"
        bucket, _, key = path.removeprefix("s3://").partition("/")
        return Written(path, file.upload(bucket, key), file.rows, partition)


def _by_partition(
    batch: pa.RecordBatch, partition_by: Sequence[tuple[str, str]]
) -> Iterator[tuple[tuple[str | None, ...], pa.RecordBatch]]:
    """The rows of each partition, with its values."""
    if not batch.num_rows:
        return
    if not partition_by:
        yield (), batch
        return
    names = [f"_{place}" for place in range(len(partition_by))]
    values = [_TRANSFORMS[transform](batch.column(name)).cast(pa.string()) for name, transform in partition_by]
    index = pa.array(range(batch.num_rows), pa.int64())
    groups = pa.table([*values, index], [*names, "_index"]).group_by(names).aggregate([("_index", "list")])
    if groups.num_rows == 1:
        yield tuple(groups[name][0].as_py() for name in names), batch
        return
    for *partition, indices in zip(*(groups[name] for name in (*names, "_index_list")), strict=True):
        yield tuple(value.as_py() for value in partition), batch.take(indices.values)


def _years(values: pa.Array) -> pa.Array:
    return pc.subtract(pc.year(values), 1970)


def _months(values: pa.Array) -> pa.Array:
    return pc.add(pc.multiply(_years(values), 12), pc.subtract(pc.month(values), 1))


def _days(values: pa.Array) -> pa.Array:
    return pc.floor_temporal(values, unit="day").cast(pa.date32())


def _hours(values: pa.Array) -> pa.Array:
    return pc.floor(pc.divide(values.cast(pa.int64()).cast(pa.float64()), 3_600_000_000)).cast(pa.int64())


# What contracts may partition by (`contract.columns.PARTITION_TRANSFORMS`), by Iceberg's names: the values as its
# `DataFiles.Builder.withPartitionValues` reads them.
_TRANSFORMS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "year": _years,
    "month": _months,
    "day": _days,
    "hour": _hours,
    "identity": lambda values: values,
}
