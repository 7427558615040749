"""`lakehouse contract`: look at contracts, check them, and keep the DDL and the dictionary made from them."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse import ddl, dictionary, roles
from lakehouse.contract import (
    Column,
    ColumnType,
    ContractError,
    GoldContract,
    Problem,
    Registry,
    SourceContract,
    load_registry,
)

app = typer.Typer(help="Look at contracts, check them, and keep what is made from them.", no_args_is_help=True)

_SQL_FOLDER = Path("sql")
_DICTIONARY_FOLDER = Path("docs/dictionary")
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]
_Domains = Annotated[
    Path | None,
    typer.Argument(exists=True, file_okay=False, help="A folder of domains; without it, those installed."),
]


@app.command(epilog="Example: lakehouse contract check glue_jobs/lakehouse/domains")
def check(domains: _Domains = None, as_json: _AsJson = False) -> None:
    """Read every contract and tell every mistake with its file, line, field and what would be right.

    Exits with 1 when there is a mistake.
    """
    try:
        registry = load_registry(domains)
    except ContractError as error:
        if as_json:
            _print_json({"problems": [_problem_as_json(problem) for problem in error.problems]})
        else:
            _print_problems(error)
        raise typer.Exit(1) from error
    if as_json:
        _print_json({"problems": []})
    else:
        counted = f"{len(registry.sources)} sources and {len(registry.gold)} gold tables"
        Console().print(f"[green]✓[/] {counted} in {', '.join(registry.domains)}: no mistakes")


@app.command("list", epilog="Example: lakehouse contract list --json")
def list_(as_json: _AsJson = False) -> None:
    """List every dataset that has a contract."""
    registry = _registry()
    contracts: list[SourceContract | GoldContract] = [*registry.sources.values(), *registry.gold.values()]
    rows = [_summary(contract) for contract in contracts]
    if as_json:
        _print_json(rows)
        return
    table = Table("dataset", "kind", "description")
    table.columns[0].overflow = "fold"  # names are copied from here: never cut one short
    for row in rows:
        table.add_row(row["dataset"], row["kind"], escape(row["description"]))
    Console().print(table)


@app.command(epilog="Example: lakehouse contract show storefront.transactions")
def show(
    dataset: Annotated[str, typer.Argument(help="As <domain>.<name>; see `contract list`.")],
    as_json: _AsJson = False,
) -> None:
    """Show one contract: its columns, their rules, and what the table is made from."""
    registry = _registry()
    contract = registry.sources.get(dataset) or registry.gold.get(dataset)
    if contract is None:
        known = sorted({*registry.sources, *registry.gold})
        near = difflib.get_close_matches(dataset, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise typer.BadParameter(f'no contract is named "{dataset}"; {hint}', param_hint="DATASET")
    if as_json:
        _print_json({"dataset": dataset, "kind": _kind(contract), "key": contract.key, **_plain(contract)})
    else:
        _print_contract(contract)


@app.command("ddl", epilog="Example: lakehouse contract ddl --write")
def ddl_(
    check_files: Annotated[
        bool, typer.Option("--check", help=f"Compare with {_SQL_FOLDER}/ddl, roles, load and checks; exit 1 on drift.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help=f"Write {_SQL_FOLDER}/ddl, roles, load and checks.")] = False,
) -> None:
    """Print the Redshift DDL and the grants made from the contracts; or keep the files of them, of the loads and of the
    checks."""
    registry = _registry()
    wanted = {_SQL_FOLDER / "ddl": ddl.files(registry), _SQL_FOLDER / "roles": roles.files(registry)}
    if check_files or write:
        from lakehouse import checks, load_scripts  # the loader reads Parquet: slow to import

        wanted |= {_SQL_FOLDER / "load": load_scripts.files(registry), _SQL_FOLDER / "checks": checks.files(registry)}
    _keep(wanted, "ddl", check_files, write)


@app.command("dictionary", epilog="Example: lakehouse contract dictionary --write")
def dictionary_(
    check_files: Annotated[
        bool, typer.Option("--check", help=f"Compare with {_DICTIONARY_FOLDER}; exit 1 on drift.")
    ] = False,
    write: Annotated[bool, typer.Option("--write", help=f"Write {_DICTIONARY_FOLDER}.")] = False,
) -> None:
    """Print the data dictionary made from the contracts, or keep its pages: what every table and column means."""
    _keep({_DICTIONARY_FOLDER: dictionary.pages(_registry())}, "dictionary", check_files, write)


def _keep(wanted: Mapping[Path, Mapping[str, str]], verb: str, check_files: bool, write: bool) -> None:
    """Print files made from the contracts, or compare them with those of their folders, or write them there."""
    if check_files and write:
        raise typer.BadParameter("give one of them", param_hint="--check / --write")
    if not (check_files or write):
        typer.echo("\n".join(text for files in wanted.values() for text in files.values()), nl=False)
        return
    drifted = [path for folder, files in wanted.items() for path in _drifted(folder, files, write)]
    for path in drifted:
        typer.echo(f"{path}: {'written' if write else 'differs from the contracts'}")
    if drifted and not write:
        typer.echo(f"run: lakehouse contract {verb} --write")
        raise typer.Exit(1)
    if not drifted:
        folders = ", ".join(map(str, wanted))
        typer.echo(f"{folders}: what the contracts say")


def _drifted(folder: Path, wanted: Mapping[str, str], write: bool) -> list[Path]:
    """The files of a folder that are not as wanted; with `write` they are from now on."""
    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not here; run it from the repository's root", param_hint="--write")
    suffixes = {Path(name).suffix for name in wanted}
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.suffix in suffixes}
    drifted = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    for name in drifted if write else ():
        if name in wanted:
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return [folder / name for name in drifted]


def _registry() -> Registry:
    """The installed contracts; ends the command with their mistakes if there are any."""
    try:
        return load_registry()
    except ContractError as error:
        _print_problems(error)
        raise typer.Exit(1) from error


def _print_problems(error: ContractError) -> None:
    console = Console(stderr=True, soft_wrap=True)
    for problem in error.problems:
        field = f" [cyan]{escape(problem.field)}[/]:" if problem.field else ""
        where = f"[bold]{escape(str(problem.shown_file))}:{problem.line}[/]:"
        console.print(f"{where}{field} {escape(problem.wrong)}; [green]{escape(problem.right)}[/]", highlight=False)
    mistakes, files = len(error.problems), len({problem.file for problem in error.problems})
    counted = f"{mistakes} mistake{'s'[: mistakes > 1]} in {files} file{'s'[: files > 1]}"
    console.print(f"[red]✗[/] {counted}", highlight=False)


def _print_contract(contract: SourceContract | GoldContract) -> None:
    console = Console()
    console.print(f"[bold]{contract.dataset}[/] {contract.version}, {_kind(contract)}", highlight=False)
    console.print(escape(contract.description), highlight=False)
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(contract).items():
        facts.add_row(f"[cyan]{name}[/]", escape(value))
    console.print(facts)
    table = Table("column", "type", "key", "rules", "description")
    for column in contract.columns:
        key = str(column.key_position or "")
        table.add_row(column.name, str(column.type), key, escape("\n".join(_rules(column))), escape(column.description))
    console.print(table)
    if isinstance(contract, SourceContract) and contract.rules:
        rules = Table("rule between columns", "severity", "must hold", "description")
        for rule in contract.rules:
            rules.add_row(rule.name, rule.severity, escape(rule.condition), escape(rule.description))
        console.print(rules)


def _facts(contract: SourceContract | GoldContract) -> dict[str, str]:
    """What is said of the table as a whole, as short lines."""
    facts = {"key": ", ".join(contract.key), "partitions": ", ".join(contract.partition_by)}
    if isinstance(contract, SourceContract):
        facts |= {"newest by": contract.order_by or "", "unknown columns": contract.drift}
    else:
        facts |= {
            "from": ", ".join(source.dataset for source in contract.sources),
            "looks up": ", ".join(lookup.dataset for lookup in contract.lookups),
            "recomputed by": ", ".join(contract.recompute_by),
            "distribution": " ".join(filter(None, (contract.dist_style, contract.dist_key))),
            "sorted by": ", ".join(contract.sort_keys),
        }
    return {name: value for name, value in facts.items() if value} | {"file": str(contract.path)}


def _rules(column: Column) -> list[str]:
    """The rules that a column's values keep, one line each."""
    facts = [
        "required" if column.required else "",
        "personal" if column.classification == "personal" else "",
        f"in {column.unit}" if column.unit else "",
    ]
    return [*(fact for fact in facts if fact), *dictionary.rules(column)]


def _kind(contract: SourceContract | GoldContract) -> str:
    return "source" if isinstance(contract, SourceContract) else contract.table_type


def _summary(contract: SourceContract | GoldContract) -> dict[str, Any]:
    return {
        "dataset": contract.dataset,
        "kind": _kind(contract),
        "version": contract.version,
        "key": list(contract.key),
        "columns": len(contract.columns),
        "description": contract.description,
    }


def _problem_as_json(problem: Problem) -> dict[str, Any]:
    return {**_plain(problem), "file": str(problem.shown_file)}


def _plain(value: Any) -> Any:
    """A dataclass as what JSON can say: types as Redshift spells them, decimals as text, so that none loses a digit."""
    if dataclasses.is_dataclass(value) and not isinstance(value, ColumnType):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, ColumnType | Decimal | Path) else value


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
