"""Rows that come batch by batch → one Parquet object, in row groups worth reading."""

from __future__ import annotations

import functools
import tempfile
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

# What waits in memory until it is written as a row group.
ROWS_PER_GROUP = 100_000
BYTES_PER_GROUP = 64 << 20


class ParquetFile:
    """A file that is being written; `rows` counts what it was given."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by upload(), or with the process
        self._parquet = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = self.waiting_bytes = self.rows = 0

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Take rows; returns them typed as the file's columns."""
        exact = batch.cast(self._schema)
        self._waiting.append(exact)
        self._waiting_rows += exact.num_rows
        self.waiting_bytes += exact.nbytes
        self.rows += exact.num_rows
        if self._waiting_rows >= ROWS_PER_GROUP or self.waiting_bytes >= BYTES_PER_GROUP:
            self.write_group()
        return exact

    def write_group(self) -> None:
        """Write what waits. A group of no rows would take the bounds from the whole file."""
        if self._waiting_rows:
            self._parquet.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._waiting_rows)
            self._waiting, self._waiting_rows, self.waiting_bytes = [], 0, 0

    def upload(self, bucket: str, key: str) -> int:
        """Put the file into S3; returns its bytes."""
        self.write_group()
        self._parquet.close()
        size = self._file.tell()
        self._file.seek(0)
        _s3().upload_fileobj(self._file, bucket, key)
        self._file.close()
        return size


@functools.cache
def _s3() -> Any:
    """One client per process: making one costs more than writing a small file."""
    return boto3.client("s3")
