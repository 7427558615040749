"""Glue jobs for tests: define one from a script, run it, read what became of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

from tests.support.local_aws_process import LocalAwsProcess

RUN_TIMEOUT_SECONDS = 180
POLL_SECONDS = 0.05
ACTIVE_STATES = {"STARTING", "RUNNING", "STOPPING"}
BUCKET = "glue-jobs"


class GlueTester:
    """Jobs, scripts and wheels on one local AWS."""

    def __init__(self, aws: LocalAwsProcess) -> None:
        self.aws = aws
        self.glue, self.s3, self.logs = aws.client("glue"), aws.client("s3"), aws.client("logs")
        with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=BUCKET)

    def put_script(self, name: str, text: str) -> str:
        """Store a script and return its location."""
        self.s3.put_object(Bucket=BUCKET, Key=f"scripts/{name}.py", Body=textwrap.dedent(text).encode())
        return f"s3://{BUCKET}/scripts/{name}.py"

    def put_wheel(self, version: str) -> str:
        """Store a wheel of a package ``lakehouse`` that knows its ``VERSION``; always at the same location."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("lakehouse/__init__.py", f"VERSION = {version!r}\nCALLS = []\n")
            archive.writestr("lakehouse-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: lakehouse\nVersion: 1\n")
        self.s3.put_object(Bucket=BUCKET, Key="wheels/lakehouse-1-py3-none-any.whl", Body=content.getvalue())
        return f"s3://{BUCKET}/wheels/lakehouse-1-py3-none-any.whl"

    def define(self, name: str, script: str, **settings: Any) -> str:
        """Create the job, or replace its definition; return its name."""
        job = {
            "Role": "arn:aws:iam::123456789012:role/glue",
            "Command": {"Name": "glueetl", "ScriptLocation": self.put_script(name, script)},
            "GlueVersion": "6.0",
            "WorkerType": "G.1X",
            "NumberOfWorkers": 2,
            **settings,
        }
        job["DefaultArguments"] = {"--datalake-formats": "iceberg", **settings.get("DefaultArguments", {})}
        try:
            self.glue.update_job(JobName=name, JobUpdate=job)
        except self.glue.exceptions.EntityNotFoundException:
            self.glue.create_job(Name=name, **job)
        return name

    def start(self, name: str, **settings: Any) -> str:
        """Start a run and return its id."""
        run_id: str = self.glue.start_job_run(JobName=name, **settings)["JobRunId"]
        return run_id

    def run(self, name: str, **settings: Any) -> dict[str, Any]:
        """Run a job to its end."""
        return self.wait_for_end(name, self.start(name, **settings))

    def wait_for_end(self, name: str, run_id: str) -> dict[str, Any]:
        """Wait until the run has ended; raise TimeoutError."""
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            run: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
            if run["JobRunState"] not in ACTIVE_STATES:
                return run
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"{name} {run_id} is still {run['JobRunState']}")

    def wait_for_line(self, run_id: str, line: str) -> None:
        """Wait until the run has printed the line; raise TimeoutError."""
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        while line not in self.output(run_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run_id} did not print {line}: {self.output(run_id, 'error')}")
            time.sleep(POLL_SECONDS)

    def output(self, run_id: str, group: str = "output") -> list[str]:
        """The lines that the run printed so far, as CloudWatch Logs has them."""
        stream = {"logGroupName": f"/aws-glue/jobs/{group}", "logStreamName": run_id}
        return [event["message"] for event in self.logs.get_log_events(**stream, startFromHead=True)["events"]]

    def result(self, name: str, **settings: Any) -> Any:
        """Run a job that succeeds, and read the last line of its output as JSON."""
        run = self.run(name, **settings)
        assert run["JobRunState"] == "SUCCEEDED", self.output(run["Id"], "error")
        return json.loads(self.output(run["Id"])[-1])

    def workers(self) -> list[dict[str, Any]]:
        """The workers as the server names them."""
        return [process for process in self.aws.get("/_local/processes") if process["role"] == "glue-worker"]


def group_members(group_id: int) -> list[int]:
    """The living processes of a process group."""
    members = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                with open(f"{entry.path}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] != "Z" and int(fields[2]) == group_id:
                members.append(int(entry.name))
    return members


def wait_for_end_of_group(group_id: int, seconds: float) -> None:
    """Wait until no process of the group lives; raise TimeoutError."""
    deadline = time.monotonic() + seconds
    while members := group_members(group_id):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {members} of group {group_id} are still alive")
        time.sleep(POLL_SECONDS)


def wait_for_text(path: Path) -> str:
    """Wait until the file holds a whole line; raise TimeoutError."""
    deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
    while not (text := path.read_text() if path.exists() else "").endswith("\n"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing was written to {path}")
        time.sleep(POLL_SECONDS)
    return text
