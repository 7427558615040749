"""JSON → chunks of rows: objects one a line, objects over several lines or end to end, or an array of objects.

Numbers keep the text they came with: none passes through a double.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract import SourceContract
from lakehouse.intake.model import MAX_RECORD_BYTES, Chunk, Refusal, text_array, too_long
from lakehouse.intake.source import Source

MAX_NESTING = 100
ROWS_PER_CHUNK = 20_000

_BLANKS = " \t\r\n"
# Escapes of U+0000, which Redshift has no place for, and of surrogates, of which a half is no character.
_RISKY_ESCAPE = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
# What is left where JSON that was cut cannot be read: nothing, or the beginning of a literal, a number or an escape.
_CUT = re.compile(
    r"\s*|t(r(ue?)?)?|f(a(l(se?)?)?)?|n(u(ll?)?)?|N(aN?)?|-?I(n(f(i(n(i(ty?)?)?)?)?)?)?|-|\.|[eE][+-]?|\\?(u[0-9a-fA-F]{0,4})?"
)

# Stands before the text of every number, to tell it from a string. No readable value holds this character itself, and
# a string costs the garbage collector nothing, as a class of numbers would.
_NUMBER = "\x00"
# The key that stands for every column that an object does not have; no readable object has it itself.
_ABSENT = "\x00"

_Part = tuple[Any, str, bool]
"""A value, its text, and whether an object in it named a key twice."""


class _Decoder:
    """The standard library's decoder, which also tells whether an object named a key twice.

    Control characters inside strings, which JSON wants escaped, are read as what they are. NaN and Infinity, which
    are not JSON, become text. Numbers become their text after _NUMBER.
    """

    def __init__(self) -> None:
        self._repeated = False
        number = _NUMBER.__add__
        decoder = json.JSONDecoder(
            strict=False, parse_float=number, parse_int=number, parse_constant=str, object_pairs_hook=self._object
        )
        self.value: Callable[[str, int], tuple[Any, int]] = decoder.raw_decode
        """(value, position after it) of the JSON that begins at a position. Raises JSONDecodeError, RecursionError."""

    def repeated(self) -> bool:
        """Whether an object since the last call had a key twice."""
        repeated, self._repeated = self._repeated, False
        return repeated

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        item = dict(pairs)
        self._repeated = self._repeated or len(item) < len(pairs)
        return item


@dataclass(frozen=True)
class _Shape:
    """What objects with one list of keys hold: all columns' values at once, and the keys that no column has."""

    columns: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    unknown: tuple[str, ...]


