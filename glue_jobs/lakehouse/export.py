"""Gold rows → Parquet files for COPY, written by Python in Spark tasks with the exact types of the Redshift table.

Personal columns leave the lake twice: as tokens for the domain's table, and in clear for its private part.
"""

from __future__ import annotations

import functools
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import warehouse
from lakehouse.contract import Column, GoldContract
from lakehouse.tokens import TokenKey
from lakehouse.touched import Keys

_WRITTEN = "key string, bytes bigint, rows bigint, longest string"


class Export:
    """One batch's export: for each touched gold table its keys and its rows, then an index that names every file."""

    def __init__(self, spark: SparkSession, bucket: str, batch_id: int, key: TokenKey) -> None:
        self._spark, self._bucket, self._batch_id, self._key = spark, bucket, batch_id, key

    def write(
        self, contract: GoldContract, keys: Keys | None, rows: DataFrame, committed_at: str
    ) -> warehouse.ExportedTable:
        """Write the touched keys, and the rows now under them, of one table; without keys `rows` are all of it.

        `committed_at` is the last commit that the rows hold (`ExportedTable.committed_at`).
        """
        key_columns = tuple(contract.column(name) for name in contract.recompute_by)
        folder = f"{warehouse.folder(self._batch_id)}{contract.dataset}/"
        return warehouse.ExportedTable(
            contract.dataset,
            keys=() if keys is None else self._write(keys.rows.coalesce(1), key_columns, f"{folder}keys/"),
            rows=self._write(rows, contract.served, f"{folder}rows/", contract.personal),
            private=self._write_private(contract, rows, f"{folder}private/"),
            is_whole=keys is None,
            committed_at=committed_at,
        )

    def _write_private(
        self, contract: GoldContract, rows: DataFrame, folder: str
    ) -> tuple[warehouse.ExportedFile, ...]:
        """The rows that have a personal value, in clear."""
        if not contract.private:
            return ()
        has_any = reduce(or_, (F.col(name).isNotNull() for name in contract.personal))
        return self._write(rows.where(has_any), contract.private, folder)

    def publish(self, tables: Sequence[warehouse.ExportedTable]) -> None:
        """Write the COPY manifests and, last, the index: what it does not name does not exist."""
        warehouse.publish(boto3.client("s3"), self._bucket, self._batch_id, tables)

    def _write(
        self, rows: DataFrame, columns: tuple[Column, ...], folder: str, tokens_of: Sequence[str] = ()
    ) -> tuple[warehouse.ExportedFile, ...]:
        bucket, key = self._bucket, self._key if tokens_of else None
        schema = pa.schema(warehouse.arrow_field(column) for column in columns)

        def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            if key is not None:
                batches = (_with_tokens(batch, tokens_of, key) for batch in batches)
            return _write_partition(batches, schema, bucket, folder)

        written = rows.select(*schema.names).mapInArrow(write, _WRITTEN).collect()
        return tuple(warehouse.ExportedFile(row.key, row.bytes, row.rows, json.loads(row.longest)) for row in written)


@functools.cache
def _s3() -> Any:
    """One client per Python worker: making one costs more than writing a small file."""
    return boto3.client("s3")


def _with_tokens(batch: pa.RecordBatch, names: Sequence[str], key: TokenKey) -> pa.RecordBatch:
    """The batch with tokens in these columns."""
    for name in names:
        position = batch.schema.get_field_index(name)
        batch = batch.set_column(position, name, key.tokens(batch.column(position)))
    return batch


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
