"""Warm workers for Glue job runs: started when needed, reused for the same code and settings, ended when idle."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, cast

from infra.local_aws import glue_worker, spark_runtime

MAX_WORKERS = 2
IDLE_SECONDS = 15 * 60
"""An idle worker holds about a gigabyte; after a coffee break's length it is given back."""
WORKER_PROGRAM = Path(glue_worker.__file__)
OUTPUT_SETTLES_SECONDS = 5.0
EXIT_SECONDS = 1.0
KILL_SECONDS = 10.0
LONGEST_LINE = 1 << 16
"""Bytes; a line without end is handed on in pieces."""


@dataclass(frozen=True)
class Runtime:
    """What a worker is made of. Two runs share a worker when these are equal."""

    python_path: tuple[tuple[str, Path], ...]
    """In the order of sys.path: where an artifact came from, and the directory, named by its content, that holds it."""
    conf: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]

    def replaces(self, other: Runtime) -> bool:
        """True when the other one was made from an artifact whose content has changed since: no run will ask for it."""
        now = dict(self.python_path)
        return any(source in now and now[source] != directory for source, directory in other.python_path)


class RunOutput(Protocol):
    """Where the lines of a run's driver go."""

    def output(self, lines: list[str]) -> None:
        """Take complete lines of stdout."""

    def error(self, lines: list[str]) -> None:
        """Take complete lines of stderr."""


@dataclass(frozen=True)
class Event:
    """What happens to a run: started | finished (with error and reusable) | exited (with the status) | stop."""

    kind: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Assignment:
    """One run on a worker: its id, where its output goes, and the queue where its events arrive."""

    run_id: str
    output: RunOutput
    inbox: queue.SimpleQueue[Event]
    streams_ended: dict[str, threading.Event] = field(
        default_factory=lambda: {"output": threading.Event(), "error": threading.Event()}
    )


