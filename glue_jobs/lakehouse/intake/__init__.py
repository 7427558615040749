"""The bytes of one file → a verdict and its rows as text. Plain Python and Arrow: no Spark, no AWS.

Content decides, not the name: a gzip stream is inflated whatever its extension, a JSON array under `.ndjson` is read as
the array it is. What can be read without guessing is read; what cannot is refused with one reason and the place where
it went wrong. One broken line in a good file is an unreadable row, not a refused file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract import SourceContract
from lakehouse.intake.delimited import read_delimited
from lakehouse.intake.model import CONTROL_COLUMNS, CORRECTS, REASONS, UNREADABLE, Chunk, Refusal
from lakehouse.intake.records import read_array, read_lines
from lakehouse.intake.reread import reread
from lakehouse.intake.source import MAX_FILE_BYTES, opened

__all__ = [
    "CONTROL_COLUMNS",
    "CORRECTS",
    "MAX_FILE_BYTES",
    "REASONS",
    "UNREADABLE",
    "Chunk",
    "Refusal",
    "folder_columns",
    "read",
    "reread",
]

# How Hive and Spark name the folder of rows without a value.
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def folder_columns(key: str, contract: SourceContract) -> Mapping[str, str]:
    """Columns that stand in the path: `rate_date=2026-01-03/` says it of every row of the files below it."""
    found: dict[str, str] = {}
    for folder in key.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        column = contract.header_lookup.get(name.lower())
        if equals and column and value != _HIVE_NULL:
            found[column] = unquote(value)
    return found


def read(data: bytes, contract: SourceContract, folders: Mapping[str, str] = MappingProxyType({})) -> Iterator[Chunk]:
    """The rows of a file, in order, none lost. `folders` gives the columns that stand in its path: they hold where the
    file itself does not have the column.

    Raises Refusal when the file is unusable, which may show only after some chunks: a file is refused as a whole, so a
    caller keeps what it got until the last chunk has come.
    """
    source = opened(data, contract.encoding)
    match source.data[source.start : source.start + 1]:
        case b"[":
            chunks = read_array(source, contract)
        case b"{":
            chunks = read_lines(source, contract)
        case _:
            chunks = read_delimited(source, contract, folders)
    for chunk in chunks:
        yield replace(chunk, values=_with_folders(chunk, folders), encoding=source.encoding)


def _with_folders(chunk: Chunk, folders: Mapping[str, str]) -> Mapping[str, pa.Array]:
    values = dict(chunk.values)
    for column, text in folders.items():
        if column not in values or values[column].null_count == chunk.length:
            everywhere = pa.repeat(pa.scalar(text), chunk.length)
            is_read = chunk.unreadable is None or chunk.unreadable.is_null()
            values[column] = everywhere if is_read is True else pc.if_else(is_read, everywhere, None)
    return values
