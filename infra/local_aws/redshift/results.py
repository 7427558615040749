"""The rows of a finished query, as the Data API hands them out."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from infra.local_aws.redshift import types
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.translate import OutputColumn
from infra.local_aws.redshift.types import ColumnType

MAX_RESULT_BYTES = 100 * 2**20
PAGE_ROWS = 1000
PAGE_BYTES = 2**20
FETCH_ROWS = 10_000
_EPOCH = datetime.date(1970, 1, 1)
_DAYS_OF_CYCLE = 146_097
"""Days of 400 years, after which the Gregorian calendar is the same again."""
_MICROSECONDS_OF_DAY = 86_400_000_000


@dataclass(frozen=True)
class ResultSet:
    """A whole result in memory, at most ``MAX_RESULT_BYTES``."""

    names: tuple[str, ...]
    types: tuple[ColumnType, ...]
    rows: pa.Table

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return int(self.rows.nbytes)

    def metadata(self) -> list[dict[str, Any]]:
        """ColumnMetadata of each column."""
        return [_metadata(name, column) for name, column in zip(self.names, self.types, strict=True)]

    def page(self, start: int) -> tuple[list[list[dict[str, Any]]], int | None]:
        """Records from row ``start`` on, and where the next page starts, or None after the last row."""
        part = self.rows.slice(start, PAGE_ROWS)
        fields = [
            [_field(value, form) for value in _values(column)]
            for column, form in zip(part.columns, map(_form, self.types), strict=True)
        ]
        records: list[list[dict[str, Any]]] = []
        size = 0
        for record in map(list, zip(*fields, strict=True)):
            size += sum(len(field.get("stringValue", "12345678")) for field in record)
            if records and size > PAGE_BYTES:
                break
            records.append(record)
        end = start + len(records)
        return records, end if end < self.rows.num_rows else None


def fetch(relation: duckdb.DuckDBPyRelation, columns: Sequence[OutputColumn]) -> ResultSet:
    """Run a query and take all its rows. Raises RedshiftError when they are too many."""
    described = [types.of_duckdb(str(found)) for found in relation.types]
    names = tuple(column.name for column in columns)
    final = tuple(refined(found, column.type) for found, column in zip(described, columns, strict=True))
    reader = relation.to_arrow_reader(FETCH_ROWS)
    batches, size = [], 0
    for batch in reader:
        size += batch.nbytes
        if size > MAX_RESULT_BYTES:
            raise RedshiftError(f"Query result size exceeds the limit of {MAX_RESULT_BYTES // 2**20} MB")
        batches.append(batch)
    return ResultSet(names, final, pa.Table.from_batches(batches, reader.schema))


def refined(found: ColumnType, known: ColumnType | None) -> ColumnType:
    """DuckDB's type, with what only the declaration knows: lengths, and char instead of varchar."""
    if known is None:
        return found
    if found.is_text and known.name in ("varchar", "bpchar", "super"):
        return known
    if found.name == "numeric" and known.name == "numeric" and found.scale == known.scale:
        return known
    if {found.name, known.name} <= {"int2", "int4", "int8"}:
        return known
    return found


_SIGNED = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
_PRECISIONS = {"int2": 5, "int4": 10, "int8": 19, "float4": 8, "float8": 17, "bool": 1, "date": 13, "timestamp": 29}


def _metadata(name: str, column: ColumnType) -> dict[str, Any]:
    precision = column.precision or column.length or _PRECISIONS.get(column.name, 0)
    return {
        "isCaseSensitive": column.is_text,
        "isCurrency": False,
        "isSigned": column.name in _SIGNED,
        "label": name,
        "name": name,
        "nullable": 1,
        "precision": precision,
        "scale": column.scale or 0,
        "schemaName": "",
        "tableName": "",
        "typeName": column.name,
        "length": column.length or 0,
    }


Form = Callable[[Any], dict[str, Any]]


def _form(column: ColumnType) -> Form:
    if column.name in ("int2", "int4", "int8"):
        return lambda value: {"longValue": int(value)}
    if column.name in ("float4", "float8"):
        return lambda value: {"doubleValue": float(value)}
    if column.name == "bool":
        return lambda value: {"booleanValue": value}
    if column.name == "bpchar":
        # char comes padded with blanks to its length, though it is stored without them.
        return lambda value: {"stringValue": str(value).ljust(column.length or 1)}
    return lambda value: {"stringValue": text_of(value)}


def _values(column: pa.ChunkedArray) -> list[Any]:
    """The column's values; dates and timestamps of years that Python does not know as their text."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        if not pa.types.is_temporal(column.type):
            raise
        is_date = pa.types.is_date(column.type)
        counted = column.cast(pa.date32() if is_date else pa.timestamp("us")).cast(
            pa.int32() if is_date else pa.int64()
        )
        zone = None if is_date or column.type.tz is None else datetime.UTC
        return [None if count is None else _text_of_any_year(count, is_date, zone) for count in counted.to_pylist()]
    return values


def _text_of_any_year(count: int, is_date: bool, zone: datetime.tzinfo | None) -> str:
    """Days, or microseconds in a zone or without one, since 1970 as Redshift writes them: the calendar repeats after
    400 years, and before the year 1 comes the year 1 BC."""
    days, microseconds = (count, 0) if is_date else divmod(count, _MICROSECONDS_OF_DAY)
    cycles, day = divmod(days + _EPOCH.toordinal() - 1, _DAYS_OF_CYCLE)
    midnight = datetime.datetime.fromordinal(day + 1).replace(tzinfo=zone)
    near = midnight + datetime.timedelta(microseconds=microseconds)
    year = near.year + 400 * cycles
    text = f"{near.date()}" if is_date else text_of(near)
    return f"{year if year > 0 else 1 - year:04d}{text[4:]}{'' if year > 0 else ' BC'}"


def _field(value: Any, form: Form) -> dict[str, Any]:
    return {"isNull": True} if value is None else form(value)


def text_of(value: Any) -> str:
    """A value as Redshift writes it: ``2026-11-20 10:00:00.5``, ``1.50``, ``t``."""
    if isinstance(value, datetime.datetime):
        text = value.strftime("%Y-%m-%d %H:%M:%S") if value.year >= 1000 else f"{value.replace(tzinfo=None)!s:.19}"
        fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
        return f"{text}{fraction}{'+00' if value.tzinfo else ''}"
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), default=text_of)
    return str(value)
