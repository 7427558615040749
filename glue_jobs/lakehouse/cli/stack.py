"""The local stack: a local AWS and Airflow, started, repaired, looked at and ended as one.

State directory:

    stack.json     endpoint, Airflow's address, and the environment that points programs at this stack, with its key
    run/ logs/     a record and a log for each process
    aws/           everything that the local AWS keeps
    airflow/       AIRFLOW_HOME
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from lakehouse.cli import airflow_login, airflow_runtime, local_pages, private
from lakehouse.cli.airflow_login import Login
from lakehouse.cli.airflow_runtime import Airflow
from lakehouse.cli.landing_status import LandingStatus
from lakehouse.cli.processes import ProcessTable, memory_mb
from lakehouse.settings import Settings

LOCAL_AWS, API_SERVER = "local-aws", "airflow-api-server"
AIRFLOW_ROLES = {f"airflow-{name.replace('_', '-')}": name for name in airflow_runtime.COMMANDS}
ROLES = (LOCAL_AWS, *AIRFLOW_ROLES)
PREFERRED_PORTS = {"endpoint": 4566, "airflow_url": 8080}
ACCOUNT, REGION = "123456789012", "us-east-1"
START_SECONDS = 180.0
STOP_SECONDS = 10.0
AIRFLOW_STOP_SECONDS = 4.0  # the triggerer would wait ten seconds for triggers that keep nothing
_POLL_SECONDS = 0.1

Report = Callable[[str], None]


class StackError(Exception):
    """The stack cannot start or run; the message says which process and what its log ends with."""


@dataclass(frozen=True)
class ProcessStatus:
    """One process. `memory_mb` counts all processes of the role; `url` is where it answers, if it does, and to whom.

    `landing` is what lies in the landing bucket, of the local AWS alone.
    """

    role: str
    pid: int | None
    alive: bool
    memory_mb: float
    url: str | None
    login: Login | None = None
    landing: LandingStatus | None = None


@dataclass(frozen=True)
class Stack:
    """A running stack: where it answers and the environment that points programs at it."""

    endpoint: str
    airflow_url: str
    environment: Mapping[str, str]

    def enter(self) -> None:
        """Point this process at the stack; nothing that pointed it at another AWS stays."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self.environment)


def start(root: Path, state_dir: Path, report: Report) -> Stack:
    """Start what is not running, wait until all is well, and return where it answers.

    `root` is the checkout. Raises StackError. Costs about a second when everything runs already.
    """
    _close_to_others(state_dir)
    with _only_one(state_dir):
        return _Start(root.resolve(), state_dir.resolve(), report).run()


def stop(state_dir: Path) -> list[str]:
    """End every process of the stack, the local AWS last. Returns the roles that were alive."""
    if not state_dir.is_dir():
        return []
    with _only_one(state_dir):
        processes = ProcessTable(state_dir)
        alive = [role for role in ROLES if processes.is_alive(role)]
        processes.stop(AIRFLOW_ROLES, AIRFLOW_STOP_SECONDS)
        processes.stop([LOCAL_AWS], STOP_SECONDS)
        return alive


def status(state_dir: Path) -> list[ProcessStatus]:
    """Every process of the stack, dead ones included, and the Glue workers that the local AWS has started."""
    if not state_dir.is_dir():
        return []
    processes, stack = ProcessTable(state_dir), load(state_dir)
    urls = {LOCAL_AWS: stack.endpoint, API_SERVER: stack.airflow_url} if stack else {}
    rows = []
    for role in ROLES:
        record, is_alive = processes.find(role), processes.is_alive(role)
        rows.append(
            ProcessStatus(
                role=role,
                pid=record.pid if record and is_alive else None,
                alive=is_alive,
                memory_mb=round(processes.memory_mb(role), 1) if is_alive else 0.0,
                url=urls.get(role) if is_alive else None,
                login=login(state_dir) if is_alive and role == API_SERVER else None,
            )
        )
    workers = _workers(stack) if stack and processes.is_alive(LOCAL_AWS) else []
    return rows + workers


