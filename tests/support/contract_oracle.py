"""What a contract says of one cell, read once more in plain Python: the judge of what the generator claims.

Written from the words of the contract alone (the docstrings of `Column` and `REPAIRS`, the names of the rules) and from
the standards that they name (ISO 8601, RFC 8259), so that neither the generator nor the lake can agree with it by
sharing a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import cache
from html import unescape
from html.entities import html5
from typing import Any
from unicodedata import category

from lakehouse.contract import Column

# By what Unicode says of each character, and two that stand for nothing.
_BLANKS = "\u200b\ufeff" + "".join(
    character for character in map(chr, range(0x10000)) if character.isspace() and not "\x1c" <= character <= "\x1f"
)
_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "1"), True) | dict.fromkeys(("false", "f", "no", "n", "0"), False)
# ISO 8601: a calendar date, a day of a week, or a day of the year; an hour alone, or with minutes, seconds, a fraction.
_DATES = ("YYYY-MM-DD", "YYYY-Www-D", "YYYY-DDD")
_TIMES = ("", "Thh", "Thh:mm", "Thh:mm:ss", "Thh:mm:ss.f", " hh:mm", " hh:mm:ss", " hh:mm:ss.f")
_OF_ISO = {
    "YYYY": r"(?P<year>\d{4})", "MM": r"(?P<month>\d\d)", "DDD": r"(?P<ordinal>\d{3})", "DD": r"(?P<day>\d\d)",
    "ww": r"(?P<week>\d\d)", "D": r"(?P<weekday>[1-7])", "hh": r"(?P<hour>\d\d)", "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)", ".f": r"[.,](?P<fraction>\d{1,9})",
}  # fmt: skip
_YEARS_OF_CYCLE, _DAYS_OF_CYCLE = 400, 146_097
_FIELDS = {
    "yyyy": r"(?P<year>\d{4}|[+]\d{5,9}|-\d{4,9})",
    "MM": r"(?P<month>\d\d)",
    "M": r"(?P<month>\d\d?)",
    "dd": r"(?P<day>\d\d)",
    "d": r"(?P<day>\d\d?)",
    "HH": r"(?P<hour>\d\d)",
    "H": r"(?P<hour>\d\d?)",
    "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)",
    "SSS": r"(?P<fraction>\d{1,3})",
    "SSSSSS": r"(?P<fraction>\d{1,6})",
    "XXX": r"(?P<zone>Z|[+-]\d\d:\d\d)",
}


@dataclass(frozen=True)
class Reading:
    """The typed value of a cell, and the rules that it breaks."""

    value: Any = None
    violations: frozenset[str] = field(default_factory=frozenset)


def read_cell(text: str | None, column: Column) -> Reading:
    """What the contract makes of a delivered text; whether its parent is there is not looked at."""
    with localcontext(prec=2_000):  # no digit of a number is rounded away
        return _read(text, column)


def _read(text: str | None, column: Column) -> Reading:
    bare = (text or "").strip(_BLANKS)
    if len(bare) > _longest(column):
        rule = "not_allowed" if column.values else "too_long" if column.type.kind == "varchar" else "malformed"
        return _broken(column, rule)
    # Again and again, until nothing changes: what was put together or escaped twice is meant to be one value.
    for _ in range(8):
        before = bare
        bare = _without_prefix(bare, column).strip(_BLANKS)
        for repair in column.repairs:
            if _says_nothing(bare, column):
                return _broken(column, "missing") if column.required else Reading()
            bare = _REPAIRS[repair](bare)
        bare = bare.strip(_BLANKS)
        if bare == before:
            break
    if _says_nothing(bare, column):
        return _broken(column, "missing") if column.required else Reading()
    meant = column.synonyms.get(bare.lower())
    if column.values:
        return _broken(column, "not_allowed") if meant is None else Reading(meant)
    value = _typed(bare if meant is None else meant, column)
    if isinstance(value, _Problem):
        return _broken(column, value.rule)
    refusing = [rule for rule in _broken_rules(value, column) if rule not in column.warnings]
    return Reading(value, frozenset(f"{column.name}_{rule}" for rule in refusing))


def _says_nothing(text: str, column: Column) -> bool:
    return not text or text.lower() in (spelling.lower() for spelling in column.nulls)


def _longest(column: Column) -> int:
    """Characters of a cell that may be a value: 256 of numbers, dates and the like; of text, what fits the column or is
    one of its spellings, 32 times as much where repairs make it shorter, and 256 for what stands around."""
    spellings = max((len(spelling) for spelling in (*column.values, *column.synonyms, *column.nulls)), default=0)
    if column.type.kind != "varchar":
        return max(256, spellings)
    return 256 + max(spellings, (column.type.length or 0) * (32 if column.repairs else 1))


@dataclass(frozen=True)
class _Problem:
    rule: str


def _broken(column: Column, rule: str) -> Reading:
    return Reading(None, frozenset({f"{column.name}_{rule}"}))


def _broken_rules(value: Any, column: Column) -> list[str]:
    rules = []
    if column.type.kind == "varchar" and len(value.encode()) > (column.type.length or 0):
        rules.append("too_long")
    if column.pattern is not None and re.fullmatch(column.pattern, value, re.ASCII) is None:
        rules.append("pattern_mismatch")
    low, high = column.minimum, column.maximum
    if low is not None and (value < low or (column.exclusive_minimum and value == low)):
        rules.append("below_minimum")
    if high is not None and (value > high or (column.exclusive_maximum and value == high)):
        rules.append("above_maximum")
    return rules


def _without_prefix(text: str, column: Column) -> str:
    for prefix in sorted(column.prefixes, key=len, reverse=True):
        if text.lower().startswith(prefix.lower()):
            return text[len(prefix) :]
    return text


# --- repairs


def _currency_sign(text: str) -> str:
    signs = "".join(character for character in set(text) if category(character) == "Sc") or "€"
    sign = rf"(?:[{re.escape(signs)}]|zł|kr|[A-Z]{{3}})"
    found = re.fullmatch(rf"{sign}[{_BLANKS}]*([0-9.,]+)|([0-9.,]+)[{_BLANKS}]*{sign}", text)
    return text if found is None else found[1] or found[2]


def _decimal_comma(text: str) -> str:
    found = re.fullmatch(r"([+-]?)(\d+|\d{1,3}(?:\.\d{3})+),(\d+)(\s*%)?", text)
    if found is None or ("." not in found[2] and len(found[3]) == 3):
        return text
    return f"{found[1]}{found[2].replace('.', '')}.{found[3]}{found[4] or ''}"


def _percent(text: str) -> str:
    found = re.fullmatch(r"([+-]?[\d.,]+)\s*%", text)
    number = _number(found[1]) if found else None
    return text if number is None else f"{number / 100:f}"


def _number_words(text: str) -> str:
    return str(_WORDS.index(text.lower())) if text.lower() in _WORDS else text


def _html_entities(text: str) -> str:
    """HTML's own, if they end with a semicolon; what stands for no character, or U+0000, is no entity."""

    def meant(entity: re.Match[str]) -> str:
        digits = entity[1].lower()
        if digits.startswith("#"):
            point = int(digits[2:], 16) if digits[1] == "x" else int(digits[1:])
            if point == 0 or point > 0x10FFFF or 0xD800 <= point < 0xE000:
                return entity[0]
            if not 0x80 <= point < 0xA0:
                return chr(point)  # the library's leaves out what HTML calls no character
        elif f"{entity[1]};" not in html5:
            return entity[0]
        return unescape(entity[0])

    return re.sub(r"&(#[0-9]+|#[xX][0-9A-Fa-f]+|[A-Za-z0-9]+);", meant, text)


