"""`lakehouse prove`: do the sums of every file and table close?

With --json it prints a list of objects: {name, subject, figures, problems} for every sum, or with --file for every file

    file_id, key, dataset, batch_id, verdict, reason    of ops.files
    figures     {parsed, silver, quarantined, duplicate, superseded}
    rules       rule → rows in quarantine that break it; a row may break several
    problems    what does not close; empty when all does
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import (
    batch_under_way,
    broken_rules,
    has_books,
    landed_datasets,
    tables_in,
)
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.refused import counted, safe
from lakehouse.conditions import Condition, all_of, among, any_of, equals, file_named

if TYPE_CHECKING:
    from lakehouse.proof import Check
    from lakehouse.redshift import Redshift


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse prove --dataset storefront.transactions")(prove)


def prove(
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset and its tables; may be repeated.", show_default="all")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(help="Only the sum of this file: a file id, a key, a folder/ of keys or a file name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Count every row where it is and close the sums of every file and table, lake against warehouse.

    Exits with 1 when a sum does not close, naming the file or the table.
    """
    wanted = [check_dataset(name) for name in dataset or []]
    if file == "":
        raise typer.BadParameter("the name is empty", param_hint="--file")
    connection = connect()
    closes = (
        _prove_all(connection, wanted, as_json) if file is None else _prove_files(connection, wanted, file, as_json)
    )
    if not closes:
        if (batch_id := batch_under_way(connection)) is not None:
            message = f"batch {batch_id} is still on its way: the sums can close only once it has ended"
            Console(stderr=True, highlight=False).print(message)
        raise typer.Exit(1)


def _prove_all(connection: Connection, datasets: Sequence[str], as_json: bool) -> bool:
    """Every sum; whether all close."""
    console = Console(highlight=False)
    with Console(stderr=True).status("counting"):
        checks = run_checks(connection, datasets)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    elif not checks:
        console.print("nothing was ever loaded, so there is nothing to count")
    else:
        print_checks(console, checks)
    return not any(check.problems for check in checks)


def _prove_files(connection: Connection, datasets: Sequence[str], name: str, as_json: bool) -> bool:
    """The sum of every file that is called so; whether all close. Raises CommandError when there is none."""
    with Console(stderr=True).status("counting"):
        files = file_sums(connection.redshift(), datasets, name)
    if as_json:
        typer.echo(json.dumps(files, indent=2, ensure_ascii=False))
    else:
        print_files(Console(highlight=False, soft_wrap=True), files)
    return not any(file["problems"] for file in files)


def file_sums(redshift: Redshift, datasets: Sequence[str], name: str) -> list[dict[str, Any]]:
    """The files that are called so, as --json shows them. Raises CommandError."""
    from lakehouse import proof
    from lakehouse.contract import load_registry

    files = _files(redshift, datasets, name) if has_books(redshift) else []
    if not files:
        raise CommandError(f"no file is called {name}; `lakehouse history` finds one by a part of its name")
    sources = load_registry().sources
    present = tables_in(redshift, {f"lake_silver_{file['dataset'].partition('.')[0]}" for file in files})
    sums: dict[str, proof.Check] = {}
    for dataset in sorted({file["dataset"] for file in files}):
        keys = {file["file_id"]: file["key"] for file in files if file["dataset"] == dataset}
        if dataset in sources and f"lake_silver_{dataset}" in present:
            sums |= proof.prove_files(redshift, sources[dataset], keys)
        elif accepted := [file for file in files if file["file_id"] in keys and file["verdict"] == "accepted"]:
            raise CommandError(
                f"{accepted[0]['key']} was accepted, and {dataset} has no silver table: it has no rows yet"
            )
    nothing = proof.Check("", "", dict.fromkeys(("parsed", *proof.FATES), 0))
    rules = _rules(redshift, [file["file_id"] for file in files])
    return [
        {
            **file,
            "figures": sums.get(file["file_id"], nothing).figures,
            "rules": rules.get(file["file_id"], {}),
            "problems": sums.get(file["file_id"], nothing).problems,
        }
        for file in files
    ]


