"""`lakehouse land`: hand files over, and if wanted wait until their rows are in the warehouse."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
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
from lakehouse.cli.landed import Upload, files_to_land, upload
from lakehouse.cli.ledger import verdicts
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import load_registry


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
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 1_800,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Upload files into landing, where the ingest DAG finds them.

    A dataset that is ingested by schedule waits there for its time, which --wait does not. With --wait it exits with 0
    once every file has a verdict and its rows are proved to be in Redshift, and with 1 when time runs out or the run
    fails, naming the files that still wait.
    """
    import boto3

    check_dataset(dataset)
    files = files_to_land(paths)
    connection, s3 = connect(), boto3.client("s3")
    started = time.monotonic()
    with _progress() as progress:
        bar = progress.add_task("landing", total=len(files))
        landed = []
        for item in upload(s3, connection.settings.bucket, dataset, files):
            landed.append(item)
            progress.advance(bar)
    is_held = dataset in load_registry().scheduled
    if not wait:
        if as_json:
            _print_json({"dataset": dataset, "files": [asdict(item) for item in landed]})
        else:
            total = sum(item.bytes for item in landed)
            typer.echo(f"landed {_count(len(landed), 'file')} of {dataset}, {total:,} bytes")
            if is_held:
                typer.echo(f"the DAG snapshots takes them at its time; `lakehouse sweep --dataset {dataset}` does now")
        return
    if is_held and connection.airflow:
        connection.airflow.start(dataset)
    _wait(s3, connection, dataset, landed, timeout)
    rows = ledger_rows(connection, landed)
    summary = {**summarize(rows), "seconds": round(time.monotonic() - started, 1)}
    if as_json:
        _print_json({"dataset": dataset, **summary, "files": rows})
    else:
        _print_summary(Console(highlight=False), summary)


def ledger_rows(connection: Connection, landed: Sequence[Upload]) -> list[dict[str, Any]]:
    """What the ledger says of each landed file. Raises CommandError naming files of which it says nothing."""
    rows = {row["file_id"]: row for row in verdicts(connection.redshift(), [item.file_id for item in landed])}
    if strangers := [item.key for item in landed if item.file_id not in rows]:
        raise CommandError(
            f"replaced by another version, or removed, before they were read: {', '.join(strangers[:10])}"
            + (f" and {len(strangers) - 10} more" if len(strangers) > 10 else "")
        )
    return [{**rows[item.file_id], "etag": item.etag, "bytes": item.bytes} for item in landed]


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
    keys = {item.file_id: item.key for item in landed}
    with _progress() as progress:
        bar = progress.add_task("waiting for a run", total=len(keys))
        for view in follow(s3, connection.settings.bucket, keys, dataset, connection.airflow, timeout):
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


def _print_summary(console: Console, summary: dict[str, Any]) -> None:
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
    console.print(f"[green]✓[/] loaded and proved after {summary['seconds']:.1f} s")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
