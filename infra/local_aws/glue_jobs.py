"""Glue jobs as the API sees them: definitions in the store, runs that execute; what Glue refuses is refused.

Not here: queues of runs (JobRunQueuingEnabled never makes a run WAITING) and the TagResource operations on jobs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from infra.local_aws.aws_json import JsonService, Operation
from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError
from infra.local_aws.glue_runs import DPU_PER_WORKER, SECONDS_PER_MINUTE, Plan, Run, Runner, RunRecords, new_run
from infra.local_aws.persistence import Store

Job = dict[str, Any]
"""A job as GetJob answers it; instants in seconds since the epoch. ``Tags`` is kept with it and not answered."""
T = TypeVar("T")

GLUE_VERSIONS = ("0.9", "1.0", "2.0", "3.0", "4.0", "5.0", "5.1", "6.0")
"""What the API takes. Whatever a job asks for, the local Spark is that of Glue 6.0."""
CAPACITY_ONLY_VERSIONS = ("0.9", "1.0")
DEFAULT_GLUE_VERSION = "5.1"
DEFAULT_WORKERS = {"WorkerType": "G.1X", "NumberOfWorkers": 10}
DEFAULT_TIMEOUT_MINUTES = 480
LONGEST_TIMEOUT_MINUTES = 7 * 24 * 60
MOST_RETRIES = 10
PAGE_SIZE = 100
LARGEST_PAGE = 1000


class JobDefinitions:
    """The table of jobs. Every change is committed when its method returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create("CREATE TABLE IF NOT EXISTS glue_jobs (name TEXT PRIMARY KEY, definition TEXT NOT NULL)")

    def find(self, name: str) -> Job | None:
        """The job, or None."""
        rows = self._store.query("SELECT definition FROM glue_jobs WHERE name = ?", (name,))
        return json.loads(rows[0]["definition"]) if rows else None

    def get(self, name: str) -> Job:
        """The job; raise EntityNotFoundException."""
        job = self.find(name)
        if job is None:
            raise AwsError("EntityNotFoundException", f"Job {name} not found.")
        return job

    def all(self) -> list[Job]:
        """All jobs by name."""
        return [json.loads(row["definition"]) for row in self._store.query("SELECT * FROM glue_jobs ORDER BY name")]

    def put(self, job: Job) -> None:
        """Write the job under its name."""
        with self._store.transaction() as cursor:
            cursor.execute("INSERT OR REPLACE INTO glue_jobs VALUES (?, ?)", (job["Name"], json.dumps(job)))

    def delete(self, name: str) -> None:
        """Forget the job, if there is one."""
        with self._store.transaction() as cursor:
            cursor.execute("DELETE FROM glue_jobs WHERE name = ?", (name,))


