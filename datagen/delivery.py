"""One file's rows → the file, the spoilt ones besides it, and what must become of both."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from datagen.chance import Flags, Indices
from datagen.contests import NOBODY, Contests, Entries
from datagen.defects.model import AnyDefect, DeliveryDefect, FileDefect, Sound
from datagen.rows import NEWER, NO_CAUSE, Page, Rows, other_version
from datagen.sinks import Sink
from datagen.standing import Standing
from datagen.text import spell
from datagen.truth import ExpectedFile, ExpectedRow, TruthWriter

_CORRECTED_SHARE = 0.1
"""Of a file's rows, those that are newer when it comes again."""


@dataclass(frozen=True)
class Done:
    """A file that was delivered, by its name in the dataset's folder. `rows` counts those that can be read in it;
    `is_sound` tells whether any can."""

    dataset: str
    file: str
    rows: int
    bytes: int
    is_sound: bool
    defects: Sequence[str]


@dataclass(frozen=True)
class Fates:
    """What is known of rows whose keys come more than once: `contests` of those of one shard; places of rows of which
    a later version is born in a slice to come (`superseded`), and of rows that are such a version (`final`).

    With `standing`, that slice may never come.
    """

    contests: Contests
    superseded: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    final: Indices = field(default_factory=lambda: np.empty(0, np.int64))
    standing: Standing | None = None


@dataclass(frozen=True)
class Mail:
    """Delivers files and tells the truth about them. `accepted` are the datasets and hashes of the files whose rows
    count: rows that come again by themselves may make the same bytes once more, which nobody reads twice."""

    sink: Sink
    truth: TruthWriter
    accepted: set[tuple[str, str]] = field(default_factory=set)

    def deliver(self, page: Page, fates: Fates, planned: Sequence[AnyDefect], one: random.Random) -> Iterator[Done]:
        """The file and what arrives besides; nothing when there are no rows."""
        if not len(page.rows):
            return
        name, text = _with_folders(page), page.write()
        again = next((defect for defect in planned if isinstance(defect, DeliveryDefect)), None)
        sound = Sound(page.shape, page.contract, text, page.shape.pack(text))
        shaped = [defect.name for defect in planned if defect.level in ("drift", "dialect")]
        is_second = again is not None and again.spoil is not None
        if again is not None and again.spoil is not None:
            data = again.spoil(one, sound)
            yield self._put(page, name, 1, data, again.reason, [*shaped, again.name], self.sink.overwrites_at_once)
        newer = None
        if again is not None and not is_second and not self.sink.overwrites_at_once:
            # Overwritten at once, the rows that are in the first file alone would never be seen.
            newer = _corrected(page, fates, one)
        delivery = 2 if is_second else 1
        done = self._put(page, name, delivery, sound.data, None, shaped, causes=_causes(page, fates))
        yield done
        if done.is_sound:
            self._tell(page, fates, name, delivery)
        for defect in planned:
            # The file may be of another shape by now than when it was planned.
            if isinstance(defect, FileDefect) and defect.fits(page.shape, page.contract):
                spoilt_name, data = defect.spoil(one, sound)
                yield self._put_spoilt(page, _beside(name, page.shape.name, spoilt_name), data, defect, shaped)
        if newer is not None and again is not None:
            second = newer.write()
            yield self._put(newer, name, 2, newer.shape.pack(second), None, [*shaped, again.name])
            self._tell(newer, Fates(fates.contests), name, 2)

    def _put(
        self,
        page: Page,
        name: str,
        delivery: int,
        data: bytes,
        reason: str | None,
        defects: Sequence[str],
        is_optional: bool = False,
        causes: Sequence[str] = (),
    ) -> Done:
        """With `causes`, the defects that made rows come: they are the file's when it is nothing but such rows."""
        dataset, digest, verdict = page.contract.dataset, hashlib.sha256(data).hexdigest(), "accepted"
        if reason:
            verdict = "quarantined"
        elif (dataset, digest) in self.accepted:
            verdict, defects = "duplicate_content", [*defects, *causes]
        else:
            self.accepted.add((dataset, digest))
        rows = len(page.rows) if verdict == "accepted" else 0
        expected = ExpectedFile(
            dataset, name, delivery, len(data), digest, verdict, reason, rows, tuple(defects), is_optional
        )
        return self._send(page, data, expected)

    def _put_spoilt(self, page: Page, name: str, data: bytes, defect: FileDefect, shaped: Sequence[str]) -> Done:
        dataset, digest, defects = page.contract.dataset, hashlib.sha256(data).hexdigest(), (*shaped, defect.name)
        # An upload that seems to go on has no verdict before its writer has had its time.
        waits = defect.verdict == "ignored"
        expected = ExpectedFile(dataset, name, 1, len(data), digest, defect.verdict, defect.reason, 0, defects, waits)
        return self._send(page, data, expected)

    def _send(self, page: Page, data: bytes, expected: ExpectedFile) -> Done:
        self.sink.put(page.contract.name, expected.file, expected.delivery, data)
        self.truth.file(expected)
        return Done(page.contract.name, expected.file, expected.rows, len(data), expected.rows > 0, expected.defects)

    def _tell(self, page: Page, fates: Fates, name: str, delivery: int) -> None:
        """What becomes of every row of a file that can be read."""
        rows, valid, silver = page.rows, page.is_valid(), page.silver()
        in_contest = rows.contest != NOBODY
        alone = ~in_contest & valid
        alone[fates.superseded] = False
        self.truth.silver(page.contract.name, silver if alone.all() else silver.filter(pa.array(alone)))
        touched = {place: _expected(page, place, name, delivery) for place in page.touched}
        if fates.standing is None:
            self._tell_superseded(page, name, delivery, fates.superseded)
        else:
            fates.standing.replace(silver.take(pa.array(fates.final)), self.truth)
            fates.standing.keep(silver.take(pa.array(fates.superseded)), name, delivery, fates.superseded)
        for place in np.flatnonzero(~in_contest & (rows.cause != NO_CAUSE)).tolist():
            row = touched.setdefault(place, _expected(page, place, name, delivery))
            row.defects.append(fates.contests.causes[int(rows.cause[place])].as_py())
        places = np.flatnonzero(in_contest)
        fates.contests.enter(
            Entries(
                table=silver.take(pa.array(places)),
                contest=rows.contest[places],
                version=rows.version[places],
                is_valid=valid[places],
                row_number=places + 1,
                cause=rows.cause[places],
                file=name,
                delivery=delivery,
                touched={at: touched.pop(place) for at, place in enumerate(places.tolist()) if place in touched},
            )
        )
        self.truth.rows(list(touched.values()))

    def _tell_superseded(self, page: Page, name: str, delivery: int, places: Indices) -> None:
        """Nothing goes wrong with these rows."""
        count = len(places)
        self.truth.untouched(
            {
                "dataset": pa.repeat(pa.scalar(page.contract.dataset), count),
                "file": pa.repeat(pa.scalar(name), count),
                "delivery": pa.repeat(pa.scalar(delivery, pa.int32()), count),
                "row_number": pa.array(places + 1),
                "outcome": pa.repeat(pa.scalar("superseded"), count),
                "rivals": pa.nulls(count, pa.string()),
            }
        )


