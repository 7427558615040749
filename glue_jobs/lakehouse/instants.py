"""The text of a date or an instant → microseconds since 1970-01-01T00:00:00Z, of any year. Plain Python.

ISO 8601 is always understood, in every form that names a day or an instant: calendar dates, weeks (`2026-W09-7`) and
days of the year (`2026-060`); `T` or a blank; the hour alone after a `T`; a full stop or a comma before one to nine
digits of a second, of which what is less than a microsecond is cut; `24:00` for the end of a day; no offset (UTC), `Z`,
`±hh`, `±hhmm` or `±hh:mm`; with separators or, in the basic form, without (`20260301T093000Z`).

The order is: with separators; the contract's formats; without separators. So digits alone, `20260301`, mean what a
format of the contract makes of them, and only else a day of ISO 8601. Refused are seconds of 60, fractions of hours and
minutes, and dates that name no day (`2026-03`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lakehouse import numerals
from lakehouse.contract import EPOCH_FORMATS
from lakehouse.contract.datetime_patterns import (
    MICROS_PER_DAY,
    MICROS_PER_SECOND,
    DatetimePattern,
    datetime_pattern,
    day_number,
    micros_of_day,
    offset_seconds,
    week_day_number,
    year_day_number,
)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are UTC throughout
FIRST, LAST = (
    (at - _EPOCH) // timedelta(microseconds=1)
    for at in (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001
)
"""The first and the last instant that Redshift, Parquet and Python all hold: years 1 to 9999 of UTC."""

_ZONE = r"(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_EXTENDED = re.compile(
    r"(?P<year>[0-9]{4})-(?:(?P<month>[0-9]{2})-(?P<day>[0-9]{2})|[Ww](?P<week>[0-9]{2})-(?P<weekday>[1-7])"
    r"|(?P<ordinal>[0-9]{3}))"
    r"(?:(?:[Tt ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    rf"|[Tt](?P<alone>[0-9]{{2}})){_ZONE})?"
)
_BASIC = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?P<day>[0-9]{2})|[Ww](?P<week>[0-9]{2})(?P<weekday>[1-7])"
    r"|(?P<ordinal>[0-9]{3}))"
    r"(?:(?:[Tt ](?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    rf"|[Tt](?P<alone>[0-9]{{2}})){_ZONE})?"
)
# A number as JSON has it, also with zeros before it.
_COUNT = re.compile(r"-?([0-9]+)(?:\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EPOCH_DIGITS = dict(zip(EPOCH_FORMATS, ((9, 10), (12, 13)), strict=True))
_EPOCH_MICROS = dict(zip(EPOCH_FORMATS, (MICROS_PER_SECOND, MICROS_PER_SECOND // 1_000), strict=True))


class InstantReader:
    """What texts mean by ISO 8601 and a column's formats."""

    def __init__(self, formats: Sequence[str]) -> None:
        self._patterns = [name if name in EPOCH_FORMATS else datetime_pattern(name) for name in formats]

    def rewritten(self) -> Iterator[tuple[str, str]]:
        """Regular expressions of texts that a format reads and nothing before it, and the same in ISO 8601."""
        before = [_EXTENDED]
        for pattern in self._patterns:
            if not isinstance(pattern, DatetimePattern):
                before.append(_COUNT)
                continue
            found = pattern.rewritten
            # All texts of such a pattern are alike: where others take a digit they take any.
            if found is not None and not any(shape.fullmatch(found[2]) for shape in before):
                yield found[0], found[1]
            before.append(pattern.shape)

    def __call__(self, text: str) -> int | None:
        """Microseconds since 1970-01-01T00:00:00Z; None where a text of some hundred characters is no instant."""
        micros = _by_iso(_EXTENDED, text)
        for pattern in self._patterns if micros is None else ():
            micros = pattern.read(text) if isinstance(pattern, DatetimePattern) else _by_count(text, pattern)
            if micros is not None:
                return micros
        return _by_iso(_BASIC, text) if micros is None else micros


def is_held(micros: int) -> bool:
    """Whether Redshift, Parquet and Python all hold the instant."""
    return FIRST <= micros <= LAST


def as_datetime(micros: int) -> datetime:
    """An instant that is held, UTC without zone."""
    return _EPOCH + timedelta(microseconds=micros)


def _by_iso(shape: re.Pattern[str], text: str) -> int | None:
    found = shape.fullmatch(text)
    if found is None:
        return None
    year = int(found["year"])
    if found["month"]:
        day = day_number(year, int(found["month"]), int(found["day"]))
    elif found["week"]:
        day = week_day_number(year, int(found["week"]), int(found["weekday"]))
    else:
        day = year_day_number(year, int(found["ordinal"]))
    hour, minute, second = (
        int(found["hour"] or found["alone"] or 0),
        int(found["minute"] or 0),
        int(found["second"] or 0),
    )
    fraction = found["fraction"] or ""
    is_end = (hour, minute, second) == (24, 0, 0) and not fraction.strip("0")
    time = MICROS_PER_DAY if is_end else micros_of_day(hour, minute, second, fraction)
    ahead = offset_seconds(found["zone"]) if found["zone"] else 0
    if day is None or time is None or ahead is None:
        return None
    return day * MICROS_PER_DAY + time - ahead * MICROS_PER_SECOND


def _by_count(text: str, name: str) -> int | None:
    """Seconds or milliseconds since 1970, which are told by how many whole digits the number has, written out."""
    found, number = _COUNT.fullmatch(text), numerals.read(text)
    if found is None or number is None:
        return None
    fewest, most = _EPOCH_DIGITS[name]
    if not fewest <= (number.whole_digits if found[2] else len(found[1])) <= most:
        return None
    unit = _EPOCH_MICROS[name]
    return number.steps(0) * unit if not number.decimals else number.digits * unit // 10**number.decimals
