"""Gold rows → Parquet files for COPY, written by Python in Spark tasks with the exact types of the Redshift table."""

from __future__ import annotations

import functools
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from lakehouse import warehouse
from lakehouse.contract import Column, GoldContract

_WRITTEN = "key string, bytes bigint, rows bigint, longest string"


class Export:
    """One batch's export: for each touched gold table its keys and its rows, then an index that names every file."""

    def __init__(self, spark: SparkSession, bucket: str, batch_id: int) -> None:
        self._spark, self._bucket, self._batch_id = spark, bucket, batch_id

    def write(self, contract: GoldContract, keys: DataFrame | None, rows: DataFrame) -> warehouse.ExportedTable:
        """Write the touched keys, and the rows now under them, of one table; without keys `rows` are all of it."""
        key_columns = tuple(contract.column(name) for name in contract.recompute_by)
        folder = f"{warehouse.folder(self._batch_id)}{contract.dataset}/"
        return warehouse.ExportedTable(
            contract.dataset,
            keys=() if keys is None else self._write(keys.coalesce(1), key_columns, f"{folder}keys/"),
            rows=self._write(rows, contract.columns, f"{folder}rows/"),
            is_whole=keys is None,
        )

    def publish(self, tables: Sequence[warehouse.ExportedTable]) -> None:
        """Write the COPY manifests and, last, the index: what it does not name does not exist."""
        warehouse.publish(boto3.client("s3"), self._bucket, self._batch_id, tables)

    def _write(self, rows: DataFrame, columns: tuple[Column, ...], folder: str) -> tuple[warehouse.ExportedFile, ...]:
        bucket = self._bucket
        schema = pa.schema(warehouse.arrow_field(column) for column in columns)

        def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return _write_partition(batches, schema, bucket, folder)

        written = rows.select(*schema.names).mapInArrow(write, _WRITTEN).collect()
        return tuple(warehouse.ExportedFile(row.key, row.bytes, row.rows, json.loads(row.longest)) for row in written)


@functools.cache
def _s3() -> Any:
    """One client per Python worker: making one costs more than writing a small file."""
    return boto3.client("s3")


def _write_partition(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, bucket: str, folder: str
) -> Iterator[pa.RecordBatch]:
    """One partition → at most one object; yields its key, bytes, rows and the longest text of each varchar column."""
    longest: dict[str, int] = {}
    rows = 0
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as parquet:
            for batch in batches:
                exact = batch.cast(schema)
                for name in (field.name for field in schema if field.type == pa.string()):
                    length = pc.max(pc.binary_length(exact.column(name))).as_py() or 0
                    longest[name] = max(longest.get(name, 0), length)
                parquet.write_batch(exact)
                rows += exact.num_rows
        if rows:
            size, key = file.tell(), f"{folder}{uuid.uuid4()}.parquet"
            file.seek(0)
            _s3().upload_fileobj(file, bucket, key)
            yield pa.RecordBatch.from_pydict(
                {"key": [key], "bytes": [size], "rows": [rows], "longest": [json.dumps(longest)]}
            )
