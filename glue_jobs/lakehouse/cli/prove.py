"""`lakehouse prove`: do the sums of every file and table close?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import batch_under_way, landed_datasets

if TYPE_CHECKING:
    from lakehouse.proof import Check


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse prove --dataset storefront.transactions")(prove)


def prove(
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset and its tables; may be repeated. [default: all]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Count every row where it is and close the sums of every file and table, lake against warehouse.

    Exits with 1 when a sum does not close, naming the file or the table.
    """
    wanted = [check_dataset(name) for name in dataset or []]
    connection, console = connect(), Console(highlight=False)
    with Console(stderr=True).status("counting"):
        checks = run_checks(connection, wanted)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    elif not checks:
        console.print("nothing was ever loaded, so there is nothing to count")
    else:
        print_checks(console, checks)
    if any(check.problems for check in checks):
        if (batch_id := batch_under_way(connection)) is not None:
            message = f"batch {batch_id} is still on its way: the sums can close only once it has ended"
            Console(stderr=True, highlight=False).print(message)
        raise typer.Exit(1)


def run_checks(connection: Connection, datasets: Sequence[str]) -> list[Check]:
    """Every sum of these datasets; of all that ever arrived when none is named."""
    from lakehouse import proof
    from lakehouse.contract import load_registry

    redshift, registry = connection.redshift(), load_registry()
    arrived = [name for name in landed_datasets(redshift) if name in registry.sources]
    chosen = [name for name in datasets or arrived if name in arrived]
    return proof.prove(redshift, registry, chosen)


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """The rows of every dataset by what became of them, the other sums, and what does not close."""
    table = Table("", "table", "sum", "figures", box=None, header_style="bold", pad_edge=False)
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    for check in checks:
        figures = {name: _figure(value) for name, value in check.figures.items()}
        if "parsed" in figures:
            files, parsed = figures.pop("files"), figures.pop("parsed")
            places = " + ".join(f"{value} {name}" for name, value in figures.items())
            console.print(f"{_mark(check)}  {check.subject}, {files} files")
            console.print(f"   {parsed} rows {'≠' if check.problems else '='} {places}")
        else:
            shown = ", ".join(f"{value} {name}" for name, value in figures.items())
            table.add_row(_mark(check), escape(check.subject), check.name, shown)
    console.print(table)
    _print_outcome(console, checks)


def _print_outcome(console: Console, checks: Sequence[Check]) -> None:
    """What does not close, or that all does."""
    for check in checks:
        for problem in check.problems:
            console.print(f"[red]✗[/] {escape(check.subject)}: {escape(problem)}", soft_wrap=True)
    if not any(check.problems for check in checks):
        console.print(f"[green]✓[/] all {len(checks)} sums close")


def _mark(check: Check) -> str:
    return "[red]✗[/]" if check.problems else "[green]✓[/]"


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
