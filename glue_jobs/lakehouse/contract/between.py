"""Reads what a contract says between the columns of a row: what has to hold, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from lakehouse.contract.columns import Declared, read_name
from lakehouse.contract.conditions import ConditionError, read_condition, read_expression
from lakehouse.contract.document import Document, Value
from lakehouse.contract.model import DerivedColumn
from lakehouse.contract.row_rules import COLUMN_RULES, RowRule, Severity
from lakehouse.contract.types import ColumnType

ENGINE = "lakehouse"

_FIELDS = ("name", "type", "engine", "implementation", "severity", "description")
# For people and catalogues; nothing here reads them.
_DOCUMENTARY = ("id", "dimension", "businessImpact", "tags", "authoritativeDefinitions")


def read_row_rules(document: Document, value: Value, declared: Sequence[Declared]) -> tuple[RowRule, ...]:
    """Every rule between columns, after noting what is wrong with any."""
    declared, types = _arriving(declared)
    # A condition over a column that has mistakes of its own cannot be judged yet.
    is_whole = len(types) == len(declared)
    names = [column.name for column in declared]
    taken = {f"{name}_{rule}": f"a rule of the column {name}" for name in names for rule in COLUMN_RULES}
    rules = [_read_rule(document, item, types, taken, is_whole) for item in document.items(value)]
    return tuple(rule for rule in rules if rule is not None)


def read_derived(document: Document, declared: Sequence[Declared]) -> tuple[DerivedColumn, ...]:
    """The columns that no file brings, after noting what is wrong with any."""
    arriving, types = _arriving(declared)
    found = []
    for derived in declared:
        text = document.text(derived.derivation) if derived.derivation else None
        if text is None or derived.derivation is None or derived.column is None or len(types) < len(arriving):
            continue
        try:
            read = read_expression(text, types, derived.column.type)
        except ConditionError as error:
            document.complain(derived.derivation, error.wrong, error.right)
            continue
        found.append(DerivedColumn(derived.column, text.strip(), read.spark))
    return tuple(found)


def _arriving(declared: Sequence[Declared]) -> tuple[Sequence[Declared], Mapping[str, ColumnType]]:
    """The columns that files bring, and the types of those without mistakes."""
    arriving = [column for column in declared if column.derivation is None]
    return arriving, {column.name: column.column.type for column in arriving if column.name and column.column}


def _read_rule(
    document: Document, value: Value, types: Mapping[str, ColumnType], taken: dict[str, str], is_whole: bool
) -> RowRule | None:
    parts = document.fields(value, _FIELDS, _DOCUMENTARY)
    if "type" in parts:
        document.choice(parts["type"], ("custom",))
    if "engine" in parts:
        document.choice(parts["engine"], (ENGINE,))
    name = read_name(document, parts["name"]) if "name" in parts else None
    if name in taken:
        document.complain(parts["name"], f'"{name}" is already {taken[name]}', "say in another name what is wrong")
    elif name is not None:
        taken[name] = "the name of a rule"
    severity = document.choice(parts["severity"], get_args(Severity)) if "severity" in parts else None
    description = document.words(parts["description"]) if "description" in parts else None
    text = document.text(parts["implementation"]) if "implementation" in parts else None
    if name is None or severity is None or description is None or text is None or not is_whole:
        return None
    try:
        condition = read_condition(text, types)
    except ConditionError as error:
        document.complain(parts["implementation"], error.wrong, error.right)
        return None
    return RowRule(
        name=name,
        severity=cast(Severity, severity),
        condition=text.strip(),
        spark=condition.spark,
        columns=condition.columns,
        description=description,
    )
