"""`lakehouse quarantine`: the files and rows that were refused, and why."""

from __future__ import annotations

import json
from itertools import groupby
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
    if files:
        console.print(f"[bold]{len(files):,} file{'s'[: len(files) > 1]} refused[/]")
        _print_files(console, files)
    if rows:
        console.print("[bold]rows refused[/] (a row that breaks several rules counts under each)")
        table = Table("dataset", "rule", box=None, header_style="bold", pad_edge=False)
        table.add_column("rows", justify="right")
        table.add_column("for example", overflow="fold")
        for row in rows:
            table.add_row(row["dataset"], row["rule"], f"{row['row_count']:,}", row["quarantine_id"])
        console.print(table)
    console.print("[dim]look closer with: lakehouse quarantine show FILE_ID or QUARANTINE_ID[/]")


@app.command(epilog="Example: lakehouse quarantine show 4b9fdf578fc5af594b632501a1ebe0a2 --limit 5")
def show(
    identity: Annotated[
        str, typer.Argument(metavar="FILE_ID|QUARANTINE_ID", help="A file, or one refused row; see `quarantine list`.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many refused rows.")] = 20,
    as_json: _AsJson = False,
) -> None:
    """Show why a file was refused, or which of its rows were, as they came, with every rule that they break."""
    redshift = connect().redshift()
    rows = _refused_rows(redshift, identity, limit) if has_books(redshift) else []
    file = _file(redshift, rows[0]["file_id"] if rows else identity) if has_books(redshift) else None
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
        "COUNT(*) OVER () AS total FROM lake_quarantine.rows WHERE file_id = :identity OR quarantine_id = :identity "
        f"ORDER BY row_number LIMIT {limit:d}",
        {"identity": identity},
    ).dicts()
    return [{**row, "violations": json.loads(row["violations"])} for row in rows]


def _file(redshift: Redshift, file_id: str) -> dict[str, Any] | None:
    found = redshift.query(
        "SELECT file_id, dataset, key, bytes, content_hash, verdict, reason, detail, rows_parsed, batch_id "
        "FROM lake_ops.files WHERE file_id = :file_id",
        {"file_id": file_id},
    ).dicts()
    return found[0] if found else None


def _of(dataset: str | None) -> tuple[str, dict[str, str]]:
    """A condition on the dataset, with its parameter."""
    return (" AND dataset = :dataset", {"dataset": dataset}) if dataset else ("", {})


def _print_files(console: Console, files: list[dict[str, Any]]) -> None:
    table = Table("reason", "dataset", "file", "file_id", box=None, header_style="bold", pad_edge=False)
    table.columns[2].overflow = table.columns[3].overflow = "fold"
    for reason, group in groupby(files, key=lambda file: file["reason"]):
        members = list(group)
        for position, file in enumerate(members[:_SHOWN_FILES_PER_REASON]):
            name = file["key"].rsplit("/", 1)[-1]
            table.add_row("" if position else reason, file["dataset"], escape(name), file["file_id"])
        hidden = len(members) - _SHOWN_FILES_PER_REASON
        if hidden > 0:
            table.add_row("", "", f"[dim]and {hidden:,} more (--json shows all)[/]", "")
    console.print(table)


def _print_row(console: Console, row: dict[str, Any]) -> None:
    state = "" if row["status"] == "open" else f", {row['status']}"
    console.print(f"\n[bold]row {row['row_number']:,}[/]  [dim]{row['quarantine_id']}{state}[/]")
    for violation in row["violations"]:
        value = violation.get("value")
        shown = f"  [dim]came as[/] {escape(json.dumps(value, ensure_ascii=False))}" if value is not None else ""
        console.print(f"  [red]{escape(violation['rule'])}[/]{shown}")
    console.print(f"  {escape(row['raw'] or '')}", soft_wrap=True)
