"""Defects of dates and instants: the same one in other words, and days that there are not."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from datagen.defects.cells import refused
from datagen.defects.model import AnyDefect, Cell, ValueDefect
from datagen.defects.patterns import flat, has_zone, kept, written
from datagen.text import instant, spell
from lakehouse.contract import EPOCH_FORMATS, Column, SourceContract

_ISO = "ISO 8601"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are UTC throughout
_EPOCH_DIGITS = {"epoch_seconds": (9, 10), "epoch_millis": (12, 13)}
"""So many digits tell them apart from other texts."""
_OFFSETS = (60, 120, 180, 330, 540, 570, 765, -180, -210, -300, -330, -480, -570)
"""In minutes; not all zones are whole hours from UTC."""
_DAY_BY_SLASHES = re.compile(r"(d+/M+|M+/d+)/y+")


def _is_temporal(column: Column, contract: SourceContract) -> bool:
    return column.type.is_temporal


def _is_instant(column: Column, contract: SourceContract) -> bool:
    return column.type.kind == "timestamp"


def _at(text: str) -> datetime:
    """In UTC, without a zone."""
    return instant(text).replace(tzinfo=None)


def _value(column: Column, at: datetime) -> str | None:
    return spell(at if column.type.kind == "timestamp" else at.date())


# --- dates that can be read


def _date_format(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    at, form = _at(text), chance.choice((_ISO, *column.formats))
    if form == _ISO:
        return Cell(chance.choice(_iso_forms(column, at)), text)
    if form in EPOCH_FORMATS:
        return _epoch(form, at, text)
    pattern = flat(form, lambda: chance.random() < 0.5)
    left = kept(pattern, at)
    if left != at and column.key_position is not None:
        return None
    moves = has_zone(pattern) and column.type.kind == "timestamp" and chance.random() < 0.5
    shown = _elsewhere(chance, left) if moves else left
    return Cell(written(pattern, shown), _value(column, left))


def _iso_forms(column: Column, at: datetime) -> Sequence[str]:
    """ISO 8601, which is always understood."""
    forms = [at.isoformat(" "), at.isoformat(), f"{at.isoformat()}.000Z", f"{at.isoformat()}+00:00"]
    if at == at.replace(hour=0, minute=0, second=0):
        forms.append(at.date().isoformat())
    if not at.second:
        forms.append(f"{at.isoformat('T', 'minutes')}Z")
    return forms


def _epoch(form: str, at: datetime, text: str) -> Cell | None:
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    number = str(micros // (1_000_000 if form == "epoch_seconds" else 1_000))
    return Cell(number, text) if len(number) in _EPOCH_DIGITS[form] else None


def _elsewhere(chance: random.Random, at: datetime) -> datetime:
    """The same instant by the clock of another place."""
    return at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=chance.choice(_OFFSETS))))


def _time_zone(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    return Cell(_elsewhere(chance, _at(text)).isoformat(chance.choice("T "), "seconds"), text)


# --- what is refused


def _impossible_date(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    year = int(text[:4])
    common = year - 1 if year % 4 == 0 else year
    days = (
        *(f"{common:04}-02-29", f"{year:04}-02-30", f"{year:04}-04-31", f"{year:04}-13-{text[8:10]}"),
        *(f"{year:04}-00-{text[8:10]}", f"{year:04}-{text[5:7]}-32", f"{year:04}-{text[5:7]}-00", "0000-00-00"),
        *(f"{year:04}0230", f"30.02.{year:04}", f"{year:04}/02/30"),
    )
    hours = (f"{text[:10]}T25:00:00Z", f"{text[:10]} 12:61:00", f"{text[:10]}T12:00:71Z")
    if column.type.kind == "date":
        return refused(column, chance.choice(days), "malformed")
    day = chance.choice(days)
    return refused(column, chance.choice((day, f"{day}{text[10:]}", f"{day} {text[11:19]}", *hours)), "malformed")


def _ambiguous_date(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    """Day or month first? Nobody can know: both are at most 12, and they differ."""
    if text is None:
        return None
    at = _at(text)
    one, other = chance.sample(range(1, 13), 2)
    day = f"{one:02}/{other:02}/" + chance.choice((f"{at.year:04}", f"{at.year % 100:02}"))
    return refused(column, day if column.type.kind == "date" else f"{day} {at.time().isoformat()}", "malformed")


DATES: list[AnyDefect] = [
    ValueDefect(name="date_format", share=0.02, recoverable=True, fits=_is_temporal, spoil=_date_format),
    ValueDefect(name="time_zone", share=0.01, recoverable=True, fits=_is_instant, spoil=_time_zone),
    ValueDefect(name="impossible_date", share=0.004, recoverable=False, fits=_is_temporal, spoil=_impossible_date),
    ValueDefect(
        name="ambiguous_date",
        share=0.002,
        recoverable=False,
        fits=lambda column, contract: column.type.is_temporal and not any(map(_DAY_BY_SLASHES.search, column.formats)),
        spoil=_ambiguous_date,
    ),
]
