"""How Airflow runs on a laptop: its settings, its database, its four processes, and how to know that they are well."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from importlib import metadata
from pathlib import Path
from typing import Any

from lakehouse.cli import airflow_login, private

# Role in the health report → arguments of `airflow`. Logs are read from the disk that all four share.
COMMANDS: Mapping[str, Sequence[str]] = {
    "api_server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag_processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
MAIN_DAG = "ingest"
_REQUEST_SECONDS = 10.0


class MigrationError(Exception):
    """Airflow's database could not be made; the message is the end of what the migration printed."""


class BrokenDagError(Exception):
    """A DAG's file raises when it is read; the message is its traceback."""


class NoGateError(Exception):
    """The API server answers foreign pages, because its plugin could not be loaded; the message says where to look."""


@dataclass(frozen=True)
class Airflow:
    """The local Airflow of one state directory, serving on one port of 127.0.0.1."""

    home: Path
    root: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def _database(self) -> Path:
        return self.home / "airflow.db"

    def environment(self) -> dict[str, str]:
        """What each of the processes needs in its environment, keys included; made once and kept in `home`."""
        keys = self._keys()
        airflow_login.ensure(self.home)
        settings: dict[str, dict[str, object]] = {
            "core": {
                "dags_folder": self.root / "dags",
                "load_examples": False,
                "dags_are_paused_at_creation": False,
                "executor": "LocalExecutor",
                "parallelism": 3,  # one batch at a time; room for what is started from the UI meanwhile
                "simple_auth_manager_all_admins": False,
                "simple_auth_manager_users": f"{airflow_login.USER}:admin",
                "simple_auth_manager_passwords_file": airflow_login.passwords_file(self.home),
                "plugins_folder": self.root / "infra" / "local_airflow" / "plugins",
                "execution_api_server_url": f"{self.url}/execution/",
                "fernet_key": keys["fernet_key"],
                "hostname_callable": "socket.gethostname",  # the default asks DNS
            },
            "api": {
                "host": "127.0.0.1",
                "port": self.port,
                "base_url": self.url,
                "workers": 1,
                "secret_key": keys["secret_key"],
            },
            "api_auth": {"jwt_secret": keys["jwt_secret"]},
            "database": {"sql_alchemy_conn": f"sqlite:///{self._database}?timeout=30"},
            "scheduler": {
                # Seconds between two looks for work: a task waits half of it, an idle laptop pays for each.
                "scheduler_idle_sleep_time": 0.5,
                # A task that died with the scheduler is tried again after half a minute instead of five.
                "task_instance_heartbeat_timeout": 30,
                "task_instance_heartbeat_timeout_detection_interval": 5,
                # A new scheduler looks for the tasks of a dead one when it starts, which is too early if it starts at
                # once, and then every five minutes.
                "orphaned_tasks_check_interval": 10,
            },
            # A file is read again when it has changed; otherwise not to be told every half minute what it says.
            "dag_processor": {"parsing_processes": 1, "refresh_interval": 600, "min_file_process_interval": 600},
            "usage_data_collection": {"enabled": False},
        }
        return {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(str(path) for path in (self.root / "infra" / "local_airflow", self.root)),
            **{
                f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
                for section, values in settings.items()
                for key, value in values.items()
            },
        }

    def is_migrated(self) -> bool:
        """True when the database was made by the installed version of Airflow."""
        mark = self._migration_mark
        return mark.exists() and mark.read_text(encoding="utf-8") == _version() and self._database.exists()

    def start_migration(self, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Begin to make the database; `finish_migration` waits for it."""
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own interpreter
                [*command(), "db", "migrate"], env=dict(environment), stdout=output, stderr=subprocess.STDOUT
            )

    def finish_migration(self, migration: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
        """Wait for the database and make it ready for several processes. Raises MigrationError."""
        try:
            status = migration.wait(seconds)
        except subprocess.TimeoutExpired:
            migration.kill()
            status = migration.wait()
        if status:
            raise MigrationError("\n".join(tail(log)))
        # Readers and the writer stop waiting for each other; the database file remembers it.
        with closing(sqlite3.connect(self._database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        self._migration_mark.write_text(_version(), encoding="utf-8")

    def unready(self, since: Mapping[str, float]) -> list[str]:
        """What is still missing, in words; empty when all is well.

        `since` gives for each role the instant (seconds since the epoch) that its last heartbeat must not be older
        than: a process that was killed looks healthy for half a minute. Raises BrokenDagError, NoGateError.
        """
        try:
            health = self._get("/api/v2/monitor/health")
            self._require_gate()
            missing = [
                f"the {role} has not reported yet"
                for role in COMMANDS
                if role != "api_server" and not _is_well(role, health.get(role) or {}, since.get(role, 0.0))
            ]
            # The first request of a task costs four seconds once: here it costs nobody.
            self._get("/execution/health")
            return missing or self._dag_missing(since.get("dag_processor", 0.0))
        except (OSError, ValueError) as error:
            return [f"the API server does not answer yet ({error})"]

    def _require_gate(self) -> None:
        try:
            self._get("/api/v2/monitor/health", host="rebound.example")
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.FORBIDDEN:
                return
            raise
        raise NoGateError("Airflow answers foreign pages: its plugin `gate` was not loaded; see the API server's log")

    def is_paused(self) -> bool:
        """True when someone paused the main DAG in the UI."""
        return bool(self._dag()["is_paused"])

    def _dag_missing(self, since: float) -> list[str]:
        """A DAG that was read with other settings, or before its file changed, does not count."""
        try:
            read_at = self._dag()["last_parsed_time"]
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            read_at = None
        if read_at and _instant(read_at) >= since:
            return []
        for broken in self._get("/api/v2/importErrors", self._token())["import_errors"]:
            if _instant(broken["timestamp"]) >= since:
                raise BrokenDagError(f"{broken['filename']} cannot be read:\n{broken['stack_trace']}")
        return [f"the DAG {MAIN_DAG} has not been read yet"]

    def _dag(self) -> dict[str, Any]:
        return self._get(f"/api/v2/dags/{MAIN_DAG}", self._token())

    def _token(self) -> str:
        return airflow_login.token(self.url, airflow_login.ensure(self.home))

    def _get(self, path: str, token: str | None = None, host: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Host": host} if host else {}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310 - http to 127.0.0.1
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_REQUEST_SECONDS) as response:
            answer: dict[str, Any] = json.loads(response.read())
        return answer

    def _keys(self) -> dict[str, str]:
        path = self.home / "keys.json"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            keys = {name: secrets.token_urlsafe(48) for name in ("secret_key", "jwt_secret")}
            keys["fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            private.write(path, json.dumps(keys))
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    @property
    def _migration_mark(self) -> Path:
        return self.home / "migrated"


def command() -> list[str]:
    """The beginning of every `airflow` command line, in this interpreter's environment."""
    return [sys.executable, "-m", "airflow"]


def tail(log: Path, lines: int = 15) -> list[str]:
    """The last lines of a log."""
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] if log.exists() else []


def _version() -> str:
    return metadata.version("apache-airflow-core")


def _is_well(role: str, report: Mapping[str, Any], since: float) -> bool:
    heartbeat = report.get(f"latest_{role}_heartbeat")
    return report.get("status") == "healthy" and heartbeat is not None and _instant(heartbeat) >= since


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
