"""What a key is as a user types it, which refused rows name it, and what became of the cells of a row. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import typer

from lakehouse import conditions, numerals
from lakehouse.cell_text import sources
from lakehouse.cells import INTEGER_BITS, CellReader
from lakehouse.conditions import Condition
from lakehouse.contract import Column, SourceContract

_DAY_PATTERN = re.compile(r"(yyyy|MM|dd)([-/. ]?)(yyyy|MM|dd)\2(yyyy|MM|dd)")
# ISO 8601 without separators, by weeks and by days of the year.
_ISO_DAYS = ("%Y%m%d", "%G-W%V-%u", "%GW%V%u", "%Y-%j", "%Y%j")
_STRFTIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d"}


@dataclass(frozen=True)
class KeyPart:
    """One column of a key and its value as text that Redshift casts; None is null."""

    column: Column
    value: str | None


@dataclass(frozen=True)
class Change:
    """A cell that is not in silver as it came: the text, in `source` (the column, or bronze's for another unit), the
    typed value, and how one became the other."""

    column: str
    source: str
    came: str
    value: Any
    how: str


def key_parts(contract: SourceContract, texts: Sequence[str]) -> tuple[KeyPart, ...]:
    """The first parts of a key, in the contract's order, read as silver reads cells: what is empty or spells null is
    null. Raises typer.BadParameter."""
    columns = [contract.column(name) for name in contract.key]
    if len(texts) > len(columns):
        names = ", ".join(contract.key)
        raise typer.BadParameter(f"{len(texts)} parts; the key of {contract.dataset} is {names}", param_hint="KEY")
    return tuple(KeyPart(column, _key_value(typed, column)) for column, typed in zip(columns, texts, strict=False))


def on_columns(parts: Iterable[KeyPart]) -> Condition:
    """Rows of silver, history or a gold table that have this key."""
    return conditions.all_of(_has(part, f"key{index}") for index, part in enumerate(parts))


def on_raw(parts: Iterable[KeyPart]) -> Condition:
    """Refused rows that may name this key: their raw text contains it in some spelling. `names` decides."""
    return conditions.all_of(
        conditions.any_of(
            conditions.contains("LOWER(raw)", f"raw{index}_{way}", text.lower())
            # As JSON has it, for rows that could be read, and as it is, for those that could not.
            for way, text in enumerate(
                sorted({*spellings, *(json.dumps(s, ensure_ascii=False)[1:-1] for s in spellings)})
            )
        )
        for index, part in enumerate(parts)
        if (spellings := _spellings(part))
    )


def names(raw: str, is_readable: bool, parts: Sequence[KeyPart]) -> bool:
    """Whether a refused row names this key: a readable one in its columns, another anywhere in its text."""
    cells = _object(raw) if is_readable else None
    if cells is None:
        words = [spellings for part in parts if (spellings := _spellings(part))]
        return bool(words) and all(any(_is_word(text, raw) for text in spellings) for spellings in words)
    return all(_reads_as(cells.get(part.column.name), part) for part in parts)


def changes(contract: SourceContract, came: Mapping[str, Any], row: Mapping[str, Any]) -> list[Change]:
    """The cells of a row (bronze's text) that are not the same text in silver; a column that silver lacks is none."""
    found = []
    for column in contract.columns:
        for source, worth in sources(column, contract):
            cell = came.get(source)
            if cell and column.name in row and (how := _how(cell, row[column.name], column, worth)):
                found.append(Change(column.name, source, cell, row[column.name], how))
    return found


def _key_value(typed: str, column: Column) -> str | None:
    """The value as Redshift casts it to the column's type; None for null. Raises typer.BadParameter when it is none of
    that type."""
    read = CellReader(column)
    text, value = read.text(typed), read(typed).value
    # A text that is none of the column's values is in no table, but rows were refused for it.
    if value is None and text is not None and column.type.kind != "varchar":
        raise typer.BadParameter(f'"{text}" is no {column.type}, as {column.name} is', param_hint="KEY")
    return text if value is None else _text(value)


def _has(part: KeyPart, parameter: str) -> Condition:
    if part.value is None:
        return Condition(f"{part.column.name} IS NULL")
    if part.column.type.kind == "varchar":
        # A cast would cut what is too long, and then find what was not asked for.
        return conditions.equals(part.column.name, parameter, part.value)
    typed = f"CAST(:{parameter} AS {part.column.type.redshift})"
    return Condition(f"{part.column.name} = {typed}", {parameter: part.value})


def _spellings(part: KeyPart) -> list[str]:
    """Texts of which one is in every row that names the part; none where nothing can be said."""
    column, value = part.column, part.value
    if value is None or column.type.kind in ("decimal", "double", "boolean"):
        return []
    if column.type.is_temporal:
        return [value.partition(" ")[0], *_days(value, column)]
    if column.type.kind in INTEGER_BITS:
        return sorted({value, f"{int(value):,}"})
    return [value, *(spelling for spelling, meant in column.synonyms.items() if meant == value)]


def _days(value: str, column: Column) -> Iterator[str]:
    """The day of a date or instant in other forms of ISO 8601, and in each of the column's own formats that spell days
    with numbers."""
    day = datetime.fromisoformat(value)
    yield from map(day.strftime, _ISO_DAYS)
    for pattern in column.formats:
        if match := _DAY_PATTERN.search(pattern):
            yield day.strftime(match[2].join(_STRFTIME[word] for word in (match[1], match[3], match[4])))


def _object(raw: str) -> dict[str, Any] | None:
    """The cells of a row; None where Redshift shows only the beginning of it."""
    try:
        cells: dict[str, Any] = json.loads(raw)
    except json.JSONDecodeError:
        return None
    return cells


def _reads_as(cell: str | None, part: KeyPart) -> bool:
    """Whether a cell of a refused row is what was asked for."""
    column, read = part.column, CellReader(part.column)
    text, value = read.text(cell), read(cell).value
    if text is None or part.value is None:
        return text is part.value
    if column.type.is_temporal and part.value[11:16] in text and any(day in text for day in _spellings(part)):
        return True
    return (text if value is None else _text(value)).rstrip() == part.value.rstrip()


def _how(cell: str, value: Any, column: Column, worth: Decimal | None) -> str:
    """What was done to a cell, in the order in which silver does it."""
    read = CellReader(column, worth)
    steps, text = read.text.steps(cell), read.text(cell)
    if value is None or text is None:
        return ", ".join(steps)
    meant = column.synonyms.get(text.lower(), text)
    if meant != text:
        steps.append("synonym")
    if worth is not None:
        steps.append(f"times {worth}")
    elif meant != _text(value) and not (steps and column.repairs and _is_same_number(meant, _text(value), column)):
        steps.append(f"read as {column.type}")
    return ", ".join(steps)


def _is_word(text: str, raw: str) -> bool:
    """Whether a text stands in another by itself, and not as a part of a longer word or number."""
    return re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", raw, re.IGNORECASE) is not None


def _is_same_number(text: str, other: str, column: Column) -> bool:
    return column.type.is_numeric and numerals.read(text) == numerals.read(other) is not None


def _text(value: Any) -> str:
    """A value of silver as text that Redshift casts: booleans as files spell them."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
