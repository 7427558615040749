"""Loading a batch into Redshift: what was exported, the lint before COPY, and the SQL. Knows no Spark.

    export/<batch>/<domain>.<table>/keys/*.parquet   recompute keys that the batch touched
    export/<batch>/<domain>.<table>/rows/*.parquet   rows that the table holds under those keys
    export/<batch>/<domain>.<table>/private/*.parquet   of those the personal columns in clear, for the private part
    export/<batch>/<domain>.<table>/{keys,rows,private}.manifest   for COPY
    export/<batch>/index.json                        names every file; written last

COPY fills temporary tables of one Data API session; then one transaction per domain locks the ledger, and replaces the
touched keys, or the whole of a table that was rebuilt, only if no batch as new as this one has been loaded. An old load
that wakes up late changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from lakehouse import ddl, json_object
from lakehouse.arrow_types import arrow_type
from lakehouse.contract import Column, GoldContract, Registry
from lakehouse.parquet_object import ParquetObject
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL

EXPORTS = "export/"
PARTS = ("keys", "rows", "private")


@dataclass(frozen=True)
class ExportedFile:
    """One Parquet object: bytes and rows, and the most UTF-8 bytes that any value of each varchar column takes."""

    key: str
    bytes: int
    rows: int
    longest: Mapping[str, int]


@dataclass(frozen=True)
class ExportedTable:
    """What one batch brings to one warehouse table."""

    dataset: str
    keys: tuple[ExportedFile, ...]
    rows: tuple[ExportedFile, ...]
    private: tuple[ExportedFile, ...] = ()
    is_whole: bool = False
    """Whether `rows` are all that the table is to hold; there are no keys then."""
    committed_at: str = "1970-01-01 00:00:00.000"
    """When the gold table was last committed before it was exported, in UTC: of two exports of one batch, that of the
    later commit is right."""


class LintError(Exception):
    """An export that COPY would refuse; the message lists every file, column and difference."""


def folder(batch_id: int) -> str:
    return f"{EXPORTS}{batch_id:010d}/"


def arrow_field(column: Column) -> pa.Field:
    """The Parquet column that COPY expects for a Redshift column."""
    return pa.field(column.name, arrow_type(column.type), nullable=True)


def publish(s3: Any, bucket: str, batch_id: int, tables: Sequence[ExportedTable]) -> None:
    """Write the COPY manifests and then the index of an export."""
    for table in tables:
        for part in (part for part in PARTS if getattr(table, part)):
            entries = [
                {
                    "url": f"s3://{bucket}/{file.key}",
                    "mandatory": True,
                    "meta": {"content_length": file.bytes},
                }
                for file in getattr(table, part)
            ]
            json_object.put(s3, bucket, _manifest_key(batch_id, table.dataset, part), {"entries": entries})
    json_object.put(s3, bucket, f"{folder(batch_id)}index.json", {"tables": [asdict(table) for table in tables]})


def read_export(s3: Any, bucket: str, batch_id: int) -> tuple[ExportedTable, ...]:
    """The index of a batch's export; only tables that it touches."""
    index = json_object.get(s3, bucket, f"{folder(batch_id)}index.json")
    tables = (
        ExportedTable(
            entry["dataset"],
            **{part: tuple(ExportedFile(**file) for file in entry[part]) for part in PARTS},
            is_whole=entry["is_whole"],
            committed_at=entry["committed_at"],
        )
        for entry in index["tables"]
    )
    return tuple(table for table in tables if table.keys or table.is_whole)


def lint(s3: Any, bucket: str, tables: Sequence[ExportedTable], registry: Registry) -> None:
    """Hold every file against its Redshift table: columns, order, types, widths, nulls, length.

    Raises LintError. COPY's own words ("incompatible Parquet schema") name neither the file nor the column.
    """
    problems = [
        f"{file.key}: {problem}"
        for table in tables
        for part in PARTS
        for file in getattr(table, part)
        for problem in _lint_file(s3, bucket, file, columns_of(registry.gold[table.dataset], part))
    ]
    if problems:
        raise LintError("the export does not fit the warehouse:\n" + "\n".join(problems))


def stage_statements(
    bucket: str, role: str, batch_id: int, tables: Sequence[ExportedTable], registry: Registry
) -> list[str]:
    """Temporary tables and COPYs, for one Data API session."""
    statements = []
    for table in tables:
        contract = registry.gold[table.dataset]
        for part in (part for part in PARTS if columns_of(contract, part)):
            stage = _stage(contract, part)
            # NOT NULL is asked of the files too: COPY names the file, the INSERT that follows would not.
            columns = ",\n    ".join(
                f"{column.name} {ddl.type_sql(column.type)}{' NOT NULL' if column.required else ''}"
                for column in columns_of(contract, part)
            )
            statements.append(f"CREATE TEMP TABLE {stage} (\n    {columns}\n)")
            if getattr(table, part):
                manifest = f"s3://{bucket}/{_manifest_key(batch_id, table.dataset, part)}"
                statements.append(f"COPY {stage}\nFROM '{manifest}'\nIAM_ROLE '{role}'\nFORMAT AS PARQUET\nMANIFEST")
    return statements


def load_transactions(batch_id: int, tables: Sequence[ExportedTable], registry: Registry) -> list[list[str]]:
    """One list of statements per domain, each to be run as one transaction in the session that staged the data."""
    domains = sorted({registry.gold[table.dataset].domain for table in tables})
    transactions = [list(_load_domain(domain, batch_id, tables, registry)) for domain in domains]
    if too_long := [
        domain for domain, sql in zip(domains, transactions, strict=True) if len(sql) > MAX_STATEMENTS_PER_CALL
    ]:
        raise LintError(f"more than {MAX_STATEMENTS_PER_CALL} statements in one transaction: {', '.join(too_long)}")
    return transactions


