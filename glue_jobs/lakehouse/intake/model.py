"""What intake hands on: chunks of rows as text, and the verdict on a file that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

# Redshift's longest row; a line or a quoted record that is longer is no row of ours.
MAX_RECORD_BYTES = 4 << 20
# Of a line that is too long, as much as is worth showing; the whole of it stays in the raw file.
KEPT_OF_TOO_LONG_BYTES = 64 << 10


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one file, as text exactly as it came, column by column.

    `first` is the number of the first row; rows count from 1, header excluded, unreadable rows included.
    `values` holds Arrow strings by column (`text_columns` of the contract), each `length` long; one that no row has is
    absent.
    `rescued` is null, or per row the JSON of what the contract does not know; for an unreadable row, its text.
    `unreadable` is null, or per row null or the reason why its values are all null:

        malformed_row, wrong_field_count                     delimited text
        malformed_json, not_an_object, duplicate_key,
        nested_too_deeply, invalid_character                 JSON; the last is U+0000 or half a surrogate pair
        record_too_long                                      longer than MAX_RECORD_BYTES
    """

    first: int
    length: int
    values: Mapping[str, pa.Array] = field(default_factory=dict)
    rescued: pa.Array | None = None
    unreadable: pa.Array | None = None
    encoding: str = "utf-8"
    """What the file was read as."""


class Refusal(Exception):  # noqa: N818 - a verdict about a file, not a fault of the program
    """Why a file is quarantined: a reason code and a sentence for a person.

    `offset` is the byte where it went wrong, where there is one: in the file as it landed for damaged gzip, else in the
    file as inflated, byte order mark included, whatever its encoding.
    """

    def __init__(self, reason: str, detail: str, offset: int | None = None) -> None:
        super().__init__(detail if offset is None else f"{detail} (at byte {offset:,})")
        self.reason = reason
        self.offset = offset


def text_array(values: object) -> pa.Array:
    """Arrow strings of a sequence of str and None."""
    return pa.array(values, pa.string())


def too_long(number: int, line: bytes) -> Chunk:
    """The one row that a line longer than MAX_RECORD_BYTES is."""
    shown = line[:KEPT_OF_TOO_LONG_BYTES].decode("utf-8", errors="ignore")
    return Chunk(number, 1, rescued=text_array([shown]), unreadable=text_array(["record_too_long"]))
