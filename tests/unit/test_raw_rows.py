"""Rows as they came, in JSON."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.raw_rows import as_json


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        ([{"a": "x", "b": "y"}, {"b": "y"}, {}], ['{"a":"x","b":"y"}', '{"b":"y"}', "{}"]),
        ([{}, {}], ["{}", "{}"]),
        ([{"a": ",", "b": ",,"}, {"a": ""}], ['{"a":",","b":",,"}', '{"a":""}']),
        ([{"a": 'say "\\"'}, {"a": "é\u2028😀\x7f/"}], [r'{"a":"say \"\\\""}', '{"a":"é\u2028😀\x7f/"}']),
        # As Jackson escapes: digits of an escape are capital letters, what stands for itself stays as it is.
        ([{"a": "\x1f\n\\u001f"}], ['{"a":"\\u001F\\n\\\\u001f"}']),
    ],
)
def test_a_row_is_an_object_of_its_cells_without_nulls(rows: list[dict[str, Any]], texts: list[str]) -> None:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in ("a", "b")}
    assert as_json(columns).to_pylist() == texts
    assert [json.loads(text) for text in texts] == rows
