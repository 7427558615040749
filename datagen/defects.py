"""What goes wrong on the way: a registry, one entry a defect, by the level that it works on.

    value    the text of one cell
    row      a row that is delivered once more
    line     one line of a file's text
    header   how a file names its columns
    file     the bytes or the name of a file; the whole file arrives too

`share` says how many of the rows (value, row, line) or of the files it fits (header, file) a messy delivery has; of
files at least one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta, timezone
from types import MappingProxyType
from typing import Literal

from datagen.text import Row, as_text, instant
from datagen.writers import Format, Text
from lakehouse.contract import Column, SourceContract

Chance = random.Random
Level = Literal["value", "row", "line", "header", "file"]


@dataclass(frozen=True)
class ValueDefect:
    """`fits` says of which cells `alter` makes another text."""

    name: str
    share: float
    fits: Callable[[Column, str | None], bool]
    alter: Callable[[Chance, Column, str], str | None]
    level: Level = "value"


@dataclass(frozen=True)
class RowDefect:
    """`again` makes the row that is delivered besides."""

    name: str
    share: float
    again: Callable[[Chance, Row, SourceContract], Row]
    level: Level = "row"


@dataclass(frozen=True)
class LineDefect:
    """`alter` makes another line, in formats of one kind."""

    name: str
    share: float
    kind: str
    alter: Callable[[Chance, str], str]
    level: Level = "line"


@dataclass(frozen=True)
class HeaderDefect:
    """`rename` gives for each column, in a new order perhaps, the name that the file has for it."""

    name: str
    share: float
    rename: Callable[[Chance, Mapping[str, str], SourceContract], dict[str, str]]
    level: Level = "header"


@dataclass(frozen=True)
class Delivery:
    """A file in the making."""

    name: str
    text: Text
    format: Format

    @property
    def data(self) -> bytes:
        return self.format.encode(self.text)

    def named(self, what: str) -> str:
        """Its name with a word before the extension."""
        return f"{self.name.removesuffix(self.format.extension)}-{what.replace('_', '-')}{self.format.extension}"


@dataclass(frozen=True)
class FileDefect:
    """`spoil` makes the name and the bytes that arrive besides the whole file, in formats that `fits` accepts."""

    name: str
    share: float
    fits: Callable[[Format], bool]
    spoil: Callable[[Delivery, str], tuple[str, bytes]]
    level: Level = "file"


Defect = ValueDefect | RowDefect | LineDefect | HeaderDefect | FileDefect


def _is_enum(column: Column, text: str | None) -> bool:
    return bool(column.values) and text is not None


def _is_number(column: Column, text: str | None) -> bool:
    return column.type.is_numeric and text is not None


def _is_instant(column: Column, text: str | None) -> bool:
    return column.type.kind == "timestamp" and text is not None


def _null(chance: Chance, column: Column, text: str) -> str | None:
    return chance.choice([None, *column.nulls])


def _malformed_number(chance: Chance, column: Column, text: str) -> str:
    return chance.choice((f"{text}.0.0", f"{text} or so", "ten", f"{text[:-1]}O"))


def _synonym(chance: Chance, column: Column, text: str) -> str:
    spellings = [spelling for spelling, value in column.synonyms.items() if value == text and spelling != text.lower()]
    return chance.choice(spellings) if spellings else text


def _other_date_format(chance: Chance, column: Column, text: str) -> str:
    moment = instant(text)
    east = moment.astimezone(timezone(timedelta(hours=2)))
    return chance.choice(
        (
            f"{moment:%Y-%m-%d %H:%M:%S}",
            f"{moment:%Y/%m/%d %H:%M:%S}",
            f"{moment:%d.%m.%Y %H:%M:%S}",
            f"{moment:%Y%m%dT%H%M%SZ}",
            east.isoformat(),
            f"{moment.timestamp():.0f}",
            f"{moment.timestamp() * 1000:.0f}",
        )
    )


def _impossible_date(chance: Chance, column: Column, text: str) -> str:
    return chance.choice((f"{text[:4]}-02-30T10:00:00Z", f"{text[:4]}-13-01T00:00:00Z", "yesterday", "0000-00-00"))


def _updated(chance: Chance, row: Row, contract: SourceContract) -> Row:
    """A later version: the column that orders versions is later, and what was pending is not any more."""
    changed = dict(row)
    if contract.order_by and (before := row.get(contract.order_by)):
        later = instant(before).astimezone(UTC) + timedelta(seconds=chance.randint(60, 172_800))
        changed |= as_text({contract.order_by: later.replace(tzinfo=None)})
    if row.get("status") == "pending":
        changed["status"] = "completed"
    return changed


def _renamed(chance: Chance, names: Mapping[str, str], contract: SourceContract) -> dict[str, str]:
    return {name: chance.choice([shown, *contract.column(name).aliases]) for name, shown in names.items()}


def _reordered(chance: Chance, names: Mapping[str, str], contract: SourceContract) -> dict[str, str]:
    return {name: names[name] for name in chance.sample(list(names), len(names))}


def _corrupt(delivery: Delivery, name: str) -> tuple[str, bytes]:
    data = delivery.data
    return delivery.named(name), data[:-8] + bytes(byte ^ 0xFF for byte in data[-8:-4]) + data[-4:]


def _without_header(delivery: Delivery, name: str) -> tuple[str, bytes]:
    return delivery.named(name), delivery.format.encode(replace(delivery.text, head=""))


def _cut(delivery: Delivery, name: str) -> tuple[str, bytes]:
    return delivery.named(name), delivery.data[: len(delivery.data) * 2 // 3]


_ERROR_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body>Try later</body></html>\n"
)


def _always(format_: Format) -> bool:
    return True


def _registry(*defects: Defect) -> Mapping[str, Defect]:
    return MappingProxyType({defect.name: defect for defect in defects})


DEFECTS = _registry(
    # Values that the contract can repair.
    ValueDefect("null_spelling", 0.05, lambda column, text: text is None and bool(column.nulls), _null),
    ValueDefect("synonym", 0.05, lambda column, text: bool(column.synonyms) and text is not None, _synonym),
    ValueDefect("date_format", 0.06, _is_instant, _other_date_format),
    ValueDefect("padding", 0.02, lambda column, text: text is not None, lambda chance, column, text: f" {text}\t"),
    # Values that cost the row its place.
    ValueDefect("missing_id", 0.006, lambda column, text: column.required and column.name.endswith("_id"), _null),
    ValueDefect("malformed_number", 0.006, _is_number, _malformed_number),
    ValueDefect(
        "negative_number",
        0.006,
        lambda column, text: _is_number(column, text) and column.minimum is not None,
        lambda chance, column, text: f"-{text}",
    ),
    ValueDefect("unknown_value", 0.008, _is_enum, lambda chance, column, text: chance.choice(("XXX", "other", "?"))),
    ValueDefect("impossible_date", 0.004, _is_instant, _impossible_date),
    # Rows that come again.
    RowDefect("resent", 0.02, lambda chance, row, contract: dict(row)),
    RowDefect("updated_version", 0.02, _updated),
    # Lines that cannot be read.
    LineDefect("ragged_row", 0.003, "delimited", lambda chance, line: line[: len(line) // 2]),
    LineDefect("broken_json", 0.003, "ndjson", lambda chance, line: line[: chance.randint(1, len(line) - 1)]),
    # Headers that the contract's aliases know.
    HeaderDefect("renamed_columns", 0.2, _renamed),
    HeaderDefect("reordered_columns", 0.1, _reordered),
    # Files that are refused, ignored or already known.
    FileDefect("empty_file", 0.03, _always, lambda delivery, name: (delivery.named(name), b"")),
    FileDefect("truncated_gzip", 0.05, lambda form: form.is_gzip, _cut),
    FileDefect("corrupt_gzip", 0.05, lambda form: form.is_gzip, _corrupt),
    FileDefect("html_page", 0.03, _always, lambda delivery, name: (delivery.named(name), _ERROR_PAGE)),
    FileDefect("header_missing", 0.05, lambda form: form.kind == "delimited", _without_header),
    FileDefect("truncated_json", 0.1, lambda form: form.kind == "json", _cut),
    FileDefect("temporary_name", 0.03, _always, lambda delivery, name: (f"{delivery.name}.part", delivery.data)),
    FileDefect("same_bytes", 0.03, _always, lambda delivery, name: (delivery.named(name), delivery.data)),
)


def spoil_values(chance: Chance, rows: Sequence[Row], contract: SourceContract, defects: Sequence[ValueDefect]) -> None:
    """Alter single cells in place, of every row one at most."""
    free = list(range(len(rows)))
    chance.shuffle(free)
    for defect in defects:
        for _ in range(min(_how_many(chance, len(rows), defect.share), len(free))):
            row = rows[free.pop()]
            fitting = [column for column in contract.columns if defect.fits(column, row[column.name])]
            if fitting:
                column = chance.choice(fitting)
                row[column.name] = defect.alter(chance, column, row[column.name] or "")


def repeat_rows(
    chance: Chance, rows: Sequence[Row], contract: SourceContract, defects: Sequence[RowDefect]
) -> list[Row]:
    """The rows with those that come again, each somewhere after the first delivery."""
    again: list[tuple[int, Row]] = []
    for defect in defects:
        for position in chance.sample(range(len(rows)), _how_many(chance, len(rows), defect.share)):
            place = chance.randint(position + 1, len(rows))
            again.append((place, defect.again(chance, rows[position], contract)))
    result = list(rows)
    for place, row in sorted(again, key=lambda item: item[0], reverse=True):
        result.insert(place, row)
    return result


def spoil_lines(chance: Chance, text: Text, kind: str, defects: Sequence[LineDefect]) -> Text:
    """The text with some lines altered."""
    lines = list(text.lines)
    for defect in defects:
        if defect.kind == kind:
            for position in chance.sample(range(len(lines)), _how_many(chance, len(lines), defect.share)):
                lines[position] = defect.alter(chance, lines[position])
    return replace(text, lines=lines)


def _how_many(chance: Chance, count: int, share: float) -> int:
    """The share of a count, its fraction decided by chance."""
    return int(count * share + chance.random())
