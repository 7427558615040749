"""What a domain's truth is made of: slices of time, and the rows that are born in each.

A world is made slice by slice, in any order and by several processes at once, in the memory of one slice: whoever is
mentioned in another slice (the user of a sale) is known from his number alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

import numpy as np
import pyarrow as pa

from datagen.chance import Indices, round_half_up

FIRST_DAY = date(2026, 1, 1)

# Trade by day of the week, Monday first, and by month (both in per mille of an average day): people shop at weekends
# and before Christmas, and are away in summer.
_WEEKDAYS = (930, 900, 920, 960, 1_010, 1_160, 1_120)
_MONTHS = (950, 900, 940, 960, 970, 940, 890, 900, 980, 1_020, 1_250, 1_300)
_GROWTH_PER_DAY = 2  # per mille of the first day
# Visits by hour of the day in UTC.
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 13, 16, 19, 20, 16, 10, 5)


@dataclass(frozen=True)
class Slice:
    """Part `part` of `parts` of a day; `number` counts all slices of a world from 0."""

    number: int
    day_number: int
    day: date
    part: int
    parts: int


@dataclass(frozen=True)
class Births:
    """Rows of one dataset that come up in one slice.

    `table` holds them as they are at first, in the contract's columns and types; `changed` holds later versions of
    some: row i of it is a version of row `changed_row[i]` of the table and becomes known `delay_days[i]` days later.
    `settled` names rows of the table whose later version is born in a slice to come (`superseded`), or that are such a
    version (`final`): what becomes of them is settled, so nothing may go wrong with them on the way.
    """

    table: pa.Table
    changed: pa.Table | None = None
    changed_row: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    delay_days: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    superseded: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    final: Indices = field(default_factory=lambda: np.empty(0, np.int64))


class World(Protocol):
    """A domain's truth."""

    @property
    def domain(self) -> str: ...

    @property
    def datasets(self) -> Sequence[str]:
        """Names without the domain, parents before children."""
        ...

    @property
    def seed(self) -> int: ...

    @property
    def days(self) -> int: ...

    @property
    def slices(self) -> Sequence[Slice]: ...

    def datasets_in(self, part: Slice) -> Sequence[str]:
        """The datasets that the slice has rows of."""
        ...

    def births(self, part: Slice) -> Mapping[str, Births]:
        """Rows by dataset, those of `datasets_in`."""
        ...


def day_weights(first_day: date, days: int) -> list[int]:
    """How much happens on each day, relative to the others."""
    weights = []
    for number in range(days):
        day = first_day + timedelta(days=number)
        # From the middle of one month to that of the next, so that no month begins with a jump.
        here, half = day.month - 1, day.day - 15
        other = (here + 1) % 12 if half >= 0 else (here - 1) % 12
        season = (_MONTHS[here] * (30 - abs(half)) + _MONTHS[other] * abs(half)) // 30
        weights.append(_WEEKDAYS[day.weekday()] * season * (1_000 + _GROWTH_PER_DAY * number))
    return weights


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """A total split by weight into whole numbers that add up to it."""
    whole, done, edges = sum(weights), 0, [0]
    for weight in weights:
        done += weight
        edges.append(round_half_up(total * done, whole))
    return [end - start for start, end in itertools.pairwise(edges)]


def make_slices(rows_by_day: Sequence[int], first_day: date, rows_per_slice: int) -> list[Slice]:
    """Days cut into slices of about `rows_per_slice` rows at most."""
    slices: list[Slice] = []
    for number, rows in enumerate(rows_by_day):
        parts = max(1, -(-rows // rows_per_slice))
        day = first_day + timedelta(days=number)
        slices += [Slice(len(slices) + part, number, day, part, parts) for part in range(parts)]
    return slices


def share_of(count: int, part: Slice) -> tuple[int, int]:
    """The slice's share of what there is on its day: places from, to."""
    return count * part.part // part.parts, count * (part.part + 1) // part.parts


def seconds_of_day(places: Indices, count: int, jitter: Indices) -> Indices:
    """The second of the day at which the things at these places of `count` happen, in order, by the hour's rhythm.

    `jitter` moves each by a random part of its own stretch: 16 random bits.
    """
    quantiles = ((places << 16) + jitter) * _DAY_QUANTILES // max(count, 1) >> 16
    seconds: Indices = _SECOND_BY_QUANTILE[quantiles]
    return seconds


_DAY_QUANTILES = 1 << 17
_HOUR_ENDS = np.cumsum(np.array([0, *_HOURS]))
# Second by quantile: whole numbers all the way, the hours' shares being small ones.
_AT = np.arange(_DAY_QUANTILES, dtype=np.int64) * int(_HOUR_ENDS[-1])
_HOUR = np.searchsorted(_HOUR_ENDS << 17, _AT, side="right") - 1
_SECOND_BY_QUANTILE = _HOUR * 3_600 + (_AT - (_HOUR_ENDS[_HOUR] << 17)) * 3_600 // (
    np.array(_HOURS, dtype=np.int64)[_HOUR] << 17
)
