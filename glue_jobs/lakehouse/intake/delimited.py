"""Delimited text with a header → chunks of rows.

A block of whole lines whose quotes are all in place and whose rows are all as wide as the header goes through Arrow's
parser; any other block goes record by record through Python's, which can say what is wrong with which. Both agree on
every block that Arrow's is given.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv

from lakehouse.contract import SourceContract
from lakehouse.intake.model import (
    CONTROL_COLUMNS,
    MAX_COLUMNS,
    MAX_RECORD_BYTES,
    Chunk,
    Refusal,
    named,
    text_array,
    too_long,
)
from lakehouse.intake.source import Source

DELIMITERS = ",;\t|"
_LINE_ENDS = (b"\n", b"\r")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
# Reading on after a quote that never closes means reading lines twice: linear at worst, for a file of any size.
FREE_REREAD_CHARACTERS = 64 << 20

# Process-wide, as the csv module has it; the default of 128 KiB would break long cells that are well formed.
csv.field_size_limit(MAX_RECORD_BYTES)


@dataclass(frozen=True)
class _Header:
    """How the rows of a file are laid out. `end` is the byte where they begin."""

    delimiter: str
    width: int
    places: Mapping[int, str]
    """Position → contract column."""
    unknown: Mapping[int, str]
    """Position of any other column → the name under which its cells are rescued."""
    strange: Sequence[str]
    """Those that the header itself names."""
    end: int


def read_delimited(source: Source, contract: SourceContract, given: Collection[str]) -> Iterator[Chunk]:
    """The rows of the file; `given` columns need not be in its header. Raises Refusal: at once when the header is no
    good, later for what is found later."""
    header = _read_header(source, contract, given)
    rows, number, position = _Rows(source, header), 1, header.end
    while position < len(source.data):
        chunk, position = rows.block(number, position)
        if chunk.length:
            yield chunk
        number += chunk.length


def _read_header(source: Source, contract: SourceContract, given: Collection[str]) -> _Header:
    """The delimiter is the one under which the header names most columns of the contract."""
    end = source.block_end(source.start, _LINE_ENDS)
    if end - source.start > MAX_RECORD_BYTES:
        raise Refusal(
            "line_too_long",
            f"the first line has {end - source.start:,} bytes; the limit is {MAX_RECORD_BYTES:,}",
            source.offset(source.start),
        )
    text = source.text(source.start, end)
    readings = [_Reading.of(text, delimiter) for delimiter in DELIMITERS]
    best = max(readings, key=lambda reading: len(set(_known(reading.cells, contract).values())))
    header = "".join(islice(_lines(text), best.lines))
    if "\x00" in header:
        position = source.start + len(header[: header.index("\x00")].encode())
        raise Refusal("binary_content", "a NUL character in the header", source.offset(position))
    places = _known(best.cells, contract)
    if not places:
        raise Refusal(
            "header_missing",
            f"no column of {contract.dataset} is named in the first line; it should name "
            f"{', '.join(contract.column_names)}",
            source.offset(source.start),
        )
    if len(best.cells) > MAX_COLUMNS:
        detail = f"the first line names {len(best.cells):,} columns; the limit is {MAX_COLUMNS:,}"
        raise Refusal("too_many_columns", detail, source.offset(source.start))
    # Of two spellings of one column the first counts, the other is rescued.
    first = {name: index for index, name in reversed(places.items())}
    places = {index: name for index, name in places.items() if first[name] == index}
    if missing := [name for name in contract.key if name not in places.values() and name not in given]:
        raise Refusal(
            "header_mismatch",
            f"the key column {', '.join(missing)} is not in the header ({named(best.cells)})",
            source.offset(source.start),
        )
    unknown: dict[int, str] = {}
    taken: set[str] = set()
    for index, cell in enumerate(best.cells):
        if index not in places:
            name = f"{cell} (column {index + 1})" if cell in taken else cell or f"column {index + 1}"
            unknown[index] = name
            taken.add(name)
    strange = [name for index, name in unknown.items() if best.cells[index]]
    if contract.drift == "freeze" and (others := [name for name in unknown.values() if name not in CONTROL_COLUMNS]):
        detail = f"{contract.dataset} is frozen and does not know the column {named(others)}"
        raise Refusal("unknown_column", detail, source.offset(source.start))
    return _Header(best.delimiter, len(best.cells), places, unknown, strange, source.start + len(header.encode()))


@dataclass(frozen=True)
class _Reading:
    """The first record under one delimiter: its cells without blanks around them, and how many lines it takes."""

    delimiter: str
    cells: list[str]
    lines: int

    @classmethod
    def of(cls, text: str, delimiter: str) -> _Reading:
        reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
        try:
            cells = next(reader, [])
        except csv.Error:
            return cls(delimiter, [], 0)
        return cls(delimiter, [cell.strip() for cell in cells], reader.line_num)


def _known(header: list[str], contract: SourceContract) -> dict[int, str]:
    lookup = contract.header_lookup
    return {index: lookup[cell.lower()] for index, cell in enumerate(header) if cell.lower() in lookup}


class _Rows:
    """Reads the blocks of one file. Every method gives a chunk and the byte where the next block begins."""

    def __init__(self, source: Source, header: _Header) -> None:
        self._source, self._header = source, header
        self._may_reread = FREE_REREAD_CHARACTERS + len(source.data)
        names = [str(index) for index in range(header.width)]
        self._read = pa.csv.ReadOptions(use_threads=False, block_size=2 * MAX_RECORD_BYTES, column_names=names)
        self._convert = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        )

    def block(self, first: int, start: int) -> tuple[Chunk, int]:
        """The rows from byte `start` on; the first of them has number `first`."""
        end = self._source.block_end(start, _LINE_ENDS)
        if end - start > MAX_RECORD_BYTES:
            return too_long(first, self._source.data[start : start + MAX_RECORD_BYTES]), end
        columns = self._columns_at_once(start, end)
        if columns is not None:
            return self._chunk(first, columns, {}), end
        return self._one_by_one(first, start, end)

    def _columns_at_once(self, start: int, end: int) -> Sequence[pa.Array] | None:
        """The cells of a block of which nothing at all is wrong; None for any other."""
        block = self._source.checked(start, end)
        parts = block.split(b'"')
        has_quotes = len(parts) > 1
        if self._header.width == 1 or (self._source.is_cut and end == len(self._source.data)):
            return None  # in a file of one column Arrow would take a line of blanks for a row
        if self._source.has_nul and b"\x00" in block:
            return None
        if has_quotes and not _quotes_in_place(parts, self._header.delimiter.encode()):
            return None
        flaws: list[object] = []

        def note(row: object) -> str:
            flaws.append(row)
            return "skip"

        parse = pa.csv.ParseOptions(
            delimiter=self._header.delimiter, newlines_in_values=has_quotes, invalid_row_handler=note
        )
        try:
            table = pa.csv.read_csv(pa.BufferReader(block), self._read, parse, self._convert)
        except pa.ArrowInvalid:
            return None
        # Blank lines are no rows, and no flaws either: such a block is read line by line, as is one that lost a line.
        if flaws or table.num_rows != _line_count(parts):
            return None
        return [column.combine_chunks() for column in table.columns]

    def _one_by_one(self, first: int, start: int, end: int) -> tuple[Chunk, int]:
        """Each record by itself. A record that the block does not hold to its end is left for the next block."""
        header, is_last = self._header, end == len(self._source.data)
        lines = list(_lines(self._source.text(start, end)))
        rows: list[Sequence[str | None]] = []
        unreadable: dict[int, tuple[str, str]] = {}
        nothing: Sequence[None] = [None] * header.width
        reader, base, at = _reader(lines, 0, header.delimiter), 0, 0
        while at < len(lines):
            cells: list[str] | None
            try:
                cells = next(reader)
            except csv.Error:
                cells = None
            after = base + reader.line_num
            if is_last and self._source.is_cut and after == len(lines):
                cells = None
            if cells is None and after == len(lines) and at > 0 and not is_last:
                self._charge(lines[at:], start)
                return self._finish(first, rows, unreadable), start + len("".join(lines[:at]).encode())
            is_blank = cells is not None and (not cells or (len(cells) == 1 and cells[0].isspace()))
            if cells is not None and len(cells) == header.width and not is_blank:
                has_nul = self._source.has_nul and any("\x00" in cell for cell in cells)
                if has_nul:
                    unreadable[len(rows)] = ("invalid_character", "".join(lines[at:after]).rstrip("\r\n"))
                rows.append(nothing if has_nul else cells)
            elif not is_blank:
                if after > at + 1 and self._is_row(lines[at + 1]):
                    # The quote that opens on the first line was not meant to: what follows are rows of their own.
                    self._charge(lines[at:after], start)
                    cells, after = None, at + 1
                    reader, base = _reader(lines, after, header.delimiter), after
                elif cells is None and after == len(lines) and not is_last:
                    detail = f"a quote opens that does not close within {MAX_RECORD_BYTES:,} bytes"
                    raise Refusal("unbalanced_quotes", detail, self._source.offset(start))
                reason = "malformed_row" if cells is None else "wrong_field_count"
                unreadable[len(rows)] = (reason, "".join(lines[at:after]).rstrip("\r\n"))
                rows.append(nothing)
            at = after
        return self._finish(first, rows, unreadable), end

    def _is_row(self, line: str) -> bool:
        """Whether a line by itself is beyond doubt a row: as wide as the header and without a quote in any cell."""
        try:
            cells = next(_reader([line], 0, self._header.delimiter))
        except csv.Error:
            return False
        return len(cells) == self._header.width and not any('"' in cell for cell in cells)

    def _charge(self, lines: Sequence[str], start: int) -> None:
        """Count text that will be read again. Raises Refusal when a file is made to be read over and over."""
        self._may_reread -= sum(map(len, lines))
        if self._may_reread < 0:
            detail = "quotes open and do not close, again and again: where its rows end cannot be told"
            raise Refusal("unbalanced_quotes", detail, self._source.offset(start))

    def _finish(
        self, first: int, rows: Sequence[Sequence[str | None]], unreadable: Mapping[int, tuple[str, str]]
    ) -> Chunk:
        return self._chunk(first, [text_array(column) for column in zip(*rows, strict=True)], unreadable)

    def _chunk(self, first: int, columns: Sequence[pa.Array], unreadable: Mapping[int, tuple[str, str]]) -> Chunk:
        if not columns:
            return Chunk(first, 0)
        header, length = self._header, len(columns[0])
        rescued: list[str | None] = [None] * length
        if header.unknown:
            cells = zip(*(columns[index].to_pylist() for index in header.unknown), strict=True)
            rescued = [self._rescued(row) for row in cells]
        reasons: list[str | None] = [None] * length
        for index, (reason, text) in unreadable.items():
            reasons[index], rescued[index] = reason, text
        return Chunk(
            first,
            length,
            values={name: columns[index] for index, name in header.places.items()},
            rescued=text_array(rescued) if header.unknown or unreadable else None,
            unreadable=text_array(reasons) if unreadable else None,
            strange=header.strange,
        )

    def _rescued(self, cells: Iterable[str]) -> str | None:
        """The cells that the contract does not know as JSON; an empty one is nothing."""
        named = {name: cell for name, cell in zip(self._header.unknown.values(), cells, strict=True) if cell}
        return orjson.dumps(named).decode() if named else None


def _line_count(parts: Sequence[bytes]) -> int:
    """How many lines a block has that was split at its quotes, those inside quotes not counted."""
    outside = b"".join(parts[::2])
    ends = outside.count(b"\n") + outside.count(b"\r") - outside.count(b"\r\n")
    return ends + (not parts[-1].endswith((b"\n", b"\r")))


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends: LF, CR LF or CR, and nothing else (str.splitlines knows many more)."""
    return map(itemgetter(0), _LINE.finditer(text))


def _reader(lines: list[str], start: int, delimiter: str) -> Any:
    """A strict reader of the lines from `start` on: it refuses quotes that are out of place instead of guessing."""
    return csv.reader(map(lines.__getitem__, range(start, len(lines))), delimiter=delimiter, strict=True)


def _quotes_in_place(parts: Sequence[bytes], delimiter: bytes) -> bool:
    """Whether every quote opens a cell, closes one or is doubled inside one, and the last one closes.

    Split at quotes, the odd parts are what is inside: an even part between two others is then nothing (a doubled
    quote), or goes from the end of a cell to the start of another.
    """
    if len(parts) % 2 == 0:
        return False
    ends = (delimiter, *_LINE_ENDS)
    return (
        (not parts[0] or parts[0].endswith(ends))
        and (not parts[-1] or parts[-1].startswith(ends))
        and all(not part or (part.startswith(ends) and part.endswith(ends)) for part in set(parts[2:-1:2]))
    )
