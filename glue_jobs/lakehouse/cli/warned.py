"""`lakehouse warnings`: how many rows were kept although they break a rule."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import has_books

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse warnings --dataset storefront.users")(warnings)


def warnings(
    dataset: Annotated[str | None, typer.Option(help="Only this dataset. [default: all]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Count the rows that were kept although they break a rule that warns, by dataset and rule.

    A row counts in the batch that judged it good; one that breaks several rules counts under each.
    """
    wanted = check_dataset(dataset) if dataset is not None else None
    redshift = connect().redshift()
    rules = _rules(redshift, wanted) if has_books(redshift, "warnings") else []
    if as_json:
        typer.echo(json.dumps(rules, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not rules:
        console.print("[green]✓[/] no row that was kept breaks a rule")
        return
    for name in dict.fromkeys(rule["dataset"] for rule in rules):
        console.print(f"[bold]{name}[/]")
        console.print(_table([rule for rule in rules if rule["dataset"] == name]))
    console.print("[dim]`lakehouse contract show DATASET` says what each rule demands[/]")


def _rules(redshift: Redshift, dataset: str | None) -> list[dict[str, Any]]:
    """Rows and files by dataset and rule, most rows first, with the batches that counted them first and last."""
    condition = "WHERE dataset = :dataset " if dataset else ""
    return redshift.query(
        'SELECT dataset, rule, CAST(SUM("rows") AS BIGINT) AS row_count, COUNT(DISTINCT file_id) AS file_count, '
        "MIN(batch_id) AS first_batch_id, MAX(batch_id) AS last_batch_id "
        f"FROM lake_ops.warnings {condition}GROUP BY dataset, rule ORDER BY dataset, row_count DESC, rule",
        {"dataset": dataset} if dataset else {},
    ).dicts()


def _table(rules: list[dict[str, Any]]) -> Table:
    """The rules of one dataset."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_column()
    for rule in rules:
        rows, files = rule["row_count"], rule["file_count"]
        first, last = rule["first_batch_id"], rule["last_batch_id"]
        batches = f"batch {first}" if first == last else f"batches {first} to {last}"
        where = f"in {files:,} file{'s' * (files > 1)}, {batches}"
        table.add_row(f"{rows:,} row{'s' * (rows > 1)}", escape(rule["rule"]), f"[dim]{where}[/]")
    return table
