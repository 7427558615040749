"""`lakehouse quarantine replay`, `discard`: what is refused is judged again by today's contracts, or closed."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli import quarantine_selection as options
from lakehouse.cli.asked_for import start_ingest, wait_for
from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.ledger import has_books
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.quarantine_selection import selection
from lakehouse.cli.refused import counted
from lakehouse.quarantine import Selection

if TYPE_CHECKING:
    from lakehouse.batches import Kind

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]
_Wait = Annotated[bool, typer.Option("--wait", help="Stay until it is done and proved.")]
_Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to `lakehouse quarantine`."""
    app.command(epilog="Example: lakehouse quarantine replay --reason country_missing --dry-run")(replay)
    app.command(epilog='Example: lakehouse quarantine discard 4b9fdf57 --because "test data" --wait')(discard)


def replay(
    ids: options.Ids = None,
    dataset: options.Dataset = None,
    reason: options.Reasons = None,
    file: options.File = None,
    since: options.Since = None,
    until: options.Until = None,
    status: options.Statuses = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would pass, what would still be refused, and why.")
    ] = False,
    because: Annotated[str, typer.Option(help="Why, for the record that each row keeps.")] = "replayed by hand",
    wait: _Wait = False,
    timeout: _Timeout = 1_800,
    as_json: _AsJson = False,
) -> None:
    """Judge refused rows and files again by today's contracts, as a batch like any other.

    Rows that pass go to silver, gold and Redshift and leave quarantine; the others keep the reasons of today. Replaying
    twice changes nothing. After a change of a contract run `lakehouse up` first: jobs read what it publishes.
    """
    from lakehouse import road

    wanted, connection = selection(dataset, reason, file, since, until, status, ids), connect()
    drafts = _draft(connection, "replay", wanted, because, as_json)
    if not drafts:
        return
    if not dry_run:
        _ask(connection, drafts, wait, timeout, as_json)
        return
    with Console(stderr=True).status("judging"):
        result = road.preview(connection.settings, drafts, timeout)
    if as_json:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _print_preview(Console(highlight=False), result)


def discard(
    because: Annotated[str, typer.Option(help="Why they may stay out for good; it is kept beside each.")],
    ids: options.Ids = None,
    dataset: options.Dataset = None,
    reason: options.Reasons = None,
    file: options.File = None,
    since: options.Since = None,
    until: options.Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is in quarantine.")] = False,
    wait: _Wait = False,
    timeout: _Timeout = 1_800,
    as_json: _AsJson = False,
) -> None:
    """Close refused rows and files for good. They stay where they are, counted as refused, with the reason given."""
    wanted = selection(dataset, reason, file, since, until, None, ids)
    if not because.strip():
        raise typer.BadParameter("say why: it is kept beside each row", param_hint="--because")
    if wanted.is_everything and not everything:
        raise CommandError("say which: by id, --dataset, --reason, --file, --since or --until; or --all")
    connection = connect()
    if drafts := _draft(connection, "discard", wanted, because, as_json):
        _ask(connection, drafts, wait, timeout, as_json)


def _draft(connection: Connection, kind: Kind, wanted: Selection, because: str, as_json: bool) -> list[str]:
    """Ids of the drafts of what is meant; says so where that is nothing."""
    from lakehouse import replays

    name, now = secrets.token_hex(4), datetime.now(UTC)
    drafts = []
    if has_books(connection.redshift()):
        drafts = replays.draft(connection.settings, wanted, kind, because, now, name)
    if not drafts and as_json:
        typer.echo(json.dumps({"requests": []}))
    elif not drafts:
        typer.echo("nothing in quarantine is meant by that; see `lakehouse quarantine list`")
    return drafts


def _ask(connection: Connection, drafts: list[str], wait: bool, timeout: float, as_json: bool) -> None:
    """Hand drafts in, start a run, and if wanted see it through."""
    from lakehouse import replays

    replays.submit(connection.settings, drafts)
    airflow = start_ingest(connection)
    answer: dict[str, Any] = {"requests": drafts}
    if wait:
        wait_for(connection, drafts, airflow, timeout)
        answer["now"] = replays.outcome(connection.settings, drafts)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    elif wait:
        for what, counts in (("row", answer["now"]["rows"]), ("file", answer["now"]["files"])):
            for state, count in sorted(counts.items()):
                typer.echo(f"{counted(count, what)} {state}")
    else:
        typer.echo("asked for; `lakehouse quarantine list` shows what is left once the run has ended")


def _print_preview(console: Console, result: dict[str, Any]) -> None:
    for dataset, found in result["rows"].items():
        console.print(f"[bold]{dataset}[/]: {counted(found['pass'], 'row')} would pass, {found['refused']:,} not")
        console.print(_rules(found))
    for file in result["files"]:
        would = f"{file['verdict']}: {file['reason']}" if file["reason"] else file["verdict"]
        console.print(f"[bold]{escape(file['key'])}[/] would be {escape(would)}")
        if file["detail"]:
            console.print(f"  {escape(file['detail'])}", soft_wrap=True)
        if "pass" in file:
            console.print(f"  {file['pass']:,} of its rows would pass, {file['refused']:,} not")
            console.print(_rules(file))
    console.print("[dim]nothing was changed; the same without --dry-run does it[/]")


def _rules(found: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    for rule in found["rules"]:
        examples = ", ".join(json.dumps(item.get("value"), ensure_ascii=False) for item in rule["examples"])
        table.add_row(f"  {counted(rule['rows'], 'row')}", escape(rule["rule"]), f"[dim]came as[/] {escape(examples)}")
    return table
