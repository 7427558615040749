"""The pool of Glue workers: how many, who gets which, when they end. The workers here know no Spark, for speed."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local_aws import glue_logs, glue_worker_pool
from infra.local_aws.glue_logs import MAX_LINES, RunLog
from infra.local_aws.glue_worker_pool import Assignment, Event, Runtime, Worker, WorkerPool
from tests.support.glue import wait_for_end_of_group

OBEDIENT_WORKER = """
import json, os, sys
events = os.fdopen(int(sys.argv[1]), "w")
sys.stdin.readline()
for line in sys.stdin:
    run = json.loads(line)
    if run["argv"] == ["die"]:
        os._exit(5)
    sys.stdout.write("".join(f"{word}\\n" for word in run["argv"][:-1]) + run["argv"][-1])
    for stream in (sys.stdout, sys.stderr):
        stream.write(f"\\0end of {run['run_id']}\\0\\nnoise between runs\\n")
        stream.flush()
    json.dump({"event": "finished", "run_id": run["run_id"], "error": None, "reusable": True}, events)
    print(file=events, flush=True)
"""
DEADLINE_SECONDS = 20


class Lines:
    """Collects what a run prints."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self.errors: list[str] = []

    def output(self, lines: list[str]) -> None:
        self.printed += lines

    def error(self, lines: list[str]) -> None:
        self.errors += lines


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerPool]:
    program = tmp_path / "worker.py"
    program.write_text(OBEDIENT_WORKER)
    monkeypatch.setattr(glue_worker_pool, "WORKER_PROGRAM", program)
    pool = WorkerPool(tmp_path / "workers", lambda: dict(os.environ))
    yield pool
    pool.close()


def runtime(wheel: str = "v1", **conf: str) -> Runtime:
    return Runtime((("s3://b/wheel.whl", Path("/modules") / wheel),), tuple(sorted(conf.items())), ())


def acquire(pool: WorkerPool, wanted: Runtime) -> Worker:
    worker = pool.acquire(wanted, lambda: False)
    assert worker is not None
    return worker


def run(worker: Worker, run_id: str, argv: list[str], tmp_path: Path) -> tuple[Event, Lines]:
    lines = Lines()
    inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
    worker.run(Assignment(run_id, lines, inbox), tmp_path / "script.py", argv, tmp_path)
    return inbox.get(timeout=DEADLINE_SECONDS), lines


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_worker_is_reused_for_the_same_runtime_only(pool: WorkerPool) -> None:
    first = acquire(pool, runtime(a="1"))
    pool.release(first, reusable=True)
    assert acquire(pool, runtime(a="1")) is first
    assert acquire(pool, runtime(a="2")) is not first


def test_busy_worker_is_not_shared(pool: WorkerPool) -> None:
    assert acquire(pool, runtime()) is not acquire(pool, runtime())


def test_changed_artifact_ends_the_idle_worker_of_the_old_one(pool: WorkerPool) -> None:
    old = acquire(pool, runtime("v1"))
    pool.release(old, reusable=True)
    acquire(pool, runtime("v2"))
    wait_for_end_of_group(old.pid, seconds=DEADLINE_SECONDS)
    assert not old.directory.exists()


def test_third_runtime_waits_for_room_and_takes_it_from_an_idle_worker(pool: WorkerPool) -> None:
    first, second = acquire(pool, runtime(a="1")), acquire(pool, runtime(a="2"))
    third: list[Worker] = []
    thread = threading.Thread(target=lambda: third.append(acquire(pool, runtime(a="3"))), daemon=True)
    thread.start()
    thread.join(0.2)
    assert not third, "a third worker was started"
    pool.release(first, reusable=True)
    thread.join(DEADLINE_SECONDS)
    assert third
    assert not first.is_alive()
    assert second.is_alive()
    assert {process["pid"] for process in pool.processes()} == {second.pid, third[0].pid}


def test_run_that_is_stopped_while_it_waits_gets_no_worker(pool: WorkerPool) -> None:
    acquire(pool, runtime(a="1"))
    acquire(pool, runtime(a="2"))
    stopped = threading.Event()
    results: list[Worker | None] = []
    thread = threading.Thread(target=lambda: results.append(pool.acquire(runtime(a="3"), stopped.is_set)), daemon=True)
    thread.start()
    stopped.set()
    pool.wake()
    thread.join(DEADLINE_SECONDS)
    assert results == [None]


def test_worker_that_died_while_idle_is_replaced(pool: WorkerPool, tmp_path: Path) -> None:
    worker = acquire(pool, runtime())
    event, _ = run(worker, "r1", ["die"], tmp_path)
    assert (event.kind, event.details["status"]) == ("exited", 5)
    pool.release(worker, reusable=True)
    assert pool.processes() == []
    assert acquire(pool, runtime()) is not worker


def test_idle_worker_ends_after_a_while(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glue_worker_pool, "IDLE_SECONDS", 0.1)
    worker = acquire(pool, runtime())
    pool.release(worker, reusable=True)
    assert eventually(lambda: not worker.is_alive())
    assert pool.processes() == []


def test_output_belongs_to_its_run_to_the_last_unfinished_line(pool: WorkerPool, tmp_path: Path) -> None:
    worker = acquire(pool, runtime())
    for run_id, words in (("r1", ["one", "two", "unfinished"]), ("r2", ["three"])):
        event, lines = run(worker, run_id, words, tmp_path)
        worker.finish()
        assert event.kind == "finished"
        assert (lines.printed, lines.errors) == (words, [])


def test_log_is_bounded_and_says_so() -> None:
    log = RunLog("jr_bounded")
    log.output([f"line {number}" for number in range(MAX_LINES - 1)])
    log.output(["last", "too much"])
    log.output(["dropped"])
    stream = glue_logs._logs().groups["/aws-glue/jobs/output"].streams["jr_bounded"]
    assert len(stream.events) == MAX_LINES + 1
    assert stream.events[-2].message == "last"
    assert "the log ends here" in stream.events[-1].message


def test_worker_keeps_the_interpreter_of_the_server(pool: WorkerPool) -> None:
    worker = acquire(pool, runtime())
    assert os.path.realpath(f"/proc/{worker.pid}/exe") == os.path.realpath(sys.executable)
