"""The SQLite store that all services of the local AWS share, and the lock on its directory.

WAL with ``synchronous=NORMAL``: a committed transaction survives the death of the process (``kill -9``), which is the
promise made here; it may be lost with the power of the machine, which is not.
"""

from __future__ import annotations

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]

BUSY_TIMEOUT_SECONDS = 30
IDLE_READERS = 8


class StateDirectoryInUseError(RuntimeError):
    """Another living process serves the same state directory."""


class Store:
    """One SQLite file ``state.db`` under ``state_dir``, safe to use from any thread.

    Rows are ``sqlite3.Row`` (by index or by column name). There is one writer at a time: ``transaction()`` is also the
    lock for a check followed by a change.
    """

    def __init__(self, state_dir: Path) -> None:
        """Open or create the store; raise ``StateDirectoryInUseError`` while another process holds the directory."""
        state_dir.mkdir(parents=True, exist_ok=True)
        self._directory_lock = _lock_directory(state_dir)
        self._path = state_dir / "state.db"
        _close_to_others(self._path)
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode=WAL")
        self._write_lock = threading.RLock()
        self._write_depth = 0
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(IDLE_READERS)

    def create(self, sql: str) -> None:
        """Run ``CREATE ... IF NOT EXISTS`` statements, separated by semicolons, when a service is installed."""
        with self._write_lock:
            self._writer.executescript(sql)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor; commit at the end, or roll back and re-raise. No other thread writes meanwhile.

        A transaction inside a transaction of the same thread joins it. Keep it short: never wait for others in it.
        """
        with self._write_lock:
            outermost = self._write_depth == 0
            cursor = self._writer.cursor()
            if outermost:
                cursor.execute("BEGIN IMMEDIATE")
            self._write_depth += 1
            try:
                yield cursor
            except BaseException:
                if outermost:
                    self._writer.rollback()
                raise
            else:
                if outermost:
                    self._writer.commit()
            finally:
                self._write_depth -= 1
                cursor.close()

    def query(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """All rows of a SELECT, as of the last commit; never waits for a writer."""
        try:
            reader = self._readers.get_nowait()
        except queue.Empty:
            reader = self._connect()
            reader.execute("PRAGMA query_only=ON")
        try:
            return reader.execute(sql, parameters).fetchall()
        finally:
            try:
                self._readers.put_nowait(reader)
            except queue.Full:
                reader.close()

    def close(self) -> None:
        """Close the connections and release the directory."""
        with self._write_lock:
            self._writer.close()
        while not self._readers.empty():
            self._readers.get_nowait().close()
        os.close(self._directory_lock)

    def _connect(self) -> sqlite3.Connection:
        # isolation_level=None: transactions begin and end only where this module says so.
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_SECONDS
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def _close_to_others(path: Path) -> None:
    """Leave the store, which holds secrets, to its owner. SQLite gives its journals the permissions of the file."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for part in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if part.exists():
            part.chmod(0o600)


def _lock_directory(state_dir: Path) -> int:
    # The kernel drops the lock when the process dies, however it dies, so no stale lock can be left behind.
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateDirectoryInUseError(f"another local AWS already serves {state_dir}") from error
    return descriptor
