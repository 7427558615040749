"""COPY of Parquet from S3: by position, exact types, all files or none (the transaction sees to that)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from infra.local_aws.redshift import parquet_types
from infra.local_aws.redshift.catalog import Relation, literal, quoted
from infra.local_aws.redshift.errors import ColumnError, RedshiftError, from_duckdb, not_emulated, syntax_error
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.history import Load, LoadError, now
from infra.local_aws.redshift.tokens import Cursor

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

BATCH_ROWS = 65_536
# What DuckDB says of a value that a column does not take -> the number of Redshift's load error.
_COLUMN_ERRORS = (
    (re.compile(r"^The length of the data column (\w+) is longer"), 1204),
    (re.compile(r"^Cannot insert a NULL value into column (\w+)$"), 1213),
)
_FORMATS = ("CSV", "JSON", "AVRO", "ORC", "FIXEDWIDTH", "SHAPEFILE", "DELIMITER")
# Options that Redshift knows and refuses with Parquet, with the number of words that follow each.
_FORBIDDEN = {
    "MAXERROR": 1,
    "IGNOREALLERRORS": 0,
    "REGION": 1,
    "COMPUPDATE": 1,
    "ACCEPTANYDATE": 0,
    "BLANKSASNULL": 0,
    "EMPTYASNULL": 0,
    "DATEFORMAT": 1,
    "TIMEFORMAT": 1,
    "ENCODING": 1,
    "ESCAPE": 0,
    "EXPLICIT": 0,
    "GZIP": 0,
    "BZIP2": 0,
    "LZOP": 0,
    "ZSTD": 0,
    "IGNOREBLANKLINES": 0,
    "IGNOREHEADER": 1,
    "NOLOAD": 0,
    "NULL": 1,
    "READRATIO": 1,
    "REMOVEQUOTES": 0,
    "ROUNDEC": 0,
    "TRIMBLANKS": 0,
    "TRUNCATECOLUMNS": 0,
    "ENCRYPTED": 0,
}


@dataclass(frozen=True)
class Copy:
    """A parsed COPY; ``columns`` is empty for all of the table's."""

    target: tuple[str | None, str]
    columns: tuple[str, ...]
    source: str
    manifest: bool
    fill_record: bool
    explicit_ids: bool


@dataclass(frozen=True)
class _File:
    url: str
    content: bytes


def parse(sql: str) -> Copy:
    """Read a COPY command. Raises RedshiftError for what Redshift refuses, and for formats other than Parquet."""
    cursor = Cursor(sql)
    cursor.expect("COPY")
    target = cursor.qualified_name()
    columns = tuple(cursor.parenthesised(cursor.name)) if cursor.peek() == "(" else ()
    cursor.expect("FROM")
    source = cursor.string()
    if not source.startswith("s3://"):
        raise not_emulated("COPY from anything but s3://")
    seen: set[str] = set()
    while not cursor.at_end:
        seen.add(_option(cursor))
    if "IAM_ROLE" not in seen:
        raise RedshiftError("COPY requires an authorization parameter: IAM_ROLE")
    if "PARQUET" not in seen:
        raise not_emulated("COPY in a format other than PARQUET")
    return Copy(target, columns, source, "MANIFEST" in seen, "FILLRECORD" in seen, "EXPLICIT_IDS" in seen)


def _option(cursor: Cursor) -> str:
    text = cursor.peek()
    if cursor.accept("IAM_ROLE"):
        if not cursor.accept("DEFAULT"):
            cursor.string()
        return "IAM_ROLE"
    if cursor.accept("FORMAT"):
        cursor.accept("AS")
        text = cursor.peek()
    if cursor.accept("PARQUET") or cursor.accept("MANIFEST") or cursor.accept("FILLRECORD"):
        return text
    if cursor.accept("EXPLICIT_IDS"):
        return text
    if cursor.accept("STATUPDATE"):
        _switch(cursor)
        return text
    if cursor.accept("ACCEPTINVCHARS"):
        cursor.accept("AS")
        if cursor.peek().startswith("'"):
            cursor.string()
        return text
    if text in _FORMATS:
        raise not_emulated(f"COPY in the format {text}")
    if text in ("CREDENTIALS", "ACCESS_KEY_ID", "WITH", "AUTHORIZATION"):
        raise not_emulated(f"COPY with {text}; IAM_ROLE")
    if text in _FORBIDDEN:
        raise RedshiftError(f"{text} argument is not supported for PARQUET based COPY")
    raise syntax_error(text.strip("'").lower())


def _switch(cursor: Cursor) -> None:
    if cursor.peek() in ("ON", "OFF", "TRUE", "FALSE"):
        cursor.word()


def run(session: Session, command: Copy) -> int:
    """Load all files in the session's transaction; the number of rows loaded."""
    target = session.catalog().table(*command.target)
    columns = _columns(target, command)
    loaded = 0
    files: list[tuple[str, int, int]] = []
    current, started_at = command.source, now()
    try:
        for url, length in _urls(session, command):
            current = url
            content = _get(session, url)
            if length is not None and length != len(content):
                raise RedshiftError(
                    f"Content length mismatch for {url}: the manifest says {length} bytes, the file has {len(content)}"
                )
            rows = _load(session, target, columns, _File(url, content), command.fill_record)
            files.append((url, rows, len(content)))
            loaded += rows
    except (RedshiftError, duckdb.Error) as error:
        known = error if isinstance(error, RedshiftError) else from_duckdb(error)
        session.warehouse.history.add_error(
            LoadError(
                session.query_id,
                session.transaction_id,
                session.number,
                (target.schema, target.name),
                started_at,
                current,
                target.facts.column(known.column) if isinstance(known, ColumnError) else None,
                known.code if isinstance(known, ColumnError) else parquet_types.SCAN_ERROR,
                known.message,
            )
        )
        raise known from error
    session.warehouse.history.add_load(
        Load(session.number, target.schema, target.name, command.source, tuple(files), loaded)
    )
    return loaded


