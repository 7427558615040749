"""Datetime patterns as contracts spell formats, `dd.MM.yyyy HH:mm[:ss]`: read strictly, as Java and Spark do.

Letters are those of Java's DateTimeFormatter that Spark parses. The count of a letter is its width: `dd` two digits,
`d` one or more, `yyyy` four (or more after a sign), `yy` a year from 2000, `SSS` at most three digits of a fraction.
Case does not matter. What stands between [ and ] may be left out. Year, month and day that the text does not say are
1970, 1 and 1; hour, minute and second are 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

MICROS_PER_SECOND = 1_000_000
MICROS_PER_DAY = 86_400 * MICROS_PER_SECOND
_EPOCH = date(1970, 1, 1).toordinal()
_DAYS_OF_CYCLE = 146_097
"""Of 400 years, after which the Gregorian calendar and its weeks repeat."""
_LARGEST_OFFSET = 18 * 3600
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_TWO_DIGITS = {
    "d": "day",
    "H": "hour",
    "h": "hour_from_1_to_12",
    "k": "hour_from_1_to_24",
    "K": "hour_from_0_to_11",
    "m": "minute",
    "s": "second",
}
# The greatest number of digits that Java takes of a number of no fixed width.
_ANY_WIDTH = r"[0-9]{1,19}"
_OFFSETS = {
    "X": r"Z|[+-][0-9]{2}(?:[0-9]{2})?",
    "XX": r"Z|[+-][0-9]{4}",
    "XXX": r"Z|[+-][0-9]{2}:[0-9]{2}",
    "XXXX": r"Z|[+-][0-9]{4}(?:[0-9]{2})?",
    "XXXXX": r"Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
    "Z": r"[+-][0-9]{4}",
    "ZZZZ": r"GMT(?:[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?",
    "ZZZZZ": r"Z|[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
    "O": r"GMT(?:[+-][0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2})?)?)?",
    "OOOO": r"GMT(?:[+-][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?",
}
_OFFSETS |= {letters.lower(): shape.removeprefix("Z|") for letters, shape in _OFFSETS.items() if letters[0] == "X"}
_OFFSETS |= {"ZZ": _OFFSETS["Z"], "ZZZ": _OFFSETS["Z"]}
_OFFSET = re.compile(r"(?:GMT)?([+-])([0-9]{1,2}):?([0-9]{2})?:?([0-9]{2})?", re.IGNORECASE)
_TOKEN = re.compile(r"'(?P<literal>(?:[^']|'')*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>.)", re.DOTALL)


def day_number(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01 of a day of the Gregorian calendar, whatever the year; None where there is no such day."""
    cycles, year = divmod(year - 1, 400)
    try:
        return cycles * _DAYS_OF_CYCLE + date(year + 1, month, day).toordinal() - _EPOCH
    except (ValueError, OverflowError):
        return None


def week_day_number(year: int, week: int, day: int) -> int | None:
    """The same of a day of ISO 8601's calendar of weeks; day 1 is Monday."""
    cycles, year = divmod(year - 1, 400)
    try:
        return cycles * _DAYS_OF_CYCLE + date.fromisocalendar(year + 1, week, day).toordinal() - _EPOCH
    except ValueError:
        return None


def year_day_number(year: int, day: int) -> int | None:
    """The same of a day of the year, from 1."""
    first = day_number(year, 1, 1)
    is_leap = day_number(year, 2, 29) is not None
    return first + day - 1 if first is not None and 1 <= day <= 365 + is_leap else None


def micros_of_day(hour: int, minute: int, second: int, fraction: str = "") -> int | None:
    """Microseconds since midnight; of a fraction (digits) what is less is cut. None where there is no such time."""
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return None
    return ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + int(fraction[:6].ljust(6, "0"))


