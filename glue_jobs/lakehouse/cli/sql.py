"""`lakehouse sql`: statements for the warehouse, one, a file of them, or one after the other at a prompt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli import sql_output, sql_text
from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.sql_output import Format

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

SESSION_SECONDS = 3_600
"""How long a session outlives its last statement; its temporary tables and open transactions do not live longer."""

_EPILOG = (
    'Examples: lakehouse sql "select count(*) from storefront.fact_transaction" · lakehouse sql --as analyst · '
    'lakehouse sql --file report.sql --format csv · lakehouse sql "select * from storefront.dim_user" -o users.parquet'
)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command(epilog=_EPILOG)(sql)


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One statement, or - to read it from standard input; none for a prompt.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", exists=True, dir_okay=False, help="Run the statements of a file, up to an error."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--as", help="Run as this user, whose name and password a secret holds.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="Write the rows to this .csv or .parquet instead."),
    ] = None,
) -> None:
    """Run SQL in Redshift: one statement, those of a file, or at a prompt.

    Without a statement it is a prompt with completion and history; \\? there lists its commands. Exits with 1 and
    Redshift's own words when a statement fails.
    """
    if statement is not None and file is not None:
        raise typer.BadParameter("give a statement or a file", param_hint="STATEMENT / --file")
    if output is not None:
        sql_output.require_ending(output)
        if statement is None:
            raise typer.BadParameter("it takes the rows of one statement", param_hint="--output")
    if statement is not None:
        text = sys.stdin.read() if statement == "-" else statement
        if not text.strip():
            raise typer.BadParameter("the statement is empty", param_hint="STATEMENT")
        _run_one(_redshift(connect(), user), text, form, output)
    elif file is not None:
        _run_script(_redshift(connect(), user), file.read_text(encoding="utf-8-sig"), str(file), form)
    elif not sys.stdin.isatty():
        _run_script(_redshift(connect(), user), sys.stdin.read(), "standard input", form)
    else:
        connection = connect()
        # Its packages are needed by nobody who gives a statement.
        from lakehouse.cli import sql_shell

        sql_shell.run(_redshift(connection, user), _title(connection, user), form)


def _run_one(redshift: Redshift, text: str, form: Format, output: Path | None) -> None:
    rows = redshift.run(text)
    if output is None:
        sql_output.show(rows, form)
    else:
        count = sql_output.save(rows, output)
        Console(highlight=False, soft_wrap=True).print(
            f"[green]✓[/] {sql_output.counted(count)} in {escape(str(output))}"
        )


def _run_script(redshift: Redshift, text: str, name: str, form: Format) -> None:
    """Run the statements of a text in one session, each committed by itself unless the text says BEGIN."""
    from lakehouse.redshift import RedshiftError

    session = redshift.session(SESSION_SECONDS)
    for number, statement in enumerate(sql_text.statements(text), 1):
        try:
            sql_output.show(session.run(statement.text), form)
        except RedshiftError as error:
            first = statement.text.splitlines()[0]
            raise CommandError(f"{name}:{statement.line}: statement {number} failed: {error}\n  {first}") from error


def _redshift(connection: Connection, user: str | None) -> Redshift:
    """The warehouse, as the user whose secret is named. Raises CommandError when there is no such secret."""
    if user is None:
        return connection.redshift()
    import boto3
    from botocore.exceptions import ClientError

    from lakehouse.redshift import Redshift

    name = connection.settings.user_secret(user)
    try:
        arn = boto3.client("secretsmanager").describe_secret(SecretId=name)["ARN"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise CommandError(
            f'there is no secret {name}: it has to hold {{"username": …, "password": …}} of a user of Redshift'
        ) from error
    return Redshift(connection.settings, secret_arn=arn)


def _title(connection: Connection, user: str | None) -> str:
    return f"{user + '@' if user else ''}{connection.settings.database}"