def _files(redshift: Redshift, datasets: Sequence[str], name: str) -> list[dict[str, Any]]:
    of_datasets = [equals("dataset", f"dataset{index}", dataset) for index, dataset in enumerate(datasets)]
    wanted = all_of([file_named(name), *([any_of(of_datasets)] if of_datasets else [])])
    return redshift.query(
        "SELECT file_id, key, dataset, batch_id, verdict, reason FROM lake_ops.files "
        f"WHERE {wanted.sql} ORDER BY key, batch_id, file_id",
        wanted.parameters,
    ).dicts()


def _rules(redshift: Redshift, file_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """File → rule → how many rows in quarantine break it, most first."""
    from lakehouse.proof import QUARANTINED

    found: dict[str, dict[str, int]] = {}
    for condition in among("file_id", file_ids):
        if broken := broken_rules(redshift, all_of([condition, Condition(QUARANTINED)])):
            counted = redshift.query(
                f"SELECT file_id, rule, COUNT(*) AS row_count FROM {broken} b GROUP BY file_id, rule "
                "ORDER BY file_id, COUNT(*) DESC, rule",
                condition.parameters,
            )
            for file_id, rule, count in counted.rows:
                found.setdefault(file_id, {})[rule] = count
    return found


def run_checks(connection: Connection, datasets: Sequence[str]) -> list[Check]:
    """Every sum of these datasets; of all that ever arrived when none is named."""
    from lakehouse import proof
    from lakehouse.contract import load_registry

    redshift, registry = connection.redshift(), load_registry()
    arrived = [name for name in landed_datasets(redshift) if name in registry.sources]
    chosen = [name for name in datasets or arrived if name in arrived]
    return proof.prove(redshift, registry, chosen)


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """The rows of every dataset by what became of them, the other sums, and what does not close."""
    table = Table("", "table", "sum", "figures", box=None, header_style="bold", pad_edge=False)
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    for check in checks:
        figures = {name: _figure(value) for name, value in check.figures.items()}
        if "parsed" in figures:
            files, parsed = figures.pop("files"), figures.pop("parsed")
            places = " + ".join(f"{value} {name}" for name, value in figures.items())
            console.print(f"{_mark(check)}  {check.subject}, {files} files")
            console.print(f"   {parsed} rows {'≠' if check.problems else '='} {places}")
        else:
            shown = ", ".join(f"{value} {name}" for name, value in figures.items())
            table.add_row(_mark(check), safe(check.subject), check.name, shown)
    console.print(table)
    _print_outcome(console, checks)


def print_files(console: Console, files: Sequence[dict[str, Any]]) -> None:
    """Each file with its sum, the rules that its refused rows break, and what does not close."""
    for file in files:
        mark = "[red]✗[/]" if file["problems"] else "[green]✓[/]"
        verdict = file["verdict"] + (f": {file['reason']}" if file["reason"] else "")
        console.print(f"{mark}  [bold]{safe(file['key'])}[/]  [dim]{file['file_id']}[/]")
        console.print(f"   {safe(file['dataset'])}, batch {file['batch_id']}, {safe(verdict)}")
        places = " + ".join(f"{rows:,} {fate}" for fate, rows in file["figures"].items() if fate != "parsed")
        parsed = counted(file["figures"]["parsed"], "row")
        console.print(f"   {parsed} parsed {'≠' if file['problems'] else '='} {places}")
        for rule, count in file["rules"].items():
            console.print(f"   {count:>9,} {safe(rule)}")
        for problem in file["problems"]:
            console.print(f"[red]✗[/] {safe(problem)}")


def _print_outcome(console: Console, checks: Sequence[Check]) -> None:
    """What does not close, or that all does."""
    for check in checks:
        for problem in check.problems:
            console.print(f"[red]✗[/] {safe(check.subject)}: {safe(problem)}", soft_wrap=True)
    if not any(check.problems for check in checks):
        console.print(f"[green]✓[/] all {len(checks)} sums close")


def _mark(check: Check) -> str:
    return "[red]✗[/]" if check.problems else "[green]✓[/]"


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else safe(str(value))
