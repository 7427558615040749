"""The real local stack, driven from outside: the command line, S3, and Redshift's Data API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local_aws.keys import Key
from lakehouse import landing
from lakehouse.cli import local_pages, stack
from lakehouse.cli.home import checkout
from lakehouse.settings import Settings

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
ONLINE_RETAIL = checkout().parent / "shared" / "data" / "online-retail" / "by-day.tar.gz"
DEADLINE_SECONDS = 400


class Stack:
    """One stack in a state directory of its own."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir

    def cli(self, *arguments: object, expect: int = 0) -> str:
        """Run `lakehouse …` and return what it printed. Fails the test on any other exit code than expected."""
        ended = subprocess.run(
            [LAKEHOUSE, *map(str, arguments)],
            env={**os.environ, "LAKEHOUSE_STATE": str(self.state_dir)},
            capture_output=True,
            text=True,
            timeout=2 * DEADLINE_SECONDS,
            check=False,
        )
        assert ended.returncode == expect, f"{arguments}\n{ended.stdout}\n{ended.stderr}"
        assert "Traceback" not in ended.stderr
        return ended.stdout + ended.stderr if expect else ended.stdout

    def sql(self, statement: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.cli("sql", statement, "--format", "json"))
        return rows

    def client(self, service: str, key_id: str | None = None) -> Any:
        """A client with the stack's key, or with another key's id."""
        running = self._running
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=running.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key_id or running.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=running.environment["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def _running(self) -> stack.Stack:
        running = stack.load(self.state_dir)
        assert running is not None
        return running

    @property
    def endpoint(self) -> str:
        return self._running.endpoint

    @property
    def key(self) -> Key:
        return Key.from_environment(self._running.environment)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self._running.environment)

    def kill(self, role: str) -> None:
        """SIGKILL to the process with a role."""
        (pid,) = [process.pid for process in stack.status(self.state_dir) if process.role == role and process.pid]
        os.kill(pid, signal.SIGKILL)

    def working_worker(self) -> int | None:
        """Process id of the Glue worker that runs a job now."""
        running = stack.load(self.state_dir)
        assert running is not None
        workers = local_pages.processes(running.endpoint, running.environment)
        busy = [worker["pid"] for worker in workers if worker["state"] == "running"]
        return busy[0] if busy else None

    def runs_of(self, job: str, state: str) -> set[str]:
        """Ids of the runs of a job that are in a state."""
        runs = self.client("glue").get_job_runs(JobName=f"lakehouse-{job}")["JobRuns"]
        return {run["Id"] for run in runs if run["JobRunState"] == state}

    def landing_is_empty(self) -> bool:
        """Whether nothing waits there for a verdict."""
        return next(landing.waiting(self.client("s3"), self.settings.buckets, datetime.now(UTC)), None) is None


def wait_for(what: str, condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Poll until the condition holds and return its value; fails the test, naming what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds:.0f} s")


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    live = Stack(tmp_path_factory.mktemp("stack"))
    try:
        live.cli("up")
        yield live
    finally:
        live.cli("down")


@pytest.fixture(scope="session")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The real files of Online Retail (UCI Machine Learning Repository, CC BY 4.0), one a day, in order."""
    if not ONLINE_RETAIL.exists():
        pytest.skip(f"{ONLINE_RETAIL} is not there")
    folder = tmp_path_factory.mktemp("online-retail")
    with tarfile.open(ONLINE_RETAIL) as archive:
        archive.extractall(folder, filter="data")
    return sorted(folder.glob("*.csv"))
