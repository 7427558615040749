"""The text of a cell as a contract understands it: without blanks and prefixes, repaired, null where it says nothing.

Plain Python, compiled from a contract's column once: the one definition for silver, previews and `trace`. In order:

1. Blanks around the cell are dropped.
2. Of a cell that is longer than any that could mean a value, the beginning stands for it, which is still too long for
   the column, or no text of its type. It is looked at no further: all that follows costs time that grows with the
   length.
3. As long as it changes the text: what spells null is null; a prefix is dropped; what spells null is null; the repairs
   are made, in their order; blanks around are dropped. So a text that came out of here is read as itself.
4. A text that is empty is null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from lakehouse import repairs
from lakehouse.contract import Column, Repair, SourceContract
from lakehouse.repairs import BLANKS

LONGEST_TYPED = 256
"""Characters of the longest cell that may be a number, an instant, a date or a boolean."""
# Besides the value: a prefix, a currency, a display name before an address.
_ROOM = 256
# Characters of an entity for one byte of what it stands for: `&#x0000005B;`, `&DiacriticalGrave;`, escaped twice.
_PER_BYTE = 32
# Texts that were escaped or put together more often than this are nobody's value.
_ROUNDS = 8


@dataclass(frozen=True)
class CellText:
    """What a column makes of the text of a cell."""

    column: Column

    def __call__(self, cell: str | None) -> str | None:
        """The text that is typed; None for no value."""
        if cell is None:
            return None
        text = cell.strip(BLANKS)
        if len(text) > self.bound:
            return f"{text[: self.bound]}…"
        if not self._may_change:
            return None if self.is_null(text) else text
        for _ in range(_ROUNDS):
            before = text
            for _, after in self._steps(text):
                if self.is_null(after):
                    return None
                text = after
            if text == before:
                break
        return text

    def steps(self, cell: str) -> list[str]:
        """What is done to a cell, each step once, in the order in which it first happens."""
        text, found = cell.strip(BLANKS), dict[str, None]()
        if text != cell:
            found["blanks dropped"] = None
        for _ in range(_ROUNDS if len(text) <= self.bound else 0):
            before = text
            for name, after in self._steps(text):
                if name and after != text:
                    found[name] = None
                text = after
                if self.is_null(text):
                    return [*found, *(["spells null"] if text else [])]
            if text == before:
                break
        return list(found)

    def is_null(self, text: str) -> bool:
        """Whether a text without blanks around it is none, or spells null."""
        return not text or text.lower() in self.nulls

    def mismatches(self, text: str) -> bool:
        """Whether the value of a column of text does not have the shape that the contract demands."""
        if self._pattern is None or len(text) > self.bound:
            return False
        value = self.column.synonyms.get(text.lower(), None if self.column.values else text)
        return value is not None and self._pattern.fullmatch(value) is None

    @cached_property
    def bound(self) -> int:
        """Characters of the longest cell, blanks around it aside, that may mean a value."""
        column = self.column
        longest = max(map(len, (*column.values, *column.synonyms, *column.nulls)), default=0)
        if column.type.length is None:
            return max(longest, LONGEST_TYPED)
        return max(longest, column.type.length * (_PER_BYTE if column.repairs else 1)) + _ROOM

    @cached_property
    def nulls(self) -> frozenset[str]:
        """Lower-cased spellings of null."""
        return frozenset(spelling.strip(BLANKS).lower() for spelling in self.column.nulls)

    def _steps(self, text: str) -> Iterator[tuple[str, str]]:
        """(what is done, the text after it) of one round: first that nothing is."""
        yield "", text
        if self._prefixes:
            text = self._without_prefix(text).strip(BLANKS)
            yield "prefix dropped", text
        for name, repair in self._repairs:
            text = repair(text)
            yield f"repaired: {name}", text
        if self._repairs:
            yield "blanks dropped", text.strip(BLANKS)

    def _without_prefix(self, text: str) -> str:
        for prefix in self._prefixes:
            if text[: len(prefix)].lower() == prefix:
                return text[len(prefix) :]
        return text

    @cached_property
    def _prefixes(self) -> Sequence[str]:
        return [prefix.lower() for prefix in self.column.prefixes]

    @cached_property
    def _repairs(self) -> Sequence[tuple[Repair, Callable[[str], str]]]:
        return [(name, repairs.BY_NAME[name]) for name in self.column.repairs]

    @cached_property
    def _may_change(self) -> bool:
        return bool(self.column.prefixes or self.column.repairs)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        # As Java reads them: \d, \s and \w are ASCII's.
        return re.compile(self.column.pattern, re.ASCII) if self.column.pattern is not None else None


def sources(column: Column, contract: SourceContract) -> Iterator[tuple[str, Decimal | None]]:
    """Bronze's columns that a column is read from, its own first, and what one of theirs is worth in its unit."""
    yield column.name, None
    yield from ((unit.name, unit.worth) for unit in contract.unit_columns if unit.column == column.name)
