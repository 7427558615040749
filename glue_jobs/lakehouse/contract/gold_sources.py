"""Reads what a gold table is made of: its sources and lookups, and what decides which of its rows a change touches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from lakehouse.contract.document import Document, Value
from lakehouse.contract.model import AsOf, GoldLookup, GoldSource, Sessions

_DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class TimeColumn:
    """Where a gold contract names a column of a dataset that has to be of this kind, a timestamp or a date."""

    place: Value
    dataset: str
    name: str
    kind: str


@dataclass(frozen=True)
class Reference:
    """Where a gold contract names a dataset and, for a lookup, each column it matches on (by the source's column);
    the columns that say when, of it or of what looks it up; and every place where one of its columns is said to be
    computed from one of the dataset."""

    dataset: Value
    match: Mapping[str, Value] = field(default_factory=dict)
    times: Sequence[TimeColumn] = ()
    lineage: Sequence[tuple[Value, str]] = ()


def read_sources(
    document: Document, value: Value, recompute_by: Sequence[str], references: dict[str, Reference]
) -> tuple[GoldSource, ...]:
    """The sources of a gold table, each saying for every recompute column which of its values a row touches."""
    sources: list[GoldSource] = []
    for item in document.items(value):
        parts = document.fields(item, ("dataset", "keys"), ("versions",))
        dataset = _reference(document, parts, references)
        keys = document.fields(parts["keys"], recompute_by) if "keys" in parts else {}
        expressions = {column: document.words(part) for column, part in keys.items()}
        if dataset is not None:
            keys_of = {column: text for column, text in expressions.items() if text}
            sources.append(GoldSource(dataset, keys_of, _has_versions(document, parts)))
    if not sources:
        document.complain(value, "there is no source", "name at least one dataset")
    return tuple(sources)


def _has_versions(document: Document, parts: Mapping[str, Value]) -> bool:
    return "versions" in parts and document.flag(parts["versions"])


def read_lookups(
    document: Document, value: Value, sources: Sequence[GoldSource], references: dict[str, Reference]
) -> tuple[GoldLookup, ...]:
    lookups: list[GoldLookup] = []
    names = [source.dataset for source in sources]
    for item in document.items(value):
        parts = document.fields(item, ("dataset", "match"), ("of", "versions", "asOf"))
        dataset = _reference(document, parts, references)
        pairs = document.mapping(parts["match"]) if "match" in parts else {}
        if "match" in parts and not pairs:
            document.complain(parts["match"], "no column to match on", "write column_of_source: column_of_lookup")
        columns = {column: document.text(part) for column, part in pairs.items()}
        of = document.choice(parts["of"], names) if "of" in parts else names[0] if names else None
        if dataset is not None and of is not None:
            as_of, times = _read_as_of(document, parts["asOf"], of, dataset) if "asOf" in parts else (None, ())
            references[dataset] = Reference(parts["dataset"], pairs, times)
            on = {column: text for column, text in columns.items() if text}
            lookups.append(GoldLookup(dataset, on, of, _has_versions(document, parts), as_of))
    return tuple(lookups)


def _reference(document: Document, parts: Mapping[str, Value], references: dict[str, Reference]) -> str | None:
    dataset = document.text(parts["dataset"]) if "dataset" in parts else None
    if dataset in references:
        document.complain(parts["dataset"], f'"{dataset}" is named twice', "name each dataset once")
    elif dataset is not None:
        references[dataset] = Reference(parts["dataset"])
    return dataset


def read_sessions(
    document: Document,
    value: Value,
    sources: Sequence[GoldSource],
    recompute_by: Sequence[str],
    names: Sequence[str],
    references: dict[str, Reference],
) -> Sessions | None:
    """Of which source the table's rows are sessions; `names` are the table's columns. None when that has mistakes."""
    parts = document.fields(value, ("dataset", "instant", "day", "silenceMinutes", "count"))
    dataset = document.choice(parts["dataset"], [source.dataset for source in sources]) if "dataset" in parts else None
    day = document.choice(parts["day"], recompute_by) if "day" in parts else None
    instant = document.text(parts["instant"]) if "instant" in parts else None
    minutes = _whole(document, parts["silenceMinutes"], _DAY_MINUTES) if "silenceMinutes" in parts else None
    if len(recompute_by) < 2:
        document.complain(value, "nothing says whose sessions these are", "name that in recomputeBy, beside the day")
    count = document.choice(parts["count"], names) if "count" in parts else None
    if dataset is None or day is None or instant is None or minutes is None or count is None:
        return None
    when = TimeColumn(parts["instant"], dataset, instant, "timestamp")
    references[dataset] = replace(references[dataset], times=(when,))
    return Sessions(dataset, instant, day, minutes, count)


def read_thresholds(document: Document, value: Value) -> Mapping[str, tuple[Decimal, ...]]:
    """Lists of rising numbers by their names."""
    found = {}
    for name, part in document.mapping(value).items():
        numbers = [number for item in document.items(part) if (number := document.number(item)) is not None]
        if not numbers:
            document.complain(part, "there is no number", "write at least one")
        if any(low >= high for low, high in pairwise(numbers)):
            document.complain(part, "the numbers do not rise", "write them from the lowest to the highest, each once")
        found[name] = tuple(numbers)
    return found


def _read_as_of(
    document: Document, value: Value, source: str, dataset: str
) -> tuple[AsOf | None, Sequence[TimeColumn]]:
    parts = document.fields(value, ("instant", "day", "days"))
    instant = document.text(parts["instant"]) if "instant" in parts else None
    day = document.text(parts["day"]) if "day" in parts else None
    days = _whole(document, parts["days"], 366) if "days" in parts else None
    if not (instant and day and days):
        return None, ()
    return AsOf(instant, day, days), (
        TimeColumn(parts["instant"], source, instant, "timestamp"),
        TimeColumn(parts["day"], dataset, day, "date"),
    )


def _whole(document: Document, value: Value, below: int) -> int | None:
    """A whole number from 1 to less than ``below``."""
    number = document.number(value)
    if number is None:
        return None
    if number != int(number) or not 0 < number < below:
        document.complain(value, f"{number} does not serve here", f"write a whole number from 1 to {below - 1}")
        return None
    return int(number)
