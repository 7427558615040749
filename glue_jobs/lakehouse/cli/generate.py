"""`lakehouse generate`: files to try the lakehouse with, and the truth about them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from datagen.worlds import MOST_ROWS, MOST_SEED, WORLDS
from lakehouse.cli.generate_places import Places, places
from lakehouse.cli.generate_report import print_report, report
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.quantities import bytes_of, rows_per_second, seconds_of

if TYPE_CHECKING:
    from datagen.generate import Order

app = typer.Typer(help="Make files to try the lakehouse with, and know what must become of them.", no_args_is_help=True)

_ROWS, _DAYS = 20_000, 14
_RATE = "50/s"
_INTERRUPTED = 130
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]


@app.callback()
def _generate() -> None:
    """Make files to try the lakehouse with, and know what must become of them."""


def _command(domain: str) -> Callable[..., None]:
    """The command that generates one domain."""

    def generate(
        out: Annotated[
            str,
            typer.Option(metavar="DIR|s3://…", help="Where the files go, a folder a dataset. It has to be empty."),
        ],
        rows: Annotated[int | None, typer.Option(min=1, max=MOST_ROWS, help=f"Rows in all, about; {_ROWS:,}.")] = None,
        size: Annotated[str | None, typer.Option(metavar="1GB", help="Size in all, about, instead of --rows.")] = None,
        days: Annotated[int | None, typer.Option(min=1, max=3_660, help=f"Days that they cover; {_DAYS}.")] = None,
        seed: Annotated[
            int, typer.Option(min=0, max=MOST_SEED, help="The same seed gives the same bytes; another one, others.")
        ] = 1,
        defects: Annotated[
            str,
            typer.Option(
                metavar="LEVEL|NAME=SHARE,…",
                help="What goes wrong: none, light, messy or hostile, and single ones such as messy,resent=0.2; "
                "`lakehouse generate defects` lists them.",
            ),
        ] = "messy",
        formats: Annotated[
            str | None, typer.Option(metavar=".csv,…", help="File formats by their endings; without it all seven.")
        ] = None,
        file_size: Annotated[
            str | None, typer.Option(metavar="1MB", help="Size of the larger files, about, before compression; 16MiB.")
        ] = None,
        truth: Annotated[
            str | None,
            typer.Option(
                metavar="DIR|s3://…",
                help="Where _truth goes: without it beside the files, or to s3://BUCKET/truth/ when they go "
                "to S3, of the lake's bucket when they are landed.",
            ),
        ] = None,
        cores: Annotated[
            int | None, typer.Option(min=1, help="Processes side by side; as many as there are processors.")
        ] = None,
        follow: Annotated[
            bool, typer.Option("--follow", help="Keep files coming, day after day, until Ctrl-C or a year is over.")
        ] = False,
        rate: Annotated[
            str | None, typer.Option(metavar=_RATE, help=f"With --follow: rows a second, about; {_RATE}.")
        ] = None,
        for_: Annotated[str | None, typer.Option("--for", metavar="60s", help="With --follow: end after that.")] = None,
        as_json: _AsJson = False,
    ) -> None:
        order = _order(domain, seed, defects, formats)
        if follow:
            _refuse("a shop that is followed goes on by itself", rows=rows, size=size, days=days)
            _refuse("a shop that is followed makes small files, one after the other", file_size=file_size, cores=cores)
            pace, seconds = rows_per_second(rate or _RATE), seconds_of(for_) if for_ else None
            _run(order, out, truth, as_json, lambda found: _follow(order, pace, seconds, found))
        else:
            _refuse("only with --follow", rate=rate, **{"for": for_})
            order = _sized(order, rows, size, days, file_size)
            _run(order, out, truth, as_json, lambda found: _deliver(order, cores or os.cpu_count() or 1, found))

    generate.__doc__ = f"""Make files of the domain {domain}, in seven formats and not all of them sound.

    Beside them, in _truth, is what must become of every file and row; `lakehouse score` compares the lake with it.
    """
    return generate


for _domain in WORLDS:
    app.command(
        _domain, epilog=f"Example: lakehouse generate {_domain} --rows 50000 --days 30 --seed 7 --out /tmp/{_domain}"
    )(_command(_domain))


@app.command()
def defects(as_json: _AsJson = False) -> None:
    """List everything that can go wrong, and what must become of it.

    The share is that of rows (value, row and line) or files (drift, dialect, file and delivery) in a messy delivery; a
    light one has half of it, a hostile one twice. Each is in deliveries of the level in `from` and of worse ones.
    """
    with _generator_installed():
        from datagen.defects import listing

    if as_json:
        typer.echo(json.dumps(listing.entries(), indent=2))
        return
    table = Table(*listing.COLUMNS, box=None, header_style="bold", pad_edge=False)
    table.columns[3].justify = "right"
    for row in listing.table():
        table.add_row(*row)
    Console(highlight=False).print(table)


def _order(domain: str, seed: int, defects: str, formats: str | None) -> Order:
    with _generator_installed():
        from datagen.defects import shares_of
        from datagen.generate import Order
        from datagen.writers import FORMATS

    known = [form.extension for form in FORMATS]
    chosen = [name.strip() for name in formats.split(",")] if formats is not None else known
    if unknown := [name for name in chosen if name not in known]:
        raise typer.BadParameter(f'"{unknown[0]}" is no format; there are {", ".join(known)}', param_hint="--formats")
    try:
        shares = shares_of(defects)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--defects") from error
    return Order(domain, _ROWS, _DAYS, seed, shares, formats=tuple(chosen))


def _sized(order: Order, rows: int | None, size: str | None, days: int | None, file_size: str | None) -> Order:
    """The order with the rows, days and sizes that were asked for."""
    if rows is not None and size is not None:
        raise typer.BadParameter("give either --rows or --size", param_hint="--size")
    order = replace(order, days=days or order.days, rows=rows or order.rows)
    if file_size is not None:
        order = replace(order, file_bytes=bytes_of(file_size))
    if size is not None:
        order = replace(order, rows=order.rows_of(bytes_of(size)))
        if order.rows > MOST_ROWS:
            raise typer.BadParameter(f"that is more than {MOST_ROWS:,} rows", param_hint="--size")
    return order


def _refuse(why: str, **options: object) -> None:
    """Options that were given and make no sense here."""
    for name, value in options.items():
        if value is not None:
            raise typer.BadParameter(why, param_hint=f"--{name.replace('_', '-')}")


@contextmanager
def _generator_installed() -> Iterator[None]:
    """Say what is missing where the generator's packages are not installed. Raises CommandError."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise CommandError(f"{error.name} is not installed; install the project as lakehouse[datagen]") from error


