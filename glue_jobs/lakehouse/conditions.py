"""Conditions for SQL as what users type turns into them: values travel as parameters, never inside the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

# An id has 32 hex digits; eight of them are as much as a person should have to type.
_IDENTITY = re.compile(r"[0-9a-f]{8,32}")
_VALUES_AT_ONCE = 100


@dataclass(frozen=True)
class Condition:
    """Text for WHERE, safe to be joined with AND, and exactly the parameters that it names."""

    sql: str = "1 = 1"
    parameters: Mapping[str, str] = field(default_factory=dict)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """True where every one of them is; always, where there is none."""
    return _joined(conditions, " AND ", "1 = 1")


def any_of(conditions: Iterable[Condition]) -> Condition:
    """True where one of them is; never, where there is none."""
    return _joined(conditions, " OR ", "1 = 0")


def equals(column: str, parameter: str, value: str) -> Condition:
    return Condition(f"{column} = :{parameter}", {parameter: value})


def begins(column: str, parameter: str, beginning: str) -> Condition:
    """The column begins so; unlike LIKE, no character of the beginning means anything else."""
    return Condition(f"LEFT({column}, {len(beginning)}) = :{parameter}", {parameter: beginning})


def contains(column: str, parameter: str, part: str) -> Condition:
    return Condition(f"STRPOS({column}, :{parameter}) > 0", {parameter: part})


def among(column: str, values: Sequence[str]) -> Iterator[Condition]:
    """The column is one of these, in portions: a statement has an end."""
    for start in range(0, len(values), _VALUES_AT_ONCE):
        portion = enumerate(values[start : start + _VALUES_AT_ONCE])
        yield any_of(equals(column, f"value{index}", value) for index, value in portion)


def is_identity(text: str) -> bool:
    """Whether it could be an id, or the beginning of one that is long enough to be meant."""
    return _IDENTITY.fullmatch(text) is not None


def file_named(text: str) -> Condition:
    """Rows of `lake_ops.files` that a user calls so: by file id or its beginning, by key or a beginning of it that ends
    a folder, or by file name, with as much of the path before it as makes it clear."""
    ends = Condition(f"RIGHT(key, {len(text) + 1}) = :file_name", {"file_name": f"/{text}"})
    ways = [equals("key", "file_key", text), ends]
    if is_identity(text):
        ways.append(begins("file_id", "file_id", text))
    if text.endswith("/"):
        ways.append(begins("key", "file_folder", text))
    return any_of(ways)


def identity(text: str) -> str:
    """An id or the beginning of one. Raises ValueError."""
    if not is_identity(text):
        raise ValueError(f'"{text}" is no id: one has 32 of 0-9 and a-f, and the first eight will do')
    return text


def since(text: str) -> datetime:
    """The first instant of what is meant, UTC without zone. Raises ValueError."""
    return _instant(text)[0]


def until(text: str) -> datetime:
    """The first instant after what is meant, UTC without zone: a date is meant to its end. Raises ValueError."""
    instant, length = _instant(text)
    try:
        return instant + length
    except OverflowError as error:
        raise _no_instant(text) from error


def _instant(text: str) -> tuple[datetime, timedelta]:
    """A date and its length, or an instant of none; ISO 8601, UTC where there is no offset."""
    try:
        return datetime.combine(date.fromisoformat(text), time()), timedelta(days=1)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
        return (instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant), timedelta()
    except (ValueError, OverflowError) as error:
        raise _no_instant(text) from error


def _no_instant(text: str) -> ValueError:
    return ValueError(f'"{text}" is no date or instant; one is 2026-01-05, 2026-01-05T09:30 or …T09:30+01:00')


def _joined(conditions: Iterable[Condition], word: str, nothing: str) -> Condition:
    members = list(conditions)
    if not members:
        return Condition(nothing)
    sql = word.join(f"({member.sql})" for member in members)
    return Condition(sql, {name: value for member in members for name, value in member.parameters.items()})
