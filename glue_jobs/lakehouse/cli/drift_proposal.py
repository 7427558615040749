"""What to write into a contract for columns that it does not know: an alias, or a new column of a guessed type.

Pure: findings and contracts in, text out. The guess is from samples, so it is a proposal for a person and never made
use of by itself.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal

from lakehouse import drift
from lakehouse.contract import Column, ColumnType, SourceContract
from lakehouse.contract.edit import add_alias, add_column, raise_minor_version, scalar

_ISO_FORMATS = ("yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]", "yyyy-MM-dd HH:mm:ss[.SSSSSS][XXX]")
_BOOLEANS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
_DECIMAL = re.compile(r"[+-]?(0|[1-9]\d*)\.(\d+)")
# Two spellings of one word differ in a letter or two; of `user_id` and `user_ip` the files tell.
_ALIKE = 0.8
_LEAST_TEXT_BYTES = 16
# An object with more unknown names than this is used as a map, from ids or dates to something: its names are values.
_NAMES_OF_A_RECORD = 20


@dataclass(frozen=True)
class Finding:
    """One unknown spelling, as the lake knows it.

    `samples` are distinct values as they came, those of `files` of the files that were looked into; `lacking` are the
    declared columns that none of these files has. Times are UTC without zone.
    """

    dataset: str
    column: str
    added_as: str | None
    files: int
    rows: int
    first_seen: datetime
    last_seen: datetime
    first_batch: int
    seen_in: tuple[str, ...]
    refused_files: int = 0
    samples: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Guess:
    """A type that every sample fits, and the formats that a date or an instant needs."""

    type: ColumnType
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What to do about spellings that mean one column.

    `guess` is the type to declare, `looks_like` that of the samples; `column` is None where there is nothing to do.
    """

    findings: tuple[Finding, ...]
    action: Literal["alias", "column", "none"]
    column: str | None
    guess: Guess
    looks_like: Guess
    why: str


def guess(samples: Sequence[str]) -> Guess:
    """The narrowest type for the samples; text where they are of several kinds, or there are none."""
    texts = [text.strip() for text in samples if text.strip()]
    if not texts:
        return Guess(ColumnType("varchar", length=256))
    if all(text.lower() in _BOOLEANS for text in texts):
        return Guess(ColumnType("boolean"))
    if all(_INTEGER.fullmatch(text) for text in texts):
        greatest = max(abs(int(text)) for text in texts)
        if greatest < 2**63:
            return Guess(ColumnType("integer" if greatest < 2**31 else "bigint"))
    decimals = [_DECIMAL.fullmatch(text) for text in texts]
    if any(decimals) and all(match or _INTEGER.fullmatch(text) for match, text in zip(decimals, texts, strict=True)):
        scale = max(len(match[2]) for match in decimals if match)
        digits = max(len(text.lstrip("+-").partition(".")[0]) for text in texts)
        if digits + scale <= 38:
            return Guess(ColumnType("decimal", precision=max(18, digits + scale), scale=scale))
    if all(_reads(text, "%Y-%m-%d") for text in texts):
        return Guess(ColumnType("date"), ("yyyy-MM-dd",))
    if all(_reads(text, "%d.%m.%Y") for text in texts):
        return Guess(ColumnType("date"), ("dd.MM.yyyy",))
    if all(re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", text) and _is_instant(text) for text in texts):
        used = [name for name, mark in zip(_ISO_FORMATS, "T ", strict=True) if any(text[10] == mark for text in texts)]
        return Guess(ColumnType("timestamp"), tuple(used))
    # Room for twice what has come, so that the next file fits as well.
    width, longest = _LEAST_TEXT_BYTES, max(len(text.encode()) for text in texts)
    while width < 2 * longest:
        width *= 2
    return Guess(ColumnType("varchar", length=min(width, drift.TEXT.length or width)))


def _reads(text: str, pattern: str) -> bool:
    try:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC).strftime(pattern) == text
    except ValueError:
        return False


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def propose(contract: SourceContract, findings: Iterable[Finding]) -> list[Proposal]:
    """One proposal for all spellings that make one name, by name."""
    by_name = sorted(findings, key=lambda finding: (drift.identifier(finding.column), finding.column))
    inside = Counter(_object_of(finding) for finding in by_name)
    maps = {name for name, count in inside.items() if name and count > _NAMES_OF_A_RECORD}
    taken = {*contract.text_columns, *drift.known_names(contract)}
    proposals: list[Proposal] = []
    for name, group in groupby(by_name, key=lambda finding: drift.identifier(finding.column)):
        members = tuple(group)
        if maps & {_object_of(finding) for finding in members}:
            guessed, why = guess(members[0].samples), f"{_object_of(members[0])} is used as a map: its names are values"
            proposals.append(Proposal(members, "none", None, guessed, guessed, why))
            continue
        proposals.append(_proposal(contract, name, members, taken))
        taken |= {proposals[-1].column or name}
    return proposals


