"""One day of a world, delivered by itself: what a shop's nightly export is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from datagen.delivery import Done
from datagen.generate import Order
from datagen.shard import Shard
from datagen.sinks import Sink


@dataclass
class _Gate:
    """Lets files through to a sink while it is open."""

    sink: Sink
    is_open: bool = False

    @property
    def overwrites_at_once(self) -> bool:
        return self.sink.overwrites_at_once

    def put(self, dataset: str, name: str, delivery: int, data: bytes) -> None:
        if self.is_open:
            self.sink.put(dataset, name, delivery, data)


def deliver_day(order: Order, day: date, sink: Sink, truth: Path) -> Iterator[Done]:
    """Deliver the files of one day of an order, byte for byte those of `generate`, and yield each when it is done.

    Rows of earlier days that become known on this day, such as orders that are called off, are in its files. To know
    them, the earlier days of the day's stretch of about a million rows are made too and not delivered. Files of rows
    that wait until the end of a stretch come with its last day.

    What becomes of a row may depend on all days of its stretch, so `truth` gets a stretch's part of the truth with the
    stretch's last day. Once every day has been delivered, it holds what `generate` tells.
    """
    for number, slices in enumerate(order.shards):
        if all(part.day != day for part in slices):
            continue
        gate = _Gate(sink)
        with TemporaryDirectory() as scratch:
            shard = Shard(number, slices, order.plan, gate, Path(scratch))
            for part in slices:
                gate.is_open = part.day == day
                if part.day > day:
                    break
                for done in shard.deliver_slice(part):
                    if gate.is_open:
                        yield done
            else:
                yield from shard.deliver_rest()
                shutil.copytree(scratch, truth, dirs_exist_ok=True)
