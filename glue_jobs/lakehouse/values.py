"""The text of a cell → a typed value and the rules it breaks, as Spark columns derived from the contract's column.

Texts come from `lakehouse.texts`: bounded in length, without blanks around them. Java's regular expressions need stack
for each repetition of a group, and time for each way to split a text: none is asked of a text without bound, and none
that repeats a group can go back. Rules are named `<column>_<rule>`; `COLUMN_RULES` says what each means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import texts
from lakehouse.contract import Column, ColumnRule

MAX_SHOWN = 400
"""Characters of a cell among the reasons of a refused row. Redshift shows 16,384 of a text in the lake: the reasons of
a row that breaks a rule in each of two dozen columns."""
_INTEGER = r"^[+-]?\d++(\.0*+)?\z"
_NUMBER = r"^[+-]?(\d++(\.\d*+)?|\.\d++)\z"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})++(\.\d*+)?\z"
_ISO_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})?)?\z"
_ISO_WITHOUT_SECONDS = r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2})([Zz]|[+-]\d{2}:?\d{2})\z"
_BOOLEANS = {"true": ("true", "t", "yes", "y", "1"), "false": ("false", "f", "no", "n", "0")}


def value(text: SparkColumn, column: Column) -> SparkColumn:
    """The typed value; null where there is none or the text is not of the type."""
    if not column.synonyms:
        return _PARSERS[column.type.kind](text, column)
    meant = F.try_element_at(_map(column.synonyms), F.lower(text))
    return meant if column.values else _PARSERS[column.type.kind](F.coalesce(meant, text), column)


def substituted(text: SparkColumn, column: Column, named: Callable[[str], SparkColumn]) -> SparkColumn:
    """The typed value of a column that has a substitute, which stands where no text came.

    `named` gives the typed value of another column, and `_arrived_at`, by name.
    """
    here, substitute = named(column.name), column.substitute
    if substitute is None:
        return here
    if substitute.is_arrival:
        meant = named("_arrived_at").cast(column.type.spark)
    elif substitute.of is None:
        meant = F.lit(substitute.value)
    elif substitute.bands:
        below = [
            (F.lit(True) if limit is None else named(substitute.of) < _number(limit), text)
            for limit, text in substitute.bands
        ]
        meant = F.when(named(substitute.of).isNotNull(), F.coalesce(*(F.when(is_in, text) for is_in, text in below)))
    else:
        meant = F.try_element_at(_map(substitute.values), named(substitute.of))
    return F.when(text.isNull(), meant).otherwise(here)


def violations(cell: SparkColumn, text: SparkColumn, value: SparkColumn, column: Column) -> list[SparkColumn]:
    """One Spark column per rule that refuses a row: null, or (rule, field, value as it came: `shown`)."""
    untyped = text.isNotNull() & value.isNull()
    found = [(F.concat(F.lit(f"{column.name}_"), _why_untyped(text, column)), untyped)]
    found += [
        (F.lit(f"{column.name}_{rule}"), broken)
        for rule, broken in _rules(text, value, column)
        if not _only_warns(rule, column)
    ]
    return [violation(broken, rule, F.lit(column.name), cell) for rule, broken in found]


def warnings(text: SparkColumn, value: SparkColumn, column: Column) -> list[SparkColumn]:
    """One Spark column per rule that only warns: null, or the rule's name."""
    return [
        F.when(broken, F.lit(f"{column.name}_{rule}"))
        for rule, broken in _rules(text, value, column)
        if _only_warns(rule, column)
    ]


def shown(cell: SparkColumn) -> SparkColumn:
    """As much of a cell as stands among the reasons of a refused row, which has all of it in its raw form."""
    return F.when(F.char_length(cell) > MAX_SHOWN, F.concat(F.left(cell, F.lit(MAX_SHOWN - 1)), F.lit("…"))).otherwise(
        cell
    )


def _only_warns(rule: ColumnRule, column: Column) -> bool:
    return rule == "filled" or rule in column.warnings


def violation(broken: SparkColumn, rule: SparkColumn, field: SparkColumn, value: SparkColumn) -> SparkColumn:
    """(rule, field, value) where a rule is broken, else null."""
    return F.when(
        broken, F.struct(rule.alias("rule"), field.cast("string").alias("field"), value.cast("string").alias("value"))
    )


