"""`lakehouse trace` for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from lakehouse.cli.refused import print_refused, safe


def print_trace(console: Console, found: Mapping[str, Any]) -> None:
    """Where the rows of a key came from and what they are, those that were refused, then every layer."""
    key = ", ".join(f"{name} = {'null' if value is None else value}" for name, value in found["key"].items())
    if not found["versions"] and not found["refused"]:
        console.print(
            f"[red]✗[/] no row of {found['dataset']} with {safe(key)} ever came: none is in silver, in history"
        )
        console.print("  or in quarantine. A refused file has no rows: `lakehouse history` shows whether there is one.")
        return
    console.print(f"[bold]{found['dataset']}[/] {safe(key)}")
    for version in found["versions"]:
        _print_version(console, version)
    for row in found["refused"]:
        file = safe(row["file"] or "a file that ops.files does not know")
        print_refused(console, row, f"[bold red]refused[/]  row {row['row']:,} of {file}")
    console.print()
    _print_layers(console, found)
    if not found["is_complete"]:
        console.print("[dim]there are more rows than are shown; more with --limit[/]")


def _print_version(console: Console, version: Mapping[str, Any]) -> None:
    loaded = f", loaded {version['loaded_at'].partition('.')[0]} UTC" if version["loaded_at"] else ""
    file = safe(version["file"] or "a file that ops.files does not know")
    console.print(f"\n[bold]{version['fate']}[/]  row {version['row']:,} of {file}")
    console.print(f"  [dim]file {version['file_id']}, batch {version['batch_id']}{loaded}[/]")
    if version["archive"]:
        console.print(f"  [dim]kept in {safe(version['archive'])}[/]")
    console.print(f"  came as  {safe(json.dumps(version['came'], ensure_ascii=False))}")
    if version["rescued"]:
        console.print(f"  rescued  {safe(version['rescued'])}")
    for change in version["changes"]:
        came = f"{change['source']} " if change["source"] != change["column"] else ""
        value = change["value"] if isinstance(change["value"], str) else json.dumps(change["value"])
        cell = json.dumps(change["came"], ensure_ascii=False)
        console.print(f"  {change['column']}  {safe(f'{came}{cell} → {value}')}  [dim]{safe(change['how'])}[/]")


def _print_layers(console: Console, found: Mapping[str, Any]) -> None:
    """How many rows of the key every layer holds now, and the row itself where a table has one."""
    table = Table("", "lake", "Redshift", box=None, header_style="bold", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for layer, rows in found["counts"].items():
        table.add_row(layer, f"{rows:,}")
    for gold in found["gold"]:
        table.add_row(f"gold: {gold['table']}", f"{gold['lake']:,}", f"{gold['warehouse']:,}")
    console.print(table, soft_wrap=False)
    for gold in found["gold"]:
        if gold["warehouse"] == 1:
            row = json.dumps(gold["rows"][0], ensure_ascii=False, default=str)
            console.print(f"  {gold['table']}  {safe(row)}")
    if found["also_in"]:
        console.print(f"[dim]counted, without its key, in {', '.join(found['also_in'])}[/]")
