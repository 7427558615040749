"""The cell of a column → its typed value and the rules that it breaks: the one definition, compiled from the contract.

Plain Python, for silver's typing of many rows (`lakehouse.column_typing`), previews, `trace` and the tests. A rule is
named `<column>_<rule>`; `COLUMN_RULES` says what each means. Whatever a cell holds, it is read in time that grows with
its length alone (`lakehouse.cell_text`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from math import isinf
from typing import Any

from lakehouse import instants, numerals
from lakehouse.cell_text import CellText, sources
from lakehouse.contract import Column, ColumnRule, SourceContract

MAX_SHOWN = 400
"""Characters of a cell among the reasons of a refused row. Redshift shows 16,384 of a text in the lake: the reasons of
a row that breaks a rule in each of two dozen columns."""
INTEGER_BITS: Mapping[str, int] = {"smallint": 15, "integer": 31, "bigint": 63}
"""Of an integer type, the sign aside."""
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a contract makes of a cell: an int, Decimal, float, bool, date, datetime (UTC without zone), str or None."""

    value: Any = None
    refused: tuple[str, ...] = ()
    """Rules that refuse its row."""
    warned: tuple[str, ...] = ()
    """Rules that keep it, and count."""
    is_said: bool = True
    """Whether the cell says anything: neither empty nor a spelling of null."""


NOTHING = Reading(is_said=False)
"""Of a cell that is empty or spells null. What then is missing or stands in its place is for `RowReader`."""


@dataclass(frozen=True)
class _Broken:
    """A text that gives no value, for the rule that it breaks."""

    rule: ColumnRule


