"""The `lakehouse` command: its groups of verbs, one module each."""

from __future__ import annotations

import typer

from lakehouse.cli import contract, up

app = typer.Typer(name="lakehouse", no_args_is_help=True, help="A lakehouse that proves no row was lost.")
app.add_typer(contract.app, name="contract")
up.register(app)


@app.callback()
def _lakehouse() -> None:
    """A lakehouse that proves no row was lost."""


def main() -> None:
    """Run the command line."""
    app()
