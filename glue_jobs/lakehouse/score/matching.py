"""Which file of the lake is which file of the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

ACCEPTED = "accepted"


@dataclass(frozen=True)
class ExpectedFile:
    """One file that was delivered, and what should become of it. `file` is its path below the dataset's folder."""

    dataset: str
    file: str
    delivery: int
    bytes: int
    content_hash: str
    verdict: str
    reason: str | None
    rows: int
    defects: tuple[str, ...]
    is_optional: bool

    @property
    def outcome(self) -> tuple[str, str | None]:
        """Verdict and reason."""
        return self.verdict, self.reason


@dataclass(frozen=True)
class JudgedFile:
    """One row of `ops.files`. `content_hash` is empty or null for a file whose bytes were never read."""

    file_id: str
    dataset: str
    key: str
    content_hash: str | None
    bytes: int
    verdict: str
    reason: str | None
    rows_parsed: int
    batch_id: int
    arrived_at: datetime

    @property
    def outcome(self) -> tuple[str, str | None]:
        """Verdict and reason."""
        return self.verdict, self.reason


def match(expected: Sequence[ExpectedFile], judged: Iterable[JudgedFile]) -> list[JudgedFile | None]:
    """For each expected file the judged one that it is, or None; no judged file is taken twice.

    The dataset, the end of the key and the bytes must be the same. Where several fit (the files were landed again
    under another prefix) the one with the expected verdict is taken, else the earliest. Files of one delivery with the
    same bytes may stand in for each other: which of them the lake reads first, and so accepts, depends on how uploads
    and batches fell.
    """
    by_hash: dict[tuple[str, str], list[JudgedFile]] = defaultdict(list)
    unread: dict[tuple[str, int], list[JudgedFile]] = defaultdict(list)
    for file in sorted(judged, key=lambda item: (item.batch_id, item.arrived_at, item.key)):
        if file.content_hash:
            by_hash[file.dataset, file.content_hash].append(file)
        else:
            unread[file.dataset, file.bytes].append(file)
    twins: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for number, wanted in enumerate(expected):
        twins[wanted.dataset, wanted.content_hash, wanted.delivery].append(number)
    found: list[JudgedFile | None] = [None] * len(expected)
    taken: set[str] = set()
    # The first delivery chooses first.
    for (dataset, content_hash, _), numbers in sorted(twins.items(), key=lambda item: item[0][2]):
        size = expected[numbers[0]].bytes
        candidates = [*by_hash[dataset, content_hash], *unread[dataset, size]]
        _assign(expected, numbers, candidates, found, taken)
    return found


def _assign(
    expected: Sequence[ExpectedFile],
    numbers: Sequence[int],
    candidates: Sequence[JudgedFile],
    found: list[JudgedFile | None],
    taken: set[str],
) -> None:
    """Give twins their files: best fits first, so that no file is taken by one that another has more right to."""
    named: dict[str, list[JudgedFile]] = {expected[number].file: [] for number in numbers}
    for file in candidates:
        for name in _endings(file.key):
            if name in named:
                named[name].append(file)

    everyone = [file for files in named.values() for file in files]

    def take(number: int, files: Iterable[JudgedFile]) -> None:
        if found[number] is None:
            chosen = next((file for file in files if file.file_id not in taken), None)
            if chosen is not None:
                found[number] = chosen
                taken.add(chosen.file_id)

    def having(outcome: tuple[str, str | None], files: Iterable[JudgedFile]) -> Iterator[JudgedFile]:
        return (file for file in files if file.outcome == outcome)

    for number in numbers:
        take(number, having(expected[number].outcome, named[expected[number].file]))
    # One iterator for each outcome, so that many twins are gone through once.
    of_twins = {outcome: having(outcome, everyone) for outcome in {expected[number].outcome for number in numbers}}
    for number in numbers:
        take(number, of_twins[expected[number].outcome])
    for number in numbers:
        take(number, named[expected[number].file])
    leftover = iter(everyone)
    for number in numbers:
        take(number, leftover)


def _endings(key: str) -> Iterator[str]:
    """`a/b/c.csv` ends with `b/c.csv` and with `c.csv`."""
    while "/" in key:
        key = key.partition("/")[2]
        yield key
