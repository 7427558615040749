"""Gold rows → Parquet files for COPY, written by Python, in Spark tasks or in the driver, with the exact types of the
Redshift table.

Personal columns leave the lake twice: as tokens for the domain's table, and in clear for its private part.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce

import boto3
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from lakehouse import warehouse
from lakehouse.contract import GoldContract
from lakehouse.parquet_file import ParquetFile
from lakehouse.tokens import TokenKey
from lakehouse.touched import Keys


class Export:
    """One batch's export: for each touched gold table its keys and its rows, then an index that names every file."""

    def __init__(self, bucket: str, batch_id: int, key: TokenKey) -> None:
        self._bucket, self._batch_id, self._key = bucket, batch_id, key

    def write(
        self, contract: GoldContract, keys: Keys | None, rows: DataFrame, committed_at: str
    ) -> warehouse.ExportedTable:
        """Write the touched keys, and the rows now under them, of one table; without keys `rows` are all of it.

        `committed_at` is the last commit that the rows hold (`ExportedTable.committed_at`).
        """
        exported = [] if keys is None else _in_tasks(keys.rows.coalesce(1), self._sink(contract, "keys"))
        exported += _in_tasks(rows, self.sink(contract))
        return self.table(contract, exported, committed_at, is_whole=keys is None)

    def write_few(
        self, contract: GoldContract, keys: pa.Table, rows: pa.Table, committed_at: str
    ) -> warehouse.ExportedTable:
        """Like `write`, of rows that the driver holds."""
        exported = [
            *self._sink(contract, "keys").write(keys.to_batches()),
            *self.sink(contract).write(rows.to_batches()),
        ]
        return self.table(contract, exported, committed_at, is_whole=False)

    def table(
        self, contract: GoldContract, exported: Sequence[Exported], committed_at: str, *, is_whole: bool
    ) -> warehouse.ExportedTable:
        """What was exported of a table."""
        files = {name: tuple(one.file for one in exported if one.part == name) for name in warehouse.PARTS}
        return warehouse.ExportedTable(contract.dataset, **files, is_whole=is_whole, committed_at=committed_at)

    def sink(self, contract: GoldContract) -> Sink:
        """Where a table's rows go: as tokens, and those that have a personal value in clear."""
        return self._sink(contract, "rows", *(["private"] if contract.private else []))

    def _sink(self, contract: GoldContract, *parts: str) -> Sink:
        key = self._key if contract.personal else None
        return Sink(contract, self._bucket, warehouse.folder(self._batch_id), parts, key)

    def publish(self, tables: Sequence[warehouse.ExportedTable]) -> None:
        """Write the COPY manifests and, last, the index: what it does not name does not exist."""
        warehouse.publish(boto3.client("s3"), self._bucket, self._batch_id, tables)


@dataclass(frozen=True)
class Exported:
    """A file of a part (`warehouse.PARTS`) of a table."""

    part: str
    file: warehouse.ExportedFile

    def told(self) -> str:
        """The file as a task tells of it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Exported:
        """What a task has told."""
        found = json.loads(text)
        return cls(found["part"], warehouse.ExportedFile(**found["file"]))


@dataclass(frozen=True)
class Sink:
    """Where some parts of a table's export are written: at most one object for each. It is sent to tasks."""

    contract: GoldContract
    bucket: str
    folder: str
    parts: Sequence[str]
    token_key: TokenKey | None

    def open(self) -> list[PartFile]:
        """A file for each part."""
        return [PartFile(self, part) for part in self.parts]

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Exported]:
        """Write rows."""
        files = self.open()
        for batch in batches:
            for file in files:
                file.add(batch)
        for file in files:
            yield from file.upload()


class PartFile:
    """One object of a part of an export."""

    def __init__(self, sink: Sink, part: str) -> None:
        self._sink, self._part = sink, part
        self._schema = pa.schema(map(warehouse.arrow_field, warehouse.columns_of(sink.contract, part)))
        self._texts = [field.name for field in self._schema if field.type == pa.string()]
        self._longest: dict[str, int] = {}
        self._file = ParquetFile(self._schema)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take those of the rows that belong to the part."""
        personal = self._sink.contract.personal
        if self._part == "private":
            batch = batch.filter(reduce(pc.or_, (batch.column(name).is_valid() for name in personal)))
        elif self._part == "rows" and self._sink.token_key is not None:
            batch = _with_tokens(batch, personal, self._sink.token_key)
        if batch.num_rows:
            exact = self._file.add(batch.select(self._schema.names))
            for name in self._texts:
                length = pc.max(pc.binary_length(exact.column(name))).as_py() or 0
                self._longest[name] = max(self._longest.get(name, 0), length)

    def upload(self) -> Iterator[Exported]:
        """Finish the object; there is none without rows."""
        if self._file.rows:
            key = f"{self._sink.folder}{self._sink.contract.dataset}/{self._part}/{uuid.uuid4()}.parquet"
            size = self._file.upload(self._sink.bucket, key)
            yield Exported(self._part, warehouse.ExportedFile(key, size, self._file.rows, self._longest))


def _in_tasks(rows: DataFrame, sink: Sink) -> list[Exported]:
    """Write rows, each partition of them in a task."""

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for exported in sink.write(batches):
            yield pa.RecordBatch.from_pylist([{"exported": exported.told()}])

    return [Exported.of(row.exported) for row in rows.mapInArrow(write, "exported string").collect()]


def _with_tokens(batch: pa.RecordBatch, names: Sequence[str], key: TokenKey) -> pa.RecordBatch:
    """The batch with tokens in these columns."""
    for name in names:
        position = batch.schema.get_field_index(name)
        batch = batch.set_column(position, name, key.tokens(batch.column(position)))
    return batch
