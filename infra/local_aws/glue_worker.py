"""The driver process of Glue job runs: one open Spark session, one run after the other, each as in a new process.

The worker pool starts this file as a script (``python -P glue_worker.py``) at the head of its own process group, with
the job's wheels first on PYTHONPATH. It imports nothing of this package: what a job can import must not depend on where
the server's code lies. The parent writes JSON lines to stdin and reads JSON lines from the descriptor in argv[1]:

    in   {"conf": {...}}                                                  first line: opens the session
    in   {"run_id": "jr_…", "script": "/…/job.py", "argv": [...], "directory": "/…"}
    out  {"event": "ready"}  {"event": "started", "run_id": …}
         {"event": "finished", "run_id": …, "error": null | "ValueError: …", "reusable": true}

``end_of_run_mark(run_id)`` follows a run's last byte of stdout and of stderr, so that the parent can tell its output
from that of the next run. When stdin ends, the server is gone: worker and JVM die at once, so that nothing writes on.
"""

from __future__ import annotations

import gc
import io
import json
import linecache
import logging
import os
import queue
import runpy
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ERROR_MESSAGE_LIMIT = 4000


def end_of_run_mark(run_id: str) -> bytes:
    """The line on stdout and stderr behind which nothing belongs to the run any more."""
    return b"\x00end of " + run_id.encode() + b"\x00\n"


@dataclass(frozen=True)
class Channels:
    """Private copies of the descriptors that a script could otherwise close or read."""

    commands: TextIO
    events: TextIO
    output: int
    error: int

    def send(self, event: str, **details: object) -> None:
        """Write one event for the parent."""
        self.events.write(json.dumps({"event": event, **details}) + "\n")
        self.events.flush()

    def open_standard_streams(self) -> None:
        """Make stdout and stderr as they were, unbuffered, whatever a script did to them."""
        with suppress(AttributeError, OSError, ValueError):
            sys.stdout.flush()
        with suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
        os.dup2(self.output, 1)
        os.dup2(self.error, 2)
        sys.stdout, sys.stderr = _unbuffered(1), _unbuffered(2)


def _unbuffered(descriptor: int) -> TextIO:
    raw: Any = io.FileIO(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def main() -> None:
    """Serve runs until stdin ends, which kills the process group."""
    channels = _take_channels(int(sys.argv[1]))
    sys.argv = [""]
    commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channels.commands, commands), name="commands", daemon=True).start()
    sessions = Sessions(commands.get()["conf"])
    idle = threading.Lock()
    threading.Thread(target=_follow_jvm, args=(sessions, idle), name="jvm", daemon=True).start()
    channels.send("ready")
    while True:
        run = commands.get()
        with idle:
            _serve(run, sessions, channels)


def _take_channels(events: int) -> Channels:
    os.set_inheritable(events, False)
    commands = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return Channels(
        commands=os.fdopen(commands, encoding="utf-8"),
        events=os.fdopen(events, "w", encoding="utf-8"),
        output=os.dup(1),
        error=os.dup(2),
    )


