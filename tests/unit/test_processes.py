"""Processes are found again, told apart from strangers with the same id, and ended with all that they started."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lakehouse.cli.processes import ProcessTable, Record, birth, members

WAITS = "import signal; signal.pause()"
# Prints the ids of a child in its session and of one in a session of its own.
HAS_CHILDREN = f"""
import subprocess, sys, signal
for own in (False, True):
    child = subprocess.Popen([sys.executable, "-c", {WAITS!r}], start_new_session=own)
    print(child.pid, flush=True)
signal.pause()
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
DEADLINE_SECONDS = 15.0


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    made = ProcessTable(tmp_path)
    yield made
    made.stop([path.stem for path in (tmp_path / "run").glob("*.json")], grace_seconds=0)


def start(table: ProcessTable, program: str, role: str = "role") -> Record:
    return table.start(role, [sys.executable, "-c", program], os.environ, Path.cwd(), "digest")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def printed_ids(table: ProcessTable, count: int, role: str = "role") -> list[int]:
    until(lambda: len(table.log(role).read_text().split()) == count)
    return [int(word) for word in table.log(role).read_text().split()]


def test_started_process_is_found_again_by_another_command(table: ProcessTable, tmp_path: Path) -> None:
    record = start(table, WAITS)
    found = ProcessTable(tmp_path).find("role")
    assert found == record
    assert found.is_alive
    until(lambda: ProcessTable(tmp_path).memory_mb("role") > 1)  # it is small until its program is loaded


def test_role_that_never_ran_is_not_alive(table: ProcessTable) -> None:
    assert table.find("role") is None
    assert not table.is_alive("role")


def test_killed_process_is_not_alive(table: ProcessTable) -> None:
    record = start(table, WAITS)
    os.kill(record.pid, signal.SIGKILL)
    until(lambda: not table.is_alive("role"))


def test_stop_ends_a_process_and_all_that_it_started(table: ProcessTable) -> None:
    record = start(table, HAS_CHILDREN)
    children = printed_ids(table, 2)
    assert {process.pid for process in members(record)} == {record.pid, *children}
    table.stop(["role"], grace_seconds=5)
    assert [pid for pid in (record.pid, *children) if birth(pid)] == []
    assert table.find("role") is None


def test_stop_ends_what_a_killed_process_left_in_its_session(table: ProcessTable) -> None:
    record = start(table, HAS_CHILDREN)
    in_session, _own_session = children = printed_ids(table, 2)
    try:
        os.kill(record.pid, signal.SIGKILL)
        until(lambda: not table.is_alive("role"))
        table.stop(["role"], grace_seconds=0)
        assert birth(in_session) is None
    finally:
        for pid in children:
            if birth(pid):
                os.kill(pid, signal.SIGKILL)


def test_starting_a_role_again_first_ends_what_the_last_one_left(table: ProcessTable) -> None:
    first = start(table, HAS_CHILDREN)
    in_session, own_session = printed_ids(table, 2)
    try:
        os.kill(first.pid, signal.SIGKILL)
        until(lambda: not table.is_alive("role"))
        second = start(table, WAITS)
        assert birth(in_session) is None
        assert second.is_alive
    finally:
        os.kill(own_session, signal.SIGKILL)


def test_process_that_ignores_the_request_is_killed_at_the_deadline(table: ProcessTable) -> None:
    record = start(table, DEAF)
    until(lambda: table.log("role").read_text() == "deaf\n")
    started = time.monotonic()
    table.stop(["role"], grace_seconds=0.3)
    assert 0.3 <= time.monotonic() - started < DEADLINE_SECONDS
    assert birth(record.pid) is None


def test_stranger_with_a_recycled_id_is_neither_taken_for_the_process_nor_killed(
    table: ProcessTable, tmp_path: Path
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", WAITS], start_new_session=True)
    try:
        now = birth(stranger.pid)
        assert now
        boot, _, ticks = now.rpartition(":")
        earlier = Record("role", stranger.pid, f"{boot}:{float(ticks) - 1:g}", "digest", 0.0)
        (tmp_path / "run" / "role.json").write_text(json.dumps(dataclasses.asdict(earlier)))
        assert not table.is_alive("role")
        assert members(earlier) == []
        table.stop(["role"], grace_seconds=0.1)
        assert birth(stranger.pid) == now
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names its boots")
def test_record_from_before_a_reboot_has_no_members(table: ProcessTable) -> None:
    record = start(table, WAITS)
    before = dataclasses.replace(record, birth="another-boot:" + record.birth.rpartition(":")[2])
    assert members(record)
    assert members(before) == []
    assert not before.is_alive


def test_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert birth(child.pid) is None
    child.wait()


def test_log_of_the_last_process_is_kept_beside_that_of_this_one(table: ProcessTable) -> None:
    start(table, "print('first')")
    until(lambda: table.log("role").read_text() == "first\n")
    start(table, "print('second')")
    until(lambda: table.log("role").read_text() == "second\n")
    assert table.log("role").with_suffix(".previous.log").read_text() == "first\n"
