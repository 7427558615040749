"""`lakehouse up`, `down` and `status`: the local stack as a whole."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.cli import landing_status, stack
from lakehouse.cli.airflow_login import Login
from lakehouse.cli.connection import NotRunningError
from lakehouse.cli.home import checkout, state_dir
from lakehouse.cli.stack import ProcessStatus

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of text for people.")]
_FOREIGN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ENDPOINT_URL_")
"""Variables of a shell that SDKs would heed before, or beside, those of the stack."""
_AsEnv = Annotated[
    bool, typer.Option("--env", help="Print lines for `eval` that point a shell's programs at the local AWS.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(up)
    app.command()(down)
    app.command(epilog='Example: eval "$(lakehouse status --env)"')(status)


def up() -> None:
    """Start the local AWS and Airflow, or what is missing of them, and wait until all is well.

    Exits with 1 when a process does not come up; the message names it and shows the end of its log.
    """
    console = Console(highlight=False)
    started = time.monotonic()
    with console.status("starting"):
        running = stack.start(checkout(), state_dir(), lambda line: console.print(f"  {escape(line)}"))
    console.print(f"[green]✓[/] up after {time.monotonic() - started:.1f} s")
    console.print(f"  Airflow    {running.airflow_url}")
    if (login := stack.login(state_dir())) is not None:
        console.print(f"             {_log_in(login)}")
    console.print(f"  local AWS  {running.endpoint}")
    console.print('             for other programs: eval "$(lakehouse status --env)"', markup=False)
    if landing := landing_status.look(running):
        landing_status.show(console, landing)


def down() -> None:
    """End every process of the local stack. What it stored stays."""
    console = Console(highlight=False)
    with console.status("stopping"):
        ended = stack.stop(state_dir())
    console.print(f"[green]✓[/] ended {', '.join(ended)}" if ended else "nothing was running")


def status(as_json: _AsJson = False, as_env: _AsEnv = False) -> None:
    """Show each process with its role, process id, memory and address, Airflow's login, and what lies in landing.

    Exits with 1 unless all are running.
    """
    if as_env:
        typer.echo("\n".join(_environment_lines()))
        return
    processes = [_with_landing(process) for process in stack.status(state_dir())]
    if as_json:
        typer.echo(json.dumps([asdict(process) for process in processes], indent=2))
    elif processes:
        table = Table("process", "pid", "state", "memory", "address", box=None, header_style="bold")
        for process in processes:
            state = "[green]running[/]" if process.alive else "[red]not running[/]"
            table.add_row(process.role, str(process.pid or ""), state, f"{process.memory_mb:.0f} MB", process.url or "")
        console = Console(highlight=False, soft_wrap=True)
        console.print(table)
        if login := next((process.login for process in processes if process.login), None):
            console.print(f"\nAirflow: {_log_in(login)}")
        if landing := next((process.landing for process in processes if process.landing), None):
            landing_status.show(console, landing)
    else:
        typer.echo("nothing was ever started here; `lakehouse up` does it")
    if not processes or not all(process.alive for process in processes):
        raise typer.Exit(1)


def _with_landing(process: ProcessStatus) -> ProcessStatus:
    """The local AWS's status with what lies in its landing bucket, if it has been made."""
    running = stack.running(state_dir()) if process.role == stack.LOCAL_AWS else None
    return process if running is None else replace(process, landing=landing_status.look(running))


def _log_in(login: Login) -> str:
    return f"log in as {login.user}, password {escape(login.password)}"


def _environment_lines() -> list[str]:
    """Assignments for a shell, after what would lead its programs elsewhere has been unset. Raises NotRunningError."""
    running = stack.running(state_dir())
    if running is None:
        raise NotRunningError("the local AWS is not running; run `lakehouse up`")
    foreign = sorted(name for name in os.environ if name.startswith(_FOREIGN) and name not in running.environment)
    unset = [f"unset {' '.join(foreign)}"] if foreign else []
    # Always quoted, so that every line reads alike.
    return [*unset, *(f"export {name}={_quoted(value)}" for name, value in running.environment.items())]


def _quoted(value: str) -> str:
    return quoted if (quoted := shlex.quote(value)).startswith("'") else f"'{quoted}'"