def _object_of(finding: Finding) -> str:
    """The object that a value was found in; empty at the top."""
    return finding.column.rpartition(".")[0]


def _proposal(contract: SourceContract, name: str, findings: tuple[Finding, ...], taken: set[str]) -> Proposal:
    samples = tuple(dict.fromkeys(sample for finding in findings for sample in finding.samples))
    guessed = guess(samples)
    if not all(drift.can_be_named(finding.column) for finding in findings):
        why = "its header does not name a column of its own"
        return Proposal(findings, "none", None, guessed, guessed, why)
    if added := next((finding.added_as for finding in findings if finding.added_as), None):
        looks = "" if guessed.type.kind == "varchar" else f", though the values look like {guessed.type}"
        why = f"the lake's tables have it already, as text{looks}"
        return Proposal(findings, "column", added, Guess(drift.TEXT), guessed, why)
    if target := _meant(contract, name, findings, samples, guessed):
        why = f"the spelling is close, and {target} is missing where it came"
        return Proposal(findings, "alias", target, guessed, guessed, why)
    free = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    column = next(candidate for candidate in free if candidate not in taken)
    return Proposal(findings, "column", column, guessed, guessed, "no column that the files lack has a name like it")


def _meant(
    contract: SourceContract, name: str, findings: Sequence[Finding], samples: Sequence[str], guessed: Guess
) -> str | None:
    """The declared column that is probably meant: named alike, missing where this one is, and of such values."""
    lacking = frozenset.intersection(*(finding.lacking for finding in findings))
    known = {
        spelling.replace("_", ""): column
        for spelling, column in drift.known_names(contract).items()
        if column in lacking and column in contract.column_names and _fits(contract.column(column), samples, guessed)
    }
    last = name if "." not in findings[0].column else drift.identifier(findings[0].column.rpartition(".")[2])
    for candidate in (name, last):
        if near := difflib.get_close_matches(candidate.replace("_", ""), known, n=1, cutoff=_ALIKE):
            return known[near[0]]
    return None


def _fits(column: Column, samples: Sequence[str], guessed: Guess) -> bool:
    """Whether the samples may be values of the column."""
    if not samples:
        return True
    if column.values:
        return all(sample.strip().lower() in column.synonyms for sample in samples)
    if column.type.is_numeric:
        return guessed.type.is_numeric or bool(column.repairs)
    if column.type.is_temporal:
        return guessed.type.is_temporal or guessed.type.logical == "integer" or guessed.type.kind == "varchar"
    if column.type.kind == "boolean":
        return guessed.type.kind == "boolean" or set(samples) <= {"0", "1"}
    return True


def changed_text(text: str, proposals: Sequence[Proposal]) -> str:
    """The contract's text with all that is proposed; the same text when nothing is. Raises contract.edit.EditError."""
    changed = text
    for proposal in proposals:
        if proposal.column is None:
            continue
        spellings = _once(finding.column for finding in proposal.findings)
        if proposal.action == "alias":
            for spelling in spellings:
                changed = add_alias(changed, proposal.column, spelling)
        else:
            changed = add_column(changed, _property(proposal.column, proposal, spellings))
    return changed if changed == text else raise_minor_version(changed)


def _property(column: str, proposal: Proposal, spellings: Sequence[str]) -> list[str]:
    aliases = [spelling for spelling in spellings if spelling.lower() != column]
    first = min(proposal.findings, key=lambda finding: finding.first_seen)
    about = f"Arrives since {first.first_seen:%Y-%m-%d} as {first.column}; say here what it means."
    lines = [
        f"name: {scalar(column)}",
        f"logicalType: {proposal.guess.type.logical}",
        f"physicalType: {proposal.guess.type}",
        f"description: {scalar(about)}",
    ]
    if aliases:
        lines.append(f"synonyms: [{', '.join(f'{{synonym: {scalar(alias)}}}' for alias in aliases)}]")
    if proposal.guess.formats:
        formats = ", ".join(scalar(pattern) for pattern in proposal.guess.formats)
        lines += ["customProperties:", f"  - {{property: formats, value: [{formats}]}}"]
    return lines


def _once(spellings: Iterable[str]) -> list[str]:
    """Without those that differ from an earlier one by case alone, which never matters to a contract."""
    found: Mapping[str, str] = {spelling.lower(): spelling for spelling in reversed(list(spellings))}
    return sorted(found.values())