class GlueJobs:
    """The operations on jobs and runs; each takes a request and returns an answer in the API's own shape."""

    def __init__(self, store: Store, runner: Runner, records: RunRecords) -> None:
        self._store, self._runner, self._records = store, runner, records
        self._jobs = JobDefinitions(store)

    def operations(self) -> dict[str, Operation]:
        """By the names of the API."""
        return {
            "CreateJob": self.create_job,
            "UpdateJob": self.update_job,
            "DeleteJob": self.delete_job,
            "GetJob": self.get_job,
            "GetJobs": self.get_jobs,
            "ListJobs": self.list_jobs,
            "BatchGetJobs": self.batch_get_jobs,
            "StartJobRun": self.start_job_run,
            "GetJobRun": self.get_job_run,
            "GetJobRuns": self.get_job_runs,
            "BatchStopJobRun": self.batch_stop_job_run,
        }

    def create_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """Create a job; the same request again answers the same, another under the same name is refused."""
        job = complete_job(request)
        with self._store.transaction():
            existing = self._jobs.find(job["Name"])
            if existing is None:
                self._jobs.put({**job, "CreatedOn": _now(), "LastModifiedOn": _now()})
            elif {**existing, **job} != existing or existing.keys() - job.keys() - {"CreatedOn", "LastModifiedOn"}:
                raise AwsError(
                    "IdempotentParameterMismatchException",
                    f"Job with name {job['Name']} already submitted with different configuration",
                )
        return {"Name": job["Name"]}

    def update_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """Replace the whole definition, as Glue does: what the update leaves out falls back to its default."""
        with self._store.transaction():
            old = self._jobs.get(request["JobName"])
            job = complete_job({**request["JobUpdate"], "Name": old["Name"]})
            tags = {"Tags": old["Tags"]} if "Tags" in old else {}
            self._jobs.put({**job, **tags, "CreatedOn": old["CreatedOn"], "LastModifiedOn": _now()})
        return {"JobName": job["Name"]}

    def delete_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """Delete a job and its ended runs; a name that is not there is no error."""
        with self._store.transaction():
            self._jobs.delete(request["JobName"])
            self._records.forget(request["JobName"])
        return {"JobName": request["JobName"]}

    def get_job(self, request: dict[str, Any]) -> dict[str, Any]:
        """One job."""
        return {"Job": _without_tags(self._jobs.get(request["JobName"]))}

    def get_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """A page of jobs, by name."""
        page, token = _page(self._jobs.all(), request)
        return {"Jobs": [_without_tags(job) for job in page], **token}

    def list_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """A page of the names of the jobs that carry the tags."""
        wanted = request.get("Tags", {}).items()
        page, token = _page([job["Name"] for job in self._jobs.all() if wanted <= job.get("Tags", {}).items()], request)
        return {"JobNames": page, **token}

    def batch_get_jobs(self, request: dict[str, Any]) -> dict[str, Any]:
        """Several jobs by name."""
        found = {name: job for name in request["JobNames"] if (job := self._jobs.find(name))}
        missing = [name for name in request["JobNames"] if name not in found]
        return {"Jobs": [_without_tags(job) for job in found.values()], "JobsNotFound": missing}

    def start_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start a run of a job as it is defined now."""
        job = self._jobs.get(request["JobName"])
        settings = _run_settings(job, request)
        if previous := request.get("JobRunId"):
            self._get_run(job["Name"], previous)
            settings["PreviousRunId"] = previous
        run = new_run(job["Name"], settings)
        arguments = {
            **job.get("DefaultArguments", {}),
            **request.get("Arguments", {}),
            **job.get("NonOverridableArguments", {}),
        }
        plan = Plan(
            script_location=job["Command"]["ScriptLocation"],
            arguments=arguments,
            timeout_seconds=settings["Timeout"] * SECONDS_PER_MINUTE,
            max_retries=job["MaxRetries"],
        )
        self._records.add(run, job["ExecutionProperty"]["MaxConcurrentRuns"])
        self._runner.start(run, plan)
        return {"JobRunId": run["Id"]}

    def get_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """One run."""
        return {"JobRun": self._get_run(request["JobName"], request["RunId"])}

    def get_job_runs(self, request: dict[str, Any]) -> dict[str, Any]:
        """A page of a job's runs, newest first."""
        self._jobs.get(request["JobName"])
        offset, limit = _bounds(request)
        runs = self._records.newest_first(request["JobName"], offset, limit + 1)
        token = {"NextToken": str(offset + limit)} if len(runs) > limit else {}
        return {"JobRuns": runs[:limit], **token}

    def batch_stop_job_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask runs to stop; each is answered on its own."""
        submitted, errors = [], []
        name = request["JobName"]
        for run_id in request["JobRunIds"]:
            if self._records.get(name, run_id) is None:
                detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": f"Job run {run_id} not found."}
                errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
            elif self._runner.stop(run_id):
                submitted.append({"JobName": name, "JobRunId": run_id})
            else:
                detail = {
                    "ErrorCode": "InvalidInputException",
                    "ErrorMessage": "Job run is not in a state to be stopped",
                }
                errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": submitted, "Errors": errors}

    def _get_run(self, job_name: str, run_id: str) -> Run:
        run = self._records.get(job_name, run_id)
        if run is None:
            raise AwsError("EntityNotFoundException", f"Job run {run_id} not found.")
        return run


def install(context: Context) -> None:
    """Answer the operations on Glue jobs; leave the others of Glue to what answered them so far."""
    records = RunRecords(context.store)
    runner = Runner(context, records)
    glue = GlueJobs(context.store, runner, records)
    context.services["glue"] = JsonService(glue.operations(), fallback=context.services.get("glue", context.moto))
    context.pages["processes"] = runner.pool.processes
    context.on_shutdown.append(runner.close)


def complete_job(request: Mapping[str, Any]) -> Job:
    """A job definition with Glue's defaults filled in; raise InvalidInputException for what Glue refuses."""
    job: Job = {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "DefaultArguments": {},
        "MaxRetries": 0,
        "Timeout": DEFAULT_TIMEOUT_MINUTES,
        "GlueVersion": DEFAULT_GLUE_VERSION,
        "ExecutionClass": "STANDARD",
        **request,
    }
    for required in ("Name", "Role", "Command"):
        _require(bool(job.get(required)), f"{required} must be set")
    command = job["Command"]
    _require(
        command.get("Name") == "glueetl",
        f"Command.Name {command.get('Name')} does not run on the local Glue, only glueetl does",
    )
    _require(str(command.get("ScriptLocation", "")).startswith("s3://"), "Command.ScriptLocation must be an s3:// path")
    _require(job["GlueVersion"] in GLUE_VERSIONS, f"Glue version {job['GlueVersion']} is not one of {GLUE_VERSIONS}")
    _require(0 <= job["MaxRetries"] <= MOST_RETRIES, f"MaxRetries must be between 0 and {MOST_RETRIES}")
    job["ExecutionProperty"] = {"MaxConcurrentRuns": 1, **job["ExecutionProperty"]}
    _require(job["ExecutionProperty"]["MaxConcurrentRuns"] >= 1, "MaxConcurrentRuns must be at least 1")
    _require_timeout(job["Timeout"])
    return {**job, **_capacity(job, job["GlueVersion"])}


