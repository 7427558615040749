"""The road in a process of its own, to be killed: it stands for the scheduler's worker.

``python -m tests.support.road_driver [--from STATION --batch N] [--wait] [--provision] [--max-files N] [--plan-only]``

Without ``--from`` it walks batch after batch down the whole road until nothing waits. With it, it goes on with a batch
at a station, as a retried task does, and then walks what still waits. With ``--wait`` it says ``ready`` and begins when
it reads a line. Prints ``begin <station>`` before each station. The environment says which AWS. Ends with 0 when
nothing waits any more, and with 1 and the error when a station failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import boto3

from infra.local_aws.provision import provision
from lakehouse import road
from lakehouse.cli.home import checkout
from lakehouse.jobs import BATCH_JOBS, conf_argument
from lakehouse.settings import Settings
from tests.support.quick_spark import QUICK

Result = TypeVar("Result")
STATIONS = ("plan", *BATCH_JOBS, "load_warehouse", "prove", "finish")


_JOB_FIELDS = ("Role", "GlueVersion", "WorkerType", "NumberOfWorkers", "Timeout", "MaxRetries", "Command")


def provision_quick(settings: Settings, concurrent_runs: int = 1) -> None:
    """Make what the road needs, as `lakehouse up` does, and jobs that start quickly on small tables."""
    provision(settings, checkout())
    glue: Any = boto3.client("glue")
    for name in BATCH_JOBS:
        job = glue.get_job(JobName=settings.job_name(name))["Job"]
        conf = f"{job['DefaultArguments']['--conf']} --conf {conf_argument(QUICK)}"
        update = {
            **{field: job[field] for field in _JOB_FIELDS},
            "ExecutionProperty": {"MaxConcurrentRuns": concurrent_runs},
            "DefaultArguments": {**job["DefaultArguments"], "--conf": conf},
        }
        glue.update_job(JobName=job["Name"], JobUpdate=update)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="first", choices=STATIONS[1:])
    parser.add_argument("--batch", type=int)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--provision", action="store_true")
    parser.add_argument("--plan-only", action="store_true")
    parser.add_argument("--max-files", type=int)
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    if arguments.wait:
        _say("ready")
        sys.stdin.readline()
    if arguments.provision:
        provision_quick(settings)  # the queue and the roles do not outlive a local AWS
    if arguments.first:
        walk(settings, arguments.batch, STATIONS[STATIONS.index(arguments.first) :])
    while (batch := _begin("plan", lambda: road.plan(settings, max_files=arguments.max_files))) is not None:
        if arguments.plan_only:
            _say(f"batch {batch}")
            return
        walk(settings, batch, STATIONS[1:])


def walk(settings: Settings, batch_id: int, stations: tuple[str, ...]) -> None:
    """Take a batch through these stations."""
    for name in stations:
        _begin(name, lambda name=name: station(settings, name, batch_id))


def station(settings: Settings, name: str, batch_id: int) -> None:
    """One station after `plan`, through the code that the DAG calls."""
    if name in BATCH_JOBS:
        road.run_job(settings, name, {"--batch_id": str(batch_id)})
    else:
        getattr(road, name)(settings, batch_id)


def _begin(name: str, work: Callable[[], Result]) -> Result:
    _say(f"begin {name}")
    return work()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 - whoever started it reads the reason
        sys.exit(f"{type(error).__name__}: {error}")
