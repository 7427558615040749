"""`lakehouse history`: what became of every file, newest first.

With --json it prints a list of objects:

    file_id, key, dataset, bytes, verdict, reason, detail, resolution, batch_id, arrived_at, ingested_at
                 of ops.files; instants in UTC
    rows         {parsed, silver, quarantined, duplicate, superseded}; null unless the file was accepted
    first_error  of a refused file {reason, detail, byte}, of a file with refused rows {row, field, rule}, else null
    loaded_at    when its batch was loaded into Redshift; null unless it was, and the file was accepted
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lakehouse import conditions
from lakehouse.cli import quantities
from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import has_books
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.refused import counted, safe
from lakehouse.conditions import Condition

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

# How `intake.Refusal` ends where it knows the place.
_BYTE = re.compile(r"\(at byte ([\d,]+)\)$")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse history --dataset storefront.users --limit 5")(history)


def history(
    file: Annotated[
        str | None,
        typer.Argument(help="A file id, key or file name, or a part of one.", show_default="all files"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset.", show_default="all")] = None,
    batch: Annotated[int | None, typer.Option(help="Only files of this batch.")] = None,
    since: Annotated[str | None, typer.Option(help="Only files judged then or later: a date or an instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many files.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Show what became of each file: its verdict, its rows, its first error, and when it was loaded. Newest first."""
    if file == "":
        raise typer.BadParameter("the name is empty", param_hint="FILE")
    wanted = [conditions.equals("dataset", "dataset", check_dataset(dataset))] if dataset is not None else []
    if batch is not None:
        wanted.append(Condition(f"batch_id = {batch:d}"))
    if since:
        wanted.append(Condition("ingested_at >= CAST(:since AS TIMESTAMP)", {"since": str(quantities.since(since))}))
    redshift = connect().redshift()
    files, total = find(redshift, file, wanted, limit) if has_books(redshift) else ([], 0)
    if as_json:
        typer.echo(json.dumps(files, indent=2, ensure_ascii=False))
        return
    if not files:
        raise CommandError(f"no file is called {file}" if file else "no file is on record here")
    console = Console(highlight=False, soft_wrap=True)
    for entry in files:
        _print(console, entry)
    if total > len(files):
        console.print(f"[dim]{len(files)} of {total:,} files; more with --limit[/]")


def find(
    redshift: Redshift, name: str | None, wanted: Sequence[Condition], limit: int
) -> tuple[list[dict[str, Any]], int]:
    """The newest files, and how many there are: those that are called so, or else those whose key has that part."""
    ways = [conditions.file_named(name), conditions.contains("key", "part", name)] if name else [Condition()]
    for way in ways:
        rows = _files(redshift, conditions.all_of([*wanted, way]), limit)
        if rows:
            refused = _first_refused_rows(redshift, [row["file_id"] for row in rows if row["quarantined"]])
            return [_entry(row, refused.get(row["file_id"])) for row in rows], rows[0]["total"]
    return [], 0


def _files(redshift: Redshift, condition: Condition, limit: int) -> list[dict[str, Any]]:
    return redshift.query(
        "SELECT f.file_id, f.key, f.dataset, f.bytes, f.verdict, f.reason, f.detail, f.resolution, f.batch_id, "
        "f.arrived_at, f.ingested_at, f.rows_parsed, a.silver, a.quarantined, a.duplicate, a.superseded, l.loaded_at, "
        "f.total "
        f"FROM (SELECT *, COUNT(*) OVER () AS total FROM lake_ops.files WHERE {condition.sql} "
        f"ORDER BY batch_id DESC, arrived_at DESC, key, file_id LIMIT {limit:d}) f "
        "LEFT JOIN lake_ops.row_accounts a ON a.file_id = f.file_id "
        # One row per domain and batch; what a domain's datasets bring goes into its own tables.
        "LEFT JOIN ops.loads l ON l.batch_id = f.batch_id AND l.domain = SPLIT_PART(f.dataset, '.', 1) "
        "AND f.verdict = 'accepted' ORDER BY f.batch_id DESC, f.arrived_at DESC, f.key, f.file_id",
        condition.parameters,
    ).dicts()


def _first_refused_rows(redshift: Redshift, file_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By file: the number of its first refused row, and the first rule that it breaks."""
    found: dict[str, dict[str, Any]] = {}
    for among in conditions.among("file_id", file_ids):
        rows = redshift.query(
            "SELECT file_id, row_number, violations FROM (SELECT file_id, row_number, violations, ROW_NUMBER() OVER "
            "(PARTITION BY file_id ORDER BY row_number, quarantine_id) AS place FROM lake_quarantine.rows "
            f"WHERE {among.sql}) refused WHERE place = 1",
            among.parameters,
        )
        for row in rows.dicts():
            first = json.loads(row["violations"])[0]
            found[row["file_id"]] = {"row": row["row_number"], "field": first.get("field"), "rule": first["rule"]}
    return found


def _entry(row: dict[str, Any], refused_row: dict[str, Any] | None) -> dict[str, Any]:
    """A file as --json shows it."""
    from lakehouse.proof import FATES

    is_accepted = row["verdict"] == "accepted"
    rows = {"parsed": row["rows_parsed"], **{fate: row[fate] for fate in FATES}} if is_accepted else None
    error = refused_row
    if row["verdict"] == "quarantined":
        place = _BYTE.search(row["detail"] or "")
        error = {
            "reason": row["reason"],
            "detail": row["detail"],
            "byte": int(place[1].replace(",", "")) if place else None,
        }
    gone = (*FATES, "rows_parsed", "total", "loaded_at")
    kept = {name: value for name, value in row.items() if name not in gone}
    return {**kept, "rows": rows, "first_error": error, "loaded_at": row["loaded_at"]}


def _print(console: Console, entry: dict[str, Any]) -> None:
    console.print(f"[bold]{safe(entry['key'])}[/]  [dim]{entry['file_id']}[/]")
    for line in _lines(entry):
        console.print(f"  {safe(line)}")


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    from lakehouse.proof import FATES

    verdict = entry["verdict"] + (f": {entry['reason']}" if entry["reason"] else "")
    yield f"{entry['dataset']}, {quantities.shown(entry['bytes'])}, batch {entry['batch_id']}, {verdict}"
    yield from filter(None, (entry["detail"], entry["resolution"]))
    if (rows := entry["rows"]) is not None:
        places = (
            " + ".join(f"{rows[fate]:,} {fate}" for fate in FATES) if rows["silver"] is not None else "not yet counted"
        )
        yield f"{counted(rows['parsed'], 'row')} = {places or 'not yet judged'}"
    if (error := entry["first_error"]) and "row" in error:
        field = f", {error['field']}" if error["field"] else ""
        yield f"first refused: row {error['row']:,}{field}: {error['rule']}"
    loaded = f", in Redshift {_to_the_second(entry['loaded_at'])}" if entry["loaded_at"] else ""
    yield f"arrived {_to_the_second(entry['arrived_at'])}, judged {_to_the_second(entry['ingested_at'])}{loaded} (UTC)"


def _to_the_second(instant: str) -> str:
    return instant.partition(".")[0]
