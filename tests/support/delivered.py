"""A generated delivery read back with the standard library: every row of every sound file, and what silver must make
of them by the rules of the contract alone."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lakehouse.contract import SourceContract
from tests.support.contract_oracle import Reading, read_cell

csv.field_size_limit(1 << 30)
MAX_ROW_BYTES = 4 << 20
_MAX_NESTING = 100
_NEVER = datetime(1, 1, 1)


@dataclass
class Row:
    """A delivered row: its cells by column, or why it cannot be read; later what becomes of it."""

    dataset: str
    file: str
    number: int
    cells: Mapping[str, str | None]
    problem: str | None = None
    values: Mapping[str, Any] | None = None
    violations: frozenset[str] = frozenset()
    outcome: str = "quarantined"

    @property
    def place(self) -> tuple[str, str, int]:
        return self.dataset, self.file, self.number


def judged(folder: Path, contracts: Sequence[SourceContract]) -> list[Row]:
    """Every row of a delivery without defects of files, with what must become of it; parents before children."""
    rows: list[Row] = []
    ids: dict[str, set[Any]] = {}
    for contract in contracts:
        found = [row for path in _files(folder / contract.name) for row in _rows(path, folder, contract)]
        for row in found:
            _judge(row, contract, ids)
        _settle([row for row in found if not row.violations], contract)
        ids[contract.dataset] = {row.values[contract.key[0]] for row in found if row.values and not row.violations}
        rows += found
    return rows


def truth(folder: Path, table: str) -> list[dict[str, Any]]:
    """A table of the truth, such as expected_rows or silver/users."""
    path = folder / "_truth" / table
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.exists() else []
    return rows


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _rows(path: Path, folder: Path, contract: SourceContract) -> Iterator[Row]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
    reader = {"[": _array_rows, "{": _line_rows}.get(text[:1], _delimited_rows)
    file = path.relative_to(folder / contract.name).as_posix()
    for number, (cells, problem) in enumerate(reader(text), 1):
        yield Row(contract.dataset, file, number, cells, problem)


# --- files


_Read = tuple[dict[str, str | None], str | None]


def _delimited_rows(text: str) -> Iterator[_Read]:
    """A strict reader, which goes on with the next line where it has stumbled."""
    lines = io.StringIO(text, newline="")
    head = lines.readline()
    delimiter = max(",|", key=head.count)
    header = next(csv.reader([head], delimiter=delimiter))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield {}, "malformed_row"
            continue
        if sum(map(len, cells)) > MAX_ROW_BYTES:
            yield {}, "record_too_long"
        elif len(cells) != len(header):
            yield {}, "wrong_field_count"
        else:
            yield dict(zip(header, cells, strict=True)), None


def _line_rows(text: str) -> Iterator[_Read]:
    for line in text.split("\n")[:-1]:
        if len(line) > MAX_ROW_BYTES:
            yield {}, "record_too_long"
            continue
        try:
            item = _loaded(line)
        except json.JSONDecodeError:
            yield {}, "malformed_json"
        else:
            yield _read_item(item)


def _array_rows(text: str) -> Iterator[_Read]:
    yield from map(_read_item, _loaded(text))


class _Object(dict[str, Any]):
    """An object that remembers whether a key came twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        inner = [value for _, value in pairs if isinstance(value, _Object)]
        self.repeats: bool = len(self) < len(pairs) or any(value.repeats for value in inner)


def _loaded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Object, parse_float=str, parse_int=str)


def _read_item(item: Any) -> _Read:
    if not isinstance(item, _Object):
        return {}, "not_an_object"
    if item.repeats:
        return {}, "duplicate_key"
    if _depth(item) > _MAX_NESTING:
        return {}, "nested_too_deeply"
    if any(isinstance(value, str) and not _is_storable(value) for value in item.values()):
        return {}, "invalid_character"
    return {name: _text(value) for name, value in item.items()}, None


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"{value!r} is no cell")


# --- rows


def _judge(row: Row, contract: SourceContract, ids: Mapping[str, set[Any]]) -> None:
    if row.problem is not None:
        row.violations = frozenset({row.problem})
        return
    readings: dict[str, Reading] = {
        column.name: read_cell(row.cells.get(column.name), column) for column in contract.columns
    }
    row.values = {name: reading.value for name, reading in readings.items()}
    orphans = {
        f"{column.name}_orphan"
        for column in contract.columns
        if column.reference is not None
        and column.reference.orphans != "warn"
        and row.values[column.name] is not None
        and row.values[column.name] not in ids[column.reference.dataset]
    }
    row.violations = frozenset().union(orphans, *(reading.violations for reading in readings.values()))


def _settle(rows: Sequence[Row], contract: SourceContract) -> None:
    """Of each key, the version with the greatest ordering value is in silver; what says the same as a version that was
    seen is a duplicate, and the first of each other version is superseded."""
    by_key: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row.values[name] for name in contract.key) if row.values else None].append(row)
    for versions in by_key.values():
        winner = max(versions, key=lambda row: _order(row, contract))
        winner.outcome, seen = "silver", [winner.values]
        for row in versions:
            if row is not winner:
                row.outcome = "duplicate" if row.values in seen else "superseded"
                seen.append(row.values)


def _order(row: Row, contract: SourceContract) -> datetime:
    value = row.values[contract.order_by] if row.values and contract.order_by else None
    return value or _NEVER