def _mojibake(text: str) -> str:
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _email(text: str) -> str:
    inside = re.fullmatch(r"[^<>]*<([^<>]*)>", text)
    address = inside[1] if inside else text
    address = address[7:] if address.lower().startswith("mailto:") else address
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _phone(text: str) -> str:
    return re.sub("^00", "+", re.sub(rf"[{_BLANKS}./()-]", "", text.replace("(0)", "")))


_REPAIRS: Mapping[str, Callable[[str], str]] = {
    "currency_sign": _currency_sign,
    "decimal_comma": _decimal_comma,
    "percent": _percent,
    "number_words": _number_words,
    "html_entities": _html_entities,
    "mojibake": _mojibake,
    "email": _email,
    "phone": _phone,
}


# --- types


def _typed(text: str, column: Column) -> Any:
    match column.type.logical:
        case "string":
            return text
        case "integer":
            return _integer(text, column)
        case "number":
            return _decimal(text, column)
        case "boolean":
            return _BOOLEANS.get(text.lower(), _Problem("malformed"))
    at = _instant(text, column)
    return at.date() if isinstance(at, datetime) and column.type.kind == "date" else at


def _number(text: str) -> Decimal | None:
    """Digits with a point, in groups of thousands, or with JSON's exponent: that is, written out."""
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text, re.ASCII):
        text = text.replace(",", "")
    found = re.fullmatch(r"([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?", text, re.ASCII)
    return None if found is None else Decimal(_written_out(*found.groups()))


def _written_out(sign: str, whole: str, fraction: str, exponent: str | None) -> str:
    # A thousand places are beyond every type.
    places = max(-1_000, min(int(exponent or 0), 1_000))
    digits, point = whole + fraction, len(whole) + places
    if point < 0:
        digits, point = "0" * -point + digits, 0
    digits = digits.ljust(point, "0")
    return f"{sign}{digits[:point] or 0}.{digits[point:] or 0}"


def _integer(text: str, column: Column) -> int | _Problem:
    number = _number(text)
    if number is None or number != number.to_integral_value():
        return _Problem("malformed")
    limit = 1 << _BITS[column.type.kind]
    return int(number) if -limit <= number < limit else _Problem("out_of_range")


