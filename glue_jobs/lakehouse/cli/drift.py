"""`lakehouse drift`: what arrived that the contracts do not know, and what to write into them.

With --json it prints one object:

    columns[]   {dataset, column, added_as, files, refused_files, rows, first_seen, last_seen, first_batch, seen_in[],
                samples[], looks_like, proposal: {action: alias | column | none, column, why}}
    changes[]   {dataset, file, diff}: the contracts with all that is proposed
    applied     whether they were written
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset

if TYPE_CHECKING:
    from lakehouse.cli.drift_change import Change
    from lakehouse.cli.drift_proposal import Finding, Proposal

_SHOWN = 30
"""Proposals for one dataset."""
_SAMPLES_SHOWN = 5
_SAMPLE_LENGTH = 40
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse drift --dataset storefront.users --since 2026-03-01")(drift)


def drift(
    dataset: Annotated[str | None, typer.Option(help="Only this dataset. [default: all]")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
            help="Only columns that arrived at this time (UTC) or later.",
        ),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write what is proposed into the contracts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Show the columns that arrived and that no contract knows: since when, in which files, with samples of their
    values, and as a diff what to write into the contract. Nothing is written without --apply.
    """
    wanted = check_dataset(dataset) if dataset is not None else None
    connection = connect()
    from lakehouse.cli import drift_change, drift_findings
    from lakehouse.cli.drift_proposal import propose
    from lakehouse.contract import load_registry

    registry = load_registry()
    with Console(stderr=True).status("looking into files"):
        findings = drift_findings.find(connection.redshift(), registry, connection.settings.buckets, wanted, since)
    proposals: list[Proposal] = []
    changes: list[Change] = []
    for name, members in groupby(findings, key=lambda finding: finding.dataset):
        of_dataset = propose(registry.sources[name], members)
        proposals += of_dataset
        if change := drift_change.change(registry.sources[name], of_dataset):
            changes.append(change)
    if apply:
        drift_change.apply(changes)
    if as_json:
        typer.echo(json.dumps(_as_json(proposals, changes, apply), indent=2, ensure_ascii=False))
    else:
        _print(Console(highlight=False), proposals, changes, apply)


def _as_json(proposals: Sequence[Proposal], changes: Sequence[Change], applied: bool) -> dict[str, Any]:
    columns = [
        {
            "dataset": finding.dataset,
            "column": finding.column,
            "added_as": finding.added_as,
            "files": finding.files,
            "refused_files": finding.refused_files,
            "rows": finding.rows,
            "first_seen": finding.first_seen.isoformat(),
            "last_seen": finding.last_seen.isoformat(),
            "first_batch": finding.first_batch,
            "seen_in": list(finding.seen_in),
            "samples": list(finding.samples[:_SAMPLES_SHOWN]),
            "looks_like": str(proposal.looks_like.type),
            "proposal": {"action": proposal.action, "column": proposal.column, "why": proposal.why},
        }
        for proposal in proposals
        for finding in proposal.findings
    ]
    told = [{"dataset": change.dataset, "file": str(change.path), "diff": _diff(change)} for change in changes]
    return {"columns": columns, "changes": told, "applied": applied}


def _print(console: Console, proposals: Sequence[Proposal], changes: Sequence[Change], applied: bool) -> None:
    if not proposals:
        console.print("[green]✓[/] nothing arrived that the contracts do not know")
        return
    for dataset, group in groupby(proposals, key=lambda proposal: proposal.findings[0].dataset):
        console.print(f"[bold]{dataset}[/]")
        members = list(group)
        for proposal in members[:_SHOWN]:
            for finding in proposal.findings:
                _print_finding(console, finding)
            _print_proposal(console, proposal)
        if len(members) > _SHOWN:
            console.print(f"  [dim]and {len(members) - _SHOWN:,} more (--json shows all)[/]")
    for change in changes:
        console.print()
        for line in _diff(change).splitlines():
            console.print(f"[{_COLOURS.get(line[:1], 'default')}]{escape(line)}[/]", soft_wrap=True)
    if applied:
        _print_next_steps(console, proposals, changes)
    elif changes:
        console.print("[dim]`lakehouse drift --apply` writes it; with --dataset for one contract only[/]")


def _print_finding(console: Console, finding: Finding) -> None:
    name = escape(json.dumps(finding.column, ensure_ascii=False))
    refused = f", {finding.refused_files:,} of them refused for it" if finding.refused_files else ""
    counts = f"{_count(finding.files, 'file')}{refused}, {_count(finding.rows, 'row')} with a value"
    console.print(f"  [cyan]{name}[/]  {counts}", soft_wrap=True)
    first = f"{finding.first_seen.replace(tzinfo=UTC):%Y-%m-%d %H:%M:%S} UTC, batch {finding.first_batch}"
    more = f" and {_count(finding.files - 1, 'more file')}" if finding.files > 1 else ""
    console.print(f"    since {first}: {escape(finding.seen_in[0])}{more}", soft_wrap=True)
    if finding.samples:
        shown = ", ".join(json.dumps(_cut(text), ensure_ascii=False) for text in finding.samples[:_SAMPLES_SHOWN])
        console.print(f"    such as {escape(shown)}", soft_wrap=True)


def _print_proposal(console: Console, proposal: Proposal) -> None:
    match proposal.action:
        case "alias":
            what = f"one more name of [bold]{proposal.column}[/]"
        case "column":
            what = f"a new column [bold]{proposal.column} {proposal.guess.type}[/]"
        case _:
            what = "nothing to propose"
    console.print(f"    → {what}: {escape(proposal.why)}", soft_wrap=True)


def _print_next_steps(console: Console, proposals: Sequence[Proposal], changes: Sequence[Change]) -> None:
    for change in changes:
        console.print(f"[green]✓[/] {escape(str(_shown(change.path)))} written", soft_wrap=True)
    if not changes:
        return
    new = [proposal for proposal in proposals if proposal.action == "column"]
    if new:
        console.print("Say in each new column's description what it means.")
    if any(finding.added_as is None for proposal in new for finding in proposal.findings):
        console.print("Correct its type where the samples mislead.")
    console.print("Then: [bold]lakehouse contract check[/], [bold]make ddl[/], [bold]lakehouse up[/].")
    console.print("What was refused meanwhile: [bold]lakehouse quarantine replay[/].")


def _diff(change: Change) -> str:
    path = str(_shown(change.path)).lstrip("/")
    lines = difflib.unified_diff(
        change.before.splitlines(keepends=True), change.after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _cut(text: str) -> str:
    return text if len(text) <= _SAMPLE_LENGTH else f"{text[: _SAMPLE_LENGTH - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