class Worker:
    """A worker process and the threads that listen to it."""

    def __init__(self, runtime: Runtime, directory: Path, environment: Mapping[str, str]) -> None:
        """Start the process; its session opens meanwhile, and a run may be given to it at once."""
        self.runtime, self.directory = runtime, directory
        self.idle_since = time.monotonic()
        self.is_warm = False
        self._assignment: Assignment | None = None
        self._ended = threading.Event()
        self._assigning = threading.Lock()  # so that a run hears of the end once, whichever comes first
        directory.mkdir(parents=True)
        events_in, events_out = os.pipe()
        try:
            # Its own process group: the JVM joins it, and one signal ends both.
            self._process = subprocess.Popen(  # noqa: S603 - our own program under our own interpreter
                [sys.executable, "-P", str(WORKER_PROGRAM), str(events_out)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(events_out,),
                cwd=directory,
                env=self._environment(environment),
                start_new_session=True,
            )
        finally:
            os.close(events_out)
        self._commands = cast("IO[bytes]", self._process.stdin)
        self._send({"conf": spark_runtime.session_conf(dict(runtime.conf), runtime.packages, directory)})
        for name, pipe in (("output", self._process.stdout), ("error", self._process.stderr)):
            threading.Thread(target=self._read_stream, args=(name, pipe), daemon=True).start()
        threading.Thread(target=self._read_events, args=(os.fdopen(events_in, encoding="utf-8"),), daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id, which is that of its process group too."""
        return self._process.pid

    @property
    def run_id(self) -> str | None:
        """The run it works on, or None."""
        return self._assignment.run_id if self._assignment else None

    def is_alive(self) -> bool:
        """False once the process has ended and been reaped."""
        return not self._ended.is_set()

    def run(self, assignment: Assignment, script: Path, argv: list[str], directory: Path) -> None:
        """Give it a run; what becomes of it arrives in the assignment's inbox."""
        with self._assigning:
            self._assignment = assignment
            if self._ended.is_set():
                assignment.inbox.put(self._exit())
        self._send({"run_id": assignment.run_id, "script": str(script), "argv": argv, "directory": str(directory)})

    def finish(self) -> None:
        """Part from the run; return when all that it printed has been handed on."""
        if self._assignment is not None:
            deadline = time.monotonic() + OUTPUT_SETTLES_SECONDS
            for ended in self._assignment.streams_ended.values():
                ended.wait(max(0.0, deadline - time.monotonic()))
        self._assignment = None
        self.is_warm = True
        self.idle_since = time.monotonic()

    def kill(self) -> None:
        """End process, JVM and Python tasks at once, and remove what they kept on disk."""
        if self.is_alive():
            self._kill_group()
            self._ended.wait(KILL_SECONDS)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _environment(self, base: Mapping[str, str]) -> dict[str, str]:
        # PYTHONPATH comes before site-packages, so that the job's wheel wins over an installed copy of the same
        # package, here and in the Python processes that Spark starts for tasks.
        return {
            **base,
            "PYTHONPATH": os.pathsep.join(str(directory) for _, directory in self.runtime.python_path),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.directory),
            "SPARK_LOCAL_DIRS": str(self.directory),
        }

    def _send(self, message: dict[str, Any]) -> None:
        # A worker that has died says so through its events.
        with suppress(BrokenPipeError):
            self._commands.write(json.dumps(message).encode() + b"\n")
            self._commands.flush()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the latter: macOS, where all that is left is a zombie
            os.killpg(self.pid, signal.SIGKILL)

    def _exit(self) -> Event:
        return Event("exited", {"status": self._process.returncode})

    def _read_events(self, events: IO[str]) -> None:
        with events:
            for line in events:
                event = json.loads(line)
                assignment = self._assignment
                if assignment and assignment.run_id == event.get("run_id"):
                    assignment.inbox.put(Event(event.pop("event"), event))
        # A process on its way out has a status of its own to give; however it ended, its JVM must not outlive it.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_SECONDS)
        self._kill_group()
        self._process.wait()
        with self._assigning:
            self._ended.set()
            if assignment := self._assignment:
                assignment.inbox.put(self._exit())

    def _read_stream(self, name: str, stream: IO[bytes]) -> None:
        rest = b""
        while chunk := os.read(stream.fileno(), 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            self._hand_on(name, lines)
        self._hand_on(name, [rest] if rest else [])
        stream.close()
        if assignment := self._assignment:
            assignment.streams_ended[name].set()

    def _hand_on(self, name: str, lines: list[bytes]) -> None:
        assignment = self._assignment
        if assignment is None or not lines:
            return
        mark = glue_worker.end_of_run_mark(assignment.run_id).rstrip(b"\n")
        ended = next((index for index, line in enumerate(lines) if line.endswith(mark)), None)
        if ended is not None:
            # A last line without its newline stands before the mark; what follows the mark is nobody's.
            last = lines[ended].removesuffix(mark)
            lines = lines[:ended] + ([last] if last else [])
        if lines:
            getattr(assignment.output, name)([line.decode(errors="replace") for line in lines])
        if ended is not None:
            assignment.streams_ended[name].set()


class WorkerPool:
    """At most ``MAX_WORKERS`` workers, each with one run at a time. Safe to use from any thread."""

    def __init__(self, directory: Path, environment: Callable[[], Mapping[str, str]]) -> None:
        """``directory`` belongs to the pool; ``environment`` is asked for when a worker starts."""
        self._directory, self._environment = directory, environment
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._started = 0
        self._closed = False
        threading.Thread(target=self._end_idle_workers, name="idle workers", daemon=True).start()

    def acquire(self, runtime: Runtime, is_cancelled: Callable[[], bool]) -> Worker | None:
        """A worker for the runtime: a warm one, else a new one as soon as there is room. None when cancelled or closed.

        Whoever makes ``is_cancelled`` true calls ``wake`` afterwards. Ends idle workers that the runtime replaces.
        """
        with self._changed:
            self._discard([worker for worker in self._idle if runtime.replaces(worker.runtime)])
            while not (self._closed or is_cancelled()):
                self._discard([worker for worker in self._idle if not worker.is_alive()])
                if worker := next((worker for worker in self._idle if worker.runtime == runtime), None):
                    self._idle.remove(worker)
                    self._busy.append(worker)
                    return worker
                if len(self._idle) + len(self._busy) >= MAX_WORKERS and self._idle:
                    self._discard([min(self._idle, key=lambda worker: worker.idle_since)])
                if len(self._idle) + len(self._busy) < MAX_WORKERS:
                    self._started += 1
                    worker = Worker(runtime, self._directory / str(self._started), self._environment())
                    self._busy.append(worker)
                    return worker
                self._changed.wait()
        return None

    def release(self, worker: Worker, *, reusable: bool) -> None:
        """Take back a worker after its run, or end it when it is not to be used again."""
        if not reusable:
            worker.kill()
        worker.finish()
        with self._changed:
            if worker in self._busy:
                self._busy.remove(worker)
                self._idle.append(worker)
            if not reusable or self._closed:
                self._discard([worker])
            self._changed.notify_all()

    def wake(self) -> None:
        """Let waiting ``acquire`` calls look again whether they are cancelled."""
        with self._changed:
            self._changed.notify_all()

    def processes(self) -> list[dict[str, Any]]:
        """The living workers: ``{"role": "glue-worker", "pid": …, "state": "idle" | "running", "run_id": …}`` each."""
        with self._changed:
            states = [(worker, "idle") for worker in self._idle] + [(worker, "running") for worker in self._busy]
            return [
                {"role": "glue-worker", "pid": worker.pid, "state": state, "run_id": worker.run_id}
                for worker, state in states
                if worker.is_alive()
            ]

    def close(self) -> None:
        """End all workers at once, whatever they do."""
        with self._changed:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._changed.notify_all()
        for worker in workers:
            worker.kill()

    def _discard(self, workers: list[Worker]) -> None:
        for worker in workers:
            self._idle.remove(worker)
            worker.kill()

    def _end_idle_workers(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                self._discard([worker for worker in self._idle if now - worker.idle_since >= IDLE_SECONDS])
                next_end = min((worker.idle_since for worker in self._idle), default=now) + IDLE_SECONDS
                self._changed.wait(next_end - now)
