"""Keys that are delivered more than once: which of their rows silver must hold once all have arrived.

The rule is the contract's, said again here: the version with the greatest ordering value wins; rows that say the same
as the winner or as one another are duplicates; the first of every other version is superseded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datagen.chance import Flags, Indices
from datagen.truth import ExpectedRow, TruthWriter

NOBODY = -1
"""The contest of a row whose key comes once."""
_SILVER, _DUPLICATE, _SUPERSEDED, _QUARANTINED = range(4)
_OUTCOMES = pa.array(["silver", "duplicate", "superseded", "quarantined"])


@dataclass(frozen=True)
class Entries:
    """Rows of one file that compete: arrays of one length.

    `version` orders the rows of a contest; `cause` is the place of the defect that made the row arrive, -1 for none.
    `touched` holds, by place, the rows of which more is to be told than their outcome.
    """

    table: pa.Table
    contest: Indices
    version: Indices
    is_valid: Flags
    row_number: Indices
    cause: Indices
    file: str
    delivery: int
    touched: dict[int, ExpectedRow]


@dataclass
class Contests:
    """The contests of one dataset in one shard."""

    dataset: str
    causes: pa.StringArray
    """Names of the defects that make rows arrive again."""
    _entries: list[Entries] = field(default_factory=list)
    _count: int = 0

    def open(self, count: int) -> Indices:
        """New contests, one for each of so many keys."""
        contests = np.arange(self._count, self._count + count)
        self._count += count
        return contests

    def enter(self, entries: Entries) -> None:
        """Rows that were delivered."""
        if len(entries.contest):
            self._entries.append(entries)

    def settle(self, truth: TruthWriter, shard: int) -> None:
        """Tell the truth about all of them; every row has been delivered."""
        if not self._entries:
            return
        entries, short = self._entries, self.dataset.split(".", 1)[1]
        contest = np.concatenate([entry.contest for entry in entries])
        version = np.concatenate([entry.version for entry in entries])
        outcome = _outcomes(contest, version, np.concatenate([entry.is_valid for entry in entries]))
        table = pa.concat_tables([_plain(entry.table) for entry in entries])
        truth.silver(short, table.take(pa.array(np.flatnonzero(outcome == _SILVER))).combine_chunks())
        rivals = np.char.add(np.char.add(f"{shard}/", contest.astype(str)), np.char.add("/", version.astype(str)))
        begin = 0
        for entry in entries:
            end = begin + len(entry.contest)
            self._tell(truth, entry, outcome[begin:end], rivals[begin:end])
            begin = end

    def _tell(self, truth: TruthWriter, entry: Entries, outcome: Indices, rivals: npt.NDArray[np.str_]) -> None:
        for place, row in entry.touched.items():
            row.outcome = _OUTCOMES[int(outcome[place])].as_py()
            row.rivals = str(rivals[place]) if outcome[place] != _QUARANTINED else None
            if entry.cause[place] >= 0:
                row.defects.append(self.causes[int(entry.cause[place])].as_py())
        truth.rows(list(entry.touched.values()))
        rest = np.ones(len(outcome), np.bool_)
        rest[list(entry.touched)] = False
        count = int(rest.sum())
        has_cause = entry.cause[rest] >= 0
        causes = self.causes.take(pa.array(entry.cause[rest][has_cause], pa.int64()))
        offsets = np.concatenate([[0], np.cumsum(has_cause)]).astype(np.int32)
        truth.untouched(
            {
                "dataset": pa.repeat(pa.scalar(self.dataset), count),
                "file": pa.repeat(pa.scalar(entry.file), count),
                "delivery": pa.repeat(pa.scalar(entry.delivery, pa.int32()), count),
                "row_number": pa.array(entry.row_number[rest]),
                "outcome": _OUTCOMES.take(pa.array(outcome[rest])),
                "defects": pa.ListArray.from_arrays(pa.array(offsets), causes),
                "rivals": pa.array(rivals[rest].tolist(), pa.string()),
            }
        )


def _outcomes(contest: Indices, version: Indices, is_valid: Flags) -> Indices:
    """What becomes of each row: of rows that are the same version, the first delivered stands for all."""
    outcome = np.full(len(contest), _QUARANTINED)
    valid = np.flatnonzero(is_valid)
    order = valid[np.lexsort((-version[valid], contest[valid]))]
    if not len(order):
        return outcome
    other_contest = np.r_[True, contest[order][1:] != contest[order][:-1]]
    other_version = other_contest | np.r_[True, version[order][1:] != version[order][:-1]]
    outcome[order] = np.where(other_contest, _SILVER, np.where(other_version, _SUPERSEDED, _DUPLICATE))
    return outcome


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries as the values that they stand for: tables of several files have several."""
    types = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(types))