def load(state_dir: Path) -> Stack | None:
    """The stack as it was last started, running or not; None when it never was."""
    try:
        return Stack(**json.loads((state_dir / "stack.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def running(state_dir: Path) -> Stack | None:
    """The stack whose local AWS lives; None when it does not."""
    stack = load(state_dir)
    return stack if stack and ProcessTable(state_dir).is_alive(LOCAL_AWS) else None


def login(state_dir: Path) -> Login | None:
    """Who may use the stack's Airflow; None when it was never started."""
    return airflow_login.known(state_dir / "airflow")


class _Start:
    """One run of `start`."""

    def __init__(self, root: Path, state_dir: Path, report: Report) -> None:
        self.root, self.state_dir, self.report = root, state_dir, report
        self.processes = ProcessTable(state_dir)
        self.deadline = time.monotonic() + START_SECONDS
        self.since: dict[str, float] = {}

    def run(self) -> Stack:
        stack = self._addresses()
        airflow = Airflow(self.state_dir / "airflow", self.root, _port(stack.airflow_url))
        airflow_environment = {**_inherited(), **stack.environment, **airflow.environment()}
        migration_log = self.state_dir / "logs" / "airflow-migration.log"
        migration = None if airflow.is_migrated() else airflow.start_migration(airflow_environment, migration_log)

        aws_started = self._start_local_aws(stack)
        self._provision(stack, aws_started)
        if migration is not None:
            self.report("Airflow makes its database")
            try:
                airflow.finish_migration(migration, migration_log, self._seconds_left())
            except airflow_runtime.MigrationError as error:
                raise StackError(f"Airflow could not make its database:\n{error}") from error
        digest = _digest({**stack.environment, **airflow.environment()})
        for role, name in AIRFLOW_ROLES.items():
            command = [*airflow_runtime.command(), *airflow_runtime.COMMANDS[name]]
            if self._ensure(role, command, airflow_environment, digest):
                self.since[name] = time.time()
        try:
            self._wait(AIRFLOW_ROLES, lambda: airflow.unready(self.since))
        except (airflow_runtime.BrokenDagError, airflow_runtime.NoGateError) as error:
            raise StackError(str(error)) from error
        if airflow.is_paused():
            self.report(f"the DAG {airflow_runtime.MAIN_DAG} is paused: nothing runs until it is unpaused in the UI")
        return stack

    def _addresses(self) -> Stack:
        """Keep the addresses of last time, unless something else has taken one of them."""
        known = load(self.state_dir)
        urls = {}
        for name, roles in {"endpoint": [LOCAL_AWS], "airflow_url": [API_SERVER]}.items():
            wanted = _port(getattr(known, name)) if known else PREFERRED_PORTS[name]
            is_ours = known is not None and any(self.processes.is_alive(role) for role in roles)
            port = wanted if is_ours or _is_free(wanted) else _free_port()
            if port != wanted:
                self.report(f"port {wanted} is busy: {roles[0]} takes {port}")
            urls[name] = f"http://127.0.0.1:{port}"
        key = private.access_key(known.environment if known else {})
        stack = Stack(**urls, environment=environment(urls["endpoint"], key))
        content = json.dumps({**urls, "environment": dict(stack.environment)}, indent=2)
        private.write(self.state_dir / "stack.json", content)
        return stack

    def _start_local_aws(self, stack: Stack) -> bool:
        command = [sys.executable, "-m", "infra.local_aws", "--state", str(self.state_dir / "aws")]
        command += ["--port", str(_port(stack.endpoint))]
        started = self._ensure(LOCAL_AWS, command, {**_inherited(), **stack.environment}, _digest(stack.environment))
        self._wait([LOCAL_AWS], lambda: _unhealthy(stack.endpoint))
        return started

    def _provision(self, stack: Stack, aws_started: bool) -> None:
        """Make what the road needs, when the AWS has just started or the project's files have changed since."""
        mark, sources = self.state_dir / "provisioned", _sources(self.root)
        if not aws_started and mark.exists() and mark.read_text(encoding="utf-8") == sources:
            return
        self.report("bucket, queue, jobs and warehouse are made")
        stack.enter()
        # It talks to AWS through packages that take half a second to import, which the fast path does not need.
        from infra.local_aws.provision import provision

        mark.unlink(missing_ok=True)
        provision(Settings.from_environment(stack.environment), self.root, self.report)
        mark.write_text(sources, encoding="utf-8")

    def _ensure(self, role: str, command: list[str], variables: Mapping[str, str], digest: str) -> bool:
        """Start a role unless it runs with the same settings; True when it was started."""
        record = self.processes.find(role)
        if record is not None and record.is_alive and record.digest == digest:
            return False
        if record is not None and record.is_alive:
            self.report(f"{role} restarts with new settings")
            self.processes.stop([role], STOP_SECONDS)
        else:
            self.report(f"{role} starts")
        self.processes.start(role, command, variables, self.root, digest)
        return True

    def _wait(self, roles: Iterable[str], missing: Callable[[], list[str]]) -> None:
        """Poll until nothing is missing. Raises StackError when a process dies or time runs out."""
        while reasons := missing():
            for role in roles:
                if not self.processes.is_alive(role):
                    log = self.processes.log(role)
                    raise StackError(f"{role} has died; its log {log} ends:\n" + "\n".join(airflow_runtime.tail(log)))
            if not self._seconds_left():
                raise StackError(f"not ready after {START_SECONDS:.0f} s: {'; '.join(reasons)}")
            time.sleep(_POLL_SECONDS)

    def _seconds_left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())


def environment(endpoint: str, key: Mapping[str, str]) -> dict[str, str]:
    """What points a program at the stack: AWS's own variables, `key` among them, and the lakehouse's settings."""
    beside_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **key,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The profiles of whoever works here must not lead to a real account.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": beside_proxy,
        "no_proxy": beside_proxy,
        "LAKEHOUSE_BUCKET": "lakehouse-local",
        "LAKEHOUSE_LANDING_BUCKET": "lakehouse-local-landing",
        "LAKEHOUSE_QUEUE_URL": f"{endpoint}/{ACCOUNT}/lakehouse-landing",
        "LAKEHOUSE_WORKGROUP": "lakehouse",
        "LAKEHOUSE_DATABASE": "lakehouse",
        "LAKEHOUSE_REDSHIFT_ROLE": f"arn:aws:iam::{ACCOUNT}:role/lakehouse-redshift",
    }


def _close_to_others(state_dir: Path) -> None:
    """Make the directory, or take it from everybody else; one that is meant for everybody is not taken."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if state_dir.stat().st_mode & stat.S_IWOTH:
        raise StackError(f"{state_dir} is open to everybody on this machine: choose another folder in LAKEHOUSE_STATE")
    state_dir.chmod(0o700)


def _inherited() -> dict[str, str]:
    """This process's environment without what could lead a program elsewhere than to the stack.

    And without PYTHONDONTWRITEBYTECODE: Airflow starts in half the time when its modules have been compiled before.
    """
    foreign = ("AWS_", "AIRFLOW_", "_AIRFLOW_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


@contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Let two commands that change the stack take turns."""
    with (state_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sources(root: Path) -> str:
    """A digest of the names, sizes and dates of the files that provisioning reads."""
    provisioning = [root / "infra" / "wheel.py", root / "infra" / "local_aws" / "provision.py"]
    folders = [root / "glue_jobs", root / "datagen"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    wanted = sorted(path for path in [*files, *provisioning] if "__pycache__" not in path.parts)
    return _digest({str(path): f"{path.stat().st_size} {path.stat().st_mtime_ns}" for path in wanted})


def _digest(values: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _unhealthy(endpoint: str) -> list[str]:
    try:
        local_pages.health(endpoint)
    except (OSError, ValueError) as error:
        return [f"the local AWS does not answer yet ({error})"]
    return []


def _workers(stack: Stack) -> list[ProcessStatus]:
    try:
        processes = local_pages.processes(stack.endpoint, stack.environment)
    except (OSError, ValueError):
        return []
    return [
        ProcessStatus(item["role"], item["pid"], True, round(_tree_mb(item["pid"]), 1), None)
        for item in processes
        if item["role"] not in ROLES
    ]


def _tree_mb(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        return sum(map(memory_mb, [process, *process.children(recursive=True)]))
    except psutil.Error:
        return 0.0


def _port(url: str) -> int:
    return urlsplit(url).port or 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as probe:  # where the system lets two sockets share a port, somebody may answer on it
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
