"""What `lakehouse generate` says at its end: what was made, what is wrong with it, and what to do with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.generate_places import Places
from lakehouse.cli.quantities import shown

if TYPE_CHECKING:
    from datagen.summary import Summary


def report(summary: Summary, places: Places, seconds: float) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "out": places.out,
        "truth": places.truth_at,
        "files": sum(item.files for item in summary.datasets),
        "rows": sum(item.rows for item in summary.datasets),
        "bytes": sum(item.bytes for item in summary.datasets),
        "spoilt": sum(item.spoilt for item in summary.datasets),
        "seconds": round(seconds, 1),
        "datasets": [asdict(item) for item in summary.datasets],
        "defects": dict(summary.defects),
        "next": [shlex.join(command) for command in _commands(summary, places)],
    }


def print_report(console: Console, summary: Summary, places: Places, seconds: float) -> None:
    """A table by dataset, the defects, and the commands that come next."""
    found = report(summary, places, seconds)
    table = Table("dataset", "files", "spoilt", "rows", "size", box=None, header_style="bold", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for item in (*summary.datasets, None):
        name, files, spoilt, rows, size = (
            (item.dataset, item.files, item.spoilt, item.rows, item.bytes)
            if item
            else ("all", found["files"], found["spoilt"], found["rows"], found["bytes"])
        )
        table.add_row(name, f"{files:,}", f"{spoilt:,}" if spoilt else "", f"{rows:,}", shown(size))
    console.print(table)
    if summary.defects:
        console.print(f"\n[bold]{len(summary.defects)} kinds of defects[/], and how many rows or files have each")
        counts = (f"{name} [cyan]{count:,}[/]" for name, count in summary.defects.items())
        console.print(Columns(counts, padding=(0, 3), column_first=True))
    rate = found["rows"] / seconds if seconds else 0
    console.print(f"\n[green]✓[/] {found['files']:,} files in {escape(places.out)} after {seconds:.1f} s", end="")
    console.print(f" [dim]({rate:,.0f} rows/s)[/]")
    console.print(f"  what must become of them: {escape(places.truth_at.rstrip('/'))}/_truth")
    for command in found["next"]:
        console.print(f"  {escape(command)}", soft_wrap=True)


def _commands(summary: Summary, places: Places) -> Sequence[Sequence[str]]:
    """Land the files, then those that come under a name for the second time, then score."""
    from datagen.sinks import SECOND_DELIVERY

    folder = places.folder
    commands = []
    if folder is not None:
        for top in (folder, folder / SECOND_DELIVERY):
            for item in summary.datasets:
                files = top / item.dataset.partition(".")[2]
                if files.is_dir():
                    refused = ["--allow-refused"] if item.spoilt else []
                    commands.append(["lakehouse", "land", str(files), "--dataset", item.dataset, *refused, "--wait"])
    return [*commands, ["lakehouse", "score", places.truth_at]]
