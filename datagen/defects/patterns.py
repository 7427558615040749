"""Instants as a contract's datetime patterns write them: Spark's pattern language, as far as writing is unambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache

_TOKEN = re.compile(r"'(?P<literal>[^']*)'|(?P<field>(?P<letter>[A-Za-z])(?P=letter)*)|(?P<other>[^A-Za-z'\[\]])")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def _offset(at: datetime) -> str:
    offset = at.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "Z"


_FIELDS: Mapping[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04}",
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "dd": lambda at: f"{at.day:02}",
    "d": lambda at: str(at.day),
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "mm": lambda at: f"{at.minute:02}",
    "ss": lambda at: f"{at.second:02}",
    "SSS": lambda at: f"{at.microsecond // 1_000:03}",
    "SSSSSS": lambda at: f"{at.microsecond:06}",
    "XXX": _offset,
}


def flat(pattern: str, keeps: Callable[[], bool]) -> str:
    """The pattern without its optional sections, or with those that `keeps` says yes to."""
    return _OPTIONAL.sub(lambda section: section[1] if keeps() else "", pattern)


def has_zone(pattern: str) -> bool:
    """Whether texts of a flat pattern say their offset from UTC."""
    return "XXX" in _fields(pattern)


def written(pattern: str, at: datetime) -> str:
    """An instant by a flat pattern, at the offset that it has."""
    return "".join(_FIELDS[text](at) if is_field else text for text, is_field in _parts(pattern))


def kept(pattern: str, at: datetime) -> datetime:
    """What is left of an instant once it has been written by a flat pattern."""
    letters = {field[0] for field in _fields(pattern)}
    hour, minute, second = (
        part if letter in letters else 0 for letter, part in zip("Hms", (at.hour, at.minute, at.second), strict=True)
    )
    return at.replace(hour=hour, minute=minute, second=second, microsecond=0)


@cache
def _fields(pattern: str) -> frozenset[str]:
    return frozenset(text for text, is_field in _parts(pattern) if is_field)


@cache
def _parts(pattern: str) -> tuple[tuple[str, bool], ...]:
    """Text and fields in order. ValueError for a pattern that is not understood, or names no day."""
    parts, position = [], 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None or (token["field"] and token["field"] not in _FIELDS):
            raise ValueError(f"{pattern}: cannot be written from {pattern[position:]} on")
        is_field = token["field"] is not None
        # Two quotes are one, as text.
        text = token["field"] or token["other"] or token["literal"] or "'"
        parts.append((text, is_field))
        position = token.end()
    fields = {text for text, is_field in parts if is_field}
    if not ("yyyy" in fields and fields & {"MM", "M"} and fields & {"dd", "d"}):
        raise ValueError(f"{pattern}: names no day")
    return tuple(parts)
