"""What a contract may demand of the rows of a source: the rules of a column, and those between columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["error", "warn"]
Orphans = Literal["warn", "quarantine", "wait"]
ColumnRule = Literal[
    "missing",
    "malformed",
    "too_precise",
    "out_of_range",
    "not_allowed",
    "too_long",
    "pattern_mismatch",
    "below_minimum",
    "above_maximum",
    "orphan",
    "not_unique",
    "filled",
]
COLUMN_RULES: Mapping[ColumnRule, str] = MappingProxyType(
    {
        "missing": "required, and null or spelled as null",
        "malformed": "not a number, date, … of the column's type",
        "too_precise": "more decimals than the column keeps (none is rounded away in silence)",
        "out_of_range": "a number that the type cannot hold, or an instant before the year 1 or after 9999 in UTC",
        "not_allowed": "not one of the column's values or their synonyms",
        "too_long": "more UTF-8 bytes than the column holds",
        "pattern_mismatch": "the text does not have the declared shape",
        "below_minimum": "less than the declared minimum",
        "above_maximum": "more than the declared maximum",
        "orphan": "the row that the value refers to is not there",
        "not_unique": "the row of another key has the same value",
        "filled": "did not come; the contract says what stands in its place",
    }
)
"""What a value may break. The violation is called `<column>_<rule>`: `amount_below_minimum`."""

SOFTENED: Mapping[ColumnRule, str] = MappingProxyType(
    {"pattern_mismatch": "pattern", "below_minimum": "minimum", "above_maximum": "maximum"}
)
"""Rules that a column may only warn of, and the field of Column that declares each: those that leave a value which the
column can hold."""


@dataclass(frozen=True)
class ColumnReference:
    """The column of another source that a column's values are taken from, and what becomes of a row whose value is
    not there: kept and counted (warn), refused (quarantine), or refused until its parent arrives (wait)."""

    dataset: str
    column: str
    orphans: Orphans

    @property
    def is_binding(self) -> bool:
        """Whether a row is refused, for good or for the time being, while its parent is not there."""
        return self.orphans != "warn"


@dataclass(frozen=True)
class RowRule:
    """What has to hold between the values of one row. It is broken where it is false: a value that is missing makes it
    null, which is no violation."""

    name: str
    """That of the violation: `total_above_price`."""
    severity: Severity
    """error: the row is refused; warn: it is kept and counted."""
    condition: str
    """As the contract says it."""
    spark: str
    """The same in Spark SQL over silver's columns: exact, and no row makes it fail."""
    columns: tuple[str, ...]
    """Those that it names, in that order."""
    description: str
