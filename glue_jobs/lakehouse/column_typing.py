"""Columns of cells → columns of typed values, as Arrow: `lakehouse.cells` for many rows at once. No Spark.

Nearly every cell is *plain*: it is spelled as its value is, and breaks no rule. Plain cells are told by one look at all
cells of a batch and cast together; of all others `CellReader` is asked, once for each distinct cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse import instants, numerals
from lakehouse.arrow_types import arrow_type
from lakehouse.cells import INTEGER_BITS, CellReader, Reading
from lakehouse.contract import Column

# Cells remembered from batch to batch: what is said of millions of rows is often said in few words.
_REMEMBERED = 20_000
_LONGEST_REMEMBERED = 200
# Cells of a batch that are no ISO 8601, of which it is worth asking whether all have a form of the contract.
_MANY = 100
_PRINTABLE = r"[!-~](?:[ -~]*[!-~])?"
_WITHOUT_ENTITIES = r"[!-%'-~](?:[ -%'-~]*[!-%'-~])?"
# Days that every year has, of years with four digits: nothing that looks so can fail to be cast.
_DAY = (
    r"[1-9][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_INSTANT = rf"{_DAY}(?:[T ]{_TIME}(?:Z|[+-](?:0[0-9]|1[0-7])(?::?[0-5][0-9])?)?)?"
# Fewer digits than any number has that does not fit.
_DIGITS = {"smallint": 4, "integer": 9, "bigint": 18, "double": 15}

Compared = Callable[[pa.Array, Any], pa.BooleanArray]


@dataclass(frozen=True)
class Broken:
    """Rows of a batch whose cells break the same rules."""

    rows: pa.Array
    refused: tuple[str, ...]
    warned: tuple[str, ...]


@dataclass(frozen=True)
class Typed:
    """What became of a column's cells."""

    values: pa.Array
    is_unsaid: pa.BooleanArray
    """Which cells are empty or spell null."""
    broken: Sequence[Broken]


class ColumnTyper:
    """One column's cells, its own or those in a unit of which one is worth `worth` of the column's own."""

    def __init__(self, column: Column, worth: Decimal | None = None) -> None:
        self.type = arrow_type(column.type)
        self._read = CellReader(column, worth)
        self._known: dict[str, Reading] = {}
        self.plain = _Plain(self._read) if worth is None and _shape(column) else None

    def __call__(self, cells: pa.Array) -> Typed:
        """The typed values of a batch's cells (text)."""
        if cells.null_count == len(cells):
            return Typed(pa.nulls(len(cells), self.type), cells.is_null(), ())
        if self.plain is None:
            return self._odd(cells, cells.is_valid(), pa.nulls(len(cells), self.type))
        values, is_plain = self.plain(cells)
        if is_plain.true_count + cells.null_count == len(cells):
            return Typed(values, cells.is_null(), ())
        return self._odd(cells, pc.and_not(cells.is_valid(), is_plain), values)

    def _odd(self, cells: pa.Array, is_odd: pa.BooleanArray, values: pa.Array) -> Typed:
        """What became of all cells, of which some are not plain: of those every distinct one is read once."""
        are_all = is_odd.true_count == len(cells)
        encoded = (cells if are_all else cells.filter(is_odd)).dictionary_encode()
        readings = [self._reading(cell) for cell in encoded.dictionary.to_pylist()]
        found = pa.array([reading.value for reading in readings], self.type).take(encoded.indices)
        values = found if are_all else pc.replace_with_mask(values, is_odd, found)
        alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
        unsaid = []
        for code, reading in enumerate(readings):
            if not reading.is_said:
                unsaid.append(code)
            elif reading.refused or reading.warned:
                alike.setdefault((reading.refused, reading.warned), []).append(code)
        if not unsaid and not alike:
            return Typed(values, cells.is_null(), ())
        rows = pc.indices_nonzero(is_odd)
        broken = [Broken(rows.filter(_is_one_of(encoded.indices, codes)), *rules) for rules, codes in alike.items()]
        is_unsaid = cells.is_null()
        if unsaid:
            is_unsaid = pc.replace_with_mask(is_unsaid, is_odd, _is_one_of(encoded.indices, unsaid))
        return Typed(values, is_unsaid, broken)

    def _reading(self, cell: str) -> Reading:
        reading = self._known.get(cell)
        if reading is None:
            reading = self._read(cell)
            if len(cell) <= _LONGEST_REMEMBERED:
                if len(self._known) == _REMEMBERED:
                    self._known.clear()
                self._known[cell] = reading
        return reading