@dataclass(frozen=True)
class CellReader:
    """What a column makes of its cells; `worth` is what one of the cell's unit is worth in the column's own."""

    column: Column
    worth: Decimal | None = None

    def __call__(self, cell: str | None) -> Reading:
        """The typed value, and the rules that it breaks; `NOTHING` for a cell without one."""
        text = self.text(cell)
        if text is None:
            return NOTHING
        value = self._value(text)
        if isinstance(value, _Broken):
            return Reading(refused=(f"{self.column.name}_{value.rule}",))
        broken = [*self._rules(text, value)]
        if not broken:
            return Reading(value)
        return Reading(value, *self._split(broken))

    def value(self, text: str) -> Any:
        """The typed value of a text that is a value's own spelling; None where it is none of the type."""
        value = self._value(text)
        return None if isinstance(value, _Broken) else value

    @cached_property
    def text(self) -> CellText:
        """What the column makes of the text of its cells."""
        return CellText(self.column)

    def _value(self, text: str) -> Any:
        column = self.column
        if column.values:
            return column.synonyms.get(text.lower(), _Broken("not_allowed"))
        return self._parse(column.synonyms.get(text.lower(), text))

    def _rules(self, text: str, value: Any) -> Iterator[ColumnRule]:
        """The rules that a typed value breaks, in the order in which they are told."""
        column = self.column
        if column.type.length is not None and not column.values and len(value.encode()) > column.type.length:
            yield "too_long"
        low, high = column.minimum, column.maximum
        if low is not None and (value <= low if column.exclusive_minimum else value < low):
            yield "below_minimum"
        if high is not None and (value >= high if column.exclusive_maximum else value > high):
            yield "above_maximum"
        if column.pattern is not None and self.text.mismatches(text):
            yield "pattern_mismatch"

    def _split(self, broken: Sequence[ColumnRule]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the rules that refuse, and of those that only warn."""
        warned = self.column.warnings
        return (
            tuple(f"{self.column.name}_{rule}" for rule in broken if rule not in warned),
            tuple(f"{self.column.name}_{rule}" for rule in broken if rule in warned),
        )

    @cached_property
    def _parse(self) -> Callable[[str], Any]:
        match self.column.type.kind:
            case "varchar":
                return lambda text: text
            case "decimal":
                return self._decimal
            case "double":
                return self._double
            case "boolean":
                return lambda text: _BOOLEANS.get(text.lower(), _Broken("malformed"))
            case "date" | "timestamp":
                return self._instant
            case _:
                return self._integer

    def _integer(self, text: str) -> int | _Broken:
        """Whole numbers, also as spreadsheets leave them: `17850.0` is 17850, `1,200` is 1200."""
        number = numerals.read(text, self.worth)
        if number is None or number.decimals:
            return _Broken("malformed")
        limit = 1 << INTEGER_BITS[self.column.type.kind]
        # 20 digits are more than any of these types holds.
        if number.whole_digits < 20 and -limit <= (value := number.steps(0)) < limit:
            return value
        return _Broken("out_of_range")

    def _decimal(self, text: str) -> Decimal | _Broken:
        number = numerals.read(text, self.worth)
        precision, scale = self.column.type.precision or 0, self.column.type.scale or 0
        if number is None:
            return _Broken("malformed")
        if number.decimals > scale:
            return _Broken("too_precise")
        if number.whole_digits > precision - scale:
            return _Broken("out_of_range")
        return numerals.as_decimal(number.steps(scale), scale)

    def _double(self, text: str) -> float | _Broken:
        """The nearest double; of a number that is too small for one, zero."""
        number = numerals.read(text, self.worth)
        if number is None:
            return _Broken("malformed")
        value = float(number)
        return _Broken("out_of_range") if isinf(value) else value

    def _instant(self, text: str) -> Any:
        micros = self._instants(text)
        if micros is None:
            return _Broken("malformed")
        if not instants.is_held(micros):
            return _Broken("out_of_range")
        at = instants.as_datetime(micros)
        return at.date() if self.column.type.kind == "date" else at

    @cached_property
    def _instants(self) -> instants.InstantReader:
        return instants.InstantReader(self.column.formats)


@dataclass(frozen=True)
class RowReader:
    """What a contract makes of the cells of a row."""

    contract: SourceContract

    def __call__(self, cells: Mapping[str, str | None], arrived_at: datetime | None = None) -> dict[str, Reading]:
        """The reading of each column, of a row's cells by the names of `text_columns`."""
        came = {name: self.came(name, cells)[1] for name in self._readers}
        values = {name: reading.value for name, reading in came.items()}
        return {name: self._completed(name, reading, values, arrived_at) for name, reading in came.items()}

    def came(self, name: str, cells: Mapping[str, str | None]) -> tuple[str | None, Reading]:
        """The cell that a column is read from, and its reading: the first that says anything; else the first there."""
        first = None
        for source, read in self._readers[name]:
            cell = cells.get(source)
            reading = read(cell)
            if reading.is_said:
                return cell, reading
            first = cell if first is None else first
        return first, NOTHING

    def _completed(
        self, name: str, reading: Reading, values: Mapping[str, Any], arrived_at: datetime | None
    ) -> Reading:
        column = self.contract.column(name)
        if reading.is_said:
            return reading
        value = stand_in(column, values, arrived_at)
        if value is not None:
            return Reading(value, warned=(f"{name}_filled",), is_said=False)
        return Reading(refused=(f"{name}_missing",), is_said=False) if column.required else NOTHING

    @cached_property
    def _readers(self) -> Mapping[str, Sequence[tuple[str, CellReader]]]:
        return {
            column.name: [(source, CellReader(column, worth)) for source, worth in sources(column, self.contract)]
            for column in self.contract.columns
        }


def stand_in(column: Column, values: Mapping[str, Any], arrived_at: datetime | None) -> Any:
    """What stands where a column's value did not come: None for nothing. `values` are those of the row as they came."""
    substitute = column.substitute
    if substitute is None:
        return None
    if substitute.is_arrival:
        return arrived_at.date() if arrived_at is not None and column.type.kind == "date" else arrived_at
    if substitute.of is None:
        return substitute.value
    other = values[substitute.of]
    if substitute.bands:
        below = (text for limit, text in substitute.bands if limit is None or other < limit)
        return None if other is None else next(below, None)
    return substitute.values.get(other)


def shown(cell: str | None) -> str | None:
    """As much of a cell as stands among the reasons of a refused row, which has all of it in its raw form."""
    return cell if cell is None or len(cell) <= MAX_SHOWN else f"{cell[: MAX_SHOWN - 1]}…"
