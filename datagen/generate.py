"""A world delivered, with the truth beside it: what `lakehouse generate`, the DAG `simulate` and the Lambda call."""

from __future__ import annotations

import gzip
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datagen.defects import DEFECTS, shares_of
from datagen.delivery import Done
from datagen.plan import Plan
from datagen.shard import Shard
from datagen.sinks import Sink
from datagen.world import FIRST_DAY, Slice
from datagen.worlds import world_of
from datagen.writers import FORMATS
from lakehouse.contract import load_registry

TRUTH = "_truth"
"""Folder of the truth, beside the datasets' folders."""
ABOUT = "about.json"
FILE_BYTES = 16 << 20
_BYTES_PER_ROW = 170
_ROWS_PER_SHARD = 1_000_000
_SAMPLE_ROWS, _SAMPLE_DAYS = 20_000, 14
_GZIP_SHARE = 0.148
"""Of the inflated size, what is left; measured over all datasets."""
_stop: Event | None = None
"""In a worker: set when the delivery is broken off."""


@dataclass(frozen=True)
class Order:
    """What is to be generated: about `rows` rows of a domain over `days` days, in files of about `file_bytes` inflated.

    The same order gives the same bytes whatever the machine and its cores. `shares` are those of the rows or files that
    each defect spoils, by name.
    """

    domain: str
    rows: int
    days: int
    seed: int
    shares: Mapping[str, float] = field(default_factory=lambda: shares_of("messy"), hash=False)
    first_day: date = FIRST_DAY
    formats: tuple[str, ...] = tuple(form.extension for form in FORMATS)
    file_bytes: int = FILE_BYTES

    @property
    def last_day(self) -> date:
        """The last of its days."""
        return self.first_day + timedelta(days=self.days - 1)

    @cached_property
    def plan(self) -> Plan:
        """The world, its contracts and what is to go wrong."""
        rows_per_file = max(1, self.file_bytes // _BYTES_PER_ROW)
        world = world_of(self.domain)(self.rows, self.days, self.seed, self.first_day, rows_per_file)
        sources = load_registry().sources
        return Plan(
            world=world,
            contracts={name: sources[f"{self.domain}.{name}"] for name in world.datasets},
            formats=[form for form in FORMATS if form.extension in self.formats],
            defects=list(DEFECTS.values()),
            shares=self.shares,
        )

    @cached_property
    def shards(self) -> Sequence[Sequence[Slice]]:
        """The slices in stretches of about a million rows."""
        slices = self.plan.world.slices
        size = max(1, _ROWS_PER_SHARD * len(slices) // max(self.rows, 1))
        return [slices[start : start + size] for start in range(0, len(slices), size)]

    def about(self) -> dict[str, Any]:
        """What the truth says of its origin."""
        return {
            "domain": self.domain,
            "seed": self.seed,
            "rows": self.rows,
            "days": self.days,
            "first_day": self.first_day.isoformat(),
            "datasets": [f"{self.domain}.{name}" for name in self.plan.world.datasets],
            "formats": list(self.formats),
            "file_bytes": self.file_bytes,
            "defects": {name: share for name, share in self.shares.items() if share},
        }

    def about_json(self, **more: Any) -> str:
        """The same as the text of its file, with more to say."""
        return json.dumps({**self.about(), **more}, indent=2) + "\n"

    def rows_of(self, size: int) -> int:
        """About how many rows make files of `size` bytes in all: a small delivery in the same formats is measured."""
        sample = replace(self, rows=_SAMPLE_ROWS, days=_SAMPLE_DAYS, shares=shares_of("none"))
        scale, rows = _Scale(), 0
        with TemporaryDirectory() as scratch:
            for done in generate(sample, scale, Path(scratch)):
                rows += done.rows
        return max(1, round(size * rows / scale.total))


@dataclass
class _Scale:
    """Weighs files instead of keeping them. What is compressed counts as a share of its inflated size, which is the
    same on every machine."""

    total: int = 0

    overwrites_at_once = False

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        is_gzip = data.startswith(b"\x1f\x8b")
        self.total += round(len(gzip.decompress(data)) * _GZIP_SHARE) if is_gzip else len(data)


def generate(order: Order, sink: Sink, truth: Path, cores: int = 1) -> Iterator[Done]:
    """Deliver everything, and yield each file when it is done; shards side by side on that many cores.

    The memory that it takes is that of one file's rows for each core, whatever the order's rows. Until all is done,
    about.json says that the truth is not complete.
    """
    truth.mkdir(parents=True, exist_ok=True)
    tell_about(truth, order.about_json(complete=False))
    if cores == 1 or len(order.shards) == 1:
        for number in range(len(order.shards)):
            yield from _deliver(order, number, sink, truth)
    else:
        yield from _side_by_side(order, sink, truth, cores)
    tell_about(truth, order.about_json(complete=True))


def tell_about(truth: Path, text: str) -> None:
    """Write about.json in one stroke: whoever reads it meanwhile sees it as it was or as it is."""
    new = truth / f"{ABOUT}.new"
    new.write_text(text)
    new.replace(truth / ABOUT)


def _side_by_side(order: Order, sink: Sink, truth: Path, cores: int) -> Iterator[Done]:
    # Spawned, not forked: Arrow's threads do not survive a fork.
    context = get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(cores, mp_context=context, initializer=_begin, initargs=(stop,)) as pool:
        waiting = [pool.submit(_delivered, replace(order), number, sink, truth) for number in range(len(order.shards))]
        try:
            for shard in as_completed(waiting):
                yield from shard.result()
        except BaseException:
            # Whoever breaks off does not want to wait for a million rows.
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(stop: Event) -> None:
    """In each worker: Ctrl-C in a terminal reaches every process, and it is for the first one to say what it means."""
    global _stop  # noqa: PLW0603 - a worker has no other place for what comes at its start
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop = stop


def _deliver(order: Order, number: int, sink: Sink, truth: Path) -> Iterator[Done]:
    return Shard(number, order.shards[number], order.plan, sink, truth).deliver()


@lru_cache(maxsize=1)
def _the_same(order: Order) -> Order:
    """The first order like this one: every shard brings its own, and the plan takes a while to be worked out."""
    return order


def _delivered(order: Order, number: int, sink: Sink, truth: Path) -> list[Done]:
    """In a worker: a shard, or what there is of it by the time that somebody breaks off."""
    found = []
    for done in _deliver(_the_same(order), number, sink, truth):
        found.append(done)
        if _stop is not None and _stop.is_set():
            break
    return found