def _load_domain(domain: str, batch_id: int, tables: Sequence[ExportedTable], registry: Registry) -> Iterator[str]:
    mine = [table for table in tables if registry.gold[table.dataset].domain == domain]
    committed_at = max(table.committed_at for table in mine)
    # A batch whose gold has changed since it was loaded, as by a run with a corrected function, is loaded again.
    is_newer = (
        "NOT EXISTS (\n        SELECT 1\n        FROM ops.loads AS loaded\n        WHERE\n"
        f"            loaded.domain = '{domain}'\n            AND (\n"
        f"                loaded.batch_id > {batch_id}\n"
        f"                OR (loaded.batch_id = {batch_id} AND loaded.gold_committed_at >= '{committed_at}')\n"
        "            )\n    )"
    )
    # SNAPSHOT isolation would let two loads of one new key both insert it; the lock makes the second one wait, and
    # then see that the batch is loaded.
    yield "LOCK ops.loads"
    for table in mine:
        contract = registry.gold[table.dataset]
        yield from _replace(table, contract, contract.dataset, "rows", is_newer)
        if contract.private:
            yield from _replace(table, contract, contract.private_dataset, "private", is_newer)
    row_count = sum(file.rows for table in mine for file in table.rows)
    yield (
        f"DELETE FROM ops.loads\nWHERE\n    ops.loads.domain = '{domain}'\n    AND ops.loads.batch_id = {batch_id}\n"
        f"    AND {is_newer}"
    )
    yield (
        "INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)\n"
        f"SELECT\n    '{domain}' AS domain_name,\n    {batch_id},\n    GETDATE() AS loaded_at,\n"
        f"    {len(mine)} AS tables_loaded,\n    {row_count},\n    '{committed_at}' AS committed_at\n"
        f"WHERE\n    {is_newer}"
    )


def _replace(table: ExportedTable, contract: GoldContract, target: str, part: str, is_newer: str) -> Iterator[str]:
    """The staged rows in the place of those that are there, under the touched keys or in the whole table."""
    keys = _stage(contract, "keys")
    match = "\n    AND ".join(f"{target}.{name} = {keys}.{name}" for name in contract.recompute_by)
    names, rows = ",\n    ".join(column.name for column in columns_of(contract, part)), _stage(contract, part)
    if table.is_whole:
        yield f"DELETE FROM {target}\nWHERE\n    {is_newer}"
    else:
        yield f"DELETE FROM {target}\nUSING {keys}\nWHERE\n    {match}\n    AND {is_newer}"
    yield f"INSERT INTO {target} (\n    {names}\n)\nSELECT\n    {names}\nFROM {rows}\nWHERE\n    {is_newer}"


def _lint_file(s3: Any, bucket: str, file: ExportedFile, columns: Sequence[Column]) -> Iterator[str]:
    try:
        parquet = ParquetObject(s3, bucket, file.key)
        if parquet.size != file.bytes:
            yield f"holds {parquet.size:,} bytes, the manifest says {file.bytes:,}"
            return
        actual, expected = parquet.metadata.schema.to_arrow_schema(), [arrow_field(column) for column in columns]
        if actual.names != [field.name for field in expected]:
            yield f"columns are {', '.join(actual.names)}; should be {', '.join(field.name for field in expected)}"
            return
        retyped = [
            f"{field.name} is {found}; should be {field.type}"
            for found, field in zip(actual.types, expected, strict=True)
            if found != field.type
        ]
        yield from retyped
        yield from _lint_nulls(parquet, columns)
        if not retyped:
            yield from _lint_lengths(parquet, file, columns)
    except (ClientError, pa.ArrowException, OSError) as error:
        yield f"cannot be read: {error}"


def _lint_nulls(parquet: ParquetObject, columns: Sequence[Column]) -> Iterator[str]:
    groups = [parquet.metadata.row_group(index) for index in range(parquet.metadata.num_row_groups)]
    for position, column in enumerate(columns):
        if column.required and any(_null_count(group.column(position)) for group in groups):
            yield f"{column.name} holds nulls; the column is NOT NULL"


def _lint_lengths(parquet: ParquetObject, file: ExportedFile, columns: Sequence[Column]) -> Iterator[str]:
    """What the export has measured is believed when it is too long, and never when it fits: texts are measured again,
    unless the footer proves that none can be too long."""
    limits = {column.name: column.type.length for column in columns if column.type.length}
    told = {name: file.longest[name] for name, limit in limits.items() if file.longest.get(name, 0) > limit}
    doubtful = [
        column.name
        for position, column in enumerate(columns)
        if column.type.length and column.name not in told and parquet.may_exceed(position, column.type.length)
    ]
    for name, longest in {**told, **parquet.longest(doubtful)}.items():
        if longest > limits[name]:
            yield f"{name} holds {longest} bytes; VARCHAR({limits[name]}) is too short"


def _null_count(chunk: pq.ColumnChunkMetaData) -> int:
    """Nulls in a column of a row group; as many as there are values when nothing says so."""
    statistics = chunk.statistics
    is_known = statistics is not None and statistics.has_null_count
    count: int = statistics.null_count if is_known else chunk.num_values
    return count


def columns_of(contract: GoldContract, part: str) -> tuple[Column, ...]:
    """The columns of a part of an export."""
    if part == "rows":
        return contract.served
    if part == "private":
        return contract.private
    return tuple(contract.column(name) for name in contract.recompute_by)


def _stage(contract: GoldContract, part: str) -> str:
    return f"stage_{contract.domain}_{contract.name}_{part}"


def _manifest_key(batch_id: int, dataset: str, part: str) -> str:
    return f"{folder(batch_id)}{dataset}/{part}.manifest"
