"""The bytes of one file → a verdict and its rows as text. Plain Python and Arrow: no Spark, no AWS.

Content decides, not the name: a gzip stream is inflated whatever its extension, a JSON array under `.ndjson` is read as
the array it is. What can be read without guessing is read; what cannot is refused with one reason and the place where
it went wrong. One broken line in a good file is an unreadable row, not a refused file.
"""

from __future__ import annotations

from collections.abc import Iterator

from lakehouse.contract import SourceContract
from lakehouse.intake.delimited import read_delimited
from lakehouse.intake.model import Chunk, Refusal
from lakehouse.intake.records import read_array, read_lines
from lakehouse.intake.source import MAX_FILE_BYTES, opened

__all__ = ["MAX_FILE_BYTES", "Chunk", "Refusal", "is_ignored", "read"]


def is_ignored(key: str) -> bool:
    """Hidden and temporary names, which writers leave behind and nobody means to load."""
    name = key.rsplit("/", 1)[-1].lower()
    return name.startswith((".", "_")) or name.endswith((".tmp", ".part", ".crdownload", "~"))


def read(data: bytes, contract: SourceContract) -> Iterator[Chunk]:
    """The rows of a file, in order, none lost.

    Raises Refusal when the file is unusable, which may show only after some chunks: a file is refused as a whole, so a
    caller keeps what it got until the last chunk has come.
    """
    source = opened(data)
    match source.data[source.start : source.start + 1]:
        case b"[":
            yield from read_array(source, contract)
        case b"{":
            yield from read_lines(source, contract)
        case _:
            yield from read_delimited(source, contract)