def offset_seconds(text: str) -> int | None:
    """What local time is ahead of UTC by: `Z`, `+05`, `+0530`, `-05:30`; None beyond 18 hours."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        return 0
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    ahead = (hours * 60 + minutes) * 60 + seconds
    if minutes > 59 or seconds > 59 or ahead > _LARGEST_OFFSET:
        return None
    return -ahead if found[1] == "-" else ahead


@dataclass(frozen=True)
class DatetimePattern:
    """A pattern that was understood."""

    shape: re.Pattern[str]
    groups: Mapping[str, str]
    """Group of the shape -> the field that it holds."""
    parts: Sequence[tuple[bool, str]]
    """(whether it is a field, its letters or what stands between fields)."""

    @property
    def fields(self) -> frozenset[str]:
        """What a text may say: year, month, day, hour, …"""
        return frozenset(self.groups.values())

    @property
    def names_a_day(self) -> bool:
        """Whether it has a place for the year and the day in it."""
        has_year = not self.fields.isdisjoint({"year", "year_of_century", "year_of_era"})
        return has_year and ({"month", "day"} <= self.fields or "day_of_year" in self.fields)

    @property
    def rewritten(self) -> tuple[str, str, str] | None:
        """A regular expression of its texts, the same instant in ISO 8601 by the groups of it, and one such text: of a
        pattern of digits in fixed places, with signs between them. None for any other."""
        places: dict[str, str] = {}
        shape = example = ""
        for is_field, part in self.parts:
            if is_field:
                places[part] = f"\\{len(places) + 1}"
            elif part in "[]" or re.search(r"[\w\0]", part):
                return None
            shape += f"([0-9]{{{len(part)}}})" if is_field else re.escape(part)
            example += "1" * len(part) if is_field else part
        day, clock = ("yyyy", "MM", "dd"), [letters for letters in ("HH", "mm", "ss") if letters in places]
        if {*places} != {*day, *clock} or clock not in ([], ["HH", "mm"], ["HH", "mm", "ss"]):
            return None
        if len(places) < sum(is_field for is_field, _ in self.parts):
            return None
        time = ":".join(places[letters] for letters in clock)
        return shape, "-".join(places[letters] for letters in day) + (f" {time}" if time else ""), example

    def read(self, text: str) -> int | None:
        """Microseconds since 1970-01-01T00:00:00Z, of any year; None where the text is no such instant."""
        found = self.shape.fullmatch(text)
        if found is None:
            return None
        said: dict[str, str] = {}
        for group, field in self.groups.items():
            part = found[group]
            if part is not None and said.setdefault(field, part) != part:
                return None
        day, time = _day(said), _time(said)
        return None if day is None or time is None else _in_utc(day * MICROS_PER_DAY + time, said)


def _day(said: Mapping[str, str]) -> int | None:
    """Days since 1970-01-01."""
    if "era" in said or "year_of_era" in said:
        of_era = int(said.get("year_of_era", 0))
        if of_era < 1 or "era" not in said:
            return None
        year = of_era if said["era"][0] in "Aa" else 1 - of_era
    elif "year_of_century" in said:
        year = 2000 + int(said["year_of_century"])
    else:
        year = int(said.get("year", 1970))
    month = _number(said.get("month", "1"))
    if "day_of_year" not in said:
        return day_number(year, month, int(said.get("day", 1)))
    found = year_day_number(year, int(said["day_of_year"]))
    for name, value in (("month", month), ("day", int(said.get("day", 1)))):
        if name in said and found is not None:
            of_cycle = date.fromordinal(found % _DAYS_OF_CYCLE + _EPOCH)
            found = found if getattr(of_cycle, name) == value else None
    return found


def _number(month: str) -> int:
    """A month as a number, also where its name or the first three letters of it are said."""
    if month.isdigit():
        return int(month)
    return next(number for number, name in enumerate(_MONTHS, 1) if name[:3].lower() == month[:3].lower())


def _time(said: Mapping[str, str]) -> int | None:
    """Microseconds since midnight."""
    is_afternoon = said.get("half", "AM").upper() == "PM"
    hours = [int(said["hour"])] if "hour" in said else []
    if "hour_from_1_to_24" in said:
        clock = int(said["hour_from_1_to_24"])
        hours.append(clock % 24 if 1 <= clock <= 24 else -1)
    for name, first in (("hour_from_1_to_12", 1), ("hour_from_0_to_11", 0)):
        if name in said:
            clock = int(said[name])
            hours.append(clock % 12 + 12 * is_afternoon if first <= clock < first + 12 else -1)
    if not hours and "half" in said:
        hours = [12 * is_afternoon]
    if len(set(hours)) > 1 or ("half" in said and hours[0] // 12 != is_afternoon):
        return None
    minute, second = int(said.get("minute", 0)), int(said.get("second", 0))
    return micros_of_day(hours[0] if hours else 0, minute, second, said.get("fraction", ""))


def _in_utc(local: int, said: Mapping[str, str]) -> int | None:
    if "zone" in said:
        return _of_zone(local, said["zone"])
    ahead = offset_seconds(said.get("offset", "Z"))
    return None if ahead is None else local - ahead * MICROS_PER_SECOND


def _of_zone(local: int, name: str) -> int | None:
    """Local time of a named zone in UTC. Of an hour that a clock shows twice the first is meant, and a time that it
    skips is as much later."""
    known = _zones().get(name.lower())
    if known is None:
        return None
    days, micros = divmod(local, MICROS_PER_DAY)
    try:
        midnight = datetime.fromordinal(days + _EPOCH)
    except (ValueError, OverflowError):
        return local  # of a year for which no zone has rules, and no type a value
    offset = (midnight + timedelta(microseconds=micros)).replace(tzinfo=ZoneInfo(known)).utcoffset()
    return None if offset is None else local - offset // timedelta(microseconds=1)


@cache
def _zones() -> Mapping[str, str]:
    """Lower-cased name -> the zone's own."""
    return {name.lower(): name for name in sorted(available_timezones())}


