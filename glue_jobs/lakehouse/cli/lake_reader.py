"""Reads lake tables from the Glue catalog into Arrow: no Spark, and no limit on how many rows come back."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import boto3
import pyarrow as pa
from pyiceberg import expressions
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.table import DataScan, FileScanTask
from pyiceberg.table import Table as IcebergTable

from lakehouse.cli.mistakes import CommandError
from lakehouse.tables import Table

# Data files read side by side, in compressed bytes: their rows are in memory together.
BYTES_AT_ONCE = 64 * 2**20
# Their declared signatures are those of their own serialized form, not those of their constructors.
_EQUAL: Any = expressions.EqualTo
_IN: Any = expressions.In


class LakeReader:
    """The Iceberg tables of the lake that the environment points at, each at its snapshot when it is read."""

    def __init__(self) -> None:
        # boto3 takes endpoint, region and credentials from the environment; Arrow's S3 client has to be told the first.
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        places = {"s3.endpoint": endpoint, "s3.region": boto3.Session().region_name}
        client = boto3.client("glue")
        self._catalog = GlueCatalog("lake", client, **{name: value for name, value in places.items() if value})

    def columns(self, table: Table) -> set[str]:
        """The names of the columns that a table has by now, whatever its contract says."""
        return {field.name for field in self._catalog.load_table((table.database, table.name)).schema().fields}

    def __call__(
        self, table: Table, columns: Sequence[str], dataset: str | None, of_file: str | None = None
    ) -> pa.RecordBatchReader | None:
        """These columns of a table, of one dataset's or bronze file's rows where one is named; None when there is no
        such table.

        Raises CommandError when the table lacks a column.
        """
        iceberg = self._load(table)
        if iceberg is None:
            return None
        absent = set(columns) - {field.name for field in iceberg.schema().fields}
        if absent:
            named = ", ".join(sorted(absent))
            raise CommandError(f"{table.database}.{table.name} has no column {named}: its contract has changed since")
        wanted = _EQUAL("dataset", dataset) if dataset else expressions.AlwaysTrue()
        if of_file:
            wanted = _EQUAL("_file_id", of_file)
        return _read(iceberg.scan(row_filter=wanted, selected_fields=tuple(columns)))

    def matching(self, table: Table, among: Mapping[str, Collection[Any]]) -> list[dict[str, Any]]:
        """The rows, with all columns that the table has, whose values are among these, column by column; none when
        there is no such table. Data files whose statistics rule that out are not read."""
        iceberg = self._load(table)
        if iceberg is None or not all(among.values()):
            return []
        terms = (_IN(column, set(values)) for column, values in among.items())
        wanted = expressions.And(expressions.AlwaysTrue(), *terms)
        rows: list[dict[str, Any]] = _read(iceberg.scan(row_filter=wanted)).read_all().to_pylist()
        return rows

    def _load(self, table: Table) -> IcebergTable | None:
        try:
            return self._catalog.load_table((table.database, table.name))
        except NoSuchTableError:
            return None


def _read(scan: DataScan) -> pa.RecordBatchReader:
    schema = schema_to_pyarrow(scan.projection(), include_field_ids=False)
    batches = chain.from_iterable(_rows(scan, tasks) for tasks in _portions(scan.plan_files()))
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))


def _rows(scan: DataScan, tasks: Sequence[FileScanTask]) -> Iterator[pa.RecordBatch]:
    rows = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter, scan.case_sensitive)
    batches: Iterator[pa.RecordBatch] = rows.to_record_batches(tasks)
    return batches


def _portions(tasks: Iterable[FileScanTask]) -> Iterator[list[FileScanTask]]:
    """Data files in groups that fit into memory together: pyiceberg itself would read ahead without bound."""
    portion: list[FileScanTask] = []
    size = 0
    for task in tasks:
        if portion and size + task.file.file_size_in_bytes > BYTES_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(task)
        size += task.file.file_size_in_bytes
    if portion:
        yield portion
