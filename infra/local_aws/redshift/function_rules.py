"""Functions that Redshift and DuckDB both have, or that sqlglot knows by another name, and that mean something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from infra.local_aws.redshift.build import call, cast, joined
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.functions import RENAMED
from infra.local_aws.redshift.type_rules import is_text, is_unknown


def _text(node: exp.Expr) -> exp.Expr:
    # A function of text takes a date or a number as the text that it is shown as.
    return node.copy() if is_text(node) or is_unknown(node) else cast(node.copy(), "VARCHAR")


def _or(node: exp.Expr, key: str, default: int | str) -> exp.Expr:
    found = node.args.get(key)
    return found.copy() if isinstance(found, exp.Expr) else exp.convert(default)


# --- text
def _substring(node: exp.Substring) -> exp.Expr:
    start, length = node.args.get("start"), node.args.get("length")
    if length is None:
        return call("substring", _text(node.this), call("greatest", _or(node, "start", 1), 1))
    if isinstance(start, exp.Literal) and int(start.name) > 0:
        return call("substring", _text(node.this), start.copy(), length.copy())
    return call("rs_substring", _text(node.this), _or(node, "start", 1), length.copy())


def _split_part(node: exp.SplitPart) -> exp.Expr:
    return call("rs_split_part", _text(node.this), node.args["delimiter"].copy(), node.args["part_index"].copy())


def _flags(given: exp.Expr | None) -> str:
    """The letters of a regular expression's parameters; those of DuckDB are the same, but for p and e."""
    if given is None:
        return ""
    if not (isinstance(given, exp.Literal) and given.is_string):
        raise not_emulated("a regular expression with parameters that are not a literal")
    if "p" in given.name:
        raise not_emulated("the PCRE dialect of regular expressions")
    if not re.fullmatch("[cie]*", given.name):
        raise RedshiftError(f"invalid regexp option: {given.name}")
    return given.name


def _regexp_substr(node: exp.RegexpExtract) -> exp.Expr:
    flags = _flags(node.args.get("parameters"))
    part = 1 if "e" in flags and "(" in node.expression.name else 0
    position, occurrence = _or(node, "position", 1), _or(node, "occurrence", 1)
    pattern = node.expression.copy()
    return call("rs_regexp_substr", _text(node.this), pattern, position, occurrence, part, flags.replace("e", ""))


def _regexp_replace(node: exp.RegexpReplace) -> exp.Expr:
    flags = "g" + _flags(node.args.get("modifiers"))
    replacement, position = _or(node, "replacement", ""), _or(node, "position", 1)
    return call("rs_regexp_replace", _text(node.this), node.expression.copy(), replacement, position, flags)


def _regexp_instr(node: exp.RegexpInstr) -> exp.Expr:
    if any(node.args.get(key) for key in ("occurrence", "option", "parameters", "group")):
        raise not_emulated("REGEXP_INSTR with an occurrence or options")
    return call("rs_regexp_instr", _text(node.this), node.expression.copy(), _or(node, "position", 1))


# --- JSON in text
def _null_if_invalid(arguments: list[exp.Expr]) -> tuple[list[exp.Expr], exp.Expr]:
    if isinstance(arguments[-1], exp.Boolean):
        return arguments[:-1], arguments[-1].copy()
    return arguments, exp.false()


def _json_path_text(node: exp.Anonymous) -> exp.Expr:
    (text, *elements), or_null = _null_if_invalid(node.expressions)
    steps: list[exp.Expr] = [exp.Literal.string("$")]
    for element in elements:
        steps += [exp.Literal.string('."'), cast(element.copy(), "VARCHAR"), exp.Literal.string('"')]
    return call("json_extract_string", call("rs_json", _text(text), or_null), joined(steps))


def _json_element_text(node: exp.Anonymous) -> exp.Expr:
    (text, index), or_null = _null_if_invalid(node.expressions)
    path = joined(
        [exp.Literal.string("$["), cast(call("greatest", index.copy(), 0), "VARCHAR"), exp.Literal.string("]")]
    )
    found = call("json_extract_string", call("rs_json_array", _text(text), or_null), path)
    # A negative index is out of bounds, as one beyond the end is, and not counted from there.
    return exp.If(this=exp.GTE(this=index.copy(), expression=exp.convert(0)), true=found, false=exp.Literal.string(""))


def _json_array_length(node: exp.Anonymous) -> exp.Expr:
    (text,), or_null = _null_if_invalid(node.expressions)
    return cast(call("json_array_length", call("rs_json_array", _text(text), or_null)), "INTEGER")


_BY_NAME: dict[str, Callable[[exp.Anonymous], exp.Expr]] = {
    "json_extract_path_text": _json_path_text,
    "json_extract_array_element_text": _json_element_text,
    "json_array_length": _json_array_length,
}


def anonymous(node: exp.Anonymous) -> exp.Expr | None:
    """A function that sqlglot does not know, as DuckDB has it; None when it has it under the same name."""
    name = node.name.lower()
    if name in _BY_NAME:
        try:
            return _BY_NAME[name](node)
        except ValueError as error:
            raise RedshiftError(f"function {name}() does not exist") from error
    renamed = RENAMED.get(name)
    return call(renamed, *(argument.copy() for argument in node.expressions)) if renamed else None