class _Rows:
    """Collects rows of one file and gives them out as chunks."""

    def __init__(self, contract: SourceContract) -> None:
        self._contract = contract
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._nothing = (None,) * (len(contract.text_columns) + 1)
        # Where columns may stand inside objects: client.device is the device in the client.
        self._outer = frozenset(
            spelling.partition(".")[0] for spelling in contract.header_lookup if "." in spelling.strip(".")
        )
        self.first = 1
        """Number of the first row of the next chunk."""
        self._clear()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, item: Any, text: str, repeated: bool) -> None:
        """One JSON value and its text."""
        if type(item) is not dict:
            self.refuse("not_an_object", text)
        elif repeated:
            self.refuse("duplicate_key", text)
        elif ("\\u" in text or text.count("{") + text.count("[") > MAX_NESTING) and (flaw := _flaw(text)):
            self.refuse(flaw, text)
        else:
            self.open_objects(item)
            keys = tuple(item)
            shape = self._shapes.get(keys) or self._new_shape(keys)
            if shape.unknown:
                self._rescued[len(self._rows)] = _json({name: item[name] for name in shape.unknown})
            item[_ABSENT] = None
            self._rows.append(shape.columns(item))

    def open_objects(self, item: dict[str, Any]) -> None:
        """Put what columns name inside objects beside them, under the whole name; the rest of each object stays."""
        if not self._outer:
            return
        for name in [name for name, value in item.items() if type(value) is dict and name.lower() in self._outer]:
            inner, found = self._without_columns(item[name], f"{name}.")
            if found:
                del item[name]
                # A key of that whole name besides counts first.
                item.update({**found, **item})
                if inner:
                    item[name] = inner

    def _without_columns(self, item: Mapping[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The object without what columns name, and that by its whole name."""
        rest: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for name, value in item.items():
            if f"{path}{name}".lower() in self._contract.header_lookup:
                found[f"{path}{name}"] = value
            elif type(value) is dict:
                inner, deeper = self._without_columns(value, f"{path}{name}.")
                found |= deeper
                if inner or not deeper:
                    rest[name] = inner
            else:
                rest[name] = value
        return rest, found

    def refuse(self, reason: str, text: str) -> None:
        self._rescued[len(self._rows)] = text
        self._unreadable[len(self._rows)] = reason
        self._rows.append(self._nothing)

    def chunk(self) -> Chunk:
        """The rows since the last chunk."""
        columns = zip(*self._rows, strict=True)
        chunk = Chunk(
            self.first,
            len(self._rows),
            values=dict(zip(self._contract.text_columns, map(_column, columns), strict=False)),
            rescued=self._sparse(self._rescued),
            unreadable=self._sparse(self._unreadable),
        )
        self.first += chunk.length
        self._clear()
        return chunk

    def _clear(self) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._rescued: dict[int, str] = {}
        self._unreadable: dict[int, str] = {}

    def _sparse(self, texts: Mapping[int, str]) -> pa.Array | None:
        return text_array([texts.get(index) for index in range(len(self._rows))]) if texts else None

    def _new_shape(self, keys: tuple[str, ...]) -> _Shape:
        """Of two spellings of one column the first counts, the other is rescued."""
        lookup = self._contract.header_lookup
        source: dict[str, str] = {}
        unknown = []
        for key in keys:
            column = lookup.get(key.strip().lower())
            if column is None or column in source:
                unknown.append(key)
            else:
                source[column] = key
        if unknown and self._contract.drift == "freeze":
            detail = f"{self._contract.dataset} is frozen and does not know the field {', '.join(unknown)}"
            raise Refusal("unknown_column", detail)
        # One more than there are columns: itemgetter gives a tuple for two keys and more.
        columns = itemgetter(*(source.get(name, _ABSENT) for name in self._contract.text_columns), _ABSENT)
        self._shapes[keys] = shape = _Shape(columns, tuple(unknown))
        return shape


def read_lines(source: Source, contract: SourceContract) -> Iterator[Chunk]:
    """One object a line. A line of several objects end to end is several rows; any other is an unreadable row.

    A file whose first object goes over several lines is read object by object. Raises Refusal when such an object
    cannot be read, and when not one line holds an object.
    """
    rows, decoder = _Rows(contract), _Decoder()
    if _begins_with_long_object(source, decoder):
        yield from _in_chunks(_objects(_Scan(source, decoder)), rows)
        return
    position, size, is_readable = source.start, len(source.data), False
    while position < size:
        end = source.block_end(position, (b"\n",))
        if end - position > MAX_RECORD_BYTES:
            yield too_long(rows.first, source.data[position:end])
            rows.first += 1
        else:
            for line in source.text(position, end).split("\n"):
                if text := line.strip(_BLANKS):
                    is_readable |= _add_line(text, rows, decoder)
            if rows:
                yield rows.chunk()
        position = end
    if not is_readable:
        raise Refusal("malformed_json", "no line of the file is a JSON object", source.offset(source.start))


def read_array(source: Source, contract: SourceContract) -> Iterator[Chunk]:
    """The elements of one JSON array. Raises Refusal where the array is cut or cannot be read."""
    return _in_chunks(_elements(_Scan(source, _Decoder())), _Rows(contract))


def parse_rescued(text: str, contract: SourceContract) -> dict[str, Any]:
    """What bronze rescued of a row: name → value, `as_text` of which is what a column would hold; a value that a column
    names inside an object stands under the whole name."""
    item: dict[str, Any] = _Decoder().value(text, 0)[0]
    _Rows(contract).open_objects(item)
    return item


def as_text(value: Any) -> str | None:
    """The text of a decoded value, as bronze keeps it."""
    return value.removeprefix(_NUMBER) if isinstance(value, str) else None if value is None else _json(value)


def _add_line(text: str, rows: _Rows, decoder: _Decoder) -> bool:
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


def _begins_with_long_object(source: Source, decoder: _Decoder) -> bool:
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
    scan = _Scan(source, decoder)
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

    def __init__(self, source: Source, decoder: _Decoder) -> None:
        self._source, self._decoder = source, decoder
        self._text = source.text(source.start, len(source.data))
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
        self.failed_at = self._source.start + len(self._text[:position].encode())
        rest = self._text[position:]
        if problem.startswith("Unterminated string") or _CUT.fullmatch(rest):
            end = self._source.offset(len(self._source.data))
            return Refusal("truncated_json", f"the JSON ends too early: {problem}", end)
        return Refusal("malformed_json", f"the JSON cannot be read: {problem}", self._source.offset(self.failed_at))


def _elements(scan: _Scan) -> Iterator[_Part]:
    scan.step("[")
    if scan.next_character() == "]":
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


def _in_chunks(parts: Iterator[_Part], rows: _Rows) -> Iterator[Chunk]:
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


def _flaw(text: str) -> str | None:
    """Why an object that could be parsed is unreadable all the same."""
    if text.count("{") + text.count("[") <= MAX_NESTING and not _RISKY_ESCAPE.search(text):
        return None
    waiting = [(json.loads(text, strict=False, parse_float=str, parse_int=str), 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_NESTING:
            return "nested_too_deeply"
        if isinstance(value, str) and _UNUSABLE.search(value):
            return "invalid_character"
        if isinstance(value, dict):
            waiting += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            waiting += [(part, depth + 1) for part in value]
    return None


def _column(values: Sequence[Any]) -> pa.Array:
    try:
        texts = text_array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # not all of them are text already
        texts = text_array([value if value is None or isinstance(value, str) else _json(value) for value in values])
    return pc.replace_substring(texts, _NUMBER, "")


def _json(value: Any) -> str:
    """JSON without blanks; numbers as they were written."""
    if isinstance(value, str) and value.startswith(_NUMBER):
        return value[1:]
    if isinstance(value, dict):
        return "{" + ",".join([f"{_json(key)}:{_json(part)}" for key, part in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_json(part) for part in value]) + "]"
    return orjson.dumps(value).decode()