def _rules(text: SparkColumn, value: SparkColumn, column: Column) -> Iterator[tuple[ColumnRule, SparkColumn]]:
    if column.required:
        yield "missing", text.isNull() & value.isNull()
    if column.substitute is not None:
        yield "filled", text.isNull() & value.isNotNull()
    if column.type.length is not None and not column.values:
        yield "too_long", F.octet_length(value) > column.type.length
    if column.minimum is not None:
        limit = _number(column.minimum)
        yield "below_minimum", value <= limit if column.exclusive_minimum else value < limit
    if column.maximum is not None:
        limit = _number(column.maximum)
        yield "above_maximum", value >= limit if column.exclusive_maximum else value > limit
    if column.pattern is not None:
        # Judged where the texts are made, by an expression that has no stack to overflow.
        yield "pattern_mismatch", F.array_contains(F.col(texts.MISMATCHED), column.name)


def _why_untyped(text: SparkColumn, column: Column) -> SparkColumn:
    """The rule broken by a text that gave no value: evaluated for such cells only."""
    if column.values:
        return F.lit("not_allowed")
    plain = _ungrouped(text)
    if column.type.kind == "decimal":
        return (
            F.when(~plain.rlike(_NUMBER), "malformed")
            .when(~plain.rlike(_fits_scale(column)), "too_precise")
            .otherwise("out_of_range")
        )
    if column.type.logical == "integer":
        return F.when(plain.rlike(_INTEGER), "out_of_range").otherwise("malformed")
    return F.lit("malformed")


def _integer(text: SparkColumn, column: Column) -> SparkColumn:
    """Whole numbers, also as spreadsheets leave them: `17850.0` is 17850, `1,200` is 1200."""
    plain = _ungrouped(text)
    whole = F.regexp_extract(plain, r"^([+-]?\d++)", 1)
    return F.when(plain.rlike(_INTEGER), whole.try_cast(column.type.spark))


def _decimal(text: SparkColumn, column: Column) -> SparkColumn:
    plain = _ungrouped(text)
    return F.when(plain.rlike(_NUMBER) & plain.rlike(_fits_scale(column)), plain.try_cast(column.type.spark))


def _boolean(text: SparkColumn, column: Column) -> SparkColumn:
    lower = F.lower(text)
    return F.when(lower.isin(*_BOOLEANS["true"]), F.lit(True)).when(lower.isin(*_BOOLEANS["false"]), F.lit(False))


def _instant(text: SparkColumn, column: Column) -> SparkColumn:
    """UTC without zone. ISO 8601 is always understood; the contract's formats are tried after it, in order."""
    # Spark's cast wants seconds before a zone.
    whole = F.regexp_replace(text, _ISO_WITHOUT_SECONDS, "$1:00$2")
    iso = F.when(text.rlike(_ISO_TIMESTAMP), whole.try_cast("timestamp"))
    return F.coalesce(iso, *(_by_format(text, name) for name in column.formats)).cast(column.type.spark)


def _by_format(text: SparkColumn, name: str) -> SparkColumn:
    if name == "epoch_seconds":
        return F.when(text.rlike(r"^\d{9,10}\z"), F.timestamp_seconds(text.try_cast("bigint")))
    if name == "epoch_millis":
        return F.when(text.rlike(r"^\d{12,13}\z"), F.timestamp_millis(text.try_cast("bigint")))
    return F.try_to_timestamp(text, F.lit(name))


def _map(pairs: Mapping[str, str]) -> SparkColumn:
    return F.create_map(*(F.lit(item) for pair in pairs.items() for item in pair))


def _ungrouped(text: SparkColumn) -> SparkColumn:
    """`1,234.50` is 1234.50; `1,5` stays as it is, for it may mean one and a half."""
    return F.when(text.contains(",") & text.rlike(_GROUPED), F.replace(text, F.lit(","), F.lit(""))).otherwise(text)


def _fits_scale(column: Column) -> str:
    return rf"^[+-]?\d*+(\.\d{{0,{column.type.scale}}}0*+)?\z"


def _number(limit: Decimal) -> SparkColumn:
    return F.lit(int(limit)) if limit == limit.to_integral_value() else F.lit(limit)


_PARSERS: dict[str, Callable[[SparkColumn, Column], SparkColumn]] = {
    "varchar": lambda text, column: text,
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "double": lambda text, column: text.try_cast("double"),
    "boolean": _boolean,
    "date": _instant,
    "timestamp": _instant,
}
