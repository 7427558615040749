"""One text cell → a typed value and the rules it breaks, as Spark columns derived from the contract's column.

Rules are named `<column>_<problem>`:

    missing            required, and null or spelled as null
    malformed          not a number, date, … of the column's type
    too_precise        more decimals than the column keeps (none is rounded away in silence)
    out_of_range       a number that the type cannot hold
    not_allowed        not one of the column's values or their synonyms
    too_long           more UTF-8 bytes than the column holds
    pattern_mismatch   the text does not have the declared shape
    below_minimum, above_maximum
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.contract import Column

# Blanks that copy and paste leaves around a value: space, tab, line ends, no-break space, byte order mark.
BLANKS = " \t\r\n\u00a0\ufeff"
_INTEGER = r"^[+-]?\d+(\.0*)?$"
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_ISO_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})?)?$"
_BOOLEANS = {"true": ("true", "t", "yes", "y", "1"), "false": ("false", "f", "no", "n", "0")}


@dataclass(frozen=True)
class Parsed:
    """The typed value (null when it cannot be had) and one column per rule: null, or (rule, field, value)."""

    value: SparkColumn
    violations: tuple[SparkColumn, ...]


def parse(cell: SparkColumn, column: Column) -> Parsed:
    """Type one column of text by its contract."""
    text = F.btrim(cell, F.lit(BLANKS))
    spelled_null = [spelling.lower() for spelling in column.nulls]
    is_null = text.isNull() | (text == "")
    if spelled_null:
        is_null = is_null | F.lower(text).isin(spelled_null)
    present = F.when(~is_null, text)
    value, problem = _PARSERS[column.type.kind](present, column)
    if column.values:
        value, problem = _enumerated(present, column)
    checks = [("missing", is_null)] if column.required else []
    checks += problem
    checks += _value_rules(value, column)
    found = tuple(
        violation(F.coalesce(broken, F.lit(False)), F.lit(f"{column.name}_{rule}"), F.lit(column.name), cell)
        for rule, broken in checks
    )
    return Parsed(value, found)


def violation(broken: SparkColumn, rule: SparkColumn, field: SparkColumn, value: SparkColumn) -> SparkColumn:
    """(rule, field, value) where a rule is broken, else null."""
    return F.when(
        broken, F.struct(rule.alias("rule"), field.cast("string").alias("field"), value.cast("string").alias("value"))
    )


Problems = list[tuple[str, SparkColumn]]


def _text(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    return text, [("too_long", F.octet_length(text) > F.lit(column.type.length))]


def _integer(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    """Whole numbers, also as spreadsheets leave them: `17850.0` is 17850, `1,200` is 1200."""
    plain = _ungrouped(text)
    is_whole = plain.rlike(_INTEGER)
    value = F.when(is_whole, F.regexp_extract(plain, r"^([+-]?\d+)", 1).try_cast(column.type.spark))
    return value, [("malformed", ~is_whole), ("out_of_range", is_whole & value.isNull())]


def _decimal(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    plain = _ungrouped(text)
    is_number = plain.rlike(_NUMBER)
    fits_scale = plain.rlike(rf"^[+-]?\d*(\.\d{{0,{column.type.scale}}}0*)?$")
    value = F.when(is_number & fits_scale, plain.try_cast(column.type.spark))
    return value, [
        ("malformed", ~is_number),
        ("too_precise", is_number & ~fits_scale),
        ("out_of_range", is_number & fits_scale & value.isNull()),
    ]


def _double(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    value = text.try_cast("double")
    return value, [("malformed", text.isNotNull() & value.isNull())]


def _boolean(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    lower = F.lower(text)
    value = F.when(lower.isin(*_BOOLEANS["true"]), F.lit(True)).when(lower.isin(*_BOOLEANS["false"]), F.lit(False))
    return value, [("malformed", text.isNotNull() & value.isNull())]


def _instant(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    """UTC without zone. ISO 8601 is always understood; the contract's formats are tried after it, in order."""
    iso = F.when(text.rlike(_ISO_TIMESTAMP), text.try_cast("timestamp"))
    tries = [iso, *(_by_format(text, name) for name in column.formats)]
    value = F.coalesce(*tries).cast(column.type.spark)
    return value, [("malformed", text.isNotNull() & value.isNull())]


def _by_format(text: SparkColumn, name: str) -> SparkColumn:
    if name == "epoch_seconds":
        return F.when(text.rlike(r"^\d{9,10}$"), F.timestamp_seconds(text.try_cast("bigint")))
    if name == "epoch_millis":
        return F.when(text.rlike(r"^\d{12,13}$"), F.timestamp_millis(text.try_cast("bigint")))
    return F.try_to_timestamp(text, F.lit(name))


def _enumerated(text: SparkColumn, column: Column) -> tuple[SparkColumn, Problems]:
    spellings = {value.lower(): value for value in column.values} | {
        spelling.lower(): value for spelling, value in column.synonyms.items()
    }
    known = F.create_map(*(F.lit(item) for pair in spellings.items() for item in pair))
    value = F.try_element_at(known, F.lower(text))
    return value, [("not_allowed", text.isNotNull() & value.isNull())]


def _ungrouped(text: SparkColumn) -> SparkColumn:
    return F.when(text.rlike(_GROUPED), F.replace(text, F.lit(","), F.lit(""))).otherwise(text)


def _value_rules(value: SparkColumn, column: Column) -> Problems:
    rules: Problems = []
    if column.minimum is not None:
        limit = _number(column.minimum)
        rules.append(("below_minimum", value <= limit if column.exclusive_minimum else value < limit))
    if column.maximum is not None:
        limit = _number(column.maximum)
        rules.append(("above_maximum", value >= limit if column.exclusive_maximum else value > limit))
    if column.pattern is not None:
        rules.append(("pattern_mismatch", ~value.cast("string").rlike(f"^(?:{column.pattern})$")))
    return rules


def _number(limit: Decimal) -> SparkColumn:
    return F.lit(int(limit)) if limit == limit.to_integral_value() else F.lit(limit)


_PARSERS: dict[str, Callable[[SparkColumn, Column], tuple[SparkColumn, Problems]]] = {
    "varchar": _text,
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "double": _double,
    "boolean": _boolean,
    "date": _instant,
    "timestamp": _instant,
}
