"""Which file gets which format, and which defects of a whole file: decided before the first is made."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from datagen.defects.model import (
    AnyDefect,
    DeliveryDefect,
    FileDefect,
    Shape,
    ShapeDefect,
    small_chance,
)
from datagen.world import Slice, World
from datagen.writers import Format, Layout
from lakehouse.contract import SourceContract

_FILES_PER_DRIFT = 5
"""So many files of a dataset drift alike, one after the other."""


class Place(NamedTuple):
    """The file of one dataset in one slice."""

    slice: int
    dataset: str


@dataclass(frozen=True)
class Plan:
    """What is to go wrong with a world's files. `shares` are those of rows or files, by the name of the defect."""

    world: World
    contracts: Mapping[str, SourceContract]
    """By name without the domain."""
    formats: Sequence[Format]
    defects: Sequence[AnyDefect]
    shares: Mapping[str, float]

    def of(self, place: Place) -> Sequence[AnyDefect]:
        """The defects of a file as a whole, at most one of each level."""
        return self._planned.get(place, ())

    def share(self, defect: AnyDefect) -> float:
        """The share of the rows or files that a defect has."""
        return self.shares[defect.name]

    def shape(self, part: Slice, dataset: str) -> Shape:
        """How the file of a dataset is written when nothing is odd about it."""
        form, contract = (
            self.formats[self._numbers[Place(part.number, dataset)] % len(self.formats)],
            self.contracts[dataset],
        )
        piece = f"-{part.part + 1:04d}" if part.parts > 1 else ""
        layout = Layout(
            kind=form.kind,
            header={name: name for name in contract.column_names},
            types={column.name: column.type.logical for column in contract.columns},
            delimiter=form.delimiter,
        )
        return Shape(
            dataset=dataset,
            name=f"{dataset}-{part.day.isoformat()}{piece}{form.extension}",
            day=part.day,
            format=form,
            layout=layout,
            gzip_members=int(form.is_gzip),
        )

    def chance(self, defect: ShapeDefect, part: Slice, dataset: str) -> random.Random:
        """What a defect of a file draws from. Drift is the same for all files of a dataset in one month: senders
        change their exports on some day, and then they stay changed for a while."""
        when = part.day.strftime("%Y-%m") if defect.level == "drift" else part.number
        return small_chance(self.world.seed, self.world.domain, dataset, defect.name, when)

    @cached_property
    def _slices(self) -> Mapping[int, Slice]:
        return {part.number: part for part in self.world.slices}

    @cached_property
    def _numbers(self) -> Mapping[Place, int]:
        """Files in order. Formats in turn: with seven of them every dataset soon comes in every format."""
        places = (Place(part.number, name) for part in self.world.slices for name in self.world.datasets_in(part))
        return {place: number for number, place in enumerate(places)}

    @cached_property
    def _planned(self) -> Mapping[Place, Sequence[AnyDefect]]:
        """Of each kind its share of the files that it fits, at least one where it fits any."""
        chance = small_chance(self.world.seed, self.world.domain, "plan", self.world.slices[0].number)
        planned: dict[Place, list[AnyDefect]] = {}
        for defect in self.defects:
            if not isinstance(defect, ShapeDefect | FileDefect | DeliveryDefect) or not self.share(defect):
                continue
            fitting = [place for place in self._fitting(defect) if _is_free(planned.get(place, ()), defect)]
            count = max(1, round(len(fitting) * self.share(defect))) if fitting else 0
            chosen = _stretches(chance, fitting)[:count] if defect.level == "drift" else chance.sample(fitting, count)
            if isinstance(defect, FileDefect) and defect.is_once:
                chosen = list({place.dataset: place for place in chosen}.values())
            for place in chosen:
                planned.setdefault(place, []).append(defect)
        return planned

    def _fitting(self, defect: ShapeDefect | FileDefect | DeliveryDefect) -> Iterable[Place]:
        # What a defect fits depends on the dataset and the format, not on the day.
        known: dict[tuple[str, int], bool] = {}
        for place, number in self._numbers.items():
            kind = place.dataset, number % len(self.formats)
            if kind not in known:
                shape = self.shape(self._slices[place.slice], place.dataset)
                known[kind] = defect.fits(shape, self.contracts[place.dataset])
            if known[kind]:
                yield place


def _stretches(chance: random.Random, places: Sequence[Place]) -> list[Place]:
    """The places in another order: some of one dataset that follow one another, then some of another one, and so on."""
    ordered = sorted(places, key=lambda place: (place.dataset, place.slice))
    stretches = [
        files[start : start + _FILES_PER_DRIFT]
        for files in (list(group) for _, group in itertools.groupby(ordered, key=lambda place: place.dataset))
        for start in range(0, len(files), _FILES_PER_DRIFT)
    ]
    chance.shuffle(stretches)
    return list(itertools.chain.from_iterable(stretches))


def _is_free(planned: Sequence[AnyDefect], defect: AnyDefect) -> bool:
    """Whether a file can have a defect besides those that it has: one of each level, and none beside a delivery."""
    levels = {other.level for other in planned}
    return defect.level not in levels and "delivery" not in levels and (defect.level != "delivery" or not levels)
