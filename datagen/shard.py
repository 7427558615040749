"""A stretch of a world's slices, delivered: truth → defects → files, and what must become of every one of them.

Rows that arrive again do so in the same shard, so that shards can be made side by side and in any order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen.chance import Chance, Flags, Indices
from datagen.contests import NOBODY, Contests
from datagen.defects.model import AnyDefect, LineDefect, RowDefect, ShapeDefect, ValueDefect, small_chance
from datagen.delivery import Done, Fates, Mail
from datagen.plan import Place, Plan
from datagen.rows import NEWER, NO_CAUSE, VERSIONS, Lottery, Page, Rows, other_version
from datagen.sinks import Sink
from datagen.standing import Standing
from datagen.truth import TruthWriter
from datagen.world import Births, Slice
from lakehouse.contract import SourceContract

MAX_WAITING_ROWS = 20_000
"""So many rows of a dataset wait for a later file at most; then all that wait are delivered."""
_LATER_FILES = 3


@dataclass(frozen=True)
class _Waiting:
    """Rows for a file of the day `due_day` or a later one, after `files` others."""

    rows: Rows
    due_day: int
    files: int


@dataclass
class _Dataset:
    """What a shard knows of one dataset while it goes on."""

    contract: SourceContract
    contests: Contests
    again: Sequence[RowDefect]
    values: Mapping[ValueDefect, frozenset[str]]
    """With the columns that each fits."""
    lines: Sequence[LineDefect]
    is_parent: bool
    """Rows of other datasets are refused when their row of this one is."""
    standing: Standing | None
    """Where the delivery may end before the world does."""
    last: Slice | None = None
    """In which it was delivered last."""
    waiting: list[_Waiting] = field(default_factory=list)
    refused_keys: set[str] = field(default_factory=set)


class Shard:
    """Delivers some slices of a world, in order.

    `standing` is given where the delivery may end before the world does: by dataset, the rows of earlier shards that
    may yet be replaced. Whoever gives it settles it at the end.
    """

    def __init__(
        self,
        number: int,
        slices: Sequence[Slice],
        plan: Plan,
        sink: Sink,
        truth: Path,
        standing: Mapping[str, Standing] | None = None,
    ) -> None:
        self._number, self._slices, self._plan, self._world = number, slices, plan, plan.world
        self._truth = TruthWriter(truth, number)
        self._mail = Mail(sink, self._truth)
        parents = {reference.dataset for contract in plan.contracts.values() for _, reference in contract.bindings}
        self._datasets = {
            name: _dataset(plan.contracts[name], plan.defects, parents, (standing or {}).get(name))
            for name in self._world.datasets
        }

    def deliver(self) -> Iterator[Done]:
        """Every file, in order, and at last those of the rows that still wait."""
        for part in self._slices:
            yield from self.deliver_slice(part)
        yield from self.deliver_rest()

    def deliver_slice(self, part: Slice) -> Iterator[Done]:
        """The files of one slice; those before it have been delivered."""
        births = self._world.births(part)
        for name in self._world.datasets_in(part):
            yield from self._file(part, name, births[name])

    def deliver_rest(self) -> Iterator[Done]:
        """A file of each dataset of which rows still wait, and the end of the truth."""
        for name, dataset in self._datasets.items():
            if dataset.waiting and dataset.last:
                yield from self._leftovers(name, dataset.last)
            dataset.contests.settle(self._truth, self._number)
        self._truth.close()

    def _file(self, part: Slice, name: str, births: Births) -> Iterator[Done]:
        dataset = self._datasets[name]
        dataset.last = part
        planned = self._plan.of(Place(part.number, name))
        stream = (self._world.seed, self._world.domain, name, part.number)
        shape, one = self._plan.shape(part, name), small_chance(*stream)
        for defect in planned:
            if isinstance(defect, ShapeDefect):
                shape = defect.reshape(self._plan.chance(defect, part, name), shape, dataset.contract)
        holds_back = any(isinstance(defect, ShapeDefect) and defect.holds_rows_back for defect in planned)
        rows = Rows.joined([self._born(part, dataset, births), *(() if holds_back else self._due(part, dataset))])
        is_settled = np.zeros(len(rows), np.bool_)
        is_settled[births.superseded] = is_settled[births.final] = True
        is_fresh = np.arange(len(rows)) < len(births.table)
        chance, place_of = Chance(*stream, "rows"), np.arange(len(rows))
        if not holds_back:
            may = is_fresh & ~is_settled & (rows.contest == NOBODY)
            rows, place_of = self._again(chance, one, part, dataset, rows, may)
        page = Page(rows, shape, dataset.contract)
        self._refuse_orphans(dataset, page)
        self._spoil(chance, one, dataset, page, ~is_settled[place_of])
        superseded, final = (np.flatnonzero(np.isin(place_of, rows)) for rows in (births.superseded, births.final))
        fates = Fates(dataset.contests, superseded, final, dataset.standing)
        yield from self._mail.deliver(page, fates, planned, one)

    def _leftovers(self, name: str, last: Slice) -> Iterator[Done]:
        """A file more for the rows that still wait, in the last slice in which there was one."""
        dataset = self._datasets[name]
        rows = Rows.joined([waiting.rows for waiting in dataset.waiting])
        dataset.waiting = []
        shape = self._plan.shape(last, name)
        shape = replace(shape, name=shape.named(f"late-{self._number + 1}"))
        page = Page(rows, shape, dataset.contract)
        self._refuse_orphans(dataset, page)
        yield from self._mail.deliver(page, Fates(dataset.contests), (), small_chance(self._number))

    # --- rows that arrive again

    def _born(self, part: Slice, dataset: _Dataset, births: Births) -> Rows:
        """The rows that are born. Those that change within the world's days compete with their later versions, which
        wait for their day from now on."""
        fresh = Rows.alone(births.table)
        due = births.delay_days + part.day_number
        happens = np.flatnonzero(due < self._world.days)
        if births.changed is not None and len(happens):
            contest = dataset.contests.open(len(happens))
            fresh.contest[births.changed_row[happens]] = contest
            later = Rows.alone(births.changed).take(happens).again(contest, NEWER, NO_CAUSE)
            for day in np.unique(due[happens]).tolist():
                dataset.waiting.append(_Waiting(later.take(np.flatnonzero(due[happens] == day)), day, 0))
        return fresh

    def _due(self, part: Slice, dataset: _Dataset) -> Sequence[Rows]:
        """What has waited long enough; everything, when too much waits."""
        is_full = sum(len(waiting.rows) for waiting in dataset.waiting) > MAX_WAITING_ROWS
        due, left = [], []
        for waiting in dataset.waiting:
            if is_full or (waiting.due_day <= part.day_number and waiting.files == 0):
                due.append(waiting.rows)
            else:
                left.append(replace(waiting, files=max(0, waiting.files - 1)))
        dataset.waiting = left
        return due

    def _again(
        self, chance: Chance, one: random.Random, part: Slice, dataset: _Dataset, rows: Rows, may: Flags
    ) -> tuple[Rows, Indices]:
        """Let some rows arrive once more, or later. Gives the rows of the file, and the place that each had before."""
        drawn = Lottery([self._plan.share(defect) for defect in dataset.again]).draw(chance, len(rows))
        stays, besides, place_of = np.ones(len(rows), np.bool_), [], [np.arange(len(rows))]
        for number, defect in enumerate(dataset.again):
            chosen = np.flatnonzero((drawn == number) & may)
            if not len(chosen):
                continue
            copy = rows.take(chosen)
            if defect.moves:
                stays[chosen] = False
                copy.cause[:] = number
            else:
                contest = rows.contest[chosen] = dataset.contests.open(len(chosen))
                if defect.version != "same":
                    table = other_version(one, copy.table, dataset.contract, defect.version)
                    copy = replace(copy, table=table)
                copy = copy.again(contest, VERSIONS[defect.version], number)
            if defect.is_later:
                files = one.randrange(_LATER_FILES)
                dataset.waiting.append(_Waiting(copy, part.day_number, files))
            else:
                besides.append(copy)
                place_of.append(chosen)
        if not besides and stays.all():
            return rows, place_of[0]
        place_of[0] = np.flatnonzero(stays)
        return Rows.joined([rows.take(place_of[0]), *besides]), np.concatenate(place_of)

    # --- rows that are spoilt

    def _refuse_orphans(self, dataset: _Dataset, page: Page) -> None:
        """Refuse the rows whose parent was refused, where the contract says so."""
        for column, reference in dataset.contract.bindings:
            parent = self._datasets[reference.dataset.split(".", 1)[1]]
            if parent.refused_keys:
                keys = page.text_columns[column.name].cast(pa.string())
                lost = pc.is_in(keys, pa.array(sorted(parent.refused_keys)))
                for place in np.flatnonzero(lost.to_numpy(zero_copy_only=False)).tolist():
                    page.refuse(place, f"{column.name}_orphan")

    def _spoil(self, chance: Chance, one: random.Random, dataset: _Dataset, page: Page, may: Flags) -> None:
        """Spoil cells and lines of some rows, of each row one at most."""
        layout = page.shape.layout
        lines = [defect for defect in dataset.lines if defect.fits(layout) and not layout.is_pretty]
        kinds: Sequence[ValueDefect | LineDefect] = [*dataset.values, *lines]
        drawn = Lottery([self._plan.share(defect) for defect in kinds]).draw(chance, len(page.rows))
        may = may & (drawn < len(kinds))
        may[list(page.touched)] = False
        if dataset.is_parent:  # its children may be on their way already: it is refused at once or never
            may &= (page.rows.contest == NOBODY) & (page.rows.cause == NO_CAUSE)
        places = np.flatnonzero(may)
        page.read(places)
        plain = set(page.shape.layout.header) - set(page.shape.spelled)
        columns = {
            defect.name: [column for column in dataset.contract.columns if column.name in names & plain]
            for defect, names in dataset.values.items()
        }
        for place in places.tolist():
            defect = kinds[int(drawn[place])]
            if isinstance(defect, ValueDefect):
                page.spoil_value(one, place, defect, columns[defect.name])
            else:
                page.spoil_line(one, place, defect)
        if dataset.is_parent:
            keys = page.text_columns[dataset.contract.key[0]]
            refused = (place for place, touched in page.touched.items() if touched.violations)
            dataset.refused_keys |= {keys[place].as_py() for place in refused}


def _dataset(
    contract: SourceContract, defects: Sequence[AnyDefect], parents: set[str], standing: Standing | None
) -> _Dataset:
    again = [
        defect
        for defect in defects
        if isinstance(defect, RowDefect) and (defect.version == "same" or contract.order_by is not None)
    ]
    values = {
        defect: frozenset(column.name for column in contract.columns if defect.fits(column, contract))
        for defect in defects
        if isinstance(defect, ValueDefect)
    }
    return _Dataset(
        contract=contract,
        contests=Contests(contract.dataset, pa.array([defect.name for defect in again], pa.string())),
        again=again,
        values={defect: names for defect, names in values.items() if names},
        lines=[defect for defect in defects if isinstance(defect, LineDefect)],
        is_parent=contract.dataset in parents,
        standing=standing,
    )
