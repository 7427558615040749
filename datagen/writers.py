"""Rows of text → bytes, in seven formats.

A file is a head, lines and a tail, so that something can go wrong with single lines. `.gz` alone says nothing of what
is inside: newline-delimited JSON here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datagen.text import Row

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


@dataclass(frozen=True)
class Text:
    """A file's text in parts: `head` + lines joined by `separator` + `tail`."""

    head: str
    lines: Sequence[str]
    separator: str
    tail: str

    def __str__(self) -> str:
        return self.head + self.separator.join(self.lines) + self.tail


@dataclass(frozen=True)
class Format:
    """A way to write rows. `kind` is delimited, ndjson or json; `types` are the columns' logical types by name."""

    extension: str
    kind: str
    is_gzip: bool
    write: Callable[[Sequence[Row], Sequence[str], dict[str, str]], Text]

    def encode(self, text: Text) -> bytes:
        """The bytes of a file; the same text always gives the same bytes."""
        data = str(text).encode()
        return gzip.compress(data, compresslevel=6, mtime=0) if self.is_gzip else data


def _delimited(delimiter: str) -> Callable[[Sequence[Row], Sequence[str], dict[str, str]], Text]:
    def write(rows: Sequence[Row], columns: Sequence[str], types: dict[str, str]) -> Text:
        lines = [_cells([row.get(name) or "" for name in columns], delimiter) for row in rows]
        return Text(f"{_cells(columns, delimiter)}\n", lines, "\n", "\n" if lines else "")

    return write


def _cells(cells: Sequence[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(cells)
    return line.getvalue()


def _ndjson(rows: Sequence[Row], columns: Sequence[str], types: dict[str, str]) -> Text:
    lines = [_object(row, columns, types) for row in rows]
    return Text("", lines, "\n", "\n" if lines else "")


def _json_array(rows: Sequence[Row], columns: Sequence[str], types: dict[str, str]) -> Text:
    return Text("[\n", [_object(row, columns, types) for row in rows], ",\n", "\n]\n")


def _object(row: Row, columns: Sequence[str], types: dict[str, str]) -> str:
    pairs = (f"{json.dumps(name)}: {_json_value(row.get(name), types.get(name, 'string'))}" for name in columns)
    return "{" + ", ".join(pairs) + "}"


def _json_value(text: str | None, logical_type: str) -> str:
    """Numbers and booleans as such where the text is one: what JSON calls 12.50 keeps both decimals."""
    if text is None:
        return "null"
    is_number = logical_type in ("integer", "number") and _NUMBER.fullmatch(text)
    if is_number or (logical_type == "boolean" and text in ("true", "false")):
        return text
    return json.dumps(text, ensure_ascii=False)


FORMATS = (
    Format(".csv", "delimited", False, _delimited(",")),
    Format(".ndjson", "ndjson", False, _ndjson),
    Format(".csv.gz", "delimited", True, _delimited(",")),
    Format(".txt", "delimited", False, _delimited("|")),
    Format(".json", "json", False, _json_array),
    Format(".ndjson.gz", "ndjson", True, _ndjson),
    Format(".gz", "ndjson", True, _ndjson),
)
