"""`lakehouse quarantine export`: refused rows as a file that a person can correct and land again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.cli import quarantine_selection as options
from lakehouse.cli.connection import connect
from lakehouse.cli.ledger import has_books
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.quarantine_selection import selection
from lakehouse.quarantine import on_rows

if TYPE_CHECKING:
    from lakehouse.contract import SourceContract

_RESCUED = "_rescued"


class Format(StrEnum):
    """What a person, or a script, likes to edit."""

    CSV = "csv"
    NDJSON = "ndjson"


def register(app: typer.Typer) -> None:
    """Add the verb to `lakehouse quarantine`."""
    app.command(epilog="Example: lakehouse quarantine export --dataset storefront.users --out fix-me.csv")(export)


def export(
    dataset: Annotated[str, typer.Option(help="Refused rows of this dataset.")],
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: standard output]")] = None,
    ids: options.Ids = None,
    reason: options.Reasons = None,
    file: options.File = None,
    since: options.Since = None,
    until: options.Until = None,
    status: options.Statuses = None,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.CSV,
) -> None:
    """Write refused rows as they came, each with its id and the rules that it breaks, for a person to correct.

    Correct the cells, leave _quarantine_id as it is, drop the rows that you did not correct, and land the file: each
    row that arrives closes the one that it corrects. A row that could not be read stands in _raw: write it into the
    columns.
    """
    from lakehouse.contract import load_registry

    wanted = selection(dataset, reason, file, since, until, status, ids)
    if out is not None and out.exists():
        raise CommandError(f"{out} is there already: name another file, or remove it first")
    contract, redshift, condition = load_registry().sources[dataset], connect().redshift(), on_rows(wanted)
    rows: Iterable[dict[str, Any]] = ()
    if has_books(redshift):
        rows = redshift.query(
            "SELECT quarantine_id, raw, violations FROM lake_quarantine.rows "
            f"WHERE {condition.sql} ORDER BY file_id, row_number",
            condition.parameters,
        ).dicts()
    records = [
        record(row["quarantine_id"], row["raw"], json.loads(row["violations"]), contract) for row in _whole(list(rows))
    ]
    if not records:
        typer.echo("no refused row is meant by that; see `lakehouse quarantine list`", err=True)
        return
    text = as_csv(records, contract) if form is Format.CSV else as_ndjson(records)
    if out is None:
        for part in text:
            typer.echo(part, nl=False)
        return
    with out.open("x", encoding="utf-8", newline="") as target:
        target.writelines(text)
    typer.echo(f"wrote {len(records):,} rows; corrected, land them: lakehouse land {out} --dataset {dataset} --wait")


def _whole(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows with all of their raw form, of which Redshift shows the beginning."""
    from lakehouse import tables
    from lakehouse.cli.lake_reader import LakeReader

    cut = {row["quarantine_id"] for row in rows if len(row["raw"]) >= tables.MAX_SHOWN_CHARACTERS}
    found = LakeReader().matching(tables.quarantined_rows, {"quarantine_id": cut}) if cut else []
    raw = {row["quarantine_id"]: row["raw"] for row in found}
    for row in rows:
        yield {**row, "raw": raw.get(row["quarantine_id"], row["raw"])}


def record(identity: str, raw: str, violations: Sequence[dict[str, Any]], contract: SourceContract) -> dict[str, Any]:
    """One row to write: its id, the rules it breaks, and its cells by a name that a file may give them; in `_raw` what
    could not be read."""
    from lakehouse.intake import CONTROL_COLUMNS

    corrects, reasons, unread = CONTROL_COLUMNS
    told = {corrects: identity, reasons: "; ".join(found["rule"] for found in violations)}
    if any(found.get("field") is None for found in violations):
        return {**told, unread: raw}
    cells = json.loads(raw)
    unknown = json.loads(cells.pop(_RESCUED, "{}"), parse_float=str, parse_int=str)
    # What the file said of itself before belongs to the row that it corrected.
    own = {
        contract.spelling(name): value for name, value in {**unknown, **cells}.items() if name not in CONTROL_COLUMNS
    }
    return {**told, **own}


def as_csv(records: Sequence[dict[str, Any]], contract: SourceContract) -> Iterator[str]:
    """The contract's columns that any row has, then the unknown ones, each as it came."""
    from lakehouse.intake import CONTROL_COLUMNS

    seen = dict.fromkeys(name for item in records for name in item)
    spelt = [contract.spelling(name) for name in contract.text_columns]
    known = [name for name in spelt if name in seen or name in contract.column_names]
    named = (*(name for name in CONTROL_COLUMNS if name in seen), *known)
    header = [*named, *(name for name in seen if name not in named)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, restval="")
    writer.writeheader()
    for item in records:
        writer.writerow({name: _cell(value) for name, value in item.items()})
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def as_ndjson(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One object a line."""
    for item in records:
        yield json.dumps(item, ensure_ascii=False) + "\n"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
