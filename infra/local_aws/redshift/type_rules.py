"""The types of expressions as Redshift has them: decimals with precision and scale, whole averages, wide sums."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.optimizer.annotate_types import TypeAnnotator

from infra.local_aws.redshift.types import MAX_PRECISION

DType = exp.DType
MIN_DIVISION_SCALE = 4
TEXT_TYPES = frozenset({DType.VARCHAR, DType.TEXT, DType.CHAR, DType.BPCHAR, DType.NVARCHAR, DType.NCHAR})
INTEGER_DIGITS = {DType.SMALLINT: 5, DType.INT: 10, DType.BIGINT: 19}
MAX_INT = 2**31 - 1
MAX_BIGINT = 2**63 - 1


def is_text(node: exp.Expr) -> bool:
    """Is its type known, and text?"""
    return node.type is not None and node.type.this in TEXT_TYPES


def is_integer(node: exp.Expr) -> bool:
    """Is its type known, and a whole number?"""
    return node.type is not None and node.type.this in INTEGER_DIGITS


def is_unknown(node: exp.Expr) -> bool:
    """Could its type not be found out?"""
    return node.type is None or node.type.this in (DType.UNKNOWN, DType.NULL)


def decimal(precision: int, scale: int) -> exp.DataType:
    """The type DECIMAL(precision, scale)."""
    return exp.DataType.build(f"DECIMAL({precision}, {scale})")


def precision_and_scale(data_type: exp.DataType | None) -> tuple[int, int] | None:
    """Of a decimal, if both are known."""
    if data_type is None or data_type.this is not DType.DECIMAL or len(data_type.expressions) != 2:
        return None
    precision, scale = (int(argument.name) for argument in data_type.expressions)
    return precision, scale


def _as_decimals(left: exp.Expr, right: exp.Expr) -> tuple[int, int, int, int] | None:
    """(p1, s1, p2, s2) when one side is a decimal and the other a decimal or a whole number."""
    sides = []
    for side in (left, right):
        found = precision_and_scale(side.type)
        if found is None and side.type is not None and is_integer(side):
            found = (INTEGER_DIGITS[side.type.this], 0)
        sides.append(found)
    first, second = sides
    if first is None or second is None or (is_integer(left) and is_integer(right)):
        return None
    return *first, *second


def _arithmetic(annotator: TypeAnnotator, node: exp.Binary) -> exp.Expr:
    found = _as_decimals(node.left, node.right)
    if found is None:
        if is_integer(node.left) and is_integer(node.right):
            return annotator._set_type(node, common_type([node.left.type, node.right.type]))
        return annotator._annotate_binary(node)
    p1, s1, p2, s2 = found
    if isinstance(node, exp.Div):
        scale = max(MIN_DIVISION_SCALE, s1 + p2 - s2 + 1)
        precision = p1 - s1 + s2 + scale
    elif isinstance(node, exp.Mul):
        scale, precision = s1 + s2, p1 + p2 + 1
        # A product keeps its scale, and loses whole digits instead.
        return annotator._set_type(node, decimal(min(precision, MAX_PRECISION), min(scale, MAX_PRECISION)))
    else:
        scale = max(s1, s2)
        precision = max(p1 - s1, p2 - s2) + 1 + scale
    excess = precision - MAX_PRECISION
    if excess > 0:
        precision = MAX_PRECISION
        if isinstance(node, exp.Div):
            scale = max(MIN_DIVISION_SCALE, scale - excess)
    return annotator._set_type(node, decimal(precision, min(scale, precision)))


def _literal(annotator: TypeAnnotator, node: exp.Literal) -> exp.Expr:
    if node.is_string:
        return annotator._set_type(node, DType.VARCHAR)
    whole, point, fraction = node.name.partition(".")
    if "e" in node.name.lower():
        return annotator._set_type(node, DType.DOUBLE)
    if point:
        return annotator._set_type(node, decimal(max(len(whole) + len(fraction), 1), len(fraction)))
    value = int(whole)
    if value > MAX_BIGINT:
        return annotator._set_type(node, decimal(min(len(whole), MAX_PRECISION), 0))
    return annotator._set_type(node, DType.INT if value <= MAX_INT else DType.BIGINT)


def _sum(annotator: TypeAnnotator, node: exp.Sum) -> exp.Expr:
    argument = node.this.type
    found = precision_and_scale(argument)
    if found is not None:
        return annotator._set_type(node, decimal(MAX_PRECISION, found[1]))
    if argument is not None and argument.this in (DType.SMALLINT, DType.INT):
        return annotator._set_type(node, DType.BIGINT)
    if argument is not None and argument.this is DType.BIGINT:
        return annotator._set_type(node, decimal(MAX_PRECISION, 0))
    return annotator._set_type(node, DType.DOUBLE if argument and argument.this in _FLOATS else DType.UNKNOWN)


_FLOATS = (DType.FLOAT, DType.DOUBLE)


def _avg(annotator: TypeAnnotator, node: exp.Avg) -> exp.Expr:
    found = precision_and_scale(node.this.type)
    if found is not None:
        return annotator._set_type(node, decimal(MAX_PRECISION, found[1]))
    if is_integer(node.this):
        return annotator._set_type(node, DType.BIGINT)
    return annotator._set_type(node, DType.DOUBLE)


def _round(annotator: TypeAnnotator, node: exp.Round | exp.Trunc) -> exp.Expr:
    found = precision_and_scale(node.this.type)
    if found is None:
        return annotator._set_type(node, node.this.type or DType.UNKNOWN)
    digits = node.args.get("decimals")
    if digits is None:
        return annotator._set_type(node, decimal(found[0], 0))
    if not (isinstance(digits, exp.Literal) and digits.is_int):
        return annotator._set_type(node, DType.UNKNOWN)
    return annotator._set_type(node, decimal(found[0], min(found[1], int(digits.name))))


def _trunc(annotator: TypeAnnotator, node: exp.Trunc) -> exp.Expr:
    is_time = node.this.type is not None and node.this.type.this in (DType.TIMESTAMP, DType.DATE)
    return annotator._set_type(node, DType.DATE) if is_time else _round(annotator, node)


def _ceil(annotator: TypeAnnotator, node: exp.Ceil | exp.Floor) -> exp.Expr:
    found = precision_and_scale(node.this.type)
    return annotator._set_type(node, decimal(found[0], 0) if found else node.this.type or DType.UNKNOWN)


def _same(annotator: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    return annotator._set_type(node, node.this.type or DType.UNKNOWN)


def common_type(types: list[exp.DataType | None]) -> exp.DataType | exp.DType:
    """The type of a CASE, a COALESCE or a GREATEST over ``types``; UNKNOWN when they do not go together simply."""
    known = [t for t in types if t is not None and t.this not in (DType.NULL, DType.UNKNOWN)]
    if not known or len(known) < len([t for t in types if t is not None and t.this is not DType.NULL]):
        return DType.UNKNOWN
    if len(set(known)) == 1:
        return known[0]
    if all(t.this in TEXT_TYPES for t in known):
        return DType.VARCHAR
    if all(t.this in INTEGER_DIGITS for t in known):
        return max(known, key=lambda t: INTEGER_DIGITS[t.this])
    if any(t.this in _FLOATS for t in known):
        return DType.DOUBLE
    sizes = [
        precision_and_scale(t) or ((INTEGER_DIGITS[t.this], 0) if t.this in INTEGER_DIGITS else None) for t in known
    ]
    if any(size is None for size in sizes):
        return DType.UNKNOWN
    scale = max(size[1] for size in sizes if size)
    whole = max(size[0] - size[1] for size in sizes if size)
    return decimal(min(whole + scale, MAX_PRECISION), scale)


def _common(annotator: TypeAnnotator, node: exp.Expr) -> exp.Expr:
    arguments = [node.this, *node.expressions] if node.this is not None else node.expressions
    return annotator._set_type(node, common_type([argument.type for argument in arguments]))


def _case(annotator: TypeAnnotator, node: exp.Case) -> exp.Expr:
    results = [branch.args["true"] for branch in node.args["ifs"]]
    if node.args.get("default") is not None:
        results.append(node.args["default"])
    return annotator._set_type(node, common_type([result.type for result in results]))


RULES: dict[type[exp.Expr], dict[str, Any]] = {
    **Redshift.EXPRESSION_METADATA,
    exp.Literal: {"annotator": _literal},
    **{kind: {"annotator": _arithmetic} for kind in (exp.Add, exp.Sub, exp.Mul, exp.Div)},
    exp.Sum: {"annotator": _sum},
    exp.Avg: {"annotator": _avg},
    exp.Round: {"annotator": _round},
    exp.Trunc: {"annotator": _trunc},
    exp.Ceil: {"annotator": _ceil},
    exp.Floor: {"annotator": _ceil},
    **{kind: {"annotator": _same} for kind in (exp.Abs, exp.Neg, exp.Paren, exp.Nullif, exp.Max, exp.Min)},
    **{kind: {"annotator": _common} for kind in (exp.Coalesce, exp.Greatest, exp.Least)},
    exp.Case: {"annotator": _case},
    **{
        kind: {"returns": exp.DataType.build("TIMESTAMP")}
        for kind in (exp.DateAdd, exp.TsOrDsAdd, exp.AddMonths, exp.CurrentTimestamp)
    },
    exp.DateDiff: {"returns": exp.DataType.build("BIGINT")},
    exp.TsOrDsDiff: {"returns": exp.DataType.build("BIGINT")},
    exp.Length: {"returns": exp.DataType.build("INT")},
    exp.StrPosition: {"returns": exp.DataType.build("INT")},
    exp.Extract: {"returns": exp.DataType.build("INT")},
}
"""For sqlglot's annotate_types."""