def _listen(commands: TextIO, received: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in commands:
        received.put(json.loads(line))
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _follow_jvm(sessions: Sessions, idle: threading.Lock) -> None:
    """End when the JVM has ended, so that the pool gives no run to a worker without one; a run sees it by itself."""
    sessions.wait_for_end_of_jvm()
    with idle:
        os._exit(1)


def _serve(run: dict[str, Any], sessions: Sessions, channels: Channels) -> None:
    run_id = run["run_id"]
    channels.send("started", run_id=run_id)
    error, reusable = None, True
    threads_before = set(threading.enumerate())
    channels.open_standard_streams()
    with _as_in_a_new_process(run["script"], run["argv"], run["directory"]):
        try:
            sessions.begin_run()
            runpy.run_path(run["script"], run_name="__main__")
        except BaseException as raised:  # noqa: BLE001 - whatever ends the script is the run's outcome, never the worker's
            channels.open_standard_streams()
            error = _outcome(raised, run["script"])
    try:
        sessions.end_run()
    except Exception:  # noqa: BLE001 - the JVM is gone or broken; the run's own outcome stands
        reusable = False
    if any(not thread.daemon for thread in set(threading.enumerate()) - threads_before):
        reusable = False  # the script left a thread at work: the next run must not meet it
    for descriptor in (channels.output, channels.error):
        os.write(descriptor, end_of_run_mark(run_id))
    channels.send("finished", run_id=run_id, error=error, reusable=reusable)
    gc.collect()  # lets the JVM forget the frames of the run


def _outcome(raised: BaseException, script: str) -> str | None:
    """The run's error as Glue words it, with the traceback on stderr as Python prints it; None for a plain end."""
    if isinstance(raised, SystemExit):
        if raised.code is None or raised.code == 0:
            return None
        if not isinstance(raised.code, int):
            sys.stderr.write(f"{raised.code}\n")
    else:
        traceback.print_exception(type(raised), raised, _from_the_script_on(raised.__traceback__, script))
    return "".join(traceback.format_exception_only(raised)).strip()[:ERROR_MESSAGE_LIMIT]


def _from_the_script_on(frames: TracebackType | None, script: str) -> TracebackType | None:
    frame = frames
    while frame is not None and frame.tb_frame.f_code.co_filename != script:
        frame = frame.tb_next
    return frame or frames


@contextmanager
def _as_in_a_new_process(script: str, argv: list[str], directory: str) -> Iterator[None]:
    """Give the run its argv and directory, and take back afterwards what a run can leave behind in an interpreter.

    The modules of the job's wheels are forgotten: their next import runs them anew, as in a new process. Installed
    packages stay imported; loading them is a good part of a start.
    """
    environment, path, modules = dict(os.environ), list(sys.path), set(sys.modules)
    of_the_job = (directory, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    old_directory = os.getcwd()
    sys.argv = [script, *argv]
    os.chdir(directory)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(old_directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [""]
        sys.path[:] = path
        root.handlers[:] = handlers
        root.setLevel(level)
        for name in set(sys.modules) - modules:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(of_the_job):
                del sys.modules[name]
        linecache.clearcache()


class Sessions:
    """The Spark sessions of this process: one SparkContext, and a session of its own for each run.

    A new session has its own settings, temporary views, functions and catalogs (so it cannot meet table metadata that
    an earlier run cached), while context, JVM and loaded classes are shared: it costs a quarter of a second.
    """

    def __init__(self, conf: dict[str, str]) -> None:
        """Start the JVM and the context with these settings."""
        self._conf = conf
        self._base = self._open()

    def begin_run(self) -> None:
        """Make a fresh session the one that ``SparkSession.builder.getOrCreate()`` returns."""
        if self._is_stopped():
            self._base = self._open()
        self._make_default(self._base.newSession())

    def end_run(self) -> None:
        """Drop what outlives a session: jobs, queries, cached data, global views. Raise when the JVM is gone."""
        if self._is_stopped():
            self._call_jvm()
            return
        context = self._base.sparkContext
        for query in type(self._base).builder.getOrCreate().streams.active:
            query.stop()
        context.cancelAllJobs()
        context._jsc.clearJobGroup()
        self._base.catalog.clearCache()
        for dataset in context._jsc.getPersistentRDDs().values():
            dataset.unpersist()
        self._base._jsparkSession.sharedState().globalTempViewManager().clear()
        self._make_default(self._base)

    def wait_for_end_of_jvm(self) -> None:
        """Block until the JVM process has ended."""
        gateway: Any = self._base.sparkContext._gateway
        gateway.proc.wait()

    def _call_jvm(self) -> None:
        jvm: Any = self._base._jvm
        jvm.System.currentTimeMillis()

    def _open(self) -> SparkSession:
        # Imported here: the server imports this module too, and has no use for Spark.
        from pyspark.sql import SparkSession

        builder = SparkSession.builder
        for key, value in self._conf.items():
            builder = builder.config(key, value)
        return builder.getOrCreate()

    def _is_stopped(self) -> bool:
        java = self._base._sc._jsc
        return java is None or bool(java.sc().isStopped())

    @staticmethod
    def _make_default(session: SparkSession) -> None:
        # The two places, Python's and the JVM's, where Spark keeps "the" session; newSession() sets neither.
        kind = type(session)
        kind._instantiatedSession = kind._activeSession = session
        java = session._get_j_spark_session_class(session._jvm)
        java.setDefaultSession(session._jsparkSession)
        java.setActiveSession(session._jsparkSession)


if __name__ == "__main__":
    main()
