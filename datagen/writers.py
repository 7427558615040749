"""Text columns → the bytes of a file, in seven formats and the dialects that senders have of them.

Whole columns are joined into lines at once; a row that something is wrong with is written by itself, by the same rules.
A file is a head, lines and a tail, so that something can go wrong with single lines.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from datagen.chance import Indices
from datagen.text import Row, pool_text

Kind = Literal["delimited", "ndjson", "json"]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_JSON_LITERALS = ("integer", "number", "boolean")
_UNSAFE_IN_JSON = tuple(b'"\\' + bytes(range(32)))
_INDENT = "  "
_GZIP_LEVEL = 1


@dataclass(frozen=True)
class Format:
    """One of the seven. `.gz` alone says nothing of what is inside: newline-delimited JSON here."""

    extension: str
    kind: Kind
    is_gzip: bool
    delimiter: str = ","


FORMATS = (
    Format(".csv", "delimited", False),
    Format(".ndjson", "ndjson", False),
    Format(".csv.gz", "delimited", True),
    Format(".txt", "delimited", False, "|"),
    Format(".json", "json", False),
    Format(".ndjson.gz", "ndjson", True),
    Format(".gz", "ndjson", True),
)


@dataclass(frozen=True)
class Layout:
    """How the rows of one file are laid out.

    `header` gives for every column that is written, in order, the name that it has in the file; in JSON a name with
    dots stands for objects in the object, and names that share one stand side by side. `types` are logical types by
    column. Pretty JSON has a line for every member.
    """

    kind: Kind
    header: Mapping[str, str]
    types: Mapping[str, str]
    delimiter: str = ","
    line_end: str = "\n"
    has_header: bool = True
    quotes_all: bool = False
    is_pretty: bool = False


@dataclass(frozen=True)
class Text:
    """A file's text in parts; every line but those of a JSON array ends with the layout's line end."""

    head: str
    lines: pa.StringArray
    tail: str

    def encode(self, encoding: str = "utf-8") -> bytes:
        """All of it as bytes. A character that the encoding lacks is an error."""
        body = _data(self.lines)
        if encoding == "utf-8":
            return b"".join((self.head.encode(), body, self.tail.encode()))
        return (self.head + bytes(body).decode() + self.tail).encode(encoding)

    def with_lines(self, places: Indices, lines: Sequence[str]) -> Text:
        """The text with other lines at some places, in ascending order."""
        if not len(places):
            return self
        mask = np.zeros(len(self.lines), np.bool_)
        mask[places] = True
        replaced = pc.replace_with_mask(self.lines, pa.array(mask), pa.array(lines, pa.string()))
        return Text(self.head, replaced, self.tail)


def gzipped(data: bytes) -> bytes:
    """One gzip member without name or time. The same on every x86-64 processor since 2008 (SSE 4.2), and everywhere
    the same once inflated."""
    packer = isal_zlib.compressobj(level=_GZIP_LEVEL, wbits=-isal_zlib.MAX_WBITS)
    body = packer.compress(data) + packer.flush()
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return b"".join(
        (head, body, isal_zlib.crc32(data).to_bytes(4, "little"), (len(data) & 0xFFFFFFFF).to_bytes(4, "little"))
    )


def write(columns: Mapping[str, pa.Array], layout: Layout) -> Text:
    """Text columns, plain or dictionaries, as the text of a file."""
    lines = _delimited(columns, layout) if layout.kind == "delimited" else _objects(columns, layout)
    match layout.kind:
        case "delimited":
            return Text(header_line(layout) if layout.has_header else "", lines, "")
        case "ndjson":
            return Text("", lines, "")
        case "json":
            return _array(lines, layout)


def header_line(layout: Layout) -> str:
    """The first line of delimited text."""
    return layout.delimiter.join(_cell(name, layout) for name in layout.header.values()) + layout.line_end


def write_row(row: Row, layout: Layout) -> str:
    """One row as its line, as `write` writes it."""
    if layout.kind == "delimited":
        cells = (_cell(row[name] or "", layout) for name in layout.header)
        return layout.delimiter.join(cells) + layout.line_end
    pieces = [
        literal + _json_value(row[name], layout.types[name])
        for (name, _), literal in zip(layout.header.items(), _json_literals(layout), strict=False)
    ]
    return "".join(pieces) + _json_literals(layout)[-1]


def closing_line(line: str, layout: Layout) -> str:
    """A line as the last of its file: in a JSON array no comma follows it."""
    return line.removesuffix(f",{layout.line_end}") + layout.line_end if layout.kind == "json" else line


def _data(lines: pa.StringArray) -> memoryview:
    """The characters of an array of strings, which stand one after another."""
    if not len(lines):
        return memoryview(b"")
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[int(offsets[0]) : int(offsets[-1])]


def _array(lines: pa.StringArray, layout: Layout) -> Text:
    """A JSON array: lines end with a comma, all but the last."""
    if not len(lines):
        return Text("[", lines, f"]{layout.line_end}")
    last = closing_line(lines[-1].as_py(), layout)
    lines = pc.replace_with_mask(lines, pa.array(np.arange(len(lines)) == len(lines) - 1), pa.array([last]))
    return Text(f"[{layout.line_end}", lines, f"]{layout.line_end}")


# --- delimited text


def _delimited(columns: Mapping[str, pa.Array], layout: Layout) -> pa.StringArray:
    def quoted(column: pa.StringArray) -> pa.StringArray:
        return _quoted(column, layout)

    # Only texts can need quotes: numbers, flags and instants have no sign that does.
    cells = [
        _plain(columns[name], quoted, (layout.delimiter, layout.quotes_all))
        if layout.quotes_all or layout.types[name] == "string"
        else _plain(columns[name], _or_nothing, "")
        for name in layout.header
    ]
    cells[-1] = pc.binary_join_element_wise(cells[-1], layout.line_end, "")
    return cells[0] if len(cells) == 1 else pc.binary_join_element_wise(*cells, layout.delimiter)


def _plain(column: pa.Array, render: Callable[[pa.StringArray], pa.StringArray], way: object) -> pa.StringArray:
    """A column's rendered cells; those of a dictionary are rendered once each."""
    if not isinstance(column, pa.DictionaryArray):
        return render(column)
    if not column.null_count:
        return pool_text(column.dictionary, render, way).take(column.indices)
    with_null = pool_text(column.dictionary, lambda pool: render(_with_null(pool)), ("with null", way))
    return with_null.take(column.indices.fill_null(len(column.dictionary)))


