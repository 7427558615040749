"""A shop that goes on: its files, day after day and at a pace, until somebody has seen enough."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import Event

from datagen.defects.model import FileDefect
from datagen.delivery import Done
from datagen.generate import Order, tell_about
from datagen.plan import Plan
from datagen.shard import Shard
from datagen.sinks import Sink
from datagen.standing import Standing
from datagen.truth import TruthWriter
from datagen.world import Births, Slice, World
from datagen.worlds import world_of

DAYS = 365
"""The shop is followed through a year at most."""
MOST_ROWS = 10_000_000
"""So many rows has that year at most: what may yet be replaced is kept in memory."""
_SECONDS_PER_DAY = 60
_SECONDS_PER_SLICE = 20
_OPENING_ROWS = 50_000
_STRETCH_DAYS = 28


def live_order(order: Order, rate: float) -> Order:
    """The order with as many rows and days as there are to follow at `rate` rows a second: a day passes in about a
    minute, or in less where the year would have too many rows."""
    return replace(order, rows=max(1, min(MOST_ROWS, round(rate * _SECONDS_PER_DAY * DAYS))), days=DAYS)


def follow(
    order: Order, rate: float, sink: Sink, truth: Path, stop: Event, seconds: float | None = None
) -> Iterator[Done]:
    """Deliver at about `rate` rows a second and yield each file when it is done, until `stop` is set, so many seconds
    have passed, or the order's days are over.

    The first day comes at once: with it the shop hands over what it had before. Asked to stop, it delivers what has
    begun, and the truth is that of all that was delivered. The memory that it takes is that of a month's repeated rows,
    and of the rows that may yet be replaced.
    """
    truth.mkdir(parents=True, exist_ok=True)
    tell_about(truth, order.about_json(rate=rate, complete=False))
    stretches = _stretches(order, rate)
    standing = {name: Standing(contract) for name, contract in order.plan.contracts.items()}
    pace, rows, number, last = _Pace(rate, stop, seconds), 0, 0, order.first_day
    for number, stretch in enumerate(stretches):
        shard = Shard(number, stretch.slices, _plan(order.plan, stretch, number), sink, truth, standing)
        for part in stretch.slices:
            for done in shard.deliver_slice(part):
                rows += done.rows
                yield done
                if part.day_number:
                    pace.wait(done.rows)
            last = part.day
            if pace.is_over():
                break
        for done in shard.deliver_rest():
            rows += done.rows
            yield done
        if pace.is_over():
            break
    writer = TruthWriter(truth, number + 1)
    for dataset in standing.values():
        dataset.settle(writer)
    writer.close()
    tell_about(truth, _told(order, rate, rows, last))


def _told(order: Order, rate: float, rows: int, last: date) -> str:
    days = (last - order.first_day).days + 1
    return order.about_json(rate=rate, rows=rows, days=days, complete=True)


@dataclass(frozen=True)
class _Stretch:
    """Some days of a world, as a world of their own: what goes wrong with whole files is planned for a month."""

    world: World
    slices: Sequence[Slice]

    @property
    def domain(self) -> str:
        return self.world.domain

    @property
    def datasets(self) -> Sequence[str]:
        return self.world.datasets

    @property
    def seed(self) -> int:
        return self.world.seed

    @property
    def days(self) -> int:
        return self.world.days

    def datasets_in(self, part: Slice) -> Sequence[str]:
        return self.world.datasets_in(part)

    def births(self, part: Slice) -> Mapping[str, Births]:
        return self.world.births(part)


def _stretches(order: Order, rate: float) -> Sequence[_Stretch]:
    """The world's days month by month, in slices of some seconds each; the first day in large ones."""

    def world(rows_per_slice: int) -> World:
        return world_of(order.domain)(order.rows, order.days, order.seed, order.first_day, rows_per_slice)

    opening, live = world(_OPENING_ROWS), world(max(1, round(rate * _SECONDS_PER_SLICE)))
    parts = [part for part in opening.slices if not part.day_number]
    parts += [part for part in live.slices if part.day_number]
    months: dict[int, list[Slice]] = {}
    for number, part in enumerate(parts):
        months.setdefault(part.day_number // _STRETCH_DAYS, []).append(replace(part, number=number))
    return [_Stretch(live, slices) for slices in months.values()]


def _plan(plan: Plan, stretch: _Stretch, number: int) -> Plan:
    """What goes wrong in a month; what may come once did so in the first."""
    once = [defect.name for defect in plan.defects if isinstance(defect, FileDefect) and defect.is_once]
    shares = {**plan.shares, **dict.fromkeys(once, 0.0)} if number else plan.shares
    return replace(plan, world=stretch, shares=shares)


class _Pace:
    """Lets so many rows a second pass."""

    def __init__(self, rate: float, stop: Event, seconds: float | None) -> None:
        self._rate, self._stop = rate, stop
        self._next = time.monotonic()
        self._end = None if seconds is None else self._next + seconds

    def wait(self, rows: int) -> None:
        """Rows have passed: wait until the next ones may. Whoever is late is not made up for."""
        now = time.monotonic()
        self._next = max(self._next + rows / self._rate, now)
        until = self._next if self._end is None else min(self._next, self._end)
        self._stop.wait(max(0.0, until - now))

    def is_over(self) -> bool:
        """Whether it is time to stop."""
        return self._stop.is_set() or (self._end is not None and time.monotonic() >= self._end)
