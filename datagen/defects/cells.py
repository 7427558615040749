"""What the makers of spoilt cells have in common: spellings, and what the contract's rules say of a text."""

from __future__ import annotations

import random
import re

from datagen.defects.model import Cell
from lakehouse.contract import Column

BLANKS = " \t\r\n\u00a0\ufeff"
"""Blanks around a value that are no part of it."""


def refused(column: Column, delivered: str | None, *problems: str) -> Cell:
    """A cell for which its row is refused: `<column>_<problem>` each."""
    return Cell(delivered, violations=tuple(f"{column.name}_{problem}" for problem in sorted(problems)))


def is_null(column: Column, text: str) -> bool:
    """Whether a text spells null in the column."""
    bare = text.strip(BLANKS).lower()
    return not bare or bare in (spelling.lower() for spelling in column.nulls)


def is_bound(column: Column) -> bool:
    """Whether a row is refused when the column's value has no parent: then a value that is wrong in another way breaks
    two rules or one, which no contract says."""
    return column.reference is not None and column.reference.is_binding


def is_id(column: Column) -> bool:
    """Whether the column names something rather than measures it."""
    return column.key_position is not None or column.reference is not None or column.name.endswith("_id")


def is_free_text(column: Column) -> bool:
    """Whether people write what they like in it."""
    has_rules = column.values or column.synonyms or column.pattern or column.prefixes
    return column.type.kind == "varchar" and not has_rules and not is_id(column)


def fits_length(column: Column, text: str) -> bool:
    """Whether a text column holds so many bytes."""
    return column.type.length is None or len(text.encode()) <= column.type.length


def text_problems(column: Column, text: str) -> list[str]:
    """The rules that refuse a value of a text column without an enum."""
    problems = [] if fits_length(column, text) else ["too_long"]
    is_shaped = column.pattern is None or re.fullmatch(column.pattern, text) is not None
    if not is_shaped and "pattern_mismatch" not in column.warnings:
        problems.append("pattern_mismatch")
    return problems


def in_any_case(chance: random.Random, text: str) -> str:
    """The text in capitals, in small letters, or a mixture; one that still is the same in small letters."""
    cased = chance.choice((text, text.upper(), text.lower(), text.title(), text.capitalize(), text.swapcase()))
    return cased if cased.lower() == text.lower() else text


def absent(chance: random.Random, column: Column) -> str | None:
    """Null, nothing, blanks, or one of the column's spellings of null."""
    spellings = [spelling for spelling in column.nulls if spelling]
    if spellings and chance.random() < 0.7:
        return in_any_case(chance, chance.choice(spellings))
    return chance.choice((None, "", " ", "\t "))


def mistyped(chance: random.Random, text: str) -> str:
    """The text with two letters swapped, one left out or one doubled."""
    at = chance.randrange(len(text))
    match chance.randrange(3):
        case 0:
            return text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]
        case 1:
            return text[:at] + text[at + 1 :]
        case _:
            return text[:at] + text[at] + text[at:]