def _with_null(pool: pa.StringArray) -> pa.StringArray:
    return pa.concat_arrays([pool, pa.nulls(1, pa.string())])


def _or_nothing(column: pa.StringArray) -> pa.StringArray:
    return column.fill_null("") if column.null_count else column


def _quoted(column: pa.StringArray, layout: Layout) -> pa.StringArray:
    filled = _or_nothing(column)
    risky = ('"', layout.delimiter, "\n", "\r")
    data = bytes(_data(filled))
    if not layout.quotes_all and not any(sign.encode() in data for sign in risky):
        return filled
    doubled = pc.binary_join_element_wise('"', pc.replace_substring(filled, '"', '""'), '"', "")
    if layout.quotes_all:
        return doubled
    return pc.if_else(pc.match_substring_regex(filled, "[" + re.escape("".join(risky)) + "]"), doubled, filled)


def _cell(text: str, layout: Layout) -> str:
    if layout.quotes_all or any(sign in text for sign in ('"', layout.delimiter, "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


# --- JSON


def _objects(columns: Mapping[str, pa.Array], layout: Layout) -> pa.StringArray:
    literals = _json_literals(layout)
    pieces: list[pa.Array | str] = []
    for name, literal in zip(layout.header, literals, strict=False):
        bare = layout.types[name] in _JSON_LITERALS
        pieces += [literal, _plain(columns[name], _bare if bare else _strings, bare)]
    return pc.binary_join_element_wise(*pieces, literals[-1], "")


def _json_literals(layout: Layout) -> Sequence[str]:
    """What stands before each value, and after the last. Names with the same words before a dot share an object."""

    def gap(depth: int) -> str:
        return layout.line_end + _INDENT * depth if layout.is_pretty else ""

    def closing(depth: int, to: int) -> str:
        return "".join(f"{gap(level)}}}" for level in range(depth, to, -1))

    literals: list[str] = []
    inside: Sequence[str] = ()
    for name in layout.header.values():
        *outer, inner = name.split(".")
        depth = _shared(inside, outer)
        literal = closing(len(inside), depth) + "," + (gap(depth + 1) or " ") if literals else "{" + gap(1)
        for level, word in enumerate(outer[depth:], depth + 2):
            literal += f"{json.dumps(word, ensure_ascii=False)}: {{{gap(level)}"
        literals.append(f"{literal}{json.dumps(inner, ensure_ascii=False)}: ")
        inside = outer
    end = "," if layout.kind == "json" else ""
    return [*literals, closing(len(inside), 0) + gap(0) + "}" + end + layout.line_end]


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two lists begin with in common."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)


def _bare(column: pa.StringArray) -> pa.StringArray:
    """Numbers and booleans as such: what JSON calls 12.50 keeps both decimals."""
    return column.fill_null("null") if column.null_count else column


def _strings(column: pa.StringArray) -> pa.StringArray:
    data = bytes(_data(column))
    if any(sign in data for sign in _UNSAFE_IN_JSON):
        return pa.array(
            [None if text is None else json.dumps(text, ensure_ascii=False) for text in column.to_pylist()], pa.string()
        ).fill_null("null")
    strings = pc.binary_join_element_wise('"', column, '"', "")
    return strings.fill_null("null") if strings.null_count else strings


def _json_value(text: str | None, logical_type: str) -> str:
    """As above; what a defect has made of a number, and is none any more, becomes a string."""
    if text is None:
        return "null"
    is_number = logical_type in ("integer", "number") and _NUMBER.fullmatch(text)
    if is_number or (logical_type == "boolean" and text in ("true", "false")):
        return text
    return json.dumps(text, ensure_ascii=False)