@cache
def datetime_pattern(text: str) -> DatetimePattern:
    """Understand a pattern. Raises ValueError, with a sentence that says which part of it is wrong."""
    parts = list(_parts(text))
    has_era = any(part[0] == "G" for is_field, part in parts if is_field)
    shape, groups, depth = "", {}, 0
    for place, (is_field, part) in enumerate(parts):
        if not is_field:
            depth += {"[": 1, "]": -1}.get(part, 0)
            if depth < 0:
                raise ValueError("a ] without [")
            # As Java: a part that may be left out is taken where it fits, for good.
            shape += {"[": "(?:", "]": ")?+"}.get(part, re.escape(part.strip("\0")))
            continue
        following = parts[place + 1][1] if place + 1 < len(parts) and parts[place + 1][0] else ""
        name, field = _field(part, has_era, is_followed=_has_width(following))
        group = f"g{place}"
        groups[group] = name
        shape += f"(?P<{group}>{field})"
    if depth:
        raise ValueError("a [ without ]")
    if not groups:
        raise ValueError("it has no letters of a date")
    return DatetimePattern(re.compile(shape, re.ASCII | re.IGNORECASE), groups, tuple(parts))


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it is a field, the letters or what stands between fields). A quoted text has U+0000 around it."""
    for token in _TOKEN.finditer(text):
        if token["letters"]:
            yield True, token["letters"]
        elif token["literal"] is not None:
            yield False, "\0" + (token["literal"].replace("''", "'") or "'") + "\0"
        elif token["other"] in "'{}#":
            raise ValueError("a ' without its second" if token["other"] == "'" else f"{token['other']} is reserved")
        else:
            yield False, token["other"]


def _has_width(letters: str) -> bool:
    """Whether a number of fixed width stands there, whose digits the number before leaves."""
    return (
        (len(letters) == 2 and letters[0] in "MLdHhkKms")
        or (letters[:1] == "D" and len(letters) == 3)
        or letters == "yy"
    )


def _field(letters: str, has_era: bool, *, is_followed: bool) -> tuple[str, str]:
    """The name and the shape of a field. A number of no fixed width takes every digit, or leaves those that follow."""
    letter, count = letters[0], len(letters)
    any_width = _ANY_WIDTH if is_followed else f"{_ANY_WIDTH}+"
    if letter in _TWO_DIGITS and count <= 2:
        return _TWO_DIGITS[letter], "[0-9]{2}" if count == 2 else any_width
    if letter == "y" and count <= 6:
        return "year_of_era" if has_era else "year_of_century" if count == 2 else "year", _year(count, any_width)
    if letter in "ML" and count <= 4:
        names: Sequence[str] = _MONTHS if count == 4 else [name[:3] for name in _MONTHS]
        # Longest first: none is the beginning of one that follows.
        shapes = {1: any_width, 2: "[0-9]{2}"}
        return "month", shapes.get(count, "|".join(sorted(names, key=len, reverse=True)))
    if letter == "D" and count <= 3:
        return "day_of_year", {1: any_width, 2: "[0-9]{2,3}+", 3: "[0-9]{3}"}[count]
    if letter == "S" and count <= 9:
        return "fraction", f"[0-9]{{1,{count}}}+"
    if letters == "a":
        return "half", "AM|PM"
    if letter == "G" and count <= 4:
        return "era", "Anno Domini|Before Christ" if count == 4 else "AD|BC"
    if letters == "VV":
        return "zone", r"[A-Za-z][A-Za-z0-9~/._+-]*+"
    if letters in _OFFSETS:
        return "offset", _OFFSETS[letters]
    if letter == "z":
        raise ValueError(f"{letters} names a zone in more than one way; write VV for Europe/Berlin, XXX for +02:00")
    raise ValueError(f"{letters} is no field that can be read")


def _year(count: int, any_width: str) -> str:
    if count == 2:
        return "[0-9]{2}"
    if count in (1, 3):
        return f"-?{any_width.replace('1,19', f'{count},19')}"
    more = any_width.replace("1,19", f"{count + 1},19")
    return f"[0-9]{{{count}}}|[+]{more}|-{any_width.replace('1,19', f'{count},19')}"
