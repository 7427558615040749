"""TO_CHAR of a date or time, whose format DuckDB writes in another language."""

from __future__ import annotations

import re

from sqlglot import exp

from infra.local_aws.redshift.build import call, cast, joined
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.type_rules import is_integer, precision_and_scale

# fmt: off
_FORMATS = {
    "YYYY": "%Y", "YY": "%y", "IYYY": "%G", "IW": "%V", "MM": "%m", "MON": "%b", "DDD": "%j", "DD": "%d", "DY": "%a",
    "HH24": "%H", "HH12": "%I", "HH": "%I", "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p",
}
# fmt: on
_NAMES = ("MON", "DY", "MONTH", "DAY")
_PADDED = {"MONTH": "%B", "DAY": "%A"}
_COUNTED = {"ID": "isodow", "CC": "century", "Q": "quarter"}
_LONGEST_FIRST = "|".join(sorted([*_FORMATS, *_PADDED, *_COUNTED], key=len, reverse=True))
_PART = re.compile(rf'{_LONGEST_FIRST}|[A-Z]+|"[^"]*"|[^A-Z"]+', re.IGNORECASE)


def to_char(node: exp.Anonymous) -> exp.Expr:
    """The same text from DuckDB. Raises RedshiftError for a number, and for a format that is not known at once."""
    if len(node.expressions) != 2:
        raise RedshiftError("function to_char() does not exist")
    value, pattern = node.expressions
    if is_integer(value) or precision_and_scale(value.type) is not None:
        raise not_emulated("TO_CHAR of a number")
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_emulated("TO_CHAR with a format that is not a literal")
    return joined([_part(value, text) for text in _PART.findall(pattern.name)] or [exp.Literal.string("")])


def _part(value: exp.Expr, text: str) -> exp.Expr:
    if text.upper() in _COUNTED:
        return cast(call("date_part", _COUNTED[text.upper()], cast(value.copy(), "TIMESTAMP")), "VARCHAR")
    code = _FORMATS.get(text.upper()) or _PADDED.get(text.upper())
    if code is None and text[0].isalpha() and text != "T":
        raise not_emulated(f'TO_CHAR with "{text}"')
    if code is None:
        return exp.Literal.string(text.strip('"'))
    part = call("strftime", cast(value.copy(), "TIMESTAMP"), code)
    if text.upper() in _PADDED:
        # Full names come as wide as the longest of them.
        part = call("rpad", part, 9, " ")
    if text.upper() not in _NAMES or text == text.capitalize():
        return part
    # Names come in the case of their pattern.
    return call("upper" if text.isupper() else "lower", part)
