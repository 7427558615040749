"""Exports of gold tables as the library writes them, without Spark: rows → Parquet with the contract's types → S3."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse import warehouse
from lakehouse.contract import Column, GoldContract
from lakehouse.warehouse import ExportedFile, ExportedTable

# A row of such values fits any star: facts find their dimensions' rows, and each validity lies in its place.
SAMPLES: Mapping[str, Any] = {
    "varchar": "x",
    "smallint": 1,
    "integer": 1,
    "bigint": 1,
    "decimal": Decimal(1),
    "double": 1.5,
    "boolean": True,
    "date": date(2026, 11, 20),
    "timestamp": datetime(2026, 11, 20, 12),
}
_VALIDITY = {"valid_from": datetime(1900, 1, 1), "valid_to": datetime(9999, 12, 31)}


def sample_row(contract: GoldContract, **changes: Any) -> dict[str, Any]:
    """A row that the contract's table may hold."""
    row = {column.name: _VALIDITY.get(column.name, SAMPLES[column.type.kind]) for column in contract.columns}
    return {**row, **changes}


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """What the library would export of these rows, which may hold more columns than these."""
    schema = pa.schema([warehouse.arrow_field(column) for column in columns])
    return pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema)


class Exports:
    """Writes exports into one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def put(self, key: str, content: pa.Table) -> ExportedFile:
        """Write one file, and measure it as the library does."""
        body = io.BytesIO()
        pq.write_table(content, body, compression="zstd")
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.getvalue())
        texts = [field.name for field in content.schema if field.type == pa.string()]
        longest = {
            name: max((len((v or "").encode()) for v in content.column(name).to_pylist()), default=0) for name in texts
        }
        return ExportedFile(key, len(body.getvalue()), content.num_rows, longest)

    def write(self, batch_id: int, contract: GoldContract, rows: Sequence[Mapping[str, Any]]) -> ExportedTable:
        """The files of one table: the rows, and the keys under which they are all there is."""
        folder = f"{warehouse.folder(batch_id)}{contract.dataset}/"
        by = contract.recompute_by
        keys = {tuple(row[name] for name in by): row for row in rows}
        key_columns = [contract.column(name) for name in by]
        return ExportedTable(
            contract.dataset,
            keys=(self.put(f"{folder}keys/a.parquet", table(key_columns, list(keys.values()))),),
            rows=(self.put(f"{folder}rows/a.parquet", table(contract.served, rows)),),
            private=(self.put(f"{folder}private/a.parquet", table(contract.private, rows)),)
            if contract.private
            else (),
        )

    def publish(self, batch_id: int, *tables: ExportedTable) -> None:
        """Manifests and index."""
        warehouse.publish(self.s3, self.bucket, batch_id, tables)
