"""Which Parquet column may be loaded into which Redshift column: the same type, nothing wider or narrower."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from infra.local_aws.redshift.errors import ColumnError, RedshiftError
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.types import ColumnType

_PHYSICAL = {
    "int4": "INT32",
    "int8": "INT64",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
}
SCAN_ERROR = 15007
"""The number of what Redshift calls a Spectrum Scan Error: a file that does not fit the table."""
_TIMESTAMPS = ("timestamp", "timestamptz")


def check(parquet: Any, columns: tuple[Column, ...], url: str, fill_record: bool) -> int:
    """Compare a file's footer with the columns; return how many columns the file has.

    Raises RedshiftError. With ``fill_record`` the file may lack columns at the end.
    """
    schema: pq.ParquetSchema = parquet.schema
    count = len(parquet.schema_arrow)
    if len(schema) != count:
        raise RedshiftError(f"File '{url}' has a nested column, which COPY loads only with SERIALIZETOJSON")
    if count > len(columns) or (count < len(columns) and not fill_record):
        raise RedshiftError(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {count}, File name: {url}"
        )
    for position, column in enumerate(columns[:count]):
        found = schema.column(position)
        if not fits(found, column.type):
            raise ColumnError(
                f"File '{url}' has an incompatible Parquet schema for column '{url}.{column.name}'. "
                f"Column type: {column.type.sql.upper()}, Parquet schema:\n{_described(found)}",
                column.name,
                SCAN_ERROR,
            )
    return count


def fits(found: Any, wanted: ColumnType) -> bool:
    """May the values of a Parquet column (a ``ColumnSchema``) be stored in a column of that type as they are?"""
    physical: str = found.physical_type
    logical: str = found.logical_type.type
    if wanted.name in _PHYSICAL:
        return physical == _PHYSICAL[wanted.name] and _is_plain(found, wanted)
    if wanted.name == "int2":
        return physical == "INT32" and _integer_bits(found) in (None, 16)
    if wanted.name == "numeric":
        return logical == "DECIMAL" and bool((found.precision, found.scale) == (wanted.precision, wanted.scale))
    if wanted.is_text:
        return physical == "BYTE_ARRAY" and logical in ("STRING", "NONE", "JSON", "ENUM")
    if wanted.name == "date":
        return logical == "DATE"
    if wanted.name in _TIMESTAMPS:
        return logical == "TIMESTAMP" or physical == "INT96"
    if wanted.name == "time":
        return logical == "TIME"
    if wanted.name == "varbyte":
        return physical in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY") and logical == "NONE"
    return wanted.name == "super" and physical == "BYTE_ARRAY"


def _is_plain(found: Any, wanted: ColumnType) -> bool:
    bits = _integer_bits(found)
    return bits in (None, {"int4": 32, "int8": 64}.get(wanted.name))


def _integer_bits(found: Any) -> int | None:
    """The width of a logical INT; None for a plain one; -1 for what is no signed integer at all."""
    if found.logical_type.type == "NONE":
        return None
    if found.logical_type.type != "INT":
        return -1
    text = found.logical_type.to_json()
    return -1 if '"isSigned": false' in text else int(text.partition('"bitWidth": ')[2].partition(",")[0])


def _described(found: Any) -> str:
    names = {"BYTE_ARRAY": "byte_array", "FIXED_LEN_BYTE_ARRAY": "fixed_len_byte_array"}
    optional = "optional" if found.max_definition_level else "required"
    logical = "" if found.logical_type.type == "NONE" else f" ({found.logical_type})"
    return f"{optional} {names.get(found.physical_type, found.physical_type.lower())} {found.name}{logical}"
