"""JSON → chunks of rows: objects one a line, objects over several lines or end to end, or an array of objects.

Blocks of lines that are all alike are read at once (`alike`), everything else value by value. Both agree on every line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from lakehouse.contract import SourceContract
from lakehouse.intake.alike import Alike, Found
from lakehouse.intake.model import MAX_RECORD_BYTES, Chunk, Refusal, too_long
from lakehouse.intake.objects import Decoder, Rows
from lakehouse.intake.source import Source

ROWS_PER_CHUNK = 20_000

_BLANKS = " \t\r\n"
# What is left where JSON that was cut cannot be read: nothing, or the beginning of a literal, a number or an escape.
_CUT = re.compile(
    r"\s*|t(r(ue?)?)?|f(a(l(se?)?)?)?|n(u(ll?)?)?|N(aN?)?|-?I(n(f(i(n(i(ty?)?)?)?)?)?)?|-|\.|[eE][+-]?|\\?(u[0-9a-fA-F]{0,4})?"
)

_Part = tuple[Any, str, bool]
"""A value, its text, and whether an object in it named a key twice."""


def read_lines(source: Source, contract: SourceContract) -> Iterator[Chunk]:
    """One object a line. A line of several objects end to end is several rows; any other is an unreadable row.

    A file whose first object goes over several lines is read object by object. Raises Refusal when such an object
    cannot be read, and when not one line holds an object.
    """
    rows, decoder = Rows(contract, source), Decoder()
    if _begins_with_long_object(source, decoder):
        yield from _in_chunks(_objects(_Scan(source, decoder, source.start)), rows)
        return
    alike = Alike(source, contract)
    position, size, is_readable = source.start, len(source.data), False
    while position < size:
        end = source.block_end(position, (b"\n",))
        if end - position > MAX_RECORD_BYTES:
            yield too_long(rows.first, source.data[position : position + MAX_RECORD_BYTES])
            rows.first += 1
        else:
            block = source.checked(position, end)
            found = alike.read(block)
            is_readable |= found.length > 0
            counts = []
            for line in _chosen(block, found.odd):
                before = len(rows)
                if text := line.decode().strip(_BLANKS):
                    is_readable |= _add_line(text, rows, decoder)
                counts.append(len(rows) - before)
            yield from _merged(found, rows, counts)
        position = end
    if not is_readable:
        raise Refusal("malformed_json", "no line of the file is a JSON object", source.offset(source.start))


def read_array(source: Source, contract: SourceContract) -> Iterator[Chunk]:
    """The elements of one JSON array. Raises Refusal where the array is cut or cannot be read.

    As long as every line is an element and its comma, blocks of lines are read.
    """
    rows, decoder, alike = Rows(contract, source), Decoder(), Alike(source, contract, separator=",")
    position, is_all_read = source.filled_from(source.start + 1), True
    while is_all_read and (end := source.last_end(position, (b",\n", b",\r\n"))):
        block = source.checked(position, end)
        found = alike.read(block)
        counts: list[int] = []
        for number, line in zip(found.odd, _chosen(block, found.odd), strict=True):
            before = len(rows)
            if not _add_element(line.decode(), rows, decoder):
                found, is_all_read = found.until(number), False
                end = position + sum(len(line) + 1 for line in block.split(b"\n", number)[:number])
                break
            counts.append(len(rows) - before)
        yield from _merged(found, rows, counts)
        position = end
    scan = _Scan(source, decoder, position)
    yield from _in_chunks(_elements(scan, is_begun=rows.first > 1), rows)


def _add_element(line: str, rows: Rows, decoder: Decoder) -> bool:
    """Add the line's value, if it is one value and a comma, or nothing at all; else tell that it is not."""
    text = line.strip(_BLANKS)
    if not text:
        return True
    try:
        item, end = decoder.value(text, 0)
    except (json.JSONDecodeError, RecursionError):
        decoder.repeated()
        return False
    repeated = decoder.repeated()
    if text[end:].lstrip(_BLANKS) != ",":
        return False
    rows.add(item, text[:end], repeated)
    return True


def _chosen(block: bytes, numbers: Sequence[int]) -> list[bytes]:
    """Lines of those numbers."""
    if not numbers:
        return []
    lines = block.split(b"\n")
    return [lines[number] for number in numbers]


def _merged(found: Found, rows: Rows, counts: Sequence[int]) -> Iterator[Chunk]:
    """The rows of a block in order: those of alike lines, and `rows`, of which each odd line gave so many."""
    first = rows.first
    others = rows.chunk() if rows else None
    rows.first = first + found.length + (others.length if others else 0)
    if not found.length or others is None:
        chunk = others or Chunk(first, found.length, found.values, found.rescued)
        if chunk.length:
            yield chunk
        return
    order: list[int] = []
    read, added = 0, found.length
    for place, (number, count) in enumerate(zip(found.odd, counts, strict=True)):
        order += range(read, number - place)
        order += range(added, added + count)
        read, added = number - place, added + count
    order += range(read, found.length)
    taken = pa.array(order, pa.int64())

    def both(one: pa.Array | None, other: pa.Array | None) -> pa.Array | None:
        if one is None and other is None:
            return None
        lengths = (found.length, others.length)
        parts = [
            pa.nulls(length, pa.string()) if part is None else part
            for part, length in zip((one, other), lengths, strict=True)
        ]
        return pa.concat_arrays(parts).take(taken)

    yield Chunk(
        first,
        len(order),
        {name: both(found.values.get(name), column) for name, column in others.values.items()},
        both(found.rescued, others.rescued),
        both(None, others.unreadable),
    )


