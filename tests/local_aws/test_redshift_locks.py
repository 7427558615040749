"""Transactions that meet: what is seen, who waits, and what LOCK is for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError, StatementCanceledError
from infra.local_aws.redshift.locks import LockManager, Mode
from infra.local_aws.redshift.session import Session
from tests.support.warehouse import Sql

DEADLINE_SECONDS = 20


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    made = Warehouse(tmp_path, lambda: None, lambda: "")
    sql = Sql(made.session("admin"))
    sql("CREATE TABLE loads (batch INT)")
    sql("CREATE TABLE facts (key INT, value INT)")
    sql.session.close()
    yield made
    made.close()


@pytest.fixture
def first(warehouse: Warehouse) -> Iterator[Sql]:
    session = warehouse.session("admin")
    yield Sql(session)
    session.close()


@pytest.fixture
def second(warehouse: Warehouse) -> Iterator[Sql]:
    session = warehouse.session("admin")
    yield Sql(session)
    session.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the state was never reached"
        time.sleep(0.005)


def waits(session: Session) -> bool:
    return session.number in session.warehouse.locks.waiting()


def replace_key(sql: Sql, *, lock: bool) -> None:
    """The load of one key: delete it, insert it anew; the second statement is where two loads meet."""
    sql("BEGIN")
    if lock:
        sql("LOCK loads")
    sql("DELETE FROM facts WHERE key = 7")


def finish(sql: Sql, value: int) -> None:
    sql(f"INSERT INTO facts VALUES (7, {value})")
    sql("COMMIT")


@pytest.mark.parametrize(("lock", "rows"), [(True, 1), (False, 2)])
def test_only_a_lock_keeps_two_loads_from_inserting_one_key_twice(
    first: Sql, second: Sql, background: ThreadPoolExecutor, lock: bool, rows: int
) -> None:
    replace_key(first, lock=lock)

    def other() -> None:
        replace_key(second, lock=lock)
        finish(second, 2)

    loading = background.submit(other)
    until(lambda: waits(second.session))
    finish(first, 1)
    loading.result(DEADLINE_SECONDS)
    assert first("SELECT count(*) FROM facts WHERE key = 7") == [(rows,)]


def test_snapshot_begins_after_the_lock_is_held(first: Sql, second: Sql, background: ThreadPoolExecutor) -> None:
    first("BEGIN")
    first("LOCK TABLE loads")
    second("BEGIN")
    locking = background.submit(second, "LOCK loads")
    until(lambda: waits(second.session))
    first("INSERT INTO facts VALUES (1, 1)")
    first("COMMIT")
    locking.result(DEADLINE_SECONDS)
    assert second("SELECT count(*) FROM facts") == [(1,)]


def test_reader_sees_the_last_commit_and_does_not_wait_for_a_writer(first: Sql, second: Sql) -> None:
    first("BEGIN")
    first("INSERT INTO facts VALUES (1, 1)")
    assert second("SELECT count(*) FROM facts") == [(0,)]
    first("COMMIT")
    assert second("SELECT count(*) FROM facts") == [(1,)]


def test_reader_of_a_locked_table_waits_and_then_sees_what_the_holder_did(
    first: Sql, second: Sql, background: ThreadPoolExecutor
) -> None:
    first("BEGIN")
    first("LOCK facts")
    first("INSERT INTO facts VALUES (1, 1)")
    reading: Future[list[tuple[int, ...]]] = background.submit(second, "SELECT count(*) FROM facts")
    until(lambda: waits(second.session))
    first("COMMIT")
    assert reading.result(DEADLINE_SECONDS) == [(1,)]


def test_transaction_keeps_its_snapshot(first: Sql, second: Sql) -> None:
    first("BEGIN")
    assert first("SELECT count(*) FROM facts") == [(0,)]
    second("INSERT INTO facts VALUES (1, 1)")
    assert first("SELECT count(*) FROM facts") == [(0,)]
    first("COMMIT")
    assert first("SELECT count(*) FROM facts") == [(1,)]


def test_two_changes_of_one_row_conflict(first: Sql, second: Sql) -> None:
    first("INSERT INTO facts VALUES (1, 1)")
    second("BEGIN")
    second("SELECT count(*) FROM facts")
    first("UPDATE facts SET value = 2 WHERE key = 1")
    with pytest.raises(RedshiftError, match="1023 DETAIL: Serializable isolation violation"):
        second("UPDATE facts SET value = 3 WHERE key = 1")


def test_writers_of_one_table_take_turns(first: Sql, second: Sql, background: ThreadPoolExecutor) -> None:
    first("BEGIN")
    first("INSERT INTO facts VALUES (1, 1)")
    writing = background.submit(second, "INSERT INTO facts VALUES (2, 2)")
    until(lambda: waits(second.session))
    first("COMMIT")
    writing.result(DEADLINE_SECONDS)
    assert first("SELECT count(*) FROM facts") == [(2,)]


def test_deadlock_is_detected(first: Sql, second: Sql, background: ThreadPoolExecutor) -> None:
    first("BEGIN")
    second("BEGIN")
    first("LOCK loads")
    second("LOCK facts")
    waiting = background.submit(first, "LOCK facts")
    until(lambda: waits(first.session))
    with pytest.raises(RedshiftError, match="deadlock detected"):
        second("LOCK loads")
    waiting.result(DEADLINE_SECONDS)


def test_wait_for_a_lock_ends_at_the_statement_timeout(first: Sql, second: Sql) -> None:
    first("BEGIN")
    first("LOCK facts")
    second("SET statement_timeout TO 50")
    with pytest.raises(RedshiftError, match="canceling statement due to statement timeout"):
        second("SELECT count(*) FROM facts")


def test_query_ends_at_the_statement_timeout(first: Sql) -> None:
    first("SET statement_timeout TO 50")
    with pytest.raises(RedshiftError, match="canceling statement due to statement timeout"):
        first(
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 100000000) SELECT max(n) FROM r"
        )
    first("SET statement_timeout TO 0")
    assert first("SELECT 1") == [(1,)]


def test_wait_for_a_lock_ends_when_the_statement_is_canceled(
    first: Sql, second: Sql, background: ThreadPoolExecutor
) -> None:
    first("BEGIN")
    first("LOCK facts")
    reading = background.submit(second, "SELECT count(*) FROM facts")
    until(lambda: waits(second.session))
    second.session.canceled.set()
    with pytest.raises(StatementCanceledError):
        reading.result(DEADLINE_SECONDS)


def test_truncate_commits_what_came_before_and_gives_the_locks_back(first: Sql, second: Sql) -> None:
    first("BEGIN")
    first("INSERT INTO loads VALUES (1)")
    first("TRUNCATE facts")
    first("ROLLBACK")
    assert second("SELECT count(*) FROM loads") == [(1,)]


def test_failed_transaction_ignores_commands_until_it_ends(first: Sql) -> None:
    first("BEGIN")
    first("INSERT INTO facts VALUES (1, 1)")
    first.session.is_failed = True
    with pytest.raises(RedshiftError, match="current transaction is aborted, commands ignored"):
        first("SELECT 1")
    first("COMMIT")
    assert first("SELECT count(*) FROM facts") == [(0,)]


def test_temporary_table_belongs_to_its_session(first: Sql, second: Sql) -> None:
    first("CREATE TEMP TABLE stage (x INT)")
    first("INSERT INTO stage VALUES (1)")
    assert first("SELECT x FROM stage") == [(1,)]
    with pytest.raises(RedshiftError, match='relation "stage" does not exist'):
        second("SELECT x FROM stage")


@pytest.mark.parametrize(
    ("held", "wanted", "is_granted"),
    [
        (Mode.SHARE, Mode.SHARE, True),
        (Mode.SHARE, Mode.WRITE, True),
        (Mode.WRITE, Mode.WRITE, False),
        (Mode.SHARE, Mode.EXCLUSIVE, False),
        (Mode.EXCLUSIVE, Mode.SHARE, False),
    ],
)
def test_lock_modes(held: Mode, wanted: Mode, is_granted: bool) -> None:
    locks = LockManager()
    table = ("public", "t")
    locks.acquire(1, [table], held, time.monotonic() + 1, threading.Event())
    now = time.monotonic()
    if is_granted:
        locks.acquire(2, [table], wanted, now, threading.Event())
    else:
        with pytest.raises(RedshiftError):
            locks.acquire(2, [table], wanted, now, threading.Event())
        locks.release(1)
        locks.acquire(2, [table], wanted, now, threading.Event())
