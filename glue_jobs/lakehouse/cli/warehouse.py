"""`lakehouse warehouse`: how Redshift follows contracts that change."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli.connection import connect
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import load_registry

if TYPE_CHECKING:
    from lakehouse.warehouse_changes.planning import Kind, Plan, Step

app = typer.Typer(help="See and close what differs between the contracts and Redshift.", no_args_is_help=True)

_COLORS = {"add": "green", "rewrite": "yellow", "drop": "red"}
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]


@app.command(epilog="Example: lakehouse warehouse plan --json")
def plan(as_json: _AsJson = False) -> None:
    """Show what would make Redshift's tables those of the contracts, with reasons and SQL. Changes nothing."""
    from lakehouse.warehouse_changes import applying

    found = applying.outlook(connect().redshift(), load_registry())
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        _print_plan(found, found.steps)


@app.command(epilog="Examples: lakehouse warehouse apply · lakehouse warehouse apply --drop --yes")
def apply(
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop the tables and columns that no contract names, with their data.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show the plan, ask, and run it. What no contract names stays, unless --drop is given.

    Each step takes place as a whole or not at all; after an interruption, run it again. Exits with 1 when a step fails.
    At the end the roles get their grants again.
    """
    from lakehouse import roles
    from lakehouse.warehouse_changes import applying

    redshift, registry, console = connect().redshift(), load_registry(), Console(highlight=False, soft_wrap=True)
    kinds: tuple[Kind, ...] = ("add", "rewrite", "drop") if drop else ("add", "rewrite")
    found = applying.outlook(redshift, registry)
    steps = [step for step in found.steps if step.kind in kinds]
    _print_plan(found, steps)
    if steps and not yes:
        if not sys.stdin.isatty():
            raise CommandError("nobody is there to ask; give --yes to run the plan above")
        typer.confirm(f"Run {_counted(len(steps), 'step')}?", abort=True)
    left = applying.apply(
        redshift, registry, kinds, lambda step: console.print(f"[green]✓[/] {_title(step)}"), agreed=steps
    )
    roles.apply(redshift, registry)
    console.print(f"[green]✓[/] {', '.join(roles.ROLES)} have their grants")
    if steps:
        console.print(
            "[green]✓[/] done" + (f"; {_counted(len(left.waiting), 'difference')} waits" if left.waiting else "")
        )


def _print_plan(found: Plan, wanted: Sequence[Step]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for number, step in enumerate(found.steps, 1):
        left_out = "" if step in wanted else " [dim](only with --drop)[/]"
        console.print(f"{number:3} [{_COLORS[step.kind]}]{step.kind:7}[/] {_title(step)}{left_out}")
        console.print(f"            {escape(step.reason)}")
        for sql in step.statements:
            console.print(f"[dim]            {escape(sql.replace(chr(10), chr(10) + ' ' * 12))};[/]")
    for difference in found.waiting:
        console.print(f"    [yellow]waits  [/] [bold]{escape(difference.subject)}[/]: {escape(difference.reason)}")
    if not found.steps and not found.waiting:
        console.print("[green]✓[/] Redshift has what the contracts declare")
    elif found.steps:
        counts = {kind: sum(step.kind == kind for step in found.steps) for kind in _COLORS}
        text = "; ".join(f"{_MEANINGS[kind]}: {count}" for kind, count in counts.items() if count)
        console.print(f"{_counted(len(found.steps), 'step')}: {text}")


_MEANINGS = {"add": "touch no data", "rewrite": "rewrite rows", "drop": "drop something, only with --drop"}


def _title(step: Step) -> str:
    return f"[bold]{escape(step.subject)}[/]: {escape(step.action)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"
