"""Defects of what identifies a row or must be there: keys, references, required columns."""

from __future__ import annotations

import random
import re

from datagen.defects.cells import absent, in_any_case, is_bound, refused
from datagen.defects.model import AnyDefect, Cell, ValueDefect
from lakehouse.contract import Column, SourceContract

_HIGHEST = {"integer": 2_100_000_000, "bigint": 9_100_000_000_000_000_000}
"""Numbers from here on are nobody's."""
_ROOM = 40_000_000
_NUMBERED = re.compile(r"(.*?)(\d{6,})", re.DOTALL)


def _is_required_key(column: Column, contract: SourceContract) -> bool:
    return column.required and column.key_position is not None


def _is_required(column: Column, contract: SourceContract) -> bool:
    return column.required and column.key_position is None


def _keeps_orphans(column: Column, contract: SourceContract) -> bool:
    return column.reference is not None and not column.reference.is_binding and column.key_position is None


def _id_prefix(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    if text is None:
        return None
    delivered = in_any_case(chance, chance.choice(column.prefixes)) + text
    # The first prefix that the text begins with is dropped, and nothing else.
    dropped = next(prefix for prefix in column.prefixes if delivered.lower().startswith(prefix.lower()))
    return Cell(delivered, text) if delivered[len(dropped) :] == text else None


def _missing(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    return refused(column, absent(chance, column), "missing")


def _unknown_id(chance: random.Random, column: Column, text: str | None) -> str | None:
    """An id that looks like the others and is nobody's: those begin with low numbers."""
    if text is None:
        return None
    if column.type.kind in _HIGHEST:
        return str(_HIGHEST[column.type.kind] + chance.randrange(_ROOM))
    numbered = _NUMBERED.fullmatch(text)
    if numbered is None or numbered[2].startswith("9"):
        return None
    digits = len(numbered[2]) - 1
    return f"{numbered[1]}9{chance.randrange(10**digits):0{digits}}"


def _orphan_kept(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    unknown = _unknown_id(chance, column, text)
    return None if unknown is None else Cell(unknown, unknown)


def _orphan_refused(chance: random.Random, column: Column, text: str | None) -> Cell | None:
    unknown = _unknown_id(chance, column, text)
    return None if unknown is None else refused(column, unknown, "orphan")


KEYS: list[AnyDefect] = [
    ValueDefect(
        name="id_prefix",
        share=0.01,
        recoverable=True,
        fits=lambda column, contract: bool(column.prefixes),
        spoil=_id_prefix,
    ),
    ValueDefect(name="missing_key", share=0.004, recoverable=False, fits=_is_required_key, spoil=_missing),
    ValueDefect(name="missing_required", share=0.004, recoverable=False, fits=_is_required, spoil=_missing),
    ValueDefect(name="orphan_kept", share=0.004, recoverable=True, fits=_keeps_orphans, spoil=_orphan_kept),
    ValueDefect(
        name="orphan_refused",
        share=0.004,
        recoverable=False,
        fits=lambda column, contract: is_bound(column),
        spoil=_orphan_refused,
    ),
]
