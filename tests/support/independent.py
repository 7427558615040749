"""Generated files read by readers that nobody here wrote: the standard library, pandas and DuckDB.

They are told what the dialect of a file says (its encoding, its delimiter, …) and nothing else; what a cell means is
then asked of the contract's oracle.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from lakehouse.contract import Column, SourceContract
from tests.support.contract_oracle import read_cell

csv.field_size_limit(1 << 30)
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
Cells = dict[str, str | None]
"""One row: text by the title that the file gives it, with dots for objects in objects. Empty text is None."""


@dataclass(frozen=True)
class Told:
    """What a reader has to know of a file."""

    kind: str
    """delimited, ndjson, json (one array) or concatenated."""
    is_gzip: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"


_BY_NAME = {
    ".csv": Told("delimited"),
    ".txt": Told("delimited", delimiter="|"),
    ".csv.gz": Told("delimited", is_gzip=True),
    ".ndjson": Told("ndjson"),
    ".ndjson.gz": Told("ndjson", is_gzip=True),
    ".gz": Told("ndjson", is_gzip=True),
    ".json": Told("json"),
}
_BY_DEFECT: Mapping[str, Mapping[str, Any]] = {
    "gzip_named_plain": {"is_gzip": True},
    "plain_named_gzip": {"is_gzip": False},
    "utf8_bom": {"encoding": "utf-8-sig"},
    "utf16": {"encoding": "utf-16"},
    "utf32": {"encoding": "utf-32"},
    "cp1252": {"encoding": "cp1252"},
    "json_array_named_ndjson": {"kind": "json"},
    "ndjson_named_json": {"kind": "ndjson"},
    "concatenated_json": {"kind": "concatenated"},
}
"""What the name does not say. A defect that is not listed changes nothing that a reader has to be told."""


def extension(name: str) -> str:
    """The longest of the seven extensions that the name ends with."""
    return max((end for end in _BY_NAME if name.endswith(end)), key=len)


def told(name: str, defects: Sequence[str]) -> Told:
    """What the name of a file and its defects say of it."""
    known = _BY_NAME[extension(name)]
    for defect in defects:
        known = replace(known, **_BY_DEFECT.get(defect, {}))
    return known


def text_of(data: bytes, known: Told) -> str:
    """The text of a file, strictly."""
    return (gzip.decompress(data) if known.is_gzip else data).decode(known.encoding)


def readings(text: str, known: Told, scratch: Path) -> Iterator[tuple[str, list[Cells]]]:
    """The rows by every reader that reads such files. `scratch` is a file that is overwritten."""
    scratch.write_bytes(text.encode())
    if known.kind == "delimited":
        sniffed = max(",;\t|", key=text.partition("\n")[0].count)
        yield "csv", _by_csv(text, sniffed)
        yield "pandas", _by_pandas(text, sniffed)
        yield "duckdb", _by_duckdb_csv(scratch, sniffed)
    else:
        yield "json", [_flat(item) for item in _by_json(text, known)]
        yield "duckdb", [_flat(item) for item in _by_duckdb_json(scratch, known)]


def _by_csv(text: str, delimiter: str) -> list[Cells]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, restkey="too many")
    return [{title: cell or None for title, cell in row.items()} for row in reader]


def _by_pandas(text: str, delimiter: str) -> list[Cells]:
    frame = pd.read_csv(io.StringIO(text, newline=""), sep=delimiter, dtype=object, keep_default_na=False)
    return [{str(title): cell or None for title, cell in row.items()} for row in frame.to_dict("records")]


def _by_duckdb_csv(path: Path, delimiter: str) -> list[Cells]:
    # Not strict: only so does it take two kinds of line ends in one file.
    return _cells(
        "SELECT * FROM read_csv(?, delim=?, quote='\"', escape='\"', header=true, all_varchar=true, strict_mode=false, "
        "auto_detect=false, columns=?, null_padding=false, max_line_size=8000000)",
        [str(path), delimiter, dict.fromkeys(_titles(path, delimiter), "VARCHAR")],
    )


def _titles(path: Path, delimiter: str) -> list[str]:
    with path.open(newline="") as file:
        return next(csv.reader(file, delimiter=delimiter))


def _by_json(text: str, known: Told) -> list[dict[str, Any]]:
    if known.kind == "json":
        array: list[dict[str, Any]] = _DECODER.decode(text)
        return array
    if known.kind == "ndjson":
        return [_DECODER.decode(line) for line in text.splitlines() if line]
    items, position = [], 0
    while rest := text[position:].lstrip():
        position = len(text) - len(rest)
        item, position = _DECODER.raw_decode(text, position)
        items.append(item)
    return items


def _by_duckdb_json(path: Path, known: Told) -> list[dict[str, Any]]:
    """DuckDB says what is an object. What is in it is decoded here: DuckDB's own columns make 679.0 of 679.00."""
    shape = {"json": "array", "ndjson": "newline_delimited", "concatenated": "unstructured"}[known.kind]
    rows = _cells("SELECT json FROM read_json_objects(?, format=?)", [str(path), shape])
    return [_DECODER.decode(row["json"] or "") for row in rows]


def _cells(sql: str, values: Sequence[Any]) -> list[Cells]:
    with duckdb.connect() as database:
        result = database.execute(sql, values)
        titles = [column[0] for column in result.description]
        return [dict(zip(titles, row, strict=True)) for row in result.fetchall()]


def _flat(item: Mapping[str, Any], before: str = "") -> Cells:
    cells: Cells = {}
    for name, value in item.items():
        if isinstance(value, dict):
            cells |= _flat(value, f"{before}{name}.")
        else:
            cells[before + name] = str(value).lower() if isinstance(value, bool) else value or None
    return cells


# --- what the contract says of it


def by_column(row: Cells, file: str, contract: SourceContract) -> dict[str, Any]:
    """The values of the contract's columns: those in the row, those in the file's folders, null for any other.

    AssertionError where two titles mean one column, or a cell breaks a rule.
    """
    spellings = {spelling.lower(): c for c in contract.columns for spelling in (c.name, *c.aliases)}
    folders = dict(part.split("=", 1) for part in file.split("/")[:-1] if "=" in part)
    values: dict[str, Any] = {}
    for title, text in (row | folders).items():
        column = spellings.get(title.lower())
        if column is not None:
            assert column.name not in values, f"{file}: {column.name} comes twice"
            values[column.name] = _value(text, column, title)
    return {name: values.get(name) for name in contract.column_names}


def _value(text: str | None, column: Column, title: str) -> Any:
    unit = column.alias_units.get(title.lower())
    if unit is not None and text is not None:
        text = f"{Decimal(text) * unit:f}"
    reading = read_cell(text, column)
    assert not reading.violations, f"{column.name}: {text!r} {sorted(reading.violations)}"
    return reading.value
