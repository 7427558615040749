"""`lakehouse demo`: the whole road once, on files made for it, with what came of them."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from lakehouse.cli import stack
from lakehouse.cli.airflow_api import FINISHED_STATES
from lakehouse.cli.connection import Connection, connect
from lakehouse.cli.following import Runs, RunView, View, follow
from lakehouse.cli.home import checkout, state_dir
from lakehouse.cli.land import ledger_rows
from lakehouse.cli.landed import Upload, files_to_land, upload
from lakehouse.cli.ledger import has_books

DOMAIN, ROWS, DAYS = "storefront", 20_000, 14
WAIT_SECONDS = 900.0
_LAST_STATION_SECONDS = 30.0
_POLL_SECONDS = 0.5
# Older lakes have keys of a landing that was a folder of their own bucket.
_FOLDER = re.compile(r"^(?:landing/)?storefront/[^/]+/demo-(\d{4,})/")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(demo)


def demo() -> None:
    """Start everything, land two weeks of messy files of a shop, and watch them become a warehouse.

    Each demo continues where the last one ended: two weeks later, with new users.
    """
    import boto3

    from lakehouse.cli import demo_report

    console = Console(highlight=False, soft_wrap=True)
    started = time.monotonic()
    _heading(console, "Start the local AWS and Airflow")
    with console.status("starting"):
        running = stack.start(checkout(), state_dir(), lambda line: console.print(f"  {escape(line)}"))
    connection, s3 = connect(running), boto3.client("s3")
    _say_time(console, started)

    edition = _edition(connection, s3)
    _heading(console, f"Make {ROWS:,} rows of an online shop in seven formats, not all of them sound")
    began = time.monotonic()
    folder = _generate(edition)
    console.print(f"  they stay in {escape(str(folder))}, and what must become of them in _truth there")
    _say_time(console, began)

    _heading(console, "Land them, and watch the run that they wake")
    landed = _land(s3, connection, folder)
    console.print(f"  {len(landed)} files landed; Airflow shows the run at {running.airflow_url}/dags/ingest")
    _watch(console, s3, connection, landed)

    rows = ledger_rows(connection, landed)
    demo_report.show(console, connection, rows, folder, _command(), running.airflow_url, stack.login(state_dir()))
    console.print(f"\n[green]✓[/] the whole demo took {time.monotonic() - started:.0f} s")


def _edition(connection: Connection, s3: Any) -> int:
    """The number of this demo: one more than any whose files have ever landed."""
    from lakehouse import landing

    keys = [file.key for file in landing.waiting(s3, connection.settings.buckets, datetime.now(UTC))]
    redshift = connection.redshift()
    if has_books(redshift):
        found = redshift.query(
            "SELECT MAX(key) FROM lake_ops.files WHERE key LIKE '%storefront/users/demo-%' "
            "GROUP BY SPLIT_PART(key, '/', 1)"
        )
        keys += [key for (key,) in found.rows if key]
    numbers = [int(match[1]) for key in keys if (match := _FOLDER.match(key))]
    return max(numbers, default=0) + 1


def _generate(edition: int) -> Path:
    """Files of a shop, and their truth beside them; no name comes twice, so that all may land at once."""
    from datagen.defects import DEFECTS, shares_of
    from datagen.generate import TRUTH, Order, generate
    from datagen.sinks import Folder
    from datagen.world import FIRST_DAY

    folder = state_dir() / "demo" / f"demo-{edition:04d}"
    shutil.rmtree(folder, ignore_errors=True)
    once = {name: 0.0 for name, defect in DEFECTS.items() if defect.level == "delivery"}
    order = Order(
        domain=DOMAIN,
        rows=ROWS,
        days=DAYS,
        seed=edition,
        shares={**shares_of("messy"), **once},
        first_day=FIRST_DAY + timedelta(days=DAYS * (edition - 1)),
    )
    for _ in generate(order, Folder(folder), folder / TRUTH):
        pass
    return folder


def _land(s3: Any, connection: Connection, folder: Path) -> list[Upload]:
    """Land all that was generated but the truth."""
    from datagen.generate import TRUTH

    landed: list[Upload] = []
    for dataset in sorted(path for path in folder.iterdir() if path.name != TRUTH):
        files = {f"{folder.name}/{name}": path for name, path in files_to_land([dataset]).items()}
        landed += upload(s3, connection.settings.buckets, f"{DOMAIN}.{dataset.name}", files)
    return landed


def _watch(console: Console, s3: Any, connection: Connection, landed: Sequence[Upload]) -> None:
    """Say of each station when it has ended and how long it took."""
    airflow = connection.airflow
    keys = {item.file_id: item.key for item in landed if not item.is_uncommitted}
    stations, since = _Stations(console), datetime.now(UTC)
    began = time.monotonic()
    with console.status("waiting for the run") as status:
        for view in follow(s3, connection.settings.buckets, keys, None, airflow, WAIT_SECONDS):
            stations.tell(view.runs)
            status.update(stations.doing(view))
        took = time.monotonic() - began
        # The files leave during the last station: see it end as well.
        runs, deadline = Runs(airflow, since), time.monotonic() + _LAST_STATION_SECONDS
        while time.monotonic() < deadline:
            views = runs.look()
            stations.tell(views)
            if all(view.run.state in FINISHED_STATES for view in views):
                break
            time.sleep(_POLL_SECONDS)
    console.print(f"  every file that can be read has left landing after {took:.1f} s")


@dataclass
class _Stations:
    """Tells each station once."""

    console: Console

    told: set[tuple[str, str]] = field(default_factory=set)

    def tell(self, runs: Sequence[RunView]) -> None:
        for seen in runs:
            for task in seen.tasks:
                if seen.batch_id is None or task.state not in ("success", "failed"):
                    continue
                if (seen.run.run_id, task.task_id) not in self.told:
                    self.told.add((seen.run.run_id, task.task_id))
                    mark = "[green]✓[/]" if task.state == "success" else "[red]✗[/]"
                    took = f"{task.seconds:7.1f} s" if task.seconds is not None else ""
                    self.console.print(f"  {mark} batch {seen.batch_id:<4} {task.task_id:<10} {took}")

    def doing(self, view: View) -> str:
        active = view.active
        if active is None or active.run.state in FINISHED_STATES or active.current is None:
            return "waiting for the run"
        return f"batch {active.batch_id or '…'}: {active.current.task_id}"


def _command() -> str:
    """How this command is called here: plainly where it is on the path, else by its place."""
    found, own = shutil.which("lakehouse"), Path(sys.argv[0]).resolve()
    if found and Path(found).resolve() == own:
        return "lakehouse"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold cyan]{escape(text)}[/]")


def _say_time(console: Console, since: float) -> None:
    console.print(f"  [dim]{time.monotonic() - since:.1f} s[/]")