class _Plain:
    """How the plain cells of a column are told, and cast."""

    def __init__(self, read: CellReader) -> None:
        column = read.column
        shape = _shape(column) or ""
        self._shape, self._type = rf"\A(?:{shape})\z", arrow_type(column.type)
        # A plain cell that is longer than any spelling of null is none.
        self._shortest = max((len(null) for null in read.text.nulls if re.fullmatch(shape, null)), default=0) + 1
        self._longest = column.type.length
        begins = "|".join(map(re.escape, column.prefixes))
        self._prefixed = rf"\A(?i:{begins})" if begins else None
        self._limits = _limits(column)
        self._rewritten = [
            (rf"\A{other}\z", iso)
            for other, iso in (instants.InstantReader(column.formats).rewritten() if column.type.is_temporal else ())
            if (column.type.kind == "timestamp" or ":" not in iso)
            and not any(re.fullmatch(other, n) for n in column.nulls)
        ]
        self._cast: Callable[[pa.Array], pa.Array] | None = None
        if column.type.kind == "timestamp":
            self._cast = _instants
        elif column.type.kind != "varchar":
            self._cast = lambda cells: pc.cast(cells, self._type)

    def __call__(self, cells: pa.Array) -> tuple[pa.Array, pa.BooleanArray]:
        """Values, and which cells are plain: those of other cells count for nothing."""
        is_plain = pc.match_substring_regex(cells, self._shape)
        if self._rewritten and is_plain.false_count > _MANY:
            is_odd = pc.invert(is_plain).fill_null(False)
            others = cells.filter(is_odd)
            for other, iso in self._rewritten:
                others = pc.replace_substring_regex(others, other, iso)
            cells = pc.replace_with_mask(cells, is_odd, others)
            is_plain = pc.match_substring_regex(cells, self._shape)
        if self._longest is not None or self._shortest > 1:
            lengths = pc.binary_length(cells)
            is_plain = pc.and_(is_plain, pc.greater_equal(lengths, self._shortest))
            if self._longest is not None:
                is_plain = pc.and_(is_plain, pc.less_equal(lengths, self._longest))
        if self._prefixed is not None:
            is_plain = pc.and_not(is_plain, pc.match_substring_regex(cells, self._prefixed))
        if is_plain.null_count:
            is_plain = is_plain.fill_null(False)
        if self._cast is None:
            return cells, is_plain
        if is_plain.true_count < len(cells):
            cells = pc.if_else(is_plain, cells, pa.scalar(None, cells.type))
        values = self._cast(cells)
        for is_within, limit in self._limits:
            is_plain = pc.and_(is_plain, is_within(values, limit).fill_null(False))
        return values, is_plain


def _shape(column: Column) -> str | None:
    """A regular expression of cells that are spelled as their values are, prefixes and spellings of null aside; None
    where few cells are distinct, or none is plain. RE2 reads a cell once, whatever the expression."""
    kind = column.type.kind
    if column.values or column.synonyms or column.pattern is not None or {"email", "phone"} & set(column.repairs):
        return None
    if kind == "varchar":
        return _WITHOUT_ENTITIES if column.repairs else _PRINTABLE
    if kind == "decimal":
        scale = column.type.scale or 0
        digits = (column.type.precision or 0) - scale
        whole = rf"[0-9]{{1,{digits}}}" if digits else "0"
        return rf"-?{whole}(?:\.[0-9]{{1,{scale}}})?" if scale else f"-?{whole}"
    if kind == "double":
        has_limits = column.minimum is not None or column.maximum is not None
        return None if has_limits else rf"-?[0-9]{{1,{_DIGITS[kind]}}}(?:\.[0-9]{{1,{_DIGITS[kind]}}})?"
    if kind in INTEGER_BITS:
        return rf"-?[0-9]{{1,{_DIGITS[kind]}}}"
    return {"date": _DAY, "timestamp": _INSTANT}.get(kind)


def _instants(cells: pa.Array) -> pa.Array:
    """Plain instants in UTC; in most batches none has an offset, or all have."""
    bare, naive, nothing = pc.ascii_rtrim(cells, "Z"), pa.timestamp("us"), pa.scalar(None, cells.type)
    try:
        return pc.cast(bare, naive)
    except pa.ArrowInvalid:
        is_ahead = pc.match_substring_regex(bare, r":[0-9.]+[+-]")
        there = pc.cast(pc.if_else(is_ahead, bare, nothing), pa.timestamp("us", tz="UTC"))
        return pc.coalesce(pc.cast(there, naive), pc.cast(pc.if_else(is_ahead, nothing, bare), naive))


def _limits(column: Column) -> Sequence[tuple[Compared, Any]]:
    """What values keep, as (comparison, limit in the column's type): an exact number its minimum and maximum, an
    instant the last that there is."""
    scale, type_ = column.type.scale or 0, arrow_type(column.type)
    if column.type.kind == "timestamp":
        return [(pc.less_equal, pa.scalar(instants.LAST, type_))]  # of years of four digits only an offset leads away
    greatest = 10 ** (column.type.precision or 0) - 1
    if column.type.kind in INTEGER_BITS:
        greatest = (1 << INTEGER_BITS[column.type.kind]) - 1

    def keeps(is_within: Compared, is_beyond: Compared, steps: int) -> tuple[Compared, Any]:
        """A limit beyond all values of the type lets none of them pass, or all."""
        is_held = -greatest <= steps <= greatest
        nearest = max(-greatest, min(steps, greatest))
        is_decimal = column.type.kind == "decimal"
        limit = pa.scalar(numerals.as_decimal(nearest, scale) if is_decimal else nearest, type_)
        return is_within if is_held else is_beyond, limit

    found = []
    if column.minimum is not None:
        low = column.minimum.scaleb(scale)
        steps = int(low.to_integral_value(ROUND_CEILING))
        steps += column.exclusive_minimum and steps == low
        found.append(keeps(pc.greater_equal, pc.greater if steps > 0 else pc.greater_equal, steps))
    if column.maximum is not None:
        high = column.maximum.scaleb(scale)
        steps = int(high.to_integral_value(ROUND_FLOOR))
        steps -= column.exclusive_maximum and steps == high
        found.append(keeps(pc.less_equal, pc.less if steps < 0 else pc.less_equal, steps))
    return found


def _is_one_of(codes: pa.Array, wanted: Sequence[int]) -> pa.BooleanArray:
    return pc.is_in(codes, pa.array(wanted, codes.type))
