"""Rows of a statement for people and programs: tables, records, CSV and JSON on the terminal, CSV and Parquet files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.mistakes import CommandError

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.redshift import ResultColumn, Rows

_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
_MOST_DIGITS = 38


class Format(StrEnum):
    """How rows are printed. In JSON decimals and instants are text, so that none loses a digit."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def show(rows: Rows, form: Format, *, is_expanded: bool = False) -> int:
    """Print rows; how many there were. CSV is printed page by page as it comes."""
    if form is Format.CSV:
        return _write_csv(rows, sys.stdout)
    result = rows.result()
    if form is Format.JSON:
        typer.echo(json.dumps(result.dicts(), indent=2, ensure_ascii=False))
    elif is_expanded:
        _print_records(rows.columns, result.rows)
    else:
        _print_table(rows.columns, result.rows)
    return len(result.rows)


def save(rows: Rows, path: Path) -> int:
    """Write rows to a file page by page, CSV or Parquet by its ending; how many there were.

    Only a whole result takes the file's name: what breaks off leaves no file, and one of that name as it was.
    """
    if not rows.columns:
        raise CommandError(f"the statement returns no rows, so there is nothing for {path}")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.suffix == ".parquet":
            count = _write_parquet(rows, unfinished)
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                count = _write_csv(rows, file)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def require_ending(path: Path) -> None:
    """Raises typer.BadParameter unless the file's ending says what to write."""
    if path.suffix not in (".csv", ".parquet"):
        raise typer.BadParameter(f"{path.name} ends neither in .csv nor in .parquet", param_hint="--output")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}", param_hint="--output")


def counted(rows: int) -> str:
    return f"{rows:,} row{'s' if rows != 1 else ''}"


def _write_csv(rows: Rows, file: IO[str]) -> int:
    count, writer = 0, csv.writer(file, lineterminator="\n")
    if rows.columns:
        writer.writerow([column.name for column in rows.columns])
    for page in rows.pages:
        writer.writerows([_plain(value) for value in row] for row in page)
        count += len(page)
    return count


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _write_parquet(rows: Rows, path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = _distinct([column.name for column in rows.columns])
    schema = pa.schema([pa.field(name, _arrow(column)) for name, column in zip(names, rows.columns, strict=True)])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in _gathered(rows.pages):
            columns = [
                _array(values, field, column.type)
                for values, field, column in zip(zip(*batch, strict=True), schema, rows.columns, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(batch)
    return count


def _gathered(pages: Iterable[Sequence[tuple[Any, ...]]], least: int = 50_000) -> Iterator[list[tuple[Any, ...]]]:
    """Pages of the Data API are small; a row group should not be."""
    batch: list[tuple[Any, ...]] = []
    for page in pages:
        batch.extend(page)
        if len(batch) >= least:
            yield batch
            batch = []
    if batch:
        yield batch


def _distinct(names: Sequence[str]) -> list[str]:
    """Parquet's readers take a name for one column."""
    return [f"{name}_{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)]


def _arrow(column: ResultColumn) -> pa.DataType:
    """The Parquet type that a Redshift type keeps its values in; text for what has none (SUPER, GEOMETRY)."""
    import pyarrow as pa

    if column.type == "numeric":
        return pa.decimal128(min(column.precision or _MOST_DIGITS, _MOST_DIGITS), column.scale)
    types = {
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    return types.get(column.type, pa.string())


def _array(values: Sequence[Any], field: pa.Field, kind: str) -> pa.Array:
    """A column of a page. Decimals, dates and instants come as text. Raises CommandError for what does not fit."""
    import pyarrow as pa

    try:
        if pa.types.is_temporal(field.type) or pa.types.is_decimal(field.type):
            return pa.array(values, pa.string()).cast(field.type)
        if pa.types.is_string(field.type):
            return pa.array([None if value is None else str(value) for value in values], pa.string())
        return pa.array(values, field.type)
    except pa.ArrowInvalid as error:
        raise CommandError(f"{field.name} ({kind}) does not fit Parquet's {field.type}: {error}; use CSV") from error


def _print_table(columns: Sequence[ResultColumn], rows: Sequence[tuple[Any, ...]]) -> None:
    console = Console(highlight=False)
    if not columns:
        console.print("[green]✓[/] done")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(escape(column.name), justify="right" if column.type in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*("[dim]null[/]" if value is None else escape(str(value)) for value in row))
    console.print(table)
    console.print(f"[dim]{counted(len(rows))}[/]")


def _print_records(columns: Sequence[ResultColumn], rows: Sequence[tuple[Any, ...]]) -> None:
    """One line per value, for rows that are wider than the terminal."""
    console = Console(highlight=False, soft_wrap=True)
    width = max((len(column.name) for column in columns), default=0)
    for number, row in enumerate(rows, 1):
        console.print(f"[dim]── row {number} ──[/]")
        for column, value in zip(columns, row, strict=True):
            shown = "[dim]null[/]" if value is None else escape(str(value))
            console.print(f"[bold]{escape(column.name.ljust(width))}[/]  {shown}")
    console.print(f"[dim]{counted(len(rows))}[/]" if columns else "[green]✓[/] done")