def _add_line(text: str, rows: Rows, decoder: Decoder) -> bool:
    """Add the line's objects, or the line as one unreadable row; tells whether it held an object."""
    reason = "malformed_json"
    try:
        item, end = decoder.value(text, 0)
        if end == len(text):
            rows.add(item, text, decoder.repeated())
            return type(item) is dict
        parts = [(item, text[:end], decoder.repeated())]
        while (start := _after_blanks(text, end)) < len(text):
            item, end = decoder.value(text, start)
            parts.append((item, text[start:end], decoder.repeated()))
    except json.JSONDecodeError:
        parts = []
    except RecursionError:
        reason, parts = "nested_too_deeply", []
    if parts and all(type(item) is dict for item, _, _ in parts):
        for part in parts:
            rows.add(*part)
        return True
    decoder.repeated()
    rows.refuse(reason, text)
    return False


def _begins_with_long_object(source: Source, decoder: Decoder) -> bool:
    """Whether the first line is only the beginning of an object, or too long for a line. Raises Refusal when the
    object is not whole.

    A first line that is simply broken makes an error there or where the second line begins; an object that can be
    read beyond that was meant to be one.
    """
    first_end = source.data.find(b"\n", source.start) + 1 or len(source.data)
    try:
        if first_end - source.start <= MAX_RECORD_BYTES:
            decoder.value(source.text(source.start, first_end), 0)
            return False
    except (json.JSONDecodeError, RecursionError):
        pass
    finally:
        decoder.repeated()
    scan = _Scan(source, decoder, source.start)
    second_end = source.data.find(b"\n", first_end) + 1 or len(source.data)
    try:
        scan.value()
    except Refusal as refusal:
        decoder.repeated()
        if refusal.reason == "truncated_json" or scan.failed_at > second_end:
            raise
        return False
    return True


class _Scan:
    """Goes through a whole text, value by value; what cannot be read raises a Refusal with its place."""

    def __init__(self, source: Source, decoder: Decoder, start: int) -> None:
        self._source, self._decoder, self._start = source, decoder, start
        self._text = source.text(start, len(source.data))
        self._position = 0
        self.failed_at = 0
        """Byte of the source's data where the last Refusal saw the error."""

    def value(self) -> _Part:
        start = self._position
        try:
            item, self._position = self._decoder.value(self._text, start)
        except json.JSONDecodeError as error:
            raise self._refusal(error.msg, error.pos) from None
        except RecursionError:
            raise self._refusal("it is nested too deeply", start) from None
        return item, self._text[start : self._position], self._decoder.repeated()

    def next_character(self) -> str:
        """The first character after blanks, empty at the end; the position stays before it."""
        self._position = _after_blanks(self._text, self._position)
        return self._text[self._position : self._position + 1]

    def step(self, *wanted: str) -> str:
        """Go past one of the wanted characters. Raises Refusal when there is none of them."""
        character = self.next_character()
        if character not in wanted:
            raise self._refusal(f"Expecting {' or '.join(wanted)}", self._position)
        self._position += 1
        return character

    def refuse_rest(self) -> None:
        if self.next_character():
            raise self._refusal("text follows the end of the array", self._position)

    def _refusal(self, problem: str, position: int) -> Refusal:
        self.failed_at = self._start + len(self._text[:position].encode())
        rest = self._text[position:]
        if problem.startswith("Unterminated string") or _CUT.fullmatch(rest):
            end = self._source.offset(len(self._source.data))
            return Refusal("truncated_json", f"the JSON ends too early: {problem}", end)
        return Refusal("malformed_json", f"the JSON cannot be read: {problem}", self._source.offset(self.failed_at))


def _elements(scan: _Scan, is_begun: bool) -> Iterator[_Part]:
    """What follows the opening bracket, or, in an array that has begun, a comma."""
    if not is_begun and scan.next_character() == "]":
        scan.step("]")
    else:
        mark = ","
        while mark == ",":
            scan.next_character()
            yield scan.value()
            mark = scan.step(",", "]")
    scan.refuse_rest()


def _objects(scan: _Scan) -> Iterator[_Part]:
    while scan.next_character():
        yield scan.value()


def _in_chunks(parts: Iterator[_Part], rows: Rows) -> Iterator[Chunk]:
    for part in parts:
        rows.add(*part)
        if len(rows) == ROWS_PER_CHUNK:
            yield rows.chunk()
    if rows:
        yield rows.chunk()


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position
