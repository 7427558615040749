"""What intake hands on: chunks of rows as text, and the verdict on a file that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

# Redshift's longest row; a line or a quoted record that is longer is no row of ours.
MAX_RECORD_BYTES = 4 << 20
# Objects and lists inside of one another.
MAX_NESTING = 100
# Redshift's widest table has 1,600 columns. Each name costs an array for every block of rows, and a place in every row.
MAX_COLUMNS = 2_000
# Of a line that is too long, as much as is worth showing; the whole of it stays in the raw file.
KEPT_OF_TOO_LONG_BYTES = 64 << 10
# How many names a sentence holds, and how much of each.
_NAMED, _NAMED_CHARACTERS = 20, 100
CORRECTS = "_quarantine_id"
"""The column by which a landed row says which refused row it corrects."""
CONTROL_COLUMNS = (CORRECTS, "_violations", "_raw")
"""Columns that stand beside refused rows when they are exported, and come back with them when they are landed again.

No contract knows them; they are rescued, and a frozen dataset takes them too.
"""


@dataclass(frozen=True)
class Reason:
    """What a reason code means, and what whoever sent the file does about it: a sentence each, for people."""

    meaning: str
    advice: str


REASONS: Mapping[str, Reason] = MappingProxyType(
    {
        "empty_file": Reason(
            "The file has no bytes, or nothing but white space, also once inflated.",
            "Send it again once its rows are written; a file without rows still needs its header.",
        ),
        "wrong_type": Reason(
            "The bytes are those of another format, whatever the name says: a workbook, an archive, a picture.",
            "Export it as CSV or JSON, plain or gzip, and send that.",
        ),
        "truncated_gzip": Reason(
            "The gzip stream ends before its end mark: the upload broke off, or began before the file was whole.",
            "Send the whole file again.",
        ),
        "corrupt_gzip": Reason(
            "The gzip stream is damaged, or its checksum or length is not that of its content.",
            "Compress the original again and send it in binary mode.",
        ),
        "trailing_garbage": Reason(
            "Bytes that are no gzip follow the gzip stream.",
            "Send the compressed file alone; look for a script that prints into it.",
        ),
        "zip_bomb": Reason(
            "The archive inflates to far more than data does.",
            "If it is data all the same, send it in smaller files that are not compressed.",
        ),
        "file_too_large": Reason(
            "The file is larger than one file may be once inflated.",
            "Split it, each part with the header.",
        ),
        "html_page": Reason(
            "The file is an HTML or XML page, most often a server's error message saved as data.",
            "Open it to read what the server said, then fetch the data again.",
        ),
        "binary_content": Reason(
            "There are NUL characters where text should be: a part that was never written, or UTF-16 that does not "
            "say so.",
            "Send the original again, as UTF-8, or as UTF-16 with a byte order mark.",
        ),
        "wrong_encoding": Reason(
            "The text is not UTF-8, nor in the encoding that the contract names, nor in that of its byte order mark.",
            "Send it as UTF-8, or name its encoding in the contract.",
        ),
        "line_too_long": Reason(
            "The first line is longer than any header.",
            "Check that its lines end with LF or CR LF, and send it again.",
        ),
        "too_many_columns": Reason(
            f"The header names more than {MAX_COLUMNS:,} columns, more than any table has.",
            "Check that the first line is a header and that its lines end with LF or CR LF; send wide data as rows of "
            "name and value.",
        ),
        "header_missing": Reason(
            "The first line names not one column of the dataset.",
            "Send the names of the columns as the first line, and check that the file is landed under the right "
            "dataset.",
        ),
        "header_mismatch": Reason(
            "A column of the dataset's key is missing, so that no row could be told from another.",
            "Send the column; if it was renamed, add the new spelling to its aliases in the contract.",
        ),
        "unknown_column": Reason(
            "The dataset is frozen, and the file has a column that its contract does not know.",
            "Send the file without the column, or add the column to the contract.",
        ),
        "unbalanced_quotes": Reason(
            "A quote opens that does not close, so that it cannot be told where rows end.",
            "Double the quotes inside of quoted cells and send the file again.",
        ),
        "truncated_json": Reason(
            "The JSON ends in the middle of an array, an object or a value.",
            "Send the whole file again.",
        ),
        "malformed_json": Reason(
            "The file begins as JSON does, and cannot be read as JSON.",
            "Correct it where it says, or send one object a line, so that one error costs one row.",
        ),
        "unknown_dataset": Reason(
            "The file lies in a folder that no contract declares.",
            "Land it under `DOMAIN/DATASET/`, or write the contract.",
        ),
        "unreadable_object": Reason(
            "S3 does not give the object out, though it gives out others: it is denied, in an archive tier, or "
            "encrypted with a key that the lake may not use.",
            "Send the file again with nothing but s3:PutObject, into the storage class STANDARD; or give access to the "
            "object, and replay it.",
        ),
        "processing_failed": Reason(
            "Its batch failed again and again, and went through without this file.",
            "Look at the error of the batch; when the cause is gone, replay the file.",
        ),
        "temporary_name": Reason(
            "The name, or a folder of it, is hidden or temporary: `.name`, `_name`, `.tmp`, `.part`, `.filepart`, "
            "`.crdownload`, `~`. Such an upload stays in landing for its writer to rename, and gets this verdict when "
            "that has not happened in seven days.",
            "Land it under its final name.",
        ),
    }
)
"""Why a file is not loaded: every reason code there is. The last four are no matter of its bytes."""

UNREADABLE: Mapping[str, str] = MappingProxyType(
    {
        "malformed_row": "a quote stands where none may, or the file ends inside the row",
        "wrong_field_count": "the row has more or fewer cells than the header",
        "malformed_json": "the line is no JSON object",
        "not_an_object": "the JSON value is no object",
        "duplicate_key": "an object names a key twice",
        "nested_too_deeply": f"objects and lists are nested more than {MAX_NESTING} deep",
        "invalid_character": "the row holds U+0000 or half a surrogate pair",
        "too_many_columns": f"the object has more than {MAX_COLUMNS:,} keys",
        "record_too_long": f"the row has more than {MAX_RECORD_BYTES >> 20} MiB",
    }
)
"""Why one row of a file that can be read is unreadable: every code of `Chunk.unreadable`, and what it means."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one file, as text exactly as it came, column by column.

    `first` is the number of the first row; rows count from 1, header excluded, unreadable rows included.
    `values` holds Arrow strings by column (`text_columns` of the contract), each `length` long; one that no row has is
    absent.
    `rescued` is null, or per row the JSON of what the contract does not know; for an unreadable row, its text.
    `unreadable` is null, or per row null or the reason, one of UNREADABLE, why its values are all null.
    """

    first: int
    length: int
    values: Mapping[str, pa.Array] = field(default_factory=dict)
    rescued: pa.Array | None = None
    unreadable: pa.Array | None = None
    encoding: str = "utf-8"
    """What the file was read as."""
    strange: Sequence[str] = ()
    """Columns that the file's header names and the contract does not know, whether or not a row has a value there."""


