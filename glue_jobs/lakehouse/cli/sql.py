"""`lakehouse sql`: one statement for the warehouse."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.connection import connect

if TYPE_CHECKING:
    from lakehouse.redshift import Result

_NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})


class Format(StrEnum):
    """How rows are printed. In JSON decimals and instants are text, so that none loses a digit."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog='Example: lakehouse sql "select count(*) from storefront.fact_transaction"')(sql)


def sql(
    statement: Annotated[str, typer.Argument(help="One statement, or - to read it from standard input.")],
    form: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
) -> None:
    """Run one statement in Redshift. Exits with 1 and Redshift's own words when it fails."""
    text = sys.stdin.read() if statement == "-" else statement
    if not text.strip():
        raise typer.BadParameter("the statement is empty", param_hint="STATEMENT")
    result = connect().redshift().query(text)
    if form is Format.JSON:
        typer.echo(json.dumps(result.dicts(), indent=2, ensure_ascii=False))
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([result.columns, *result.rows] if result.columns else [])
    else:
        _print_table(result)


def _print_table(result: Result) -> None:
    console = Console(highlight=False)
    if not result.columns:
        console.print("[green]✓[/] done")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in zip(result.columns, result.types, strict=True):
        table.add_column(escape(name), justify="right" if kind in _NUMBERS else "left", overflow="fold")
    for row in result.rows:
        table.add_row(*("[dim]null[/]" if value is None else escape(str(value)) for value in row))
    console.print(table)
    console.print(f"[dim]{len(result.rows):,} row{'s' if len(result.rows) != 1 else ''}[/]")
