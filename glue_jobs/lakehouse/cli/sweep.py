"""`lakehouse sweep`: start a run for what waits in landing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.cli.airflow_api import FINISHED_STATES
from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.mistakes import CommandError
from lakehouse.contract import load_registry


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse sweep --dataset fashion.members")(sweep)


def sweep(
    dataset: Annotated[
        str | None, typer.Option(help="Only its files, also when it is ingested by schedule; see `contract list`.")
    ] = None,
) -> None:
    """Start the ingest DAG if files wait in landing, whatever became of their events."""
    from datetime import UTC, datetime

    import boto3

    from lakehouse import landing

    if dataset is not None:
        check_dataset(dataset)
    connection, console = connect(), Console(highlight=False, soft_wrap=True)
    found = landing.waiting(
        boto3.client("s3"), connection.settings.buckets, datetime.now(UTC), dataset, load_registry().scheduled
    )
    waiting = Counter(file.dataset for file in found)
    if not waiting:
        console.print("nothing waits in landing")
        return
    table = Table("waiting in landing", "files", box=None, header_style="bold", pad_edge=False)
    table.columns[1].justify = "right"
    for dataset, count in sorted(waiting.items()):
        table.add_row(dataset, f"{count:,}")
    console.print(table)
    airflow = connection.airflow
    if airflow is None:
        raise CommandError("Airflow's address is not known here: start the DAG ingest in its UI")
    active = [run for run in airflow.runs(datetime.now(UTC)) if run.state not in FINISHED_STATES]
    if active:
        # One batch at a time: what it leaves behind starts the next run by itself.
        console.print(f"a run is at work already: {airflow.page(active[0].run_id)}")
        return
    console.print(f"[green]✓[/] started {airflow.page(airflow.start(dataset))}")