# --- numbers
def _strtol(node: exp.FromBase) -> exp.Expr:
    return call("rs_strtol", cast(node.this.copy(), "VARCHAR"), node.expression.copy())


def _to_number(node: exp.ToNumber) -> exp.Expr:
    pattern = node.args.get("format")
    if not (isinstance(pattern, exp.Literal) and re.fullmatch("[90G,D.SL$MI]+", pattern.name.upper())):
        raise not_emulated("TO_NUMBER with this format")
    whole, _, fraction = pattern.name.upper().replace(".", "D").partition("D")
    scale = len(re.findall("[90]", fraction))
    precision = len(re.findall("[90]", whole)) + scale
    return cast(call("rs_number", node.this.copy()), f"DECIMAL({precision}, {scale})")


def windowed(node: exp.Window) -> exp.Expr | None:
    """A window function that DuckDB has in another form, or None."""
    inner = node.this
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "ratio_to_report":
        if node.args.get("order") or len(inner.expressions) != 1:
            raise RedshiftError("ratio_to_report() takes one argument, and no ORDER BY in its window")
        value = cast(inner.expressions[0].copy(), "DOUBLE")
        total = node.copy()
        total.set("this", exp.Sum(this=value.copy()))
        return exp.Paren(this=exp.Div(this=value, expression=total, typed=False, safe=False))
    if isinstance(inner, exp.WithinGroup) and isinstance(inner.this, exp.PercentileCont | exp.PercentileDisc):
        (ordered,) = inner.expression.expressions
        fraction: exp.Expr = inner.this.this.copy()
        if ordered.args.get("desc"):
            fraction = exp.Paren(this=exp.Sub(this=exp.convert(1), expression=fraction))
        name = "quantile_cont" if isinstance(inner.this, exp.PercentileCont) else "quantile_disc"
        over = node.copy()
        over.set("this", call(name, ordered.this.copy(), fraction))
        return over
    return None


# --- dates
def _timestamp(node: exp.Expr) -> exp.Expr:
    return call("rs_timestamp", node.copy())


def _date_add(node: exp.TsOrDsAdd) -> exp.Expr | None:
    if node.args["unit"].name.upper() in ("YEAR", "YEARS", "Y", "YR", "YRS"):
        return call("rs_add_years", _timestamp(node.this), node.expression.copy())
    if not is_text(node.this):
        return None
    added = node.copy()
    added.set("this", _timestamp(node.this))
    return added


def _date_diff(node: exp.TsOrDsDiff | exp.DateDiff) -> exp.Expr | None:
    if not (is_text(node.this) or is_text(node.expression)):
        return None
    changed = node.copy()
    for key in ("this", "expression"):
        if is_text(node.args[key]):
            changed.set(key, _timestamp(node.args[key]))
    return changed


def _str_to_date(node: exp.StrToDate) -> exp.Expr | None:
    pattern = node.args.get("format")
    if not isinstance(pattern, exp.Literal):
        raise not_emulated("TO_DATE with a format that is not a literal")
    # sqlglot knows the names of months in capitals only.
    known = re.sub(r"\bmonth\b", "%B", re.sub(r"\bmon\b", "%b", pattern.name, flags=re.I), flags=re.I)
    return cast(call("strptime", _text(node.this), known), "DATE")


_UNITS = {
    "w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds", "y": "years", "mon": "months",
    "hr": "hours", "hrs": "hours", "min": "minutes", "mins": "minutes", "sec": "seconds", "secs": "seconds",
    "yr": "years", "yrs": "years", "mons": "months",
}  # fmt: skip


def _interval(node: exp.Interval) -> exp.Expr | None:
    if node.args.get("unit") or not isinstance(node.this, exp.Literal):
        return None
    parts = re.findall(r"([+-]?[\d.]+)\s*([a-z]*)", node.this.name.lower())
    if not parts or re.sub(r"[+-]?[\d.]+\s*[a-z]*[\s,]*", "", node.this.name.lower()):
        return None
    # A quantity without a unit counts seconds.
    text = " ".join(f"{quantity} {_UNITS.get(unit, unit) or 'seconds'}" for quantity, unit in parts)
    return exp.Interval(this=exp.Literal.string(text))


FUNCTION_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr | None]] = {
    exp.Substring: _substring,
    exp.SplitPart: _split_part,
    exp.RegexpExtract: _regexp_substr,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpInstr: _regexp_instr,
    exp.FromBase: _strtol,
    exp.ToNumber: _to_number,
    exp.TsOrDsAdd: _date_add,
    exp.TsOrDsDiff: _date_diff,
    exp.DateDiff: _date_diff,
    exp.StrToDate: _str_to_date,
    exp.Interval: _interval,
    exp.AddMonths: lambda node: call("rs_add_months", _timestamp(node.this), node.expression.copy()),
    exp.MonthsBetween: lambda node: call("rs_months_between", _timestamp(node.this), _timestamp(node.expression)),
    exp.NextDay: lambda node: call("rs_next_day", call("rs_date", node.this.copy()), node.expression.copy()),
}
"""For ``dialect.rewrite``."""
