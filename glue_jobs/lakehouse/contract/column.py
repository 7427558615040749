"""A column as contracts declare it: its type, what it means, and the rules its values keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

from lakehouse.contract.lineage import ColumnSource
from lakehouse.contract.row_rules import ColumnReference, ColumnRule
from lakehouse.contract.substitutes import Substitute
from lakehouse.contract.types import ColumnType

Classification = Literal["public", "internal", "personal"]
Repair = Literal[
    "currency_sign", "decimal_comma", "percent", "number_words", "html_entities", "mojibake", "email", "phone"
]
REPAIRS: Mapping[Repair, str] = MappingProxyType(
    {
        "currency_sign": "a currency sign or ISO 4217 code before or after a number is dropped: `€12.50`, `12.50 USD`",
        "decimal_comma": "a comma followed by other than three digits, or after a dot, is the decimal point: `12,5` is "
        "12.5 and `1.234,50` is 1234.50",
        "percent": "a number with a percent sign is that number of hundredths: `15 %` is 0.15",
        "number_words": "`zero` to `twelve` in English, whatever the case, are 0 to 12",
        "html_entities": "`&amp;`, `&eacute;`, `&#233;` and all others of HTML 5 that end with a semicolon are the "
        "characters they stand for; `&#0;` and numbers of no character stay as they are",
        "mojibake": "UTF-8 that was read as Windows-1252 is read again: `CafÃ©` is `Café`; text that is no such thing, "
        "or would not be UTF-8, stays",
        "email": "`mailto:` before, `<` `>` around and a display name before the address are dropped; the part after "
        "the @ is written small",
        "phone": "E.164: a leading 00 is +, `(0)`, blanks, dots, slashes, hyphens and brackets are dropped: "
        "`0049 (0)170/12-34` is +491701234",
    }
)
"""What a contract may allow to be put right in a column's text, and exactly how. Only what is listed is repaired."""


@dataclass(frozen=True)
class Column:
    """One column: its name and type, what it means, and the rules its values keep.

    The parsing rules (``aliases`` to ``synonyms``) and the value rules (``values`` to ``pattern``) apply to sources;
    gold columns leave them empty. ``minimum`` and ``maximum`` are inclusive unless the flag beside them says otherwise.
    """

    name: str
    type: ColumnType
    description: str
    required: bool = False
    key_position: int | None = None
    """Place in the primary key, from 1; None outside the key."""
    unit: str | None = None
    classification: Classification = "internal"
    aliases: tuple[str, ...] = ()
    """Header spellings accepted besides the name, compared without regard to case.

    One with dots also stands for a value nested in JSON objects: ``client.device`` is ``{"client": {"device": …}}``.
    """
    formats: tuple[str, ...] = ()
    """Spark datetime patterns tried in order, or ``epoch_seconds`` / ``epoch_millis``; dates and timestamps only.

    ISO 8601 is understood without a word here: with separators before the formats, without them (20260301) after.
    """
    nulls: tuple[str, ...] = ()
    """Spellings that mean null, the dataset's and the column's together, compared without regard to case: as the cell
    came, without its prefix, or repaired."""
    values: tuple[str, ...] = ()
    """The only values allowed; empty when any value is."""
    synonyms: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Lower-cased spelling -> the value it stands for."""
    minimum: Decimal | None = None
    exclusive_minimum: bool = False
    maximum: Decimal | None = None
    exclusive_maximum: bool = False
    pattern: str | None = None
    """A regular expression that the whole value must match (Java and Python agree on its syntax)."""
    repairs: tuple[Repair, ...] = ()
    """What may be put right in the text before it is read, in the order of `REPAIRS`."""
    prefixes: tuple[str, ...] = ()
    """Texts that senders put before the value and that are dropped, compared without regard to case: `user:`.

    Longest first: the first that the text begins with is the one that was meant. What is left may be empty or spell
    null, and then is null.
    """
    alias_units: Mapping[str, Decimal] = field(default_factory=dict, hash=False)
    """Lower-cased alias -> what one unit under that header is worth in the column's own: amount_cents -> 0.01."""
    reference: ColumnReference | None = None
    """The only key column of another source, of the same type; a null refers to nothing and is no orphan."""
    warnings: tuple[ColumnRule, ...] = ()
    """Rules of the column that keep the row and are counted: of those in `SOFTENED`."""
    is_unique: bool = False
    """Whether rows are counted whose value another key has too; none is refused for it."""
    substitute: Substitute | None = None
    """What the column holds where its value did not come; how often is counted."""
    sources: tuple[ColumnSource, ...] = ()
    """What a gold column is computed from; sources leave it empty."""

    @property
    def is_personal(self) -> bool:
        return self.classification == "personal"
