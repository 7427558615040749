"""JSON objects → columns of text: what an object's keys mean, and what becomes of an object that is no row.

Numbers keep the text they came with: none passes through a double.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract import SourceContract
from lakehouse.intake.model import CONTROL_COLUMNS, MAX_COLUMNS, MAX_NESTING, Chunk, Refusal, named, text_array
from lakehouse.intake.source import Source

# Files have a few lists of keys; one that has a new one in every object is not let fill the memory with them.
MAX_SHAPES = 1_000
MAX_KEYS = 50_000

# Escapes of U+0000, which Redshift has no place for, and of surrogates, of which a half is no character.
_RISKY_ESCAPE = re.compile(r"\\u(0000|[dD][89a-fA-F])")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
# Stands before the text of every number, to tell it from a string. No readable value holds this character itself, and
# a string costs the garbage collector nothing, as a class of numbers would.
_NUMBER = "\x00"
# The key that stands for every column that an object does not have; no readable object has it itself.
_ABSENT = "\x00"


class Decoder:
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


class Rows:
    """Collects rows of one file and gives them out as chunks."""

    def __init__(self, contract: SourceContract, source: Source) -> None:
        self._contract, self._source = contract, source
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._keys = 0
        self._nothing = (None,) * (len(contract.text_columns) + 1)
        self._outer = _outer_names(contract)
        self.first = 1
        """Number of the first row of the next chunk."""
        self._clear()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, item: Any, text: str, repeated: bool) -> None:
        """One JSON value and its text."""
        if type(item) is not dict:
            self.refuse("not_an_object", text)
        elif len(item) > MAX_COLUMNS:
            self.refuse("too_many_columns", text)
        elif repeated:
            self.refuse("duplicate_key", text)
        elif "\x00" in text:
            self.refuse("invalid_character", text)
        elif ("\\u" in text or text.count("{") + text.count("[") > MAX_NESTING) and (flaw := _flaw(text)):
            self.refuse(flaw, text)
        else:
            _open_objects(item, self._contract, self._outer)
            keys = tuple(item)
            shape = self._shapes.get(keys) or self._new_shape(keys)
            if shape.unknown:
                self._rescued[len(self._rows)] = _json({name: item[name] for name in shape.unknown})
            item[_ABSENT] = None
            self._rows.append(shape.columns(item))

    def refuse(self, reason: str, text: str) -> None:
        self._rescued[len(self._rows)] = text
        self._unreadable[len(self._rows)] = reason
        self._rows.append(self._nothing)

    def last(self) -> tuple[Mapping[str, Any], str | None, str | None]:
        """Values by column, rescued text and the reason why it is unreadable, of the row added last."""
        place = len(self._rows) - 1
        values = dict(zip(self._contract.text_columns, self._rows[place], strict=False))
        return values, self._rescued.get(place), self._unreadable.get(place)

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
        strange = [key for key in unknown if key not in CONTROL_COLUMNS]
        if strange and self._contract.drift == "freeze":
            detail = f"{self._contract.dataset} is frozen and does not know the field {named(strange)}"
            place = self._source.data.find(orjson.dumps(strange[0].rpartition(".")[2]), self._source.start)
            raise Refusal("unknown_column", detail, self._source.offset(max(place, self._source.start)))
        # One more than there are columns: itemgetter gives a tuple for two keys and more.
        columns = itemgetter(*(source.get(name, _ABSENT) for name in self._contract.text_columns), _ABSENT)
        self._keys += len(keys)
        if len(self._shapes) == MAX_SHAPES or self._keys > MAX_KEYS:
            self._shapes.clear()
            self._keys = len(keys)
        self._shapes[keys] = shape = _Shape(columns, tuple(unknown))
        return shape


def parse_rescued(text: str, contract: SourceContract) -> dict[str, Any]:
    """What bronze rescued of a row: name → value, `as_text` of which is what a column would hold; a value that a column
    names inside an object stands under the whole name."""
    item: dict[str, Any] = Decoder().value(text, 0)[0]
    _open_objects(item, contract, _outer_names(contract))
    return item


def as_text(value: Any) -> str | None:
    """The text of a decoded value, as bronze keeps it."""
    return value.removeprefix(_NUMBER) if isinstance(value, str) else None if value is None else _json(value)


def _outer_names(contract: SourceContract) -> frozenset[str]:
    """Names of objects inside which columns may stand: client.device is the device in the client."""
    return frozenset(spelling.partition(".")[0] for spelling in contract.header_lookup if "." in spelling.strip("."))


def _open_objects(item: dict[str, Any], contract: SourceContract, outer: frozenset[str]) -> None:
    """Put what columns name inside objects beside them, under the whole name; the rest of each object stays."""
    if not outer:
        return
    for name in [name for name, value in item.items() if type(value) is dict and name.lower() in outer]:
        inner, found = _without_columns(item[name], f"{name}.", contract)
        if found:
            del item[name]
            # A key of that whole name besides counts first.
            item.update({**found, **item})
            if inner:
                item[name] = inner


def _without_columns(
    item: Mapping[str, Any], path: str, contract: SourceContract
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The object without what columns name, and that by its whole name."""
    rest: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, value in item.items():
        if f"{path}{name}".lower() in contract.header_lookup:
            found[f"{path}{name}"] = value
        elif type(value) is dict:
            inner, deeper = _without_columns(value, f"{path}{name}.", contract)
            found |= deeper
            if inner or not deeper:
                rest[name] = inner
        else:
            rest[name] = value
    return rest, found


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
    return texts if texts.null_count == len(texts) else pc.replace_substring(texts, _NUMBER, "")


def _json(value: Any) -> str:
    """JSON without blanks; numbers as they were written."""
    if isinstance(value, str) and value.startswith(_NUMBER):
        return value[1:]
    if isinstance(value, dict):
        return "{" + ",".join([f"{_json(key)}:{_json(part)}" for key, part in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_json(part) for part in value]) + "]"
    return orjson.dumps(value).decode()