def _decimal(text: str, column: Column) -> Decimal | float | _Problem:
    number = _number(text)
    if number is None:
        return _Problem("malformed")
    if column.type.kind == "double":
        return float(number) if abs(float(number)) != float("inf") else _Problem("out_of_range")
    unit = Decimal(1).scaleb(-(column.type.scale or 0))
    if number % unit:
        return _Problem("too_precise")
    if abs(number) >= Decimal(10) ** ((column.type.precision or 0) - (column.type.scale or 0)):
        return _Problem("out_of_range")
    return number.quantize(unit)


def _instant(text: str, column: Column) -> datetime | _Problem:
    """In UTC: ISO 8601 with separators, then the formats of the contract in order, then ISO 8601 without."""
    shapes = (*_iso(""), *map(_shape, column.formats), *_iso("-:"))
    readings = (_read_instant(shape, text) for shape in shapes)
    return next((at for at in readings if at is not None), _Problem("malformed"))


def _read_instant(shape: re.Pattern[str] | str, text: str) -> datetime | _Problem | None:
    if isinstance(shape, str):
        return _counted(shape, text)
    found = shape.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    year, hour, minute, second = (int(parts.get(name) or 0) for name in ("year", "hour", "minute", "second"))
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    # After 400 years the calendar is the same again; Python begins with the year 1.
    cycles, year = divmod(year - 1, _YEARS_OF_CYCLE)
    is_end = (hour, minute, second, micros) == (24, 0, 0, 0) and "is_iso" in parts
    try:
        day = _day(year + 1, parts)
        at = datetime(day.year, day.month, day.day, 0 if is_end else hour, minute, second, micros)
    except ValueError:
        return None
    ahead = _offset(parts.get("zone") or "Z")
    if ahead is None:
        return None
    try:
        return at + (timedelta(days=cycles * _DAYS_OF_CYCLE + is_end) - ahead)
    except OverflowError:
        return _Problem("out_of_range")


def _day(year: int, parts: Mapping[str, str | None]) -> date:
    if week := parts.get("week"):
        return date.fromisocalendar(year, int(week), int(parts["weekday"] or 0))
    if ordinal := parts.get("ordinal"):
        found = date(year, 1, 1) + timedelta(days=int(ordinal) - 1)
        if found.year != year:
            raise ValueError(ordinal)
        return found
    return date(year, int(parts["month"] or 0), int(parts["day"] or 0))


def _counted(name: str, text: str) -> datetime | None:
    """Seconds or milliseconds since 1970, by how many digits the number has before its point."""
    digits, unit = {"epoch_seconds": ((9, 10), 1_000_000), "epoch_millis": ((12, 13), 1_000)}[name]
    found = re.fullmatch(r"-?(\d+)(?:\.\d+)?(?P<exponent>[eE][+-]?\d+)?", text, re.ASCII)
    number = _number(text)
    if found is None or number is None:
        return None
    whole = str(abs(int(number))) if found["exponent"] else found[1]
    if len(whole) not in digits or (found["exponent"] and not int(number)):
        return None
    micros = int((number * unit).to_integral_value(ROUND_FLOOR))
    return datetime(1970, 1, 1) + timedelta(microseconds=micros)


def _offset(zone: str) -> timedelta | None:
    """What local time is ahead by: at most 18 hours."""
    hours, minutes = (int(zone[1:3] or 0), int(zone[3:].removeprefix(":") or 0))
    if minutes > 59 or hours * 60 + minutes > 18 * 60:
        return None
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if zone.startswith("-") else ahead


@cache
def _iso(without: str) -> list[re.Pattern[str]]:
    """Every form of ISO 8601 that names a day or an instant, without these separators."""
    found = []
    for day in _DATES:
        for time in _TIMES:
            form = "".join(character for character in f"{day}{time}" if character not in without)
            shape = re.sub("|".join(map(re.escape, _OF_ISO)), lambda part: _OF_ISO[part[0]], form)
            zone = r"(?P<zone>Z|[+-]\d\d(:?\d\d)?)?" if time else ""
            found.append(re.compile(f"(?P<is_iso>){shape}{zone}", re.ASCII | re.IGNORECASE))
    return found


@cache
def _shape(name: str) -> re.Pattern[str] | str:
    """A datetime pattern as a regular expression; an epoch stays what it is called."""
    if name.startswith("epoch_"):
        return name
    shape = ""
    for token in re.finditer(r"'(?P<literal>[^']+)'|(?P<field>([A-Za-z])\3*)|(?P<other>.)", name):
        if token["field"]:
            shape += _FIELDS[token["field"]]
        else:
            sections = {"[": "(?:", "]": ")?"}
            shape += sections.get(token["other"], re.escape(token["literal"] or token["other"]))
    return re.compile(shape, re.ASCII | re.IGNORECASE)