def _causes(page: Page, fates: Fates) -> Sequence[str]:
    """The defects that made rows of a page come."""
    return [str(fates.contests.causes[number]) for number in np.unique(page.rows.cause).tolist() if number != NO_CAUSE]


def _expected(page: Page, place: int, name: str, delivery: int) -> ExpectedRow:
    touched = page.touched.get(place)
    row = ExpectedRow(page.contract.dataset, name, delivery, place + 1)
    if touched is not None:
        row.outcome = "quarantined" if touched.violations else "silver"
        row.violations, row.repairs = touched.violations, touched.repairs
        row.defects = [touched.defect] if touched.defect else []
    return row


def _corrected(page: Page, fates: Fates, one: random.Random) -> Page | None:
    """The file once more: its sound rows, some in a newer version. From now on all of them compete."""
    may: Flags = page.is_valid() & (page.rows.contest == NOBODY) & (page.rows.cause == NO_CAUSE)
    may[fates.superseded] = False
    may[list(page.touched)] = False
    places = np.flatnonzero(may)
    if not len(places) or page.contract.order_by is None:
        return None
    page.rows.contest[places] = fates.contests.open(len(places))
    is_newer = np.zeros(len(places), np.bool_)
    is_newer[one.sample(range(len(places)), max(1, int(len(places) * _CORRECTED_SHARE)))] = True
    same, newer = (page.rows.take(places[flags]) for flags in (~is_newer, is_newer))
    later = Rows(
        other_version(one, newer.table, page.contract, "newer"),
        newer.contest,
        np.full(len(newer), NEWER),
        newer.cause,
    )
    return Page(Rows.joined([same, later]), page.shape, page.contract)


def _with_folders(page: Page) -> str:
    """The file's name below the folders that say what its columns do not."""
    folders = (f"{column}={spell(page.rows.table[column][0].as_py())}" for column in page.shape.folders)
    return "/".join([*folders, page.shape.name])


def _beside(name: str, own: str, other: str) -> str:
    """The other name in the folders of the file."""
    return name.removesuffix(own) + other
