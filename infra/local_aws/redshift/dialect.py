"""From Redshift's expressions to DuckDB's: one table of what means something else there.

The rewrites run on a tree whose names are qualified and whose types are annotated (``type_rules``), leaves first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import sqlglot
from sqlglot import exp

from infra.local_aws.redshift.build import call, cast, joined
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.function_rules import FUNCTION_REWRITES, anonymous, windowed
from infra.local_aws.redshift.to_char import to_char
from infra.local_aws.redshift.type_rules import (
    is_integer,
    is_text,
    is_unknown,
    precision_and_scale,
)
from infra.local_aws.redshift.types import MAX_PRECISION, of_sqlglot

DType = exp.DType
Node = TypeVar("Node", bound=exp.Expr)


def rewrite(root: Node, parameters: Mapping[str, str]) -> Node:
    """Turn an annotated tree into one that DuckDB understands in the same sense. The root itself stays.

    ``parameters`` are the values of named parameters: their form decides what a parameter is in arithmetic.
    """
    for node in reversed(list(root.walk(bfs=True))):
        if node is root or node.parent is None:
            continue
        if isinstance(node, exp.Placeholder):
            node.replace(_placeholder(node, parameters))
            continue
        rule = REWRITES.get(type(node))
        if rule is not None:
            # A wrapper holds a copy of what it replaces, so that no node has two parents.
            replacement = rule(node)
            if replacement is not None:
                replacement.type = replacement.type or node.type
                node.replace(replacement)
    return root


# --- comparisons: trailing blanks do not count
def _blank(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Literal):
        return exp.Literal.string(node.name.rstrip(" ")) if node.is_string else node.copy()
    if isinstance(node, exp.Tuple):
        return exp.Tuple(expressions=[_blank(item) for item in node.expressions])
    if is_text(node):
        return call("rtrim", node.copy(), " ")
    return call("rs_blank", node.copy()) if is_unknown(node) and not isinstance(node, exp.Null) else node.copy()


def _is_comparable_as_text(*nodes: exp.Expr) -> bool:
    flat = [item for node in nodes for item in (node.expressions if isinstance(node, exp.Tuple) else [node])]
    typed = [node for node in flat if not isinstance(node, exp.Literal | exp.Placeholder | exp.Null)]
    return any(is_text(node) or is_unknown(node) for node in typed) or (not typed and any(is_text(n) for n in flat))


def _comparison(node: exp.Expr) -> exp.Expr | None:
    left, right = node.args["this"], node.args["expression"]
    if not _is_comparable_as_text(left, right):
        return None
    return type(node)(this=_blank(left), expression=_blank(right))


def _between(node: exp.Between) -> exp.Expr | None:
    parts = {key: node.args[key] for key in ("this", "low", "high")}
    if not _is_comparable_as_text(*parts.values()):
        return None
    return exp.Between(**{key: _blank(part) for key, part in parts.items()})


def _in(node: exp.In) -> exp.Expr | None:
    query = node.args.get("query")
    if query is None:
        if not _is_comparable_as_text(node.this, *node.expressions):
            return None
        return exp.In(this=_blank(node.this), expressions=[_blank(item) for item in node.expressions])
    if isinstance(node.this, exp.Tuple) or not (is_text(node.this) or is_unknown(node.this)):
        return None
    inner = exp.Subquery(
        this=query.unnest().copy(),
        alias=exp.TableAlias(this=exp.to_identifier("_in"), columns=[exp.to_identifier("v")]),
    )
    trimmed = exp.select(call("rs_blank", exp.column("v", "_in"))).from_(inner)
    return exp.In(this=_blank(node.this), query=exp.Subquery(this=trimmed))


def _like(node: exp.Like | exp.ILike) -> exp.Expr | None:
    # Redshift's escape character is the backslash unless said otherwise; DuckDB has none.
    if isinstance(node.parent, exp.Escape):
        return None
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _similar_to(node: exp.SimilarTo) -> exp.Expr:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_emulated("SIMILAR TO with a pattern that is not a literal")
    regex = pattern.name.replace("%", ".*").replace("_", ".")
    return call("regexp_full_match", node.this.copy(), regex)


# --- casts
def _cast(node: exp.Cast) -> exp.Expr | None:
    target = of_sqlglot(node.to, declared=False)
    if target.name == "bpchar":
        return call("rs_cast_char", cast(node.this.copy(), "VARCHAR"), target.length or 1)
    if target.name == "varchar":
        inner = cast(node.this.copy(), "VARCHAR")
        return call("rs_cast_varchar", inner, target.length) if target.length else inner
    if target.name in ("date", "timestamp") and not isinstance(node, exp.TryCast):
        return call(f"rs_{target.name}", node.this.copy())
    wanted = cast(node.this.copy(), target.duckdb)
    return exp.TryCast(this=wanted.this, to=wanted.to) if isinstance(node, exp.TryCast) else wanted


# --- numbers
def _div(node: exp.Div) -> exp.Expr | None:
    found = precision_and_scale(node.type)
    if found is None:
        return None
    return cast(exp.Paren(this=node.copy()), f"DECIMAL({found[0]}, {found[1]})")


def _around_window(node: exp.Expr, wrap: Callable[[exp.Expr], exp.Expr]) -> exp.Expr | None:
    # A cast goes around the whole of "sum(x) OVER (...)", so _window does it when its turn comes.
    return None if isinstance(node.parent, exp.Window) else wrap(node.copy())


def _sum(node: exp.Sum) -> exp.Expr | None:
    if node.type is None or node.type.this is not DType.BIGINT:
        return None
    return _around_window(node, lambda n: cast(n, "BIGINT"))


def _avg(node: exp.Avg) -> exp.Expr | None:
    return _around_window(node, lambda n: _average(node, n)) if _is_exact(node) else None


def _is_exact(node: exp.Expr) -> bool:
    return is_integer(node) or precision_and_scale(node.type) is not None


def _average(node: exp.Avg, value: exp.Expr) -> exp.Expr:
    """``value``, which is ``node`` or a window over it, in whole numbers: Redshift cuts off what is below the scale."""
    found = precision_and_scale(node.type)
    scale = found[1] if found is not None else 0
    total, count = (_instead_of_average(value, kind) for kind in (exp.Sum, exp.Count))
    if scale:  # the sum's digits without their point: to multiply could go beyond 38 of them
        total = call("replace", cast(cast(total, f"DECIMAL({MAX_PRECISION}, {scale})"), "VARCHAR"), ".", "")
    average = exp.IntDiv(this=cast(total, "HUGEINT"), expression=count)
    if found is None:
        return cast(average, "BIGINT")
    unit = exp.Literal.number(f"{Decimal(1).scaleb(-scale):f}")
    return cast(
        exp.Mul(this=cast(average, f"DECIMAL({MAX_PRECISION}, 0)"), expression=unit), f"DECIMAL({found[0]}, {scale})"
    )


def _instead_of_average(value: exp.Expr, kind: type[exp.Sum | exp.Count]) -> exp.Expr:
    if isinstance(value, exp.Avg):
        return kind(this=value.this.copy())
    window = value.copy()
    window.set("this", kind(this=window.this.this.copy()))
    return window


def _window(node: exp.Window) -> exp.Expr | None:
    inner = node.this
    if isinstance(inner, exp.Sum) and inner.type is not None and inner.type.this is DType.BIGINT:
        return cast(node.copy(), "BIGINT")
    if isinstance(inner, exp.Avg) and _is_exact(inner):
        return _average(inner, node.copy())
    return windowed(node)


def _trunc(node: exp.Trunc) -> exp.Expr | None:
    return cast(node.this.copy(), "DATE") if node.type is not None and node.type.this is DType.DATE else None


def _anonymous(node: exp.Anonymous) -> exp.Expr | None:
    if node.name.lower() == "to_char":
        return to_char(node)
    return anonymous(node)


# --- text
def _concat(node: exp.Concat) -> exp.Expr:
    return joined([exp.Paren(this=part.copy()) for part in node.expressions])


def _within_group(node: exp.WithinGroup) -> exp.Expr | None:
    return _listagg(node.this, node.args.get("expression")) if isinstance(node.this, exp.GroupConcat) else None


def _group_concat(node: exp.GroupConcat) -> exp.Expr | None:
    return None if isinstance(node.parent, exp.WithinGroup) else _listagg(node, None)


def _listagg(node: exp.GroupConcat, order: exp.Expr | None) -> exp.Expr:
    value, separator = node.this, node.args.get("separator")
    is_distinct = isinstance(value, exp.Distinct)
    if is_distinct:
        arguments = value.expressions
        value, separator = arguments[0], separator or (arguments[1] if len(arguments) > 1 else None)
    text: exp.Expr = cast(value.copy(), "VARCHAR")
    last: exp.Expr = separator.copy() if separator is not None else exp.Literal.string("")
    if is_distinct:
        text = exp.Distinct(expressions=[text])
    if order is not None:
        ordering = [_same_as_listed(item, value) if is_distinct else item.copy() for item in order.expressions]
        last = exp.Order(this=last, expressions=ordering)
    return call("rs_listagg", exp.Anonymous(this="string_agg", expressions=[text, last]))


def _same_as_listed(item: exp.Expr, value: exp.Expr) -> exp.Expr:
    # DuckDB orders a DISTINCT aggregate only by the very expression that is aggregated.
    if item.this != value:
        raise RedshiftError("For aggregates with DISTINCT argument, ORDER BY argument must match aggregate argument")
    copy = item.copy()
    copy.set("this", cast(value.copy(), "VARCHAR"))
    return copy


# --- dates
def _current_timestamp(node: exp.CurrentTimestamp) -> exp.Expr:
    now = exp.AtTimeZone(this=exp.Anonymous(this="now"), zone=exp.Literal.string("UTC"))
    # GETDATE counts whole seconds, SYSDATE does not.
    whole = call("date_trunc", "second", exp.Paren(this=now.copy()))
    return exp.Paren(this=now) if node.args.get("sysdate") else whole


def _date_trunc(node: exp.TimestampTrunc | exp.DateTrunc) -> exp.Expr | None:
    argument = node.this
    unit = node.args["unit"].name.lower()
    if argument.type is not None and argument.type.this is DType.TIMESTAMPTZ:
        return call("date_trunc", unit, argument.copy())
    stamp = call("rs_timestamp", argument.copy())
    if unit.startswith(("centur", "millen")):
        # They begin with the year 1, and not with the year 0 as in DuckDB.
        return call("rs_date_trunc_from_one", unit, stamp)
    return call("date_trunc", unit, stamp)


def _to_timestamp(node: exp.StrToTime) -> exp.Expr:
    return exp.Paren(this=exp.AtTimeZone(this=exp.Paren(this=node.copy()), zone=exp.Literal.string("UTC")))


def _convert_timezone(node: exp.ConvertTimezone) -> exp.Expr:
    source = node.args.get("source_tz") or exp.Literal.string("UTC")
    at_source = exp.AtTimeZone(this=cast(node.args["timestamp"].copy(), "TIMESTAMP"), zone=source.copy())
    return exp.Paren(this=exp.AtTimeZone(this=exp.Paren(this=at_source), zone=node.args["target_tz"].copy()))


# --- parameters
_ARITHMETIC = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Mod,
    exp.Neg,
    exp.Limit,
    exp.Offset,
    exp.Round,
    exp.TsOrDsAdd,
    exp.DateAdd,
    exp.Abs,
    exp.Substring,
)


def _placeholder(node: exp.Placeholder, parameters: Mapping[str, str]) -> exp.Expr:
    """A parameter stays a parameter; where a number is needed it is cast to the kind of number that its value is."""
    name = node.name
    if name not in parameters:
        raise RedshiftError(f"Cannot find parameter: {name}")
    bound = exp.Placeholder(this=name)
    bound.meta["rewritten"] = True
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if isinstance(parent, _ARITHMETIC) and re.fullmatch(r"[+-]?\d+", parameters[name]):
        return cast(bound, "BIGINT")
    if isinstance(parent, _ARITHMETIC) and re.fullmatch(r"[+-]?\d*\.\d+", parameters[name]):
        return cast(bound, f"DECIMAL(38, {len(parameters[name].partition('.')[2])})")
    return bound


REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr | None]] = {
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ), _comparison),
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.ILike: _like,
    exp.SimilarTo: _similar_to,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Div: _div,
    exp.Sum: _sum,
    exp.Avg: _avg,
    exp.Window: _window,
    exp.Anonymous: _anonymous,
    **FUNCTION_REWRITES,
    exp.Concat: _concat,
    exp.WithinGroup: _within_group,
    exp.GroupConcat: _group_concat,
    exp.CurrentTimestamp: _current_timestamp,
    exp.TimestampTrunc: _date_trunc,
    exp.DateTrunc: _date_trunc,
    exp.Trunc: _trunc,
    exp.StrToTime: _to_timestamp,
    exp.ConvertTimezone: _convert_timezone,
}


def render(tree: exp.Expr) -> str:
    """DuckDB's SQL of a rewritten tree, every identifier quoted."""
    return tree.sql(dialect="duckdb", identify=True, unsupported_level=sqlglot.ErrorLevel.IGNORE)
