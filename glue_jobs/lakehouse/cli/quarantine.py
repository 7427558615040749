"""`lakehouse quarantine`: the files and rows that were refused, and why."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.cli import quarantine_selection as selecting
from lakehouse.cli.connection import connect
from lakehouse.cli.ledger import broken_rules, has_books
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.quarantine_selection import Selection
from lakehouse.cli.refused import counted, print_refused, safe
from lakehouse.conditions import Condition, any_of, equals, is_identity

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

app = typer.Typer(help="Look at the files and rows that were refused, and why.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]
_SHOWN_FILES_PER_REASON = 5
_SHORT = 12


@app.command("list", epilog="Example: lakehouse quarantine list --dataset storefront.users --since 2026-01-05")
def list_(
    dataset: selecting.Dataset = None,
    reason: selecting.Reasons = None,
    file: selecting.File = None,
    since: selecting.Since = None,
    until: selecting.Until = None,
    status: selecting.Statuses = None,
    as_json: _AsJson = False,
) -> None:
    """List refused files by reason, and refused rows by the rules that they break."""
    wanted = selecting.selection(dataset, reason, file, since, until, status)
    redshift = connect().redshift()
    files, rows = (_files(redshift, wanted), _rules(redshift, wanted)) if has_books(redshift) else ([], [])
    if as_json:
        typer.echo(json.dumps({"files": files, "rows": rows}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not files and not rows:
        _print_nothing(console, wanted)
        return
    for name in sorted({item["dataset"] for item in (*files, *rows)}):
        console.print(f"[bold]{safe(name)}[/]")
        console.print(_refusals(files, rows, name))
    console.print("[dim]a row that breaks several rules counts under each; `quarantine show ID` shows more[/]")


@app.command(epilog="Example: lakehouse quarantine sample --reason email_pattern_mismatch --limit 5")
def sample(
    dataset: selecting.Dataset = None,
    reason: selecting.Reasons = None,
    file: selecting.File = None,
    since: selecting.Since = None,
    until: selecting.Until = None,
    status: selecting.Statuses = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many rows of each rule.")] = 3,
    as_json: _AsJson = False,
) -> None:
    """Show a few refused rows for every rule, from as many files as there are: the same ones each time."""
    wanted = selecting.selection(dataset, reason, file, since, until, status)
    redshift = connect().redshift()
    rows = _sample(redshift, wanted, limit) if has_books(redshift) else []
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not rows:
        _print_nothing(console, wanted)
    for (name, rule), group in groupby(rows, itemgetter("dataset", "rule")):
        members = list(group)
        console.print(f"\n[bold]{safe(name)} · {safe(rule)}[/], {counted(members[0]['row_count'], 'row')}")
        for row in members:
            print_refused(console, row, f"[bold]{safe(_name(row))}, row {row['row_number']:,}[/]")


@app.command(epilog="Example: lakehouse quarantine show 4b9fdf578fc5af594b632501a1ebe0a2 --limit 5")
def show(
    identity: Annotated[
        str, typer.Argument(metavar="FILE_ID|QUARANTINE_ID", help="A file or a refused row, or how its name begins.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many refused rows.")] = 20,
    as_json: _AsJson = False,
) -> None:
    """Show why a file was refused, or which of its rows were, as they came, with every rule that they break."""
    redshift = connect().redshift()
    file, rows = None, []
    if is_identity(identity) and has_books(redshift):
        rows = _refused_rows(redshift, identity, limit)
        file = _file(redshift, rows[0]["file_id"] if rows else identity)
    if file is None:
        raise CommandError(f"no file and no refused row is named {identity}; see `lakehouse quarantine list`")
    if as_json:
        typer.echo(json.dumps({"file": file, "rows": rows}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    verdict = file["verdict"] + (f": {file['reason']}" if file["reason"] else "")
    console.print(f"[bold]{safe(file['key'])}[/]\n{file['dataset']}, batch {file['batch_id']}, {safe(verdict)}")
    for told in filter(None, (file["detail"], file["resolution"])):
        console.print(safe(told))
    for row in rows:
        print_refused(console, row, f"[bold]row {row['row_number']:,}[/]")
    if not rows:
        console.print("no row of it is in quarantine" if file["verdict"] == "accepted" else "none of it was loaded")
    elif rows[0]["total"] > len(rows):
        console.print(f"[dim]{len(rows)} of {rows[0]['total']:,} refused rows; more with --limit[/]")


def _files(redshift: Redshift, wanted: Selection) -> list[dict[str, Any]]:
    condition = selecting.on_files(wanted)
    return redshift.query(
        "SELECT reason, dataset, key, file_id, detail, bytes, batch_id FROM lake_ops.files "
        f"WHERE {condition.sql} ORDER BY reason, dataset, key, batch_id",
        condition.parameters,
    ).dicts()


def _rules(redshift: Redshift, wanted: Selection) -> list[dict[str, Any]]:
    """Rows by dataset and rule, most first."""
    condition = selecting.on_rows(wanted)
    if not (broken := broken_rules(redshift, condition)):
        return []
    asked = _asked_for(wanted)
    return redshift.query(
        "SELECT dataset, rule, COUNT(*) AS row_count, MIN(quarantine_id) AS quarantine_id "
        f"FROM {broken} b WHERE {asked.sql} GROUP BY dataset, rule ORDER BY dataset, COUNT(*) DESC, rule",
        {**condition.parameters, **asked.parameters},
    ).dicts()


def _sample(redshift: Redshift, wanted: Selection, limit: int) -> list[dict[str, Any]]:
    """Rows of each rule: the first of every file in the order of their ids, which are hashes, before any second one."""
    condition = selecting.on_rows(wanted)
    if not (broken := broken_rules(redshift, condition)):
        return []
    asked = _asked_for(wanted)
    rows = redshift.query(
        "SELECT chosen.dataset, chosen.rule, chosen.row_count, r.quarantine_id, r.file_id, f.key, r.row_number, "
        "r.status, r.resolution, r.batch_id, r.raw, r.violations FROM (SELECT *, "
        "COUNT(*) OVER (PARTITION BY dataset, rule) AS row_count, "
        "ROW_NUMBER() OVER (PARTITION BY dataset, rule ORDER BY turn, file_id) AS place FROM (SELECT *, "
        "ROW_NUMBER() OVER (PARTITION BY dataset, rule, file_id ORDER BY quarantine_id) AS turn "
        f"FROM {broken} b WHERE {asked.sql}) turns) chosen "
        "JOIN lake_quarantine.rows r ON r.quarantine_id = chosen.quarantine_id "
        "JOIN lake_ops.files f ON f.file_id = chosen.file_id "
        f"WHERE chosen.place <= {limit:d} "
        "ORDER BY chosen.dataset, chosen.row_count DESC, chosen.rule, chosen.place",
        {**condition.parameters, **asked.parameters},
    ).dicts()
    return [{**row, "violations": json.loads(row["violations"])} for row in rows]


def _asked_for(wanted: Selection) -> Condition:
    """Of the rules that a selected row breaks, those that were asked for."""
    if not wanted.reasons:
        return Condition()
    return any_of(equals("rule", f"asked{index}", rule) for index, rule in enumerate(wanted.reasons))


def _refused_rows(redshift: Redshift, identity: str, limit: int) -> list[dict[str, Any]]:
    """The refused rows of a file, or the one of that name; `total` counts them all."""
    rows = redshift.query(
        "SELECT quarantine_id, dataset, file_id, row_number, status, batch_id, raw, violations, "
        "resolution, COUNT(*) OVER () AS total FROM lake_quarantine.rows WHERE file_id LIKE :beginning "
        f"OR quarantine_id LIKE :beginning ORDER BY row_number, quarantine_id LIMIT {limit:d}",
        {"beginning": f"{identity}%"},
    ).dicts()
    return [{**row, "violations": json.loads(row["violations"])} for row in rows]


def _file(redshift: Redshift, identity: str) -> dict[str, Any] | None:
    """The file of that name. Raises CommandError when several names begin so."""
    found = redshift.query(
        "SELECT file_id, dataset, key, bytes, content_hash, verdict, reason, detail, resolution, rows_parsed, batch_id "
        "FROM lake_ops.files WHERE file_id LIKE :beginning ORDER BY file_id LIMIT 2",
        {"beginning": f"{identity}%"},
    ).dicts()
    if len(found) > 1:
        raise CommandError(f"several files are named {identity}…, {found[0]['file_id']} among them: give more of it")
    return found[0] if found else None


def _refusals(files: list[dict[str, Any]], rows: list[dict[str, Any]], dataset: str) -> Table:
    """Refused files of a dataset by reason, and its refused rows by rule, each with examples."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(overflow="fold")
    for reason, group in groupby((file for file in files if file["dataset"] == dataset), itemgetter("reason")):
        members = list(group)
        for position, file in enumerate(members[:_SHOWN_FILES_PER_REASON]):
            head = ("", "") if position else (counted(len(members), "file"), reason)
            table.add_row(*head, f"{_short(file['file_id'])}  {safe(_name(file))}")
        hidden = len(members) - _SHOWN_FILES_PER_REASON
        if hidden > 0:
            table.add_row("", "", f"[dim]and {hidden:,} more (--json shows all)[/]")
    for row in rows:
        if row["dataset"] == dataset:
            table.add_row(counted(row["row_count"], "row"), safe(row["rule"]), _short(row["quarantine_id"]))
    return table


def _short(identity: str) -> str:
    """As much of a name as people need; `show` takes the beginning of one."""
    return identity[:_SHORT]


def _print_nothing(console: Console, wanted: Selection) -> None:
    where = "nothing is in quarantine" if wanted == Selection() else "nothing in quarantine is like that"
    console.print(f"[green]✓[/] {where}")


def _name(file: dict[str, Any]) -> str:
    """The name of a file without its folders."""
    name: str = file["key"].rsplit("/", 1)[-1]
    return name
