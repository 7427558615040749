"""What a person asks for is a request that the DAG `ingest` takes: start it, and see it through."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from lakehouse.cli.airflow_api import AirflowApi
from lakehouse.cli.connection import Connection
from lakehouse.cli.following import Runs
from lakehouse.cli.mistakes import CommandError

_POLL_SECONDS = 0.5


def start_ingest(connection: Connection) -> AirflowApi | None:
    """Start a run of `ingest` unless one is about to begin; None, and a word to the user, where no Airflow is known."""
    airflow = connection.airflow
    if airflow is None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print("Airflow's address is not known here: the next run of the DAG ingest does it, or its sweep")
        return None
    if not any(run.state == "queued" for run in airflow.runs(datetime.now(UTC))):
        airflow.start()
    return airflow


def wait_for(connection: Connection, requests: Sequence[str], airflow: AirflowApi | None, seconds: float) -> None:
    """Until none of the requests is left. Raises CommandError when time runs out or a run fails."""
    from lakehouse import replays

    runs, deadline = Runs(airflow, datetime.now(UTC)), time.monotonic() + seconds
    with Console(stderr=True).status("waiting for the run"):
        while replays.are_pending(connection.settings, requests):
            failed = next((view for view in runs.look() if view.run.state == "failed"), None)
            if failed and airflow:
                raise CommandError(
                    f"the run {failed.run.run_id} failed: see {airflow.page(failed.run.run_id)}. What was asked for "
                    "stays asked for; the sweep tries again every ten minutes"
                )
            if time.monotonic() > deadline:
                raise CommandError(f"not done after {seconds:.0f} s; it stays asked for")
            time.sleep(_POLL_SECONDS)
