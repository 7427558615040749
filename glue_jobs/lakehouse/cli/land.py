"""`lakehouse land`: hand files over, and if wanted wait until their rows are in the warehouse."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.following import View, follow
from lakehouse.cli.landed import Upload, below, files_to_land, upload
from lakehouse.cli.ledger import verdicts
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.refused import counted, named, safe
from lakehouse.contract import load_registry

INTERRUPTED = 130
REFUSED = 3
"""Exit codes: the shell's own for Ctrl-C, and that of a delivery of which some was refused."""
_NAMED_FILES = 10


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse land exports/2026-01-05 --dataset storefront.transactions --wait")(land)


def land(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", exists=True, readable=True, help="Files, and folders with all that is below them."
        ),
    ],
    dataset: Annotated[str, typer.Option(help="What the files hold, as <domain>.<dataset>; see `contract list`.")],
    wait: Annotated[bool, typer.Option("--wait", help="Stay until every file has a verdict and is loaded.")] = False,
    folder: Annotated[
        str | None, typer.Option(help="Land them below this folder of the dataset's, beside files of the same names.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Land a file also where other bytes wait under its name; these are loaded before it."
        ),
    ] = False,
    allow_refused: Annotated[
        bool, typer.Option("--allow-refused", help="With --wait: exit with 0 also when files were refused.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 1_800,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Upload files into landing, where the ingest DAG finds them.

    A dataset that is ingested by schedule waits there for its time, which --wait does not. With --wait it exits with 0
    once every file has a verdict and its rows are proved to be in Redshift, with 3 when files were refused, which it
    names, and with 1 when time runs out or the run fails, naming the files that still wait. Ctrl-C ends the waiting,
    not the loading.
    """
    import boto3

    check_dataset(dataset)
    files = files_to_land(paths)
    if folder is not None:
        files = below(folder, files)
    connection, s3 = connect(), boto3.client("s3")
    started, landed = time.monotonic(), list[Upload]()
    try:
        with _progress() as progress:
            bar = progress.add_task("landing", total=len(files))
            for item in upload(s3, connection.settings.buckets, dataset, files, replace=replace):
                landed.append(item)
                progress.advance(bar)
        if wait:
            if dataset in load_registry().scheduled and connection.airflow:
                connection.airflow.start(dataset)
            _wait(s3, connection, dataset, landed, timeout)
    except KeyboardInterrupt:
        typer.echo(_interrupted(landed, files), err=True)
        raise typer.Exit(INTERRUPTED) from None
    if wait:
        _tell_what_became(connection, dataset, landed, time.monotonic() - started, as_json, allow_refused)
    else:
        _tell_what_landed(dataset, landed, as_json)


def _tell_what_landed(dataset: str, landed: Sequence[Upload], as_json: bool) -> None:
    if as_json:
        _print_json({"dataset": dataset, "files": [asdict(item) for item in landed]})
        return
    total = sum(item.bytes for item in landed)
    typer.echo(f"landed {counted(len(landed), 'file')} of {dataset}, {total:,} bytes")
    if dataset in load_registry().scheduled:
        typer.echo(f"the DAG snapshots takes them at its time; `lakehouse sweep --dataset {dataset}` does now")
    _tell_uncommitted(landed)


def _tell_what_became(
    connection: Connection, dataset: str, landed: Sequence[Upload], seconds: float, as_json: bool, allow_refused: bool
) -> None:
    """Say what became of the files. Raises typer.Exit with 3 when some were refused and that is not allowed."""
    rows = ledger_rows(connection, landed)
    summary = {**summarize(rows), "seconds": round(seconds, 1)}
    refused = [row for row in rows if row["verdict"] == "quarantined"]
    if as_json:
        _print_json({"dataset": dataset, **summary, "files": rows})
    else:
        console = Console(highlight=False, soft_wrap=True)
        _print_summary(console, summary, is_green=not refused or allow_refused)
        _print_refused_files(console, refused)
        _tell_uncommitted(landed)
    if refused and not allow_refused:
        raise typer.Exit(REFUSED)


def _print_refused_files(console: Console, refused: Sequence[dict[str, Any]]) -> None:
    """Every refused file, as far as there is room: why, what its sender does about it, and the next command."""
    from lakehouse.intake import REASONS

    for row in refused[:_NAMED_FILES]:
        console.print(f"\n[red]✗[/] {safe(row['key'])}  [red]{row['reason']}[/]  [dim]{row['file_id']}[/]")
        console.print(f"  {safe(row['detail'] or REASONS[row['reason']].meaning)}")
        console.print(f"  {REASONS[row['reason']].advice}")
    if len(refused) > _NAMED_FILES:
        console.print(f"\n… and {len(refused) - _NAMED_FILES:,} more")
    if refused:
        console.print(f"\n`lakehouse quarantine show {refused[0]['file_id']}` shows the file and what it breaks")


def _tell_uncommitted(landed: Sequence[Upload]) -> None:
    names = [item.key for item in landed if item.is_uncommitted]
    if names:
        typer.echo(
            f"{counted(len(names), 'file')} under a temporary name, which nothing reads before it is renamed: "
            + named(names)
        )


def _interrupted(landed: Sequence[Upload], files: Mapping[str, Path]) -> str:
    """What has happened so far, for somebody who does not want to wait for the rest."""
    if len(landed) == len(files):
        return "\nthe files are landed, and what loads them goes on; `lakehouse history` shows what becomes of them"
    # Some of those under way may arrive after all.
    return (
        f"\nat least {len(landed):,} of {counted(len(files), 'file')} are landed, and will be loaded; the same command "
        "lands the rest"
    )


def ledger_rows(connection: Connection, landed: Sequence[Upload]) -> list[dict[str, Any]]:
    """What the ledger says of each landed file that is read. Raises CommandError naming files that it does not know."""
    read = [item for item in landed if not item.is_uncommitted]
    rows = {row["file_id"]: row for row in verdicts(connection.redshift(), [item.file_id for item in read])}
    if strangers := [item.key for item in read if item.file_id not in rows]:
        raise CommandError(f"removed from landing by somebody else before they were read: {named(strangers)}")
    return [{**rows[item.file_id], "etag": item.etag, "bytes": item.bytes} for item in read]


def summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Files by verdict, refused files by reason, and rows by fate."""
    from lakehouse.proof import FATES

    accepted = [row for row in rows if row["verdict"] == "accepted"]
    fates = {fate: sum(row[fate] or 0 for row in accepted) for fate in FATES}
    return {
        "verdicts": dict(Counter(row["verdict"] for row in rows).most_common()),
        "reasons": dict(Counter(row["reason"] for row in rows if row["verdict"] == "quarantined").most_common()),
        "rows": {"parsed": sum(row["rows_parsed"] for row in accepted), **fates},
    }


def _wait(s3: Any, connection: Connection, dataset: str, landed: Sequence[Upload], timeout: float) -> None:
    keys = {item.file_id: item.key for item in landed if not item.is_uncommitted}
    with _progress() as progress:
        bar = progress.add_task("waiting for a run", total=len(keys))
        for view in follow(s3, connection.settings.buckets, keys, dataset, connection.airflow, timeout):
            progress.update(bar, completed=len(keys) - len(view.waiting), description=_description(view))


def _description(view: View) -> str:
    if view.active:
        batch = f"batch {view.active.batch_id}" if view.active.batch_id else "planning"
        return f"{batch} · {view.active.current.task_id}" if view.active.current else batch
    return "no run is at work; `lakehouse sweep` starts one" if view.is_idle else "waiting for a run"


def _progress() -> Progress:
    """Progress for people, on standard error: standard output belongs to the result."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns,
        TextColumn("files"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print_summary(console: Console, summary: dict[str, Any], *, is_green: bool) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for verdict, count in summary["verdicts"].items():
        table.add_row(f"files {escape(verdict)}", f"{count:,}")
        if verdict == "quarantined":
            for reason, members in summary["reasons"].items():
                table.add_row(f"  {escape(reason)}", f"{members:,}")
    for fate, count in summary["rows"].items():
        table.add_row(f"rows {fate}" if fate == "parsed" else f"  {fate}", f"{count:,}")
    console.print(table)
    mark = "[green]✓[/] loaded and proved" if is_green else "[yellow]![/] what was accepted is loaded and proved,"
    console.print(f"{mark} after {summary['seconds']:.1f} s")


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
