"""What came of a demo, read by SQL from the lake and the warehouse."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli.airflow_login import Login
from lakehouse.cli.connection import Connection
from lakehouse.cli.land import summarize
from lakehouse.cli.prove import print_checks, run_checks

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

_DAYS = 14
_BAR_CHARACTERS = 40


def show(
    console: Console,
    connection: Connection,
    files: Sequence[dict[str, Any]],
    folder: Path,
    command: str,
    airflow_url: str,
    login: Login | None,
) -> None:
    """Files, sums, tables and revenue, and what to try next. `files` are the ledger's rows of the landed files,
    `folder` holds them and their truth."""
    redshift = connection.redshift()
    console.print(f"\n[bold cyan]{len(files)} files, each with its verdict[/]")
    _files(console, files)
    console.print("\n[bold cyan]Every row is somewhere, and counted where it is[/]")
    checks = run_checks(connection, sorted({file["dataset"] for file in files if file["verdict"] == "accepted"}))
    print_checks(console, checks)
    console.print("\n[bold cyan]The star in Redshift[/]")
    _star(console, redshift)
    _revenue(console, redshift)
    console.print("\n[bold cyan]Try next[/]")
    _next(console, files, folder, command)
    look_at_the_runs(console, airflow_url, login)


def _files(console: Console, files: Sequence[dict[str, Any]]) -> None:
    summary = summarize(files)
    table = _table("verdict", "files", "")
    for verdict, count in summary["verdicts"].items():
        if verdict != "quarantined":
            table.add_row(verdict, f"{count:,}", "")
            continue
        for reason, members in summary["reasons"].items():
            first = next(file for file in files if file["reason"] == reason)
            table.add_row(f"{verdict}: {reason}", f"{members:,}", escape(first["key"].rsplit("/", 1)[-1]))
    console.print(table)


def _star(console: Console, redshift: Redshift) -> None:
    from lakehouse.contract import load_registry

    names = [contract.dataset for contract in load_registry().gold_of("storefront")]
    counts = redshift.query(
        " UNION ALL ".join(f"SELECT '{name}' AS name, COUNT(*) AS row_count FROM {name}" for name in names)
        + " ORDER BY name"
    )
    table = _table("table", "rows")
    for name, count in counts.rows:
        table.add_row(name, f"{count:,}")
    console.print(table)


def _revenue(console: Console, redshift: Redshift) -> None:
    """Net revenue of the last days in the currency of most sales: amounts of different ones cannot be added up."""
    currencies = redshift.query(
        "SELECT currency FROM storefront.daily_revenue GROUP BY currency "
        "ORDER BY SUM(transaction_count) DESC, currency LIMIT 1"
    ).rows
    if not currencies:
        return
    currency = currencies[0][0]
    days = redshift.query(
        "SELECT revenue_date, net_amount, transaction_count FROM storefront.daily_revenue WHERE currency = :currency "
        f"ORDER BY revenue_date DESC LIMIT {_DAYS}",
        {"currency": currency},
    ).rows
    console.print(f"\n[bold cyan]Net revenue of the last {len(days)} days in {currency}[/]")
    most = max(Decimal(amount) for _, amount, _ in days)
    for day, amount, sales in reversed(days):
        length = round(_BAR_CHARACTERS * max(Decimal(amount), Decimal(0)) / most) if most > 0 else 0
        bar = f"{'█' * length:<{_BAR_CHARACTERS}}"
        console.print(f"  {day}  [cyan]{bar}[/] {Decimal(amount):>12,.2f}  [dim]{sales:,} sales[/]")


def _next(console: Console, files: Sequence[dict[str, Any]], folder: Path, command: str) -> None:
    refused = next((file["file_id"] for file in files if file["quarantined"]), None)
    best = (
        "select category, sum(quantity) as pieces, sum(amount) as eur from storefront.fact_transaction "
        "where currency = 'EUR' and status = 'completed' group by category order by eur desc"
    )
    suggestions = [
        ("ask the warehouse", f'{command} sql "{best}"'),
        ("see what was refused", f"{command} quarantine list"),
        ("see the rows of one file", f"{command} quarantine show {refused} --limit 3" if refused else ""),
        ("close all the sums", f"{command} prove"),
        ("compare with the truth", f"{command} score {shlex.quote(str(folder))}"),
        ("stop everything", f"{command} down"),
    ]
    for what, how in suggestions:
        if how:
            console.print(f"  [dim]{what:<26}[/]{escape(how)}")


def look_at_the_runs(console: Console, airflow_url: str, login: Login | None) -> None:
    """Say where Airflow is and who may log in."""
    console.print(f"  [dim]{'look at the runs':<26}[/]{airflow_url}/dags/ingest")
    if login is not None:
        console.print(f"  [dim]{'log in there as':<26}[/]{login.user}, password {escape(login.password)}")


def _table(*columns: str) -> Table:
    """Two columns or three, the second one of numbers."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    table.columns[1].justify = "right"
    return table
