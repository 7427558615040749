"""The `lakehouse` command: its groups of verbs, one module each."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli import (
    contract,
    demo,
    drift,
    generate,
    history,
    land,
    mistakes,
    prove,
    quarantine,
    quarantine_actions,
    quarantine_export,
    rebuild,
    score,
    sql,
    sweep,
    trace,
    up,
    warehouse,
    warned,
)

app = typer.Typer(name="lakehouse", no_args_is_help=True, help="A lakehouse that proves no row was lost.")
for verbs in (up, demo, land, sweep, sql, history, trace, prove, score, warned, drift, rebuild):
    verbs.register(app)
for more in (quarantine_export, quarantine_actions):
    more.register(quarantine.app)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(generate.app, name="generate")
app.add_typer(contract.app, name="contract")
app.add_typer(warehouse.app, name="warehouse")


@app.callback()
def _lakehouse() -> None:
    """A lakehouse that proves no row was lost."""


def main() -> None:
    """Run the command line. Exits with 1 and a sentence where a user or the surroundings are at fault."""
    try:
        app()
    except BrokenPipeError:
        # Whoever read the output has seen enough (`… | head`); Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        sentence = mistakes.explain(error)
        if sentence is None:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]✗[/] {escape(sentence)}")
        sys.exit(1)
