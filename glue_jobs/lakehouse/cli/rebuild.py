"""`lakehouse rebuild`: a domain's tables made again from what they are made of."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from lakehouse.cli.asked_for import start_ingest, wait_for
from lakehouse.cli.connection import connect
from lakehouse.contract import load_registry
from lakehouse.medallion import Source


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog="Example: lakehouse rebuild retail --from bronze --because 'a new derived column' --wait")(
        rebuild
    )


def rebuild(
    domain: Annotated[str, typer.Argument(help="Whose tables, such as retail.")],
    source: Annotated[
        Source,
        typer.Option(
            "--from",
            help="What is read: raw files (bronze, silver and gold are made again), bronze (silver and gold) or silver "
            "(gold).",
        ),
    ],
    because: Annotated[str, typer.Option(help="Why, for the record.")] = "rebuilt by hand",
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it is done and proved.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 7_200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")] = False,
) -> None:
    """Make a domain's tables again, by today's contracts, as one batch; Redshift then holds them as they are.

    If nothing has changed but time, the tables end as they were: increments and rebuilds give the same. What was
    discarded stays out, and refused files stay refused. After a change of a contract run `lakehouse up` first: jobs
    read what it publishes.
    """
    import boto3

    from lakehouse import rebuilds

    registry = load_registry()
    if domain not in registry.domains:
        raise typer.BadParameter(
            f"there is no such domain; there are {', '.join(registry.domains)}", param_hint="DOMAIN"
        )
    connection, now = connect(), datetime.now(UTC)
    s3 = boto3.client("s3")
    request = rebuilds.submit(
        s3,
        connection.settings.bucket,
        registry,
        domain,
        source,
        because,
        now,
        secrets.token_hex(4),
    )
    airflow = start_ingest(connection)
    if wait:
        wait_for(connection, [request], airflow, timeout)
        rebuilds.require_done(s3, connection.settings.bucket, request)
    if as_json:
        typer.echo(json.dumps({"request": request, "done": wait}))
    else:
        typer.echo(
            f"{domain} is rebuilt, loaded and proved" if wait else "asked for; the next run of the DAG ingest does it"
        )
