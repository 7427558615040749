"""Processes that outlive the command that started them: recorded in files, recognised again, ended with all they began.

Each runs in a session of its own, so that what it started is found even after it died. A record holds the instant at
which its process began: a stranger who was given the same id later is never taken for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

_POLL_SECONDS = 0.05
_ORPHAN_SECONDS = 1.0
_KILL_SECONDS = 5.0
_MEGABYTE = 1024 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """A process as its file remembers it. `digest` names what it was started with, `birth` the instant it began."""

    role: str
    pid: int
    birth: str
    digest: str
    started_at: float

    @property
    def is_alive(self) -> bool:
        return birth(self.pid) == self.birth


class ProcessTable:
    """The processes of one state directory: a record of each in `run/`, their output in `logs/`."""

    def __init__(self, state_dir: Path) -> None:
        self._run, self._logs = state_dir / "run", state_dir / "logs"
        for folder in (self._run, self._logs):
            folder.mkdir(parents=True, exist_ok=True)

    def start(
        self, role: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path, digest: str
    ) -> Record:
        """Start a process in a new session, after whatever an earlier one of the role left behind has been ended."""
        self.stop([role], grace_seconds=0)
        log = self.log(role)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = Record(role, process.pid, birth(process.pid) or "ended at once", digest, time.time())
        path = self._path(role)
        path.with_suffix(".new").write_text(json.dumps(asdict(record)), encoding="utf-8")
        path.with_suffix(".new").replace(path)
        return record

    def find(self, role: str) -> Record | None:
        """The record of a role, alive or not."""
        try:
            return Record(**json.loads(self._path(role).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def is_alive(self, role: str) -> bool:
        record = self.find(role)
        return record is not None and record.is_alive

    def log(self, role: str) -> Path:
        """The file that takes a role's output; `<role>.previous.log` beside it is that of the one before."""
        return self._logs / f"{role}.log"

    def memory_mb(self, role: str) -> float:
        """Megabytes of the processes in a role's session; what they share counts once, where the system tells."""
        record = self.find(role)
        own = [process for process in members(record) if _session(process.pid) == record.pid] if record else []
        return sum(map(memory_mb, own))

    def stop(self, roles: Iterable[str], grace_seconds: float) -> None:
        """End every process that these roles started.

        SIGTERM to the first of each, which may end the others itself; SIGTERM to those it left; SIGKILL to the rest.
        """
        records = [record for role in roles if (record := self.find(role))]
        doomed = {process for record in records for process in members(record)}
        if grace_seconds:
            first = {process for process in doomed if process.pid in {record.pid for record in records}}
            for wave, seconds in ((first, grace_seconds), (doomed - first, _ORPHAN_SECONDS)):
                for process in wave:
                    _signal(process, signal.SIGTERM)
                _wait_until_gone(wave, seconds)
        doomed |= {process for record in records for process in members(record)}
        for process in doomed:
            _signal(process, signal.SIGKILL)
        _wait_until_gone(doomed, _KILL_SECONDS)
        for record in records:
            self._path(record.role).unlink(missing_ok=True)

    def _path(self, role: str) -> Path:
        return self._run / f"{role}.json"


def birth(pid: int) -> str | None:
    """The instant at which a living process began, as text that no later process with its id shares; else None."""
    try:
        if sys.platform == "linux":
            # Ticks since boot: unlike the time of day, nothing sets them back.
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            return None if after_name[0] in "ZX" else f"{_boot()}:{after_name[19]}"
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except (OSError, psutil.Error):
        return None


def members(record: Record) -> list[psutil.Process]:
    """The living processes of a record: the first, all in its session, and all that descend from those."""
    if not record.birth.startswith(_boot()):
        return []
    now = birth(record.pid)
    if now is not None and now != record.birth:
        return []  # the id has a new owner, so the session that bore it has ended
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        if _session(process.pid) == record.pid and birth(process.pid):
            found.add(process)
            with suppress(psutil.Error):
                found.update(child for child in process.children(recursive=True) if birth(child.pid))
    return sorted(found, key=lambda process: int(process.pid))


def memory_mb(process: psutil.Process) -> float:
    """Megabytes of one process: its share of memory where the system tells it, else what is resident; 0 when gone."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(memory, "pss", memory.rss)) / _MEGABYTE


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="utf-8").strip() if _BOOT_ID.exists() else ""


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error):  # psutil refuses to signal an id that has changed hands
        process.send_signal(number)


def _wait_until_gone(processes: Iterable[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    left = list(processes)
    while left := [process for process in left if _is_running(process)]:
        if time.monotonic() >= deadline:
            return
        time.sleep(_POLL_SECONDS)


def _is_running(process: psutil.Process) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # one that this command started would stay a zombie
    return birth(process.pid) is not None and bool(process.is_running())
