"""`lakehouse quarantine`: the files and rows that were refused, and why."""

from __future__ import annotations

import json
import re
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import has_books
from lakehouse.cli.mistakes import CommandError

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

app = typer.Typer(help="Look at the files and rows that were refused, and why.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]
_SHOWN_FILES_PER_REASON = 5
_SHORT = 12
_IDENTITY = re.compile(r"[0-9a-f]{8,32}")
_IN_QUARANTINE = "status IN ('open', 'waiting')"
# How a violation begins in the array that each refused row keeps; a quote inside a value is escaped there.
_VIOLATION = '{"rule":"'


@app.command("list", epilog="Example: lakehouse quarantine list --dataset storefront.users")
def list_(
    dataset: Annotated[str | None, typer.Option(help="Only this dataset. [default: all]")] = None,
    as_json: _AsJson = False,
) -> None:
    """List refused files by reason, and refused rows by the rules that they break."""
    wanted = check_dataset(dataset) if dataset else None
    redshift = connect().redshift()
    files, rows = (_files(redshift, wanted), _rules(redshift, wanted)) if has_books(redshift) else ([], [])
    if as_json:
        typer.echo(json.dumps({"files": files, "rows": rows}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if not files and not rows:
        console.print("[green]✓[/] nothing is in quarantine")
        return
    for name in sorted({item["dataset"] for item in (*files, *rows)}):
        console.print(f"[bold]{name}[/]")
        console.print(_refusals(files, rows, name))
    console.print("[dim]a row that breaks several rules counts under each; `quarantine show ID` shows more[/]")


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
    if _IDENTITY.fullmatch(identity) and has_books(redshift):
        rows = _refused_rows(redshift, identity, limit)
        file = _file(redshift, rows[0]["file_id"] if rows else identity)
    if file is None:
        raise CommandError(f"no file and no refused row is named {identity}; see `lakehouse quarantine list`")
    if as_json:
        typer.echo(json.dumps({"file": file, "rows": rows}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    verdict = file["verdict"] + (f": {file['reason']}" if file["reason"] else "")
    console.print(f"[bold]{escape(file['key'])}[/]\n{file['dataset']}, batch {file['batch_id']}, {escape(verdict)}")
    if file["detail"]:
        console.print(escape(file["detail"]))
    for row in rows:
        _print_row(console, row)
    if not rows:
        console.print("no row of it is in quarantine" if file["verdict"] == "accepted" else "none of it was loaded")
    elif rows[0]["total"] > len(rows):
        console.print(f"[dim]{len(rows)} of {rows[0]['of']:,} refused rows; more with --limit[/]")


def _files(redshift: Redshift, dataset: str | None) -> list[dict[str, Any]]:
    condition, parameters = _of(dataset)
    return redshift.query(
        "SELECT reason, dataset, key, file_id, detail, bytes, batch_id FROM lake_ops.files "
        f"WHERE verdict = 'quarantined'{condition} ORDER BY reason, dataset, key, batch_id",
        parameters,
    ).dicts()


def _rules(redshift: Redshift, dataset: str | None) -> list[dict[str, Any]]:
    """Rows by dataset and rule, most first. The violations of a row are taken apart one position at a time."""
    condition, parameters = _of(dataset)
    marker = f"(LENGTH(violations) - LENGTH(REPLACE(violations, '{_VIOLATION}', ''))) / {len(_VIOLATION)}"
    most = redshift.query(
        f"SELECT MAX({marker}) AS most FROM lake_quarantine.rows WHERE {_IN_QUARANTINE}{condition}", parameters
    ).rows[0][0]
    if not most:
        return []
    positions = " UNION ALL ".join(f"SELECT {position} AS place" for position in range(1, int(most) + 1))
    return redshift.query(
        "SELECT dataset, rule, COUNT(*) AS row_count, MIN(quarantine_id) AS quarantine_id FROM ("
        f"SELECT dataset, quarantine_id, "
        f"SPLIT_PART(SPLIT_PART(violations, '{_VIOLATION}', place + 1), '\"', 1) AS rule "
        f"FROM lake_quarantine.rows CROSS JOIN ({positions}) p WHERE {_IN_QUARANTINE}{condition}) broken "
        "WHERE rule <> '' GROUP BY dataset, rule ORDER BY dataset, COUNT(*) DESC, rule",
        parameters,
    ).dicts()


def _refused_rows(redshift: Redshift, identity: str, limit: int) -> list[dict[str, Any]]:
    """The refused rows of a file, or the one of that name; `total` counts them all."""
    rows = redshift.query(
        "SELECT quarantine_id, dataset, file_id, row_number, status, batch_id, raw, violations, "
        "COUNT(*) OVER () AS total FROM lake_quarantine.rows WHERE file_id LIKE :beginning "
        f"OR quarantine_id LIKE :beginning ORDER BY row_number, quarantine_id LIMIT {limit:d}",
        {"beginning": f"{identity}%"},
    ).dicts()
    return [{**row, "violations": json.loads(row["violations"])} for row in rows]


def _file(redshift: Redshift, identity: str) -> dict[str, Any] | None:
    """The file of that name. Raises CommandError when several names begin so."""
    found = redshift.query(
        "SELECT file_id, dataset, key, bytes, content_hash, verdict, reason, detail, rows_parsed, batch_id "
        "FROM lake_ops.files WHERE file_id LIKE :beginning ORDER BY file_id LIMIT 2",
        {"beginning": f"{identity}%"},
    ).dicts()
    if len(found) > 1:
        raise CommandError(f"several files are named {identity}…, {found[0]['file_id']} among them: give more of it")
    return found[0] if found else None


def _of(dataset: str | None) -> tuple[str, dict[str, str]]:
    """A condition on the dataset, with its parameter."""
    return (" AND dataset = :dataset", {"dataset": dataset}) if dataset else ("", {})


def _refusals(files: list[dict[str, Any]], rows: list[dict[str, Any]], dataset: str) -> Table:
    """Refused files of a dataset by reason, and its refused rows by rule, each with examples."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(overflow="fold")
    for reason, group in groupby((file for file in files if file["dataset"] == dataset), itemgetter("reason")):
        members = list(group)
        for position, file in enumerate(members[:_SHOWN_FILES_PER_REASON]):
            head = ("", "") if position else (f"{len(members):,} file{'s' if len(members) > 1 else ''}", reason)
            table.add_row(*head, f"{_short(file['file_id'])}  {escape(file['key'].rsplit('/', 1)[-1])}")
        hidden = len(members) - _SHOWN_FILES_PER_REASON
        if hidden > 0:
            table.add_row("", "", f"[dim]and {hidden:,} more (--json shows all)[/]")
    for row in rows:
        if row["dataset"] == dataset:
            count = f"{row['row_count']:,} row{'s' if row['row_count'] > 1 else ''}"
            table.add_row(count, row["rule"], f"{_short(row['quarantine_id'])}")
    return table


def _short(identity: str) -> str:
    """As much of a name as people need; `show` takes the beginning of one."""
    return identity[:_SHORT]


def _print_row(console: Console, row: dict[str, Any]) -> None:
    state = "" if row["status"] == "open" else f", {row['status']}"
    console.print(f"\n[bold]row {row['row_number']:,}[/]  [dim]{row['quarantine_id']}{state}[/]")
    for violation in row["violations"]:
        value = violation.get("value")
        shown = f"  [dim]came as[/] {escape(json.dumps(value, ensure_ascii=False))}" if value is not None else ""
        console.print(f"  [red]{escape(violation['rule'])}[/]{shown}")
    console.print(f"  {escape(row['raw'] or '')}", soft_wrap=True)
