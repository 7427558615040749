"""A thin client of Airflow's REST API: runs of a DAG, their tasks, and starting one."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.cli import airflow_login
from lakehouse.cli.airflow_login import Login

INGEST = "ingest"
FINISHED_STATES = frozenset({"success", "failed"})
_REQUEST_SECONDS = 10.0


class AirflowError(Exception):
    """Airflow does not answer, or refuses; the message says where."""


@dataclass(frozen=True)
class Run:
    """One run of the DAG. `state` is queued, running, success or failed."""

    run_id: str
    state: str
    ended_at: datetime | None


@dataclass(frozen=True)
class Task:
    """One task of a run. `state` is null before it is scheduled; `seconds` counts the last try, once it has ended."""

    task_id: str
    state: str | None
    seconds: float | None
    started_at: datetime | None


class AirflowApi:
    """The local Airflow, with a token that it hands to whoever logs in, and another one when that has run out."""

    def __init__(self, url: str, login: Login | None) -> None:
        """Without a login every call raises AirflowError."""
        self.url, self._login = url, login
        self._token: str | None = None
        # A proxy of whoever works here must not stand between two programs on one machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def runs(self, ended_since: datetime, limit: int = 50) -> list[Run]:
        """Runs that are unfinished, or ended at or after an instant; the oldest first."""
        query = {"order_by": "-run_after", "limit": str(limit)}
        answer = self._call(f"/api/v2/dags/{INGEST}/dagRuns?{urllib.parse.urlencode(query)}")
        runs = [Run(item["dag_run_id"], item["state"], _instant(item["end_date"])) for item in answer["dag_runs"]]
        return [run for run in reversed(runs) if run.ended_at is None or run.ended_at >= ended_since]

    def tasks(self, run_id: str) -> list[Task]:
        """The tasks of a run, those that have begun first, in the order in which they did."""
        items = self._call(f"{self._run_path(run_id)}/taskInstances")["task_instances"]
        tasks = [Task(item["task_id"], item["state"], item["duration"], _instant(item["start_date"])) for item in items]
        return sorted(tasks, key=lambda task: (task.started_at is None, task.started_at))

    def batch_id(self, run_id: str) -> int | None:
        """The batch that a run works on; None as long as it has planned none."""
        try:
            value = self._call(f"{self._run_path(run_id)}/taskInstances/plan/xcomEntries/return_value")["value"]
        except AirflowNotFoundError:
            return None
        return int(value) if value is not None else None

    def start(self, dataset: str | None = None) -> str:
        """Start a run, for one dataset or for all that is not held back; returns its id."""
        wanted = {"conf": {"dataset": dataset}} if dataset else {}
        return str(self._call(f"/api/v2/dags/{INGEST}/dagRuns", {"logical_date": None, **wanted})["dag_run_id"])

    def page(self, run_id: str) -> str:
        """The address at which a person sees a run."""
        return f"{self.url}/dags/{INGEST}/runs/{urllib.parse.quote(run_id)}"

    def _run_path(self, run_id: str) -> str:
        return f"/api/v2/dags/{INGEST}/dagRuns/{urllib.parse.quote(run_id, safe='')}"

    def _call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        is_old = self._token is not None
        try:
            return self._send(path, body)
        except AirflowLoginError:
            if not is_old:
                raise
            self._token = None
            return self._send(path, body)

    def _send(self, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        if self._login is None:
            raise AirflowLoginError(f"no login is known for Airflow at {self.url}; `lakehouse up` makes one")
        data = None if body is None else json.dumps(body).encode()
        try:
            if self._token is None:
                self._token = airflow_login.token(self.url, self._login)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
            request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310 - http to 127.0.0.1
            with self._opener.open(request, timeout=_REQUEST_SECONDS) as response:
                answer: dict[str, Any] = json.loads(response.read())
        except urllib.error.HTTPError as error:
            kind = _KINDS.get(error.code, AirflowError)
            raise kind(f"Airflow at {self.url} answers {path} with {error.code} {error.reason}") from error
        except (OSError, ValueError) as error:
            raise AirflowError(f"Airflow does not answer at {self.url} ({error}); run `lakehouse up`") from error
        return answer


class AirflowNotFoundError(AirflowError):
    """What was asked for is not there."""


class AirflowLoginError(AirflowError):
    """The login, or the token that it gave, is not accepted."""


_KINDS = {404: AirflowNotFoundError, 401: AirflowLoginError}


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
