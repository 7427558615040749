"""A lake on a local AWS that can be killed: a state directory, its server, and the road in a process beside it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from lakehouse.cli import stack
from lakehouse.jobs import BATCH_JOBS
from lakehouse.settings import Settings
from tests.crash.deliveries import Delivery
from tests.support import everything
from tests.support.glue import ACTIVE_STATES
from tests.support.landing import new_landing_bucket
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

DEADLINE_SECONDS = 900
POLL_SECONDS = 0.05
IMPATIENT = {"AWS_MAX_ATTEMPTS": "2"}
"""A walk soon gives up on a local AWS that has died; it is walked again, as tasks are retried."""


class CrashLake:
    """One lake in a state directory of its own."""

    def __init__(self, state_dir: Path, prepared: Path | None = None) -> None:
        """Start a local AWS on the directory, after `prepared` has been copied there."""
        if prepared is not None:
            shutil.copytree(prepared, state_dir, ignore=shutil.ignore_patterns("glue", "lock"))
        self.aws = LocalAwsProcess(state_dir, faults=True)

    @property
    def environment(self) -> dict[str, str]:
        """What points a program at this lake."""
        return stack.environment(self.aws.endpoint, CREDENTIALS)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def land(self, files: Delivery) -> None:
        s3 = self.aws.client("s3")
        for key, body in files.items():
            s3.put_object(Bucket=self.settings.landing_bucket, Key=key, Body=body)

    def clear(self) -> None:
        """Empty lake and warehouse; the jobs and their worker stay."""
        settings, s3, glue = self.settings, self.aws.client("s3"), self.aws.client("glue")
        for database in glue.get_databases()["DatabaseList"]:
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database["Name"]):
                for table in page["TableList"]:
                    glue.delete_table(DatabaseName=database["Name"], Name=table["Name"])
        for prefix in ("batches/", "raw/", "quarantine/", "left/", "export/", "warehouse/"):
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=prefix):
                if keys := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                    s3.delete_objects(Bucket=settings.bucket, Delete={"Objects": keys})
        new_landing_bucket(s3, settings.landing_bucket)
        everything.empty_warehouse(self.aws, settings.workgroup, settings.database)

    def keep(self, folder: Path) -> None:
        """Copy the state as a SIGKILL now would leave it. Nothing may be at work."""
        shutil.copytree(self.aws.state_dir, folder, ignore=shutil.ignore_patterns("glue", "lock"))

    def walk(self, *arguments: object) -> Walk:
        """Start the road in a process of its own."""
        return Walk(self.environment, *arguments)

    def arm(self, pattern: str, nth: int, moment: str, victim: str | int) -> None:
        """Have the local AWS kill somebody at a request."""
        self._faults({"pattern": pattern, "nth": nth, "moment": moment, "victim": victim})

    def has_fired(self) -> bool:
        """Whether the armed fault has killed; a dead server has."""
        return not self.aws.is_alive or bool(self._faults()["fired"])

    def writes(self) -> list[str]:
        """Every write that this server has seen since it started."""
        return list(self._faults()["writes"])

    def workers(self) -> list[dict[str, Any]]:
        """The Glue workers that run a job now."""
        return [worker for worker in self.aws.get("/_local/processes") if worker["state"] == "running"]

    def is_running(self, job: str) -> bool:
        """Whether a run of a Glue job is executing now."""
        runs = self.aws.client("glue").get_job_runs(JobName=self.settings.job_name(job), MaxResults=1)["JobRuns"]
        return bool(runs) and runs[0]["JobRunState"] == "RUNNING"

    def has_active_runs(self) -> bool:
        """Whether a run of any Glue job has yet to end."""
        return any(
            run["JobRunState"] in ACTIVE_STATES
            for job in BATCH_JOBS
            for run in self.aws.client("glue").get_job_runs(JobName=self.settings.job_name(job), MaxResults=2)[
                "JobRuns"
            ]
        )

    def kill_worker(self) -> None:
        """SIGKILL to the worker at work; its JVM is left to find out by itself."""
        for worker in self.workers():
            os.kill(worker["pid"], signal.SIGKILL)

    def content(self, without: Collection[str]) -> everything.Content:
        """Everything that must be equal when two lakes ended alike."""
        return everything.content(self.aws, self.settings, without)

    def close(self) -> None:
        """End the server and drop its state."""
        self.aws.stop()
        shutil.rmtree(self.aws.state_dir, ignore_errors=True)

    def _faults(self, fault: dict[str, Any] | None = None) -> dict[str, Any]:
        said: dict[str, Any] = self.aws.faults(fault)
        return said


class Walk:
    """`tests.support.road_driver` in a process of its own."""

    def __init__(self, environment: dict[str, str], *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.road_driver", *map(str, arguments)],
            env={**os.environ, **environment, **IMPATIENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def go(self) -> None:
        """Let one begin that was told to wait."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def wait_for_line(self, line: str) -> None:
        """Wait until it has said something; fails when it ends before."""
        assert self._process.stdout is not None
        while said := self._process.stdout.readline():
            if said.strip() == line:
                return
        raise AssertionError(f"the road ended before it said {line!r}: {self.end()}")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code and what it said on its way. It is killed when it does not come."""
        try:
            out, error = self._process.communicate(timeout=DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, error = self._process.communicate()
            error += f"\nstill at work after {DEADLINE_SECONDS} s"
        return self._process.returncode, (out + error).strip()


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    """Poll until the condition holds and return its value. Raises TimeoutError naming what was waited for."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{what}: not within {DEADLINE_SECONDS} s")
