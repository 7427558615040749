"""`lakehouse trace`: where a row came from, what was done to it, and where it is now, in every layer.

With --json it prints one object:

    dataset, key    the key's columns and the values asked for
    versions[]      every valid row of the key: {fate, file_id, file, row, batch_id, loaded_at, archive, came, values,
                    changes, rescued}; fate is current, duplicate or superseded, `came` the cells as they came (bronze),
                    `values` what they are now, changes[] {column, source, came, value, how}
    refused[]       rows that name the key and were refused: {quarantine_id, file_id, file, row, batch_id, status,
                    quarantined_at, violations, raw}
    gold[]          tables that have the key's columns: {table, lake, warehouse, rows}; the first two count rows, `rows`
                    are the first of the warehouse
    also_in[]       tables that count it without naming its key
    counts          rows by layer: silver, history, quarantine, and in bronze those of the rows that are shown
    is_complete     false when there are more versions or refused rows than are shown
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from lakehouse.cli.connection import connect
from lakehouse.cli.datasets import check_dataset
from lakehouse.cli.ledger import batch_under_way, has_books
from lakehouse.cli.mistakes import CommandError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog="Example: lakehouse trace storefront.users u0001-00000042")(trace)


def trace(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="As <domain>.<dataset>.")],
    key: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY",
            help='The parts of its key, as `contract show` orders them; "" is null, and the last ones may be left out. '
            "Write -- before a key that begins with a hyphen.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many versions, and refused rows.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Show where a row came from, what was done to it, and where it is now, from its file to Redshift.

    Exits with 1 when no such row ever came.
    """
    from lakehouse.cli.trace_report import print_trace
    from lakehouse.cli.trace_search import search
    from lakehouse.cli.trace_values import key_parts
    from lakehouse.contract import load_registry

    registry = load_registry()
    contract = registry.sources[check_dataset(dataset, "DATASET")]
    parts = key_parts(contract, key)
    connection = connect()
    redshift = connection.redshift()
    if not has_books(redshift):
        raise CommandError("nothing was ever loaded here")
    with Console(stderr=True).status("looking"):
        found = search(connection, registry, contract, parts, limit)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False, default=str))
    else:
        print_trace(Console(highlight=False, soft_wrap=True), found)
    if not found["versions"] and not found["refused"]:
        if (batch_id := batch_under_way(connection)) is not None:
            message = f"batch {batch_id} is still on its way: look again once it has ended"
            Console(stderr=True, highlight=False).print(message)
        raise typer.Exit(1)
