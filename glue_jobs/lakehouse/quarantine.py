"""Which refused files and rows are meant: what may be asked for, as conditions on the tables that know. No Spark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lakehouse.conditions import (
    Condition,
    all_of,
    any_of,
    begins,
    contains,
    equals,
    file_named,
    identity,
    since,
    until,
)


class Status(StrEnum):
    """What became of a refused file or row."""

    OPEN = "open"
    WAITING = "waiting"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


IN_QUARANTINE = (Status.OPEN, Status.WAITING)

# How `ops.files` tells the states of a file; none of them waits for a parent.
_DISCARDED = "COALESCE(LEFT(resolution, 10), '') = 'discarded:'"
_FILES = {
    Status.OPEN: Condition(f"verdict = 'quarantined' AND NOT {_DISCARDED}"),
    Status.DISCARDED: Condition(f"verdict = 'quarantined' AND {_DISCARDED}"),
    Status.REPLAYED: Condition("verdict <> 'quarantined' AND LEFT(resolution, 9) = 'replayed '"),
}


@dataclass(frozen=True)
class Selection:
    """Refused files and rows. An empty tuple or None leaves that side open; all that is given has to hold.

    `since` and `until` (not included) bound the instant of refusal, UTC without zone.
    """

    dataset: str | None = None
    reasons: tuple[str, ...] = ()
    file: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[Status, ...] = IN_QUARANTINE
    ids: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing but a state was asked for."""
        return self == Selection(statuses=self.statuses)


def selection(
    dataset: str | None = None,
    reasons: Sequence[str] | None = None,
    file: str | None = None,
    since_text: str | None = None,
    until_text: str | None = None,
    statuses: Sequence[Status] | None = None,
    ids: Sequence[str] | None = None,
) -> Selection:
    """What is meant by texts as people type them. Raises ValueError."""
    if "" in (dataset, file, since_text, until_text, *(reasons or ()), *(ids or ())):
        raise ValueError("an option that narrows the choice is empty; leave it out, or give it a value")
    return Selection(
        dataset=dataset,
        reasons=tuple(reasons or ()),
        file=file,
        since=since(since_text) if since_text is not None else None,
        until=until(until_text) if until_text is not None else None,
        statuses=tuple(statuses or IN_QUARANTINE),
        ids=tuple(identity(text) for text in ids or ()),
    )


def on_rows(wanted: Selection) -> Condition:
    """A condition on the columns of `lake_quarantine.rows`, unqualified: select from it alone, then join."""
    statuses = (equals("status", f"status{index}", status) for index, status in enumerate(wanted.statuses))
    parts = [*_common(wanted, "quarantined_at"), any_of(statuses)]
    if wanted.reasons:
        parts.append(any_of(_breaks(index, rule) for index, rule in enumerate(wanted.reasons)))
    if wanted.file:
        named = file_named(wanted.file)
        parts.append(Condition(f"file_id IN (SELECT file_id FROM lake_ops.files WHERE {named.sql})", named.parameters))
    if wanted.ids:
        parts.append(any_of(_ids(("quarantine_id", "file_id"), wanted.ids)))
    return all_of(parts)


def on_files(wanted: Selection) -> Condition:
    """A condition on the columns of `lake_ops.files`, unqualified: refused files, and those that a replay accepted."""
    states = any_of(_FILES[status] for status in wanted.statuses if status in _FILES)
    parts = [states, *_common(wanted, "ingested_at")]
    if wanted.reasons:
        parts.append(any_of(equals("reason", f"reason{i}", reason) for i, reason in enumerate(wanted.reasons)))
    if wanted.file:
        parts.append(file_named(wanted.file))
    if wanted.ids:
        parts.append(any_of(_ids(("file_id",), wanted.ids)))
    return all_of(parts)


def _common(wanted: Selection, instant: str) -> Iterable[Condition]:
    if wanted.dataset:
        yield equals("dataset", "dataset", wanted.dataset)
    if wanted.since:
        yield Condition(f"{instant} >= CAST(:since AS TIMESTAMP)", {"since": str(wanted.since)})
    if wanted.until:
        yield Condition(f"{instant} < CAST(:until AS TIMESTAMP)", {"until": str(wanted.until)})


def _breaks(index: int, rule: str) -> Condition:
    """How a violation begins in the array that each row keeps; a quote inside a value is escaped there."""
    return contains("violations", f"rule{index}", f'{{"rule":{json.dumps(rule, ensure_ascii=False)}')


def _ids(columns: Sequence[str], ids: Sequence[str]) -> Iterable[Condition]:
    for index, text in enumerate(ids):
        for column in columns:
            yield begins(column, f"id{index}", text)
