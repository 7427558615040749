"""Loading a batch into Redshift: what was exported, the lint before COPY, and the SQL. Knows no Spark.

    export/<batch>/<domain>.<table>/keys/*.parquet   recompute keys that the batch touched
    export/<batch>/<domain>.<table>/rows/*.parquet   rows that the table holds under those keys
    export/<batch>/<domain>.<table>/private/*.parquet   of those the personal columns in clear, for the private part
    export/<batch>/<domain>.<table>/{keys,rows,private}.manifest   for COPY
    export/<batch>/index.json                        names every file; written last

COPY fills temporary tables of one Data API session; then one transaction per domain locks the ledger, and replaces the
touched keys only if no batch as new as this one has been loaded. An old load that wakes up late changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from lakehouse.contract import Column, GoldContract, Registry
from lakehouse.redshift import MAX_STATEMENTS_PER_CALL

EXPORTS = "export/"
PARTS = ("keys", "rows", "private")
_FOOTER_BYTES = 64 << 10
_ARROW = {
    "varchar": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


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


class LintError(Exception):
    """An export that COPY would refuse; the message lists every file, column and difference."""


def folder(batch_id: int) -> str:
    return f"{EXPORTS}{batch_id:010d}/"


def arrow_field(column: Column) -> pa.Field:
    """The Parquet column that COPY expects for a Redshift column."""
    if column.type.kind == "decimal":
        kind = pa.decimal128(column.type.precision, column.type.scale)
    else:
        kind = _ARROW[column.type.kind]
    return pa.field(column.name, kind, nullable=True)


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
            _put_json(s3, bucket, _manifest_key(batch_id, table.dataset, part), {"entries": entries})
    _put_json(s3, bucket, f"{folder(batch_id)}index.json", {"tables": [asdict(table) for table in tables]})


def read_export(s3: Any, bucket: str, batch_id: int) -> tuple[ExportedTable, ...]:
    """The index of a batch's export; only tables with touched keys."""
    index = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder(batch_id)}index.json")["Body"].read())
    tables = (
        ExportedTable(entry["dataset"], *(tuple(ExportedFile(**file) for file in entry[part]) for part in PARTS))
        for entry in index["tables"]
    )
    return tuple(table for table in tables if table.keys)


def lint(s3: Any, bucket: str, tables: Sequence[ExportedTable], registry: Registry) -> None:
    """Hold every file against its Redshift table: columns, order, types, widths, nulls, length.

    Raises LintError. COPY's own words ("incompatible Parquet schema") name neither the file nor the column.
    """
    problems = [
        f"{file.key}: {problem}"
        for table in tables
        for part in PARTS
        for file in getattr(table, part)
        for problem in _lint_file(s3, bucket, file, _columns(registry.gold[table.dataset], part))
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
        for part in (part for part in PARTS if _columns(contract, part)):
            stage = _stage(contract, part)
            columns = ", ".join(f"{column.name} {column.type.redshift}" for column in _columns(contract, part))
            statements.append(f"CREATE TEMP TABLE {stage} ({columns})")
            if getattr(table, part):
                manifest = f"s3://{bucket}/{_manifest_key(batch_id, table.dataset, part)}"
                statements.append(f"COPY {stage} FROM '{manifest}' IAM_ROLE '{role}' FORMAT AS PARQUET MANIFEST")
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
    is_newer = f"(SELECT COALESCE(MAX(batch_id), 0) FROM ops.loads WHERE domain = '{domain}') < {batch_id}"
    # SNAPSHOT isolation would let two loads of one new key both insert it; the lock makes the second one wait, and
    # then see that the batch is loaded.
    yield "LOCK ops.loads"
    mine = [table for table in tables if registry.gold[table.dataset].domain == domain]
    for table in mine:
        contract = registry.gold[table.dataset]
        yield from _replace(contract, contract.dataset, "rows", is_newer)
        if contract.private:
            yield from _replace(contract, contract.private_dataset, "private", is_newer)
    row_count = sum(file.rows for table in mine for file in table.rows)
    yield (
        "INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count) "
        f"SELECT '{domain}', {batch_id}, GETDATE(), {len(mine)}, {row_count} WHERE {is_newer}"
    )


def _replace(contract: GoldContract, target: str, part: str, is_newer: str) -> Iterator[str]:
    """Under the touched keys, the staged rows in the place of those that are there."""
    keys = _stage(contract, "keys")
    match = " AND ".join(f"{target}.{name} = {keys}.{name}" for name in contract.recompute_by)
    names = ", ".join(column.name for column in _columns(contract, part))
    yield f"DELETE FROM {target} USING {keys} WHERE {match} AND {is_newer}"
    yield f"INSERT INTO {target} ({names}) SELECT {names} FROM {_stage(contract, part)} WHERE {is_newer}"


def _lint_file(s3: Any, bucket: str, file: ExportedFile, columns: Sequence[Column]) -> Iterator[str]:
    try:
        size, metadata = _footer(s3, bucket, file.key)
    except (ClientError, pa.ArrowInvalid) as error:
        yield f"cannot be read: {error}"
        return
    if size != file.bytes:
        yield f"holds {size:,} bytes, the manifest says {file.bytes:,}"
        return
    actual, expected = metadata.schema.to_arrow_schema(), [arrow_field(column) for column in columns]
    if actual.names != [field.name for field in expected]:
        yield f"columns are {', '.join(actual.names)}; should be {', '.join(field.name for field in expected)}"
        return
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    for position, (column, field) in enumerate(zip(columns, expected, strict=True)):
        if actual.field(position).type != field.type:
            yield f"{column.name} is {actual.field(position).type}; should be {field.type}"
        if column.type.length:
            longest = file.longest.get(column.name)
            if longest is None:
                yield f"{column.name} was not measured; {column.type.redshift} may be too short"
            elif longest > column.type.length:
                yield f"{column.name} holds {longest} bytes; {column.type.redshift} is too short"
        if column.required and any(_null_count(group.column(position)) for group in groups):
            yield f"{column.name} holds nulls; the column is NOT NULL"


def _footer(s3: Any, bucket: str, key: str) -> tuple[int, pq.FileMetaData]:
    """Size and footer of a Parquet object, of which only the end is read."""
    wanted = _FOOTER_BYTES
    while True:
        answer = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=-{wanted}")
        end = answer["Body"].read()
        size = int(answer.get("ContentRange", "").rpartition("/")[2] or len(end))  # an empty object has no range
        # The last eight bytes are the footer's length and a magic number.
        length = int.from_bytes(end[-8:-4], "little") + 8
        if length <= len(end) or len(end) >= size:
            return size, pq.read_metadata(pa.BufferReader(end))
        wanted = length


def _null_count(chunk: pq.ColumnChunkMetaData) -> int:
    """Nulls in a column of a row group; as many as there are values when nothing says so."""
    statistics = chunk.statistics
    is_known = statistics is not None and statistics.has_null_count
    count: int = statistics.null_count if is_known else chunk.num_values
    return count


def _columns(contract: GoldContract, part: str) -> tuple[Column, ...]:
    if part == "rows":
        return contract.served
    if part == "private":
        return contract.private
    return tuple(contract.column(name) for name in contract.recompute_by)


def _stage(contract: GoldContract, part: str) -> str:
    return f"stage_{contract.domain}_{contract.name}_{part}"


def _manifest_key(batch_id: int, dataset: str, part: str) -> str:
    return f"{folder(batch_id)}{dataset}/{part}.manifest"


def _put_json(s3: Any, bucket: str, key: str, content: object) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode(), ContentType="application/json")
