"""A batch is loaded once however often it is tried; two at once, or an old load that wakes up late, change nothing.

Each load has a session of the Data API of its own, as a retry has that does not know that the first try still runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import boto3
import pytest

from lakehouse import ddl, road
from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.declared import declared_warehouse
from tests.support.exports import Exports, sample_row
from tests.support.local_aws_process import LocalAwsProcess

TRENDS = load_registry().gold["online_retail.sales_trends"]
DEADLINE_SECONDS = 30
ROUNDS = 5
Row = tuple[int, str]


@pytest.fixture
def settings(local_aws: LocalAwsProcess) -> Iterator[Settings]:
    """A warehouse with the ledger and one table, both empty."""
    wanted = (ddl.LOADS, TRENDS.dataset)
    with declared_warehouse(local_aws, load_registry(), lambda table: table.name in wanted) as made:
        yield made


class Loader:
    """One try of a load: its session, and the statements that it has still to run."""

    def __init__(self, settings: Settings, batch_id: int) -> None:
        self._client: Any = boto3.client("redshift-data")
        opening = {"WorkgroupName": settings.workgroup, "Database": settings.database, "SessionKeepAliveSeconds": 60}
        started = self._client.batch_execute_statement(**opening, Sqls=["SELECT 1"])
        self.session = started["SessionId"]
        self.wait(started["Id"])
        self._stage = [sql for call in road.stage_calls(settings, batch_id) for sql in call]
        (self.transaction,) = road.load_transactions(settings, batch_id)

    def stage(self) -> None:
        self.wait(self.start(self._stage))

    def start(self, sqls: Sequence[str]) -> str:
        """Begin statements as one transaction; their id."""
        return str(self._client.batch_execute_statement(SessionId=self.session, Sqls=list(sqls))["Id"])

    def say(self, sql: str) -> None:
        """Run one statement by itself: after BEGIN it is part of a transaction that stays open."""
        self.wait(self._client.execute_statement(SessionId=self.session, Sql=sql)["Id"])

    def status(self, statement_id: str) -> str:
        return str(self._client.describe_statement(Id=statement_id)["Status"])

    def wait(self, statement_id: str) -> None:
        until(lambda: self.status(statement_id) in ("FINISHED", "FAILED", "ABORTED"))
        described = self._client.describe_statement(Id=statement_id)
        assert described["Status"] == "FINISHED", described.get("Error")

    def run(self) -> None:
        self.wait(self.start(self.transaction))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def export(settings: Settings, batch_id: int, days: Sequence[int], country: str) -> None:
    """What a batch brings: one row for each of these days of a month, in place of what was there."""
    exports = Exports(boto3.client("s3"), settings.bucket)
    rows = [sample_row(TRENDS, sales_date=date(2026, 11, day), country=country) for day in days]
    exports.publish(batch_id, exports.write(batch_id, TRENDS, rows))


def rows(settings: Settings) -> list[Row]:
    found = Redshift(settings).query(
        f"SELECT CAST(DATE_PART(day, sales_date) AS INTEGER), country FROM {TRENDS.dataset} ORDER BY 1, 2"
    )
    return [(day, country) for day, country in found.rows]


def loads(settings: Settings) -> list[tuple[int, int]]:
    found = Redshift(settings).query("SELECT batch_id, row_count FROM ops.loads ORDER BY 1")
    return [(batch_id, row_count) for batch_id, row_count in found.rows]


def test_second_try_waits_for_the_first_and_then_changes_nothing(settings: Settings) -> None:
    """The first try is in the middle of its transaction, its changes made and not committed, when the second begins."""
    export(settings, 1, [1, 2], "FR")
    first, second = Loader(settings, 1), Loader(settings, 1)
    first.stage()
    second.stage()
    first.say("BEGIN")
    for sql in first.transaction:
        first.say(sql)
    trying = second.start(second.transaction)
    time.sleep(0.5)
    assert second.status(trying) == "STARTED", "it waits for the lock of the ledger"
    first.say("COMMIT")
    second.wait(trying)
    assert rows(settings) == [(1, "FR"), (2, "FR")]
    assert loads(settings) == [(1, 2)]


def test_second_try_loads_when_the_first_is_given_up(settings: Settings) -> None:
    export(settings, 1, [1], "FR")
    first, second = Loader(settings, 1), Loader(settings, 1)
    first.stage()
    second.stage()
    first.say("BEGIN")
    for sql in first.transaction[:-1]:
        first.say(sql)
    trying = second.start(second.transaction)
    first.say("ROLLBACK")
    second.wait(trying)
    assert rows(settings) == [(1, "FR")]
    assert loads(settings) == [(1, 1)]


def test_old_load_that_wakes_up_late_changes_nothing(settings: Settings) -> None:
    export(settings, 1, [1, 2], "FR")
    export(settings, 2, [1], "DE")
    old = Loader(settings, 1)
    old.stage()
    road.load_warehouse(settings, 2)
    before = rows(settings)
    assert before == [(1, "DE")]
    old.run()
    road.load_warehouse(settings, 1)
    assert rows(settings) == before
    assert loads(settings) == [(2, 1)]


@pytest.mark.parametrize("batches", [(1, 1), (1, 2)], ids=["one batch twice", "two batches"])
def test_loads_that_race_leave_what_the_newest_brought(settings: Settings, batches: tuple[int, int]) -> None:
    for round_number in range(ROUNDS):
        base = 10 * round_number
        day = round_number + 1
        for batch_id in set(batches):
            export(settings, base + batch_id, [day], f"C{batch_id}")
        tries = [Loader(settings, base + batch_id) for batch_id in batches]
        together = threading.Barrier(len(tries))

        def race(loader: Loader, together: threading.Barrier = together) -> None:
            loader.stage()
            together.wait(DEADLINE_SECONDS)
            loader.run()

        with ThreadPoolExecutor(len(tries)) as pool:
            list(pool.map(race, tries))
        newest = max(batches)
        assert [row for row in rows(settings) if row[0] == day] == [(day, f"C{newest}")]
        mine = [load for load in loads(settings) if load[0] > base]
        assert mine[-1] == (base + newest, 1)
        assert len(mine) == len(set(mine)), "no batch is in the ledger twice"


def test_repeated_load_changes_nothing(settings: Settings) -> None:
    export(settings, 1, [1, 2], "FR")
    for _ in range(3):
        road.load_warehouse(settings, 1)
    assert rows(settings) == [(1, "FR"), (2, "FR")]
    assert loads(settings) == [(1, 2)]


def test_it_is_the_lock_that_keeps_two_loads_apart(settings: Settings) -> None:
    """Without it both insert one new key: what the tests above would see of a load that forgot it."""
    export(settings, 1, [1], "FR")
    first, second = Loader(settings, 1), Loader(settings, 1)
    for loader in (first, second):
        loader.stage()
        loader.transaction = [sql for sql in loader.transaction if sql != "LOCK ops.loads"]
        assert len(loader.transaction) == 4
    # Both have taken their snapshot of the ledger before either writes.
    for loader in (first, second):
        loader.say("BEGIN")
        loader.say("SELECT COUNT(*) FROM ops.loads")
    for loader in (first, second):
        for sql in loader.transaction:
            loader.say(sql)
        loader.say("COMMIT")
    assert rows(settings) == [(1, "FR"), (1, "FR")]


def test_stage_belongs_to_one_load(settings: Settings) -> None:
    export(settings, 1, [1], "FR")
    first, second = Loader(settings, 1), Loader(settings, 1)
    first.stage()
    with pytest.raises(AssertionError, match=r"stage_online_retail_sales_trends_keys. does not exist"):
        second.run()
    assert rows(settings) == []
