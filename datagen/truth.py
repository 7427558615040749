"""What must become of everything that was delivered, kept beside the data as Parquet and never in landing.

about.json                    what was asked for: domain, seed, rows, days, first_day, defects (share by name)
silver/<dataset>/             silver as it must be once every file has been loaded; the contract's columns
expected_files/               grain: delivered file
    dataset, file, delivery (1 or 2), bytes, content_hash (SHA-256), verdict, reason, rows (0 unless accepted),
    defects, is_optional (nobody need have read it: it is overwritten at once, or has a temporary name)
expected_rows/                grain: delivered row that a defect touched or whose key came more than once; any other
    dataset, file, delivery,  row of an accepted file is in silver as it came
    row_number (from 1, header excluded), outcome (silver, quarantined, duplicate, superseded), violations, defects,
    repairs (column, delivered, value), rivals (rows that share it are the same version of the same key: which of
    them is the winner depends on ids that only the lake knows)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from datagen.text import pool_text
from lakehouse.contract import ColumnType

_ROWS_PER_GROUP = 50_000
_ARROW = {
    "varchar": pa.string(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_TEXTS = pa.list_(pa.string())
_FILES = pa.schema(
    [
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("delivery", pa.int32()),
        ("bytes", pa.int64()),
        ("content_hash", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("rows", pa.int64()),
        ("defects", _TEXTS),
        ("is_optional", pa.bool_()),
    ]
)
_ROWS = pa.schema(
    [
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("delivery", pa.int32()),
        ("row_number", pa.int64()),
        ("outcome", pa.string()),
        ("violations", _TEXTS),
        ("defects", _TEXTS),
        ("repairs", pa.list_(pa.struct([("column", pa.string()), ("delivered", pa.string()), ("value", pa.string())]))),
        ("rivals", pa.string()),
    ]
)


@dataclass(frozen=True)
class ExpectedFile:
    """A delivered file and its verdict."""

    dataset: str
    file: str
    delivery: int
    bytes: int
    content_hash: str
    verdict: str
    reason: str | None
    rows: int
    defects: Sequence[str]
    is_optional: bool = False


@dataclass
class ExpectedRow:
    """A delivered row and what must become of it."""

    dataset: str
    file: str
    delivery: int
    row_number: int
    outcome: str = "silver"
    violations: Sequence[str] = ()
    defects: list[str] = field(default_factory=list)
    repairs: Sequence[Mapping[str, str | None]] = ()
    rivals: str | None = None


def arrow_type(type_: ColumnType) -> pa.DataType:
    """The type of a column of a contract."""
    return pa.decimal128(type_.precision, type_.scale) if type_.kind == "decimal" else _ARROW[type_.kind]


class TruthWriter:
    """Writes one shard's part of the truth: a file for each table, as the shard goes on."""

    def __init__(self, folder: Path, shard: int) -> None:
        self._folder, self._name = folder, f"part-{shard:05d}.parquet"
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._files: list[ExpectedFile] = []
        self._rows: list[ExpectedRow] = []

    def silver(self, dataset: str, rows: pa.Table) -> None:
        """Rows that silver must hold."""
        if rows.num_rows:
            self._write(f"silver/{dataset}", rows)

    def file(self, expected: ExpectedFile) -> None:
        """One delivered file."""
        self._files.append(expected)

    def rows(self, expected: Sequence[ExpectedRow]) -> None:
        """Rows that a defect touched."""
        self._rows += expected
        if len(self._rows) >= _ROWS_PER_GROUP:
            self._write_rows()

    def untouched(self, columns: Mapping[str, pa.Array]) -> None:
        """Rows of which nothing has to be told but the outcome and the rivals: all columns, empty lists left out."""
        count = len(columns["row_number"])
        lists = {name: _empty_lists(_ROWS.field(name).type, count) for name in ("violations", "defects", "repairs")}
        table = pa.table({**lists, **columns}).select(_ROWS.names).cast(_ROWS)
        if count:
            self._write("expected_rows", table)

    def close(self) -> None:
        """Finish every file."""
        self._write_rows()
        self._write("expected_files", pa.Table.from_pylist([vars(file) for file in self._files], _FILES))
        for writer in self._writers.values():
            writer.close()

    def _write_rows(self) -> None:
        self._write("expected_rows", pa.Table.from_pylist([vars(row) for row in self._rows], _ROWS))
        self._rows = []

    def _write(self, table: str, rows: pa.Table) -> None:
        rows = _each_value_once(rows)
        if table not in self._writers:
            path = self._folder / table / self._name
            path.parent.mkdir(parents=True, exist_ok=True)
            # Without Arrow's own schema: readers see plain columns, not how they were coded here. Ids and instants take
            # no dictionary, nobody asks for statistics, and LZ4 costs half of what zstd does.
            coded = [column.name for column in rows.schema if pa.types.is_dictionary(column.type)]
            self._writers[table] = pq.ParquetWriter(
                path, rows.schema, compression="lz4", use_dictionary=coded, write_statistics=False, store_schema=False
            )
        self._writers[table].write_table(_coded_as(rows, self._writers[table].schema))


def _empty_lists(type_: pa.DataType, count: int) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0] * (count + 1), pa.int32()), pa.array([], type_.value_type))


def _each_value_once(rows: pa.Table) -> pa.Table:
    """The same values, with dictionaries in which none comes twice: of one that does, Parquet's writer leaves as many
    bytes as it has too much as they happen to be in memory."""
    for place, column in enumerate(rows.schema):
        if pa.types.is_dictionary(column.type):
            chunks = [_unique(chunk) for chunk in rows.column(place).chunks]
            rows = rows.set_column(place, column.name, pa.chunked_array(chunks, column.type))
    return rows


def _unique(column: pa.DictionaryArray) -> pa.DictionaryArray:
    values = pool_text(column.dictionary, pc.unique)
    if len(values) == len(column.dictionary):
        return column
    places = pool_text(column.dictionary, lambda pool: pc.index_in(pool, values), "place")
    return pa.DictionaryArray.from_arrays(places.take(column.indices), values)


def _coded_as(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same values, as dictionaries where the first rows were."""
    for place, wanted in enumerate(schema):
        column = rows.column(place)
        if column.type != wanted.type:
            is_coded = pa.types.is_dictionary(wanted.type)
            column = column.dictionary_encode() if is_coded else column.cast(wanted.type)
            rows = rows.set_column(place, wanted.name, column)
    return rows
