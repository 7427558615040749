"""`lakehouse generate`: files to try the lakehouse with."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from lakehouse.cli.home import checkout

app = typer.Typer(help="Make files to try the lakehouse with.", no_args_is_help=True)


class Defects(StrEnum):
    """How clean the files are."""

    NONE = "none"
    MESSY = "messy"


@app.callback()
def _generate() -> None:
    """Make files to try the lakehouse with."""


@app.command(epilog="Example: lakehouse generate storefront --rows 50000 --days 30 --seed 7 --out /tmp/storefront")
def storefront(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder to write to: one folder a dataset inside.")],
    rows: Annotated[int, typer.Option(min=1, help="Rows in all, about.")] = 20_000,
    days: Annotated[int, typer.Option(min=1, help="Days that they are spread over.")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes; another one, other ids.")] = 1,
    defects: Annotated[Defects, typer.Option(help="Whether something is wrong with some of it.")] = Defects.MESSY,
) -> None:
    """Make files of an online shop's users, transactions and events, in seven formats, one a day and dataset."""
    checkout()  # the generator is not part of the library's wheel
    from datagen import generate

    chosen = generate.MESSY if defects is Defects.MESSY else ()
    files = generate.storefront_files(rows, days, seed, chosen)
    written = spoilt = 0
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        bar = progress.add_task("generating", total=days * len(generate.DATASETS))
        for file in files:
            generate.write(file, out)
            written += 1
            spoilt += file.is_spare
            progress.advance(bar, 0 if file.is_spare else 1)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[green]✓[/] {written:,} files in {escape(str(out))}, {spoilt:,} of them unusable or delivered twice"
    )
    for dataset in generate.DATASETS:
        land = ["lakehouse", "land", str(out / dataset), "--dataset", f"{generate.DOMAIN}.{dataset}", "--wait"]
        console.print(f"  {escape(shlex.join(land))}")