class Refusal(Exception):  # noqa: N818 - a verdict about a file, not a fault of the program
    """Why a file is quarantined: a reason code of REASONS, and a sentence for a person that says what to do.

    `offset` is the byte where it went wrong, where there is one: in the file as it landed for what wraps the text (its
    type, its gzip), else in the file as inflated, byte order mark included, whatever its encoding.
    """

    def __init__(self, reason: str, detail: str, offset: int | None = None) -> None:
        place = "" if offset is None else f" (at byte {offset:,})"
        super().__init__(f"{detail}{place}. {REASONS[reason].advice}")
        self.reason = reason
        self.offset = offset


def named(names: Sequence[str]) -> str:
    """Names for a sentence; of many or long ones the beginning."""
    text = ", ".join(
        name if len(name) <= _NAMED_CHARACTERS else f"{name[:_NAMED_CHARACTERS]}…" for name in names[:_NAMED]
    )
    return f"{text} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else text


def text_array(values: object) -> pa.Array:
    """Arrow strings of a sequence of str and None."""
    return pa.array(values, pa.string())


def too_long(number: int, line: bytes) -> Chunk:
    """The one row that a line longer than MAX_RECORD_BYTES is."""
    shown = line[:KEPT_OF_TOO_LONG_BYTES].decode("utf-8", errors="ignore")
    return Chunk(number, 1, rescued=text_array([shown]), unreadable=text_array(["record_too_long"]))