def _run(order: Order, out: str, truth: str | None, as_json: bool, deliver: Callable[[Places], None]) -> None:
    from datagen.generate import ABOUT
    from datagen.summary import summarize

    began = time.monotonic()
    try:
        with places(out, truth, order.domain, order.seed) as found:
            deliver(found)
            seconds = time.monotonic() - began
            summary, about = summarize(found.truth), json.loads((found.truth / ABOUT).read_text())
    except KeyboardInterrupt:
        Console(stderr=True, highlight=False).print(
            "[red]✗[/] stopped: the files are not all there, nor is their truth"
        )
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps({**about, **report(summary, found, seconds)}, indent=2))
    else:
        print_report(Console(highlight=False), summary, found, seconds)


def _deliver(order: Order, cores: int, found: Places) -> None:
    from datagen.generate import generate

    with _progress(BarColumn(), TaskProgressColumn()) as progress:
        bar = progress.add_task("generating", total=order.rows)
        for done in generate(order, found.sink, found.truth, cores):
            progress.advance(bar, done.rows)


def _follow(order: Order, rate: float, seconds: float | None, found: Places) -> None:
    from datagen.follow import follow, live_order

    stop, files, rows = threading.Event(), 0, 0
    with _stopping(stop), _progress() as progress:
        bar = progress.add_task("opening", total=None)
        for done in follow(live_order(order, rate), rate, found.sink, found.truth, stop, seconds):
            files, rows = files + 1, rows + done.rows
            what = "finishing" if stop.is_set() else "Ctrl-C ends it"
            progress.update(bar, description=f"{files:,} files, {rows:,} rows; {what}")


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C, or a kind kill, end the shop's day; a second Ctrl-C breaks it off."""

    def ask(_: int, __: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(*columns: Any) -> Progress:
    """Progress for people, on standard error: standard output belongs to the result."""
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
