"""Sizes, rates, durations and instants as people type them: `1GB`, `50/s`, `90s`, `2026-01-05`."""

from __future__ import annotations

import re
from datetime import datetime

import typer

from lakehouse import conditions

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_UNITS = " kmgt"
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/\s*(s|m|min|h))?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)?", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600}


def bytes_of(text: str) -> int:
    """`1GB`, `500kB`, `16MiB` or `1000` in bytes. Raises typer.BadParameter."""
    if match := _SIZE.fullmatch(text.strip()):
        number, unit, binary = match.groups()
        power = _UNITS.index(unit.lower()) if unit else 0
        size = round(float(number) * float(1_024 if binary else 1_000) ** power)
        if size >= 1 and (unit or not binary):
            return size
    raise typer.BadParameter(f'"{text}" is no size; one is 1GB, 500MB, 64kB or 16MiB')


def rows_per_second(text: str) -> float:
    """`50/s`, `3000/min` or `50` in rows a second. Raises typer.BadParameter."""
    if (match := _RATE.fullmatch(text.strip())) and float(match[1]) > 0:
        return float(match[1]) / _SECONDS[(match[2] or "s").lower()]
    raise typer.BadParameter(f'"{text}" is no rate; one is 50/s, 3000/min or 100000/h')


def seconds_of(text: str) -> float:
    """`90s`, `5min`, `2h` or `90` in seconds. Raises typer.BadParameter."""
    if (match := _DURATION.fullmatch(text.strip())) and float(match[1]) > 0:
        return float(match[1]) * _SECONDS[(match[2] or "s").lower()]
    raise typer.BadParameter(f'"{text}" is no time; one is 90s, 5min or 2h')


def since(text: str) -> datetime:
    """The first instant of a date, or an instant, UTC without zone. Raises typer.BadParameter."""
    try:
        return conditions.since(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def shown(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1_000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1_000
    return f"{count:,.1f} TB"
