"""`lakehouse up`, `down` and `status`: the local stack as a whole."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli import stack
from lakehouse.cli.home import checkout, state_dir

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (up, down, status):
        app.command()(verb)


def up() -> None:
    """Start the local AWS and Airflow, or what is missing of them, and wait until all is well.

    Exits with 1 when a process does not come up; the message names it and shows the end of its log.
    """
    console = Console(highlight=False)
    started = time.monotonic()
    with console.status("starting"):
        running = stack.start(checkout(), state_dir(), lambda line: console.print(f"  {escape(line)}"))
    console.print(f"[green]✓[/] up after {time.monotonic() - started:.1f} s")
    console.print(f"  Airflow    {running.airflow_url}")
    console.print(f"  local AWS  {running.endpoint}")


def down() -> None:
    """End every process of the local stack. What it stored stays."""
    console = Console(highlight=False)
    with console.status("stopping"):
        ended = stack.stop(state_dir())
    console.print(f"[green]✓[/] ended {', '.join(ended)}" if ended else "nothing was running")


def status(as_json: _AsJson = False) -> None:
    """Show each process with its role, process id, memory and address. Exits with 1 unless all are running."""
    processes = stack.status(state_dir())
    if as_json:
        typer.echo(json.dumps([asdict(process) for process in processes], indent=2))
    elif processes:
        table = Table("process", "pid", "state", "memory", "address", box=None, header_style="bold")
        for process in processes:
            state = "[green]running[/]" if process.alive else "[red]not running[/]"
            table.add_row(process.role, str(process.pid or ""), state, f"{process.memory_mb:.0f} MB", process.url or "")
        Console(highlight=False).print(table)
    else:
        typer.echo("nothing was ever started here; `lakehouse up` does it")
    if not processes or not all(process.alive for process in processes):
        raise typer.Exit(1)