def _columns(target: Relation, command: Copy) -> tuple[Column, ...]:
    if not command.columns:
        # Generated values come from the sequence unless the files bring their own.
        return tuple(c for c in target.facts.columns if command.explicit_ids or not c.identity_always)
    columns = []
    for name in command.columns:
        column = target.facts.column(name)
        if column is None:
            raise RedshiftError(f'column "{name}" of relation "{target.name}" does not exist')
        if column.identity_always and not command.explicit_ids:
            raise RedshiftError(f'cannot set an identity column to a value: "{name}"')
        columns.append(column)
    return tuple(columns)


def _urls(session: Session, command: Copy) -> list[tuple[str, int | None]]:
    """The files to load, in order, with the length that a manifest promises."""
    if not command.manifest:
        bucket, prefix = _location(command.source)
        pages = session.warehouse.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except ClientError as error:
            raise _s3_error(error, command.source) from error
        if not keys:
            raise RedshiftError(f"The specified S3 prefix '{prefix}' does not exist")
        return [(f"s3://{bucket}/{key}", None) for key in sorted(keys) if not key.endswith("/")]
    return [entry for entry in _manifest(session, command.source) if entry is not None]


def _manifest(session: Session, url: str) -> Iterator[tuple[str, int] | None]:
    try:
        document: Any = json.loads(_get(session, url))
        entries = document["entries"]
        described = [(e["url"], e.get("mandatory", False), e.get("meta", {}).get("content_length")) for e in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RedshiftError(f"Invalid manifest file {url}: {error}") from error
    for entry_url, is_mandatory, length in described:
        if not isinstance(length, int) or isinstance(length, bool):
            raise RedshiftError(
                f"File {entry_url} in manifest {url} has no meta.content_length, "
                "which COPY from a columnar format requires"
            )
        if _exists(session, entry_url):
            yield entry_url, length
        elif is_mandatory:
            raise RedshiftError(f"Mandatory file {entry_url} of the manifest is not present")


def _location(url: str) -> tuple[str, str]:
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise RedshiftError(f"S3 path {url} is not valid")
    # A question mark is an ordinary character of a key.
    return parts.netloc, url[len(f"s3://{parts.netloc}/") :]


def _exists(session: Session, url: str) -> bool:
    bucket, key = _location(url)
    try:
        session.warehouse.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise _s3_error(error, url) from error
    return True


def _get(session: Session, url: str) -> bytes:
    bucket, key = _location(url)
    try:
        content: bytes = session.warehouse.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise _s3_error(error, url) from error
    return content


def _s3_error(error: ClientError, url: str) -> RedshiftError:
    detail = error.response["Error"]
    return RedshiftError(f"S3ServiceException:{detail.get('Message', '')},Error {detail.get('Code', '')}, {url}")


def _load(session: Session, target: Relation, columns: tuple[Column, ...], file: _File, fill_record: bool) -> int:
    try:
        parquet = pq.ParquetFile(io.BytesIO(file.content))
    except (pa.ArrowException, OSError) as error:
        raise RedshiftError(f"File {file.url} is not a valid Parquet file: {error}") from error
    present = parquet_types.check(parquet, columns, file.url, fill_record)
    loadable = columns[:present]
    names = [f"c{position}" for position in range(present)]
    fields = [pa.field(name, field.type) for name, field in zip(names, parquet.schema_arrow, strict=True)]
    schema = pa.schema(fields)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in parquet.iter_batches(BATCH_ROWS):
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    session.register("_copy", pa.RecordBatchReader.from_batches(schema, batches()))
    listed = ", ".join(quoted(column.name) for column in loadable)
    values = ", ".join(_value(name, column) for name, column in zip(names, loadable, strict=True))
    try:
        row = session.execute(f"INSERT INTO {target.duckdb} ({listed}) SELECT {values} FROM _copy").fetchone()
    except duckdb.Error as error:
        known = from_duckdb(error)
        message = known.message.replace("{file}", file.url)
        for pattern, code in _COLUMN_ERRORS:
            if found := pattern.match(message):
                raise ColumnError(message, found[1], code) from error
        raise RedshiftError(message) from error
    return int(row[0]) if row else 0


def _value(name: str, column: Column) -> str:
    slot = quoted(name)
    if column.type.is_text:
        limit = column.type.length or 0
        told = f"The length of the data column {column.name} is longer than the length defined in the table. "
        # The file's name is filled in by whoever catches the error: it is a value, and this is SQL.
        overflow = f"{literal(told)} || 'Table: {limit}, Data: ' || strlen({slot}) || ', File name: {{file}}'"
        return f"CASE WHEN strlen({slot}) > {limit} THEN error({overflow}) ELSE {slot} END"
    return f"CAST({slot} AS {column.type.duckdb})"