def _run_settings(job: Job, request: Mapping[str, Any]) -> Run:
    """The fields of a run that come from its job and may be changed for one run."""
    names = ("Timeout", "WorkerType", "NumberOfWorkers", "MaxCapacity", "SecurityConfiguration", "ExecutionClass")
    changes = {name: request[name] for name in names if name in request}
    _require_timeout(changes["Timeout"] if "Timeout" in changes else job["Timeout"])
    if "MaxCapacity" not in changes and "WorkerType" in job:
        changes = {"WorkerType": job["WorkerType"], "NumberOfWorkers": job["NumberOfWorkers"], **changes}
    elif "MaxCapacity" in job and "WorkerType" not in changes:
        changes = {"MaxCapacity": job["MaxCapacity"], **changes}
    inherited = {name: job[name] for name in ("Timeout", "SecurityConfiguration", "ExecutionClass") if name in job}
    return {
        **inherited,
        **changes,
        **_capacity(changes, job["GlueVersion"]),
        "GlueVersion": job["GlueVersion"],
        "Arguments": request.get("Arguments", {}),
    }


def _capacity(settings: Mapping[str, Any], glue_version: str) -> dict[str, Any]:
    """Workers and capacity as Glue answers them: one follows from the other."""
    worker_type, workers = settings.get("WorkerType"), settings.get("NumberOfWorkers")
    if "MaxCapacity" in settings:
        _require(
            worker_type is None and workers is None,
            "Please do not set Max Capacity if using Worker Type and Number of Workers.",
        )
        _require(
            glue_version in CAPACITY_ONLY_VERSIONS,
            f"Max Capacity is not supported by Glue version {glue_version}: set Worker Type and Number of Workers.",
        )
        return {"MaxCapacity": settings["MaxCapacity"], "AllocatedCapacity": int(settings["MaxCapacity"])}
    _require(
        (worker_type is None) == (workers is None), "Please set both Worker Type and Number of Workers, or neither."
    )
    chosen = {"WorkerType": worker_type, "NumberOfWorkers": workers} if worker_type else DEFAULT_WORKERS
    units = DPU_PER_WORKER.get(str(chosen["WorkerType"]))
    if units is None:
        raise _invalid(f"Worker Type {worker_type} is not one of {sorted(DPU_PER_WORKER)}")
    count = int(str(chosen["NumberOfWorkers"]))
    _require(count >= 2, "Number of Workers must be at least 2")
    return {**chosen, "MaxCapacity": units * count, "AllocatedCapacity": int(units * count)}


def _require_timeout(minutes: int) -> None:
    _require(1 <= minutes <= LONGEST_TIMEOUT_MINUTES, f"Timeout must be 1 to {LONGEST_TIMEOUT_MINUTES} minutes")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise _invalid(message)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)


def _bounds(request: Mapping[str, Any]) -> tuple[int, int]:
    token = request.get("NextToken") or "0"
    _require(str(token).isdecimal(), "NextToken is not valid")
    limit = request.get("MaxResults") or PAGE_SIZE
    _require(1 <= limit <= LARGEST_PAGE, f"MaxResults must be between 1 and {LARGEST_PAGE}")
    return int(token), limit


def _page(items: Sequence[T], request: Mapping[str, Any]) -> tuple[Sequence[T], dict[str, str]]:
    offset, limit = _bounds(request)
    token = {"NextToken": str(offset + limit)} if len(items) > offset + limit else {}
    return items[offset : offset + limit], token


def _without_tags(job: Job) -> Job:
    return {name: value for name, value in job.items() if name != "Tags"}


def _now() -> float:
    return round(time.time(), 3)
