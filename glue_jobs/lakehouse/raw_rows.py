"""Rows as they came, each as one JSON object of its cells, nulls left out: as Spark's `to_json` writes it. No Spark."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = r'["\\\x00-\x1f]'
_CONTROL = r"[\x00-\x1f]"
_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|.)")


def as_json(cells: Mapping[str, pa.Array]) -> pa.Array:
    """The rows of columns of text, by name."""
    parts = [
        pc.binary_join_element_wise(f'"{name}":"', _escaped(column), '",', "")
        for name, column in cells.items()
        if column.null_count < len(column)
    ]
    if not parts:
        return pa.repeat("{}", len(next(iter(cells.values()))))
    # The brace is never null: a row whose parts all are would be left out of the result.
    rows = pc.binary_join_element_wise("{", *parts, "", null_handling="skip")
    return pc.binary_join_element_wise(pc.ascii_rtrim(rows, ","), "}", "")


def _escaped(column: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return column
    if not pc.any(pc.match_substring_regex(column, _CONTROL)).as_py():
        return pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    return pa.array((None if text is None else _escape(text) for text in column.to_pylist()), pa.string())


def _escape(text: str) -> str:
    """What stands between the quotes; Spark's digits of an escape are capital letters."""
    quoted = json.dumps(text, ensure_ascii=False)[1:-1]
    return _ESCAPE.sub(lambda found: f"\\{found[0][1]}{found[0][2:].upper()}", quoted)
