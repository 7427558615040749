"""Lines of JSON that are all alike → columns, without an object for every line.

Programs write the objects of a file with the same keys in the same order and the same blanks, so that a line is a
template filled with texts and numbers. Split at its quotes, which Arrow's CSV parser does fastest, such a line has a
fixed number of cells. That nothing but the values differs is proved by filling the template with them again: it has to
give the same bytes. Whatever differs is left to the decoder, line by line, which decides what it is.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from lakehouse.contract import SourceContract
from lakehouse.intake.model import MAX_RECORD_BYTES, Refusal, text_array
from lakehouse.intake.objects import Decoder, Rows
from lakehouse.intake.source import Source

_TOKEN = r"(?:null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"  # noqa: S105 - of JSON
_WHOLE_TOKEN = rf"\A{_TOKEN}\z"
# Between two strings: a value without quotes after a key, and what stands around it.
_BARE = re.compile(rf"([ \t]*:[ \t]*)({_TOKEN})([ \t]*[,}}].*)")
# Lists hold any number of values; escapes and control characters are for the decoder; the last two are marks.
_UNALIKE = re.compile("[\\[\\]\\\\\x00-\x1f\ue000\ue001]")
_MARK = re.compile('"\ue000([0-9]+)\ue001"')
# Stands for null among texts, none of which holds it: a file with NULs is not read here.
_NULL = "\x00"
# What `Rows` escapes in rescued text, besides quotes and backslashes.
_CONTROL = "[\x01-\x1f]"
_FOR_DECODER = re.compile("[\x01-\x1f\\\\]")
# Arrow takes a third of a millisecond to begin with a block.
ARROW_PAYS_FROM_BYTES = 64 << 10
# How much of a block is looked at to learn where nulls are, and of how wide lines: the work for it is their product.
_LOOKED_AT_BYTES = 64 << 10
MAX_QUOTES = 1_000


@dataclass(frozen=True)
class _Slot:
    """Where a value stands: the cell of a line that holds it, and how much of that cell is before and after it."""

    cell: int
    is_text: bool
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class _Template:
    """What lines have in common. `literals` stand before, between and after the slots, quotes of texts included."""

    slots: Sequence[_Slot]
    literals: Sequence[str]
    keys: Sequence[bytes]
    """What stands before texts."""
    nullable: Sequence[bytes]
    """Those before which there is a null in some lines."""
    columns: Mapping[str, int]
    """Contract column → slot."""
    rescued: Sequence[str]
    """What is rescued of a row: text, number of a slot, text, and so on; empty when nothing is."""

    def cells_of(self, block: bytes) -> tuple[list[pa.Array], list[int]] | None:
        """The slots' cells of all lines that have as many as the template, and the numbers of the other lines; None
        when Arrow does not account for every line."""
        others: list[int] = []

        def note(row: pa.csv.InvalidRow) -> str:
            others.append(row.number - 1)
            return "skip"

        names = [str(number) for number in range(self.quotes + 1)]
        types = {names[slot.cell]: pa.string() if slot.is_text else pa.binary() for slot in self.slots}
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(block),
                pa.csv.ReadOptions(use_threads=False, block_size=2 * MAX_RECORD_BYTES, column_names=names),
                pa.csv.ParseOptions(
                    delimiter='"', quote_char=False, ignore_empty_lines=False, invalid_row_handler=note
                ),
                pa.csv.ConvertOptions(
                    include_columns=list(types), column_types=types, strings_can_be_null=False, check_utf8=False
                ),
            )
        except pa.ArrowInvalid:  # a block of odd lines alone
            return None
        # Beside a very wide line Arrow 25 leaves lines out, or counts good ones among the others, which does no harm.
        if table.num_rows + len(others) != block.count(b"\n"):
            return None
        return [column.combine_chunks() for column in table.columns], others

    @cached_property
    def quotes(self) -> int:
        """How many there are in a line."""
        return sum(literal.count('"') for literal in self.literals)

    @cached_property
    def fits(self) -> Callable[[Sequence[str]], bool]:
        """Tells whether the cells of a line are those of the template, which has another text in its slots."""
        whole = _joined(self.literals, [""] * len(self.slots)).split('"')
        slots = {slot.cell for slot in self.slots}
        places = [place for place in range(len(whole)) if place not in slots]
        fixed = itemgetter(0, *places)
        expected, size = fixed(whole), len(whole)
        bare = [
            (
                slot.cell,
                re.compile(f"{re.escape(cell[: slot.before])}{_TOKEN}{re.escape(cell[slot.before :])}").fullmatch,
            )
            for slot, cell in ((slot, whole[slot.cell]) for slot in self.slots if not slot.is_text)
        ]

        def fits(cells: Sequence[str]) -> bool:
            return len(cells) == size and fixed(cells) == expected and all(match(cells[cell]) for cell, match in bare)

        return fits


@dataclass(frozen=True)
class Found:
    """The rows that the alike lines of a block are, in order; `odd` are the numbers of its other lines, from 0."""

    length: int
    values: Mapping[str, pa.Array]
    rescued: pa.Array | None
    odd: Sequence[int]

    def until(self, line: int) -> Found:
        """The rows before an odd line."""
        odd = self.odd[: bisect_left(self.odd, line)]
        length = line - len(odd)
        values = {name: column.slice(0, length) for name, column in self.values.items()}
        return Found(length, values, self.rescued.slice(0, length) if self.rescued is not None else None, odd)


# Files of a dataset mostly have in common what the one before had, and small ones are read sooner than it is learnt:
# the last template by (id of the contract, separator), with the contract itself, so that its id stays its own.
_LATEST: dict[tuple[int, str], tuple[SourceContract, _Template]] = {}
_MAX_LATEST = 100


class Alike:
    """Reads blocks of lines of one file; what they have in common is learnt from the first, and anew when it changes.

    `separator` ends every line: nothing, or the comma between the elements of an array.
    """

    def __init__(self, source: Source, contract: SourceContract, separator: str = "") -> None:
        self._source, self._contract, self._separator = source, contract, separator
        latest = _LATEST.get((id(contract), separator))
        self._template = latest[1] if latest else None

    def read(self, block: bytes) -> Found:
        """The rows of a block of whole lines in valid UTF-8."""
        plain = block if block.endswith(b"\n") else block + b"\n"
        if b"\r" in plain:
            plain = plain.replace(b"\r\n", b"\n")
        if self._source.has_nul or b"\r" in plain:
            return Found(0, {}, None, range(plain.count(b"\n")))
        found = _filled(self._template, plain) if self._template else None
        if found is None or len(found.odd) > found.length:  # most lines have something else in common
            found = self._learn(plain, found)
        if found.odd and found.length and (template := self._template):
            lines = plain.split(b"\n")
            seen = b"\n".join([lines[number] for number in found.odd])[:_LOOKED_AT_BYTES]
            if nulls := {key for key in template.keys if key + b"null" in seen}.difference(template.nullable):
                self._template = replace(template, nullable=[*template.nullable, *nulls])
                found = _filled(self._template, plain) or found
        return found

    def _learn(self, block: bytes, found: Found | None) -> Found:
        """What is found by what the line in the middle of the odd ones has in common with others, if that is more."""
        found = found or Found(0, {}, None, range(block.count(b"\n")))
        number = found.odd[len(found.odd) // 2]
        template = self._template_of(block, block.split(b"\n", number + 1)[number].decode())
        if template is None:
            return found
        better = _filled(template, block)
        if better is None or better.length <= found.length:
            return found
        self._template = template
        if len(_LATEST) == _MAX_LATEST:
            _LATEST.clear()
        _LATEST[id(self._contract), self._separator] = (self._contract, template)
        return better

    def _template_of(self, block: bytes, line: str) -> _Template | None:
        """What a line has in common with others; None when it is no object of scalars, or a very wide one."""
        if line.count('"') > MAX_QUOTES:
            return None
        text = line.removesuffix(self._separator)
        decoder = Decoder()
        try:
            item, end = decoder.value(text, 0)
        except (json.JSONDecodeError, RecursionError):
            return None
        is_whole = type(item) is dict and end == len(text) and not decoder.repeated()
        if not is_whole or text + self._separator != line or _UNALIKE.search(line):
            return None
        slots, literals, keys = _parts(line, block[:_LOOKED_AT_BYTES])
        return self._with_meaning(slots, literals, keys) if slots else None

    def _with_meaning(
        self, slots: Sequence[_Slot], literals: Sequence[str], keys: Mapping[bytes, bool]
    ) -> _Template | None:
        """Where the values go, as `Rows` says of a line that holds marks. None where one column takes several values,
        and for what is refused, with its place, when its line is read."""
        marks = [
            f"\ue000{place}\ue001" if slot.is_text else f'"\ue000{place}\ue001"' for place, slot in enumerate(slots)
        ]
        text = _joined(literals, marks)
        rows, decoder = Rows(self._contract, self._source), Decoder()
        try:
            rows.add(decoder.value(text, 0)[0], text, repeated=False)
        except Refusal:
            return None
        values, said, reason = rows.last()
        columns: dict[str, int] = {}
        for name, value in values.items():
            mark = _MARK.fullmatch(f'"{value}"')
            if mark:
                columns[name] = int(mark[1])
            elif value is not None:
                return None
        if reason is not None:
            return None
        rescued = _MARK.split(said) if said is not None else ()
        nullable = [key for key, has_null in keys.items() if has_null]
        return _Template(slots, literals, tuple(keys), nullable, columns, rescued)


def _joined(literals: Sequence[str], between: Sequence[str]) -> str:
    return "".join(part for pair in zip(literals, [*between, ""], strict=True) for part in pair)


def _parts(line: str, beside: bytes) -> tuple[list[_Slot], list[str], dict[bytes, bool]]:
    """Slots and literals of one line, and what stands before texts, with whether there is a null in lines beside it."""
    slots: list[_Slot] = []
    first, *pieces = line.split('"')
    literals, keys, cell, key = [first], dict[bytes, bool](), 0, ""

    def add(slot: _Slot, quote: str, after: str) -> None:
        if slot.is_text:
            keys[key.encode()] = f"{key}null".encode() in beside
        slots.append(slot)
        literals[-1] += quote
        literals.append(quote + after)

    for text, between in zip(pieces[::2], pieces[1::2], strict=True):
        cell += 2
        bare = _BARE.fullmatch(between)
        if bare is not None:
            key = f'"{text}"{bare[1]}'
            literals[-1] += key
            if bare[2] == "null" and f'{key}"'.encode() in beside:  # null in this line, a text in others
                cell += 2
                add(_Slot(cell - 1, is_text=True), '"', bare[3])
            else:
                add(_Slot(cell, is_text=False, before=len(bare[1]), after=len(bare[3])), "", bare[3])
        elif between.lstrip(" \t").startswith(":"):
            key = f'"{text}"{between}'
            literals[-1] += key
        else:
            add(_Slot(cell - 1, is_text=True), '"', between)
    return slots, literals, keys


def _filled(template: _Template, block: bytes) -> Found | None:
    """The rows of the lines that are the template filled with values; None when Arrow cannot split the block."""
    for key in template.nullable:
        block = block.replace(key + b"null", key + b'"\x00"')
    if len(block) < ARROW_PAYS_FROM_BYTES:
        return _filled_small(template, block)
    cells = template.cells_of(block)
    if cells is None:
        return None
    columns, others = cells
    count = len(columns[0]) + len(others)
    places: Sequence[int] = range(count)
    if others:
        left_out = set(others)
        places = [place for place in places if place not in left_out]
        lines = block.split(b"\n")
        block = b"".join([lines[place] + b"\n" for place in places])
    values = [
        column if slot.is_text else pc.binary_slice(column, slot.before, -slot.after).view(pa.string())
        for slot, column in zip(template.slots, columns, strict=True)
    ]
    odd = _odd_rows(template, values, block)
    if odd is not None:
        is_alike = pc.invert(odd)
        values = [value.filter(is_alike) for value in values]
        is_odd = [True] * count
        for place in pa.array(places, pa.int64()).filter(is_alike).to_pylist():
            is_odd[place] = False
        others = [place for place in range(count) if is_odd[place]]
    length = count - len(others)
    has_bare_null = b"null" in block
    values = [
        _with_nulls(value, slot.is_text) if (template.nullable if slot.is_text else has_bare_null) else value
        for slot, value in zip(template.slots, values, strict=True)
    ]
    rescued = _rescued(template, values) if template.rescued else None
    return Found(length, {name: values[slot] for name, slot in template.columns.items()}, rescued, others)


def _filled_small(template: _Template, block: bytes) -> Found:
    """The same without Arrow, which takes longer to begin than a small block takes."""
    lines = block.decode().split("\n")[:-1]
    rows = [line.split('"') for line in lines]
    is_odd = [not template.fits(row) for row in rows]
    if b"\\" in block or template.rescued:
        is_odd = [odd or _FOR_DECODER.search(line) is not None for odd, line in zip(is_odd, lines, strict=True)]
    odd = [number for number, flag in enumerate(is_odd) if flag]
    good = [row for row, flag in zip(rows, is_odd, strict=True) if not flag]
    if not good:
        return Found(0, {}, None, odd)
    cells = list(zip(*good, strict=True))
    values = []
    for slot in template.slots:
        texts: Sequence[str | None] = cells[slot.cell]
        if not slot.is_text:
            texts = [None if (text := cell[slot.before : -slot.after]) == "null" else text for cell in cells[slot.cell]]
        elif _NULL in texts:
            texts = [None if text == _NULL else text for text in texts]
        values.append(text_array(texts))
    rescued = _rescued(template, values) if template.rescued else None
    return Found(len(good), {name: values[slot] for name, slot in template.columns.items()}, rescued, odd)


def _odd_rows(template: _Template, values: Sequence[pa.Array], block: bytes) -> pa.BooleanArray | None:
    """Which rows are not the template filled with values, one for each line of the block; None when all are."""
    pieces = [piece for pair in zip(template.literals, values, strict=False) for piece in pair]
    filled = pc.binary_join_element_wise(*pieces, f"{template.literals[-1]}\n", "")
    masks = []
    size = pc.sum(pc.binary_length(filled)).as_py()
    if size != len(block) or not filled.buffers()[2].slice(0, size).equals(pa.py_buffer(block)):
        lines = pa.array([line + b"\n" for line in block.split(b"\n")[:-1]], pa.binary())
        masks.append(pc.not_equal(filled.view(pa.binary()), lines))
    has_escapes = b"\\" in block
    rescued = {int(slot) for slot in template.rescued[1::2]}
    for place, (slot, value) in enumerate(zip(template.slots, values, strict=True)):
        if not slot.is_text:
            masks.append(pc.invert(pc.match_substring_regex(value, _WHOLE_TOKEN)))
        elif has_escapes:
            masks.append(pc.match_substring(value, "\\"))
        if slot.is_text and place in rescued:
            masks.append(pc.match_substring_regex(value, _CONTROL))
    odd = reduce(pc.or_, masks) if masks else None
    return odd if odd is not None and pc.any(odd).as_py() else None


def _with_nulls(values: pa.Array, is_text: bool) -> pa.Array:
    is_null = pc.equal(values, _NULL if is_text else "null")
    return pc.if_else(is_null, None, values) if pc.any(is_null).as_py() else values


def _rescued(template: _Template, values: Sequence[pa.Array]) -> pa.Array:
    """JSON of what no column has, as `Rows` writes it: quoted where it was a text."""
    # An empty text of every row makes rows of what is the same in all.
    pieces: list[str | pa.Array] = [pa.repeat("", len(values[0]))]
    for place, part in enumerate(template.rescued):
        if place % 2 == 0:
            pieces.append(part)
            continue
        value = values[int(part)]
        if template.slots[int(part)].is_text:
            value = pc.binary_join_element_wise('"', value, '"', "")
        pieces.append(value.fill_null("null"))
    return pc.binary_join_element_wise(*pieces, "")
