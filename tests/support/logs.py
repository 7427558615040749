"""Everything that a run of the road writes down about itself, for tests that search it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def written(state_dir: Path, logs: Any, glue: Any) -> Iterator[tuple[str, str]]:
    """(where, text) of every log file in and beside a state directory, of what the jobs wrote to CloudWatch Logs by a
    client of it, and of the arguments and messages of their runs."""
    for path in sorted({*state_dir.rglob("*.log"), *state_dir.parent.glob("*.log")}):
        yield str(path), path.read_text(encoding="utf-8", errors="replace")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = logs.get_paginator("filter_log_events").paginate(
                logGroupName=name, logStreamNames=[stream["logStreamName"]]
            )
            text = "\n".join(event["message"] for page in events for event in page["events"])
            yield f"{name} {stream['logStreamName']}", text
    for job in glue.get_jobs()["Jobs"]:
        yield f"runs of {job['Name']}", str((job, glue.get_job_runs(JobName=job["Name"])["JobRuns"]))
