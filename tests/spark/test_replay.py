"""Refused rows and files that are judged again, corrected or discarded: the sums close after each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import Row

import build_gold
import ingest_bronze
import refine_silver
from lakehouse import rebuilds, tables, warehouse
from lakehouse.contract import Registry, load_registry
from lakehouse.lake import Lake
from lakehouse.settling import SettledFew
from tests.support.lake import BUCKET, TestLake

REGISTRY = load_registry()
USERS = REGISTRY.sources["storefront.users"]
BAD_COUNTRY = "user_id,land,signed_up_at\nu-1,DE,2026-01-01 10:00:00\nu-2,FR,never\nu-3,,2026-01-01 10:00:00\n"


def with_users(**changes: Any) -> Registry:
    """The registry after somebody has edited the contract of users."""
    return replace(REGISTRY, sources={**REGISTRY.sources, USERS.dataset: replace(USERS, **changes)})


def column(name: str, **changes: Any) -> tuple[Any, ...]:
    return tuple(replace(c, **changes) if c.name == name else c for c in USERS.columns)


@pytest.fixture
def contracts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make the jobs read another registry."""

    def use(registry: Registry) -> None:
        for job in (ingest_bronze, refine_silver, build_gold):
            monkeypatch.setattr(job, "load_registry", lambda: registry)

    return use


def refused(lake: TestLake) -> list[Row]:
    return lake.read(tables.quarantined_rows).orderBy("file_id", "row_number").collect()


def told(lake: TestLake) -> list[tuple[int, str, list[str]]]:
    """(row, status, rules) of every refused row."""
    return [
        (row.row_number, row.status, [found["rule"] for found in json.loads(row.violations)]) for row in refused(lake)
    ]


def accounts(lake: TestLake) -> list[tuple[int, ...]]:
    """(parsed, silver, quarantined, duplicate, superseded) of every file."""
    rows = lake.read(tables.row_accounts).orderBy("parsed").collect()
    assert all(row.parsed == row.silver + row.quarantined + row.duplicate + row.superseded for row in rows)
    return [(row.parsed, row.silver, row.quarantined, row.duplicate, row.superseded) for row in rows]


def countries(lake: TestLake) -> dict[str, str | None]:
    return {row.user_id: row.country for row in lake.read(tables.silver_table(USERS)).collect()}


def verdicts(lake: TestLake) -> list[tuple[str, str | None, str | None]]:
    rows = lake.read(tables.files).orderBy("key").collect()
    return [(row.verdict, row.reason, row.resolution) for row in rows]


def test_rows_pass_once_the_contract_knows_what_they_said(lake: TestLake, contracts: Any) -> None:
    contracts(with_users(columns=column("country", required=True)))
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_all()
    assert told(lake) == [
        (1, "open", ["country_missing"]),
        (2, "open", ["country_missing", "signed_up_at_malformed"]),
        (3, "open", ["country_missing"]),
    ]
    contracts(with_users(columns=column("country", required=True, aliases=("land",))))
    lake.request("replay", refused(lake))
    (batch,) = lake.run_all()
    assert (batch.batch_id, batch.kind) == (2, "replay")
    assert told(lake) == [
        (1, "replayed", ["country_missing"]),
        (2, "open", ["signed_up_at_malformed"]),
        (3, "open", ["country_missing"]),
    ]
    assert countries(lake) == {"u-1": "DE"}
    assert lake.read(tables.silver_table(USERS)).first()["_rescued"] is None
    assert accounts(lake) == [(3, 1, 2, 0, 0)]
    users = lake.read(tables.gold_table(REGISTRY.gold["storefront.dim_user"])).where("user_key <> 0").collect()
    assert [row.user_id for row in users] == ["u-1"]
    before = told(lake), countries(lake), accounts(lake)
    rebuild_from_bronze(lake)
    lake.run_to_silver()
    assert (told(lake), countries(lake), accounts(lake)) == before, "what the alias has let in stays in"


def rebuild_from_bronze(lake: TestLake) -> None:
    rebuilds.submit(lake.s3, BUCKET, REGISTRY, "storefront", "bronze", "a test asks", datetime.now(UTC), "test")


def test_replaying_twice_changes_nothing(lake: TestLake, contracts: Any) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    contracts(with_users(columns=column("signed_up_at", nulls=("never",), required=False)))
    rows = refused(lake)
    lake.request("replay", rows)
    lake.run_to_silver()
    after = told(lake), countries(lake), accounts(lake)
    assert after[0] == [(2, "replayed", ["signed_up_at_malformed"])]
    lake.request("replay", rows)
    lake.run_to_silver()
    assert (told(lake), countries(lake), accounts(lake)) == after


@pytest.mark.parametrize(("owner", "step"), [(SettledFew, "apply"), (Lake, "release")])
def test_a_replay_that_dies_is_repeated_to_the_same_end(
    lake: TestLake, contracts: Any, monkeypatch: pytest.MonkeyPatch, owner: type, step: str
) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    contracts(with_users(columns=column("signed_up_at", nulls=("never",), required=False)))
    lake.request("replay", refused(lake))
    original = getattr(owner, step)

    def dies_after_its_work(self: Any, *arguments: object) -> None:
        original(self, *arguments)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dies_after_its_work)
        with pytest.raises(RuntimeError, match="killed"):
            lake.run_to_silver()
    lake.run_to_silver()
    assert told(lake) == [(2, "replayed", ["signed_up_at_malformed"])]
    assert accounts(lake) == [(3, 3, 0, 0, 0)]


def test_a_refused_file_is_read_again_where_it_is_kept(lake: TestLake, contracts: Any) -> None:
    lake.land(USERS.dataset, "a.csv", "kunde,country,signed_up_at\nu-1,DE,2026-01-01 10:00:00\n")
    lake.land(USERS.dataset, "b.csv", "")
    lake.run_to_silver()
    assert [verdict for verdict, _, _ in verdicts(lake)] == ["quarantined", "quarantined"]
    contracts(with_users(columns=column("user_id", aliases=("kunde",))))
    lake.request("replay", files=lake.read(tables.files).collect())
    lake.run_to_silver()
    assert verdicts(lake) == [
        ("accepted", None, "replayed by batch 2: batch 1 had refused it as header_mismatch"),
        ("quarantined", "empty_file", "replayed by batch 2: batch 1 had refused it as empty_file"),
    ]
    assert countries(lake) == {"u-1": "DE"}
    assert accounts(lake) == [(1, 1, 0, 0, 0)]
    listed = lake.s3.list_objects_v2(Bucket="lakehouse-tests", Prefix="raw/")["Contents"]
    assert [item["Key"].rpartition("/")[2] for item in listed] == ["a.csv"]
    listed = lake.s3.list_objects_v2(Bucket="lakehouse-tests", Prefix="quarantine/files/")["Contents"]
    assert [item["Key"].split("/")[2] for item in listed] == ["empty_file"]


def test_a_corrected_row_closes_the_one_that_was_refused(lake: TestLake) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    (row,) = refused(lake)
    fixed = f"_quarantine_id,user_id,country,signed_up_at\n{row.quarantine_id},u-2,FR,2026-02-02 10:00:00\n"
    lake.land(USERS.dataset, "fixed.csv", fixed)
    lake.run_to_silver()
    (closed,) = refused(lake)
    assert (closed.status, closed.resolved_by) == ("discarded", 2)
    assert closed.resolution.startswith("corrected by row 1 of file ")
    assert countries(lake) == {"u-1": None, "u-2": "FR", "u-3": None}
    assert accounts(lake) == [(1, 1, 0, 0, 0), (3, 2, 1, 0, 0)]


def test_a_correction_that_is_wrong_itself_takes_the_matter_over(lake: TestLake) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    (row,) = refused(lake)
    wrong = f"_quarantine_id,user_id,country,signed_up_at\n{row.quarantine_id},u-2,FR,tomorrow\n"
    lake.land(USERS.dataset, "fixed.csv", wrong)
    lake.run_to_silver()
    assert sorted(status for _, status, _ in told(lake)) == ["discarded", "open"]


def test_what_is_discarded_stays_counted_and_says_why(lake: TestLake, contracts: Any) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.land(USERS.dataset, "b.csv", "")
    lake.run_to_silver()
    rows, files = refused(lake), lake.read(tables.files).where("verdict = 'quarantined'").collect()
    lake.request("discard", rows, files)
    lake.run_to_silver()
    (row,) = refused(lake)
    assert (row.status, row.resolution, row.resolved_by) == ("discarded", "a test asks", 2)
    assert ("quarantined", "empty_file", "discarded: a test asks") in verdicts(lake)
    assert accounts(lake) == [(3, 2, 1, 0, 0)]
    # A replay that was asked for before does not bring it back.
    contracts(with_users(columns=column("signed_up_at", nulls=("never",), required=False)))
    lake.request("replay", rows)
    lake.run_to_silver()
    assert [status for _, status, _ in told(lake)] == ["discarded"]


def fail(lake: TestLake, times: int) -> None:
    """Runs of the unfinished batch that a Glue job ends."""
    for _ in range(times):
        batch = lake.plan()
        assert batch is not None
        lake.note_failure(batch)


def test_a_file_that_fails_alone_is_refused_and_the_others_are_loaded(lake: TestLake) -> None:
    row = "user_id,country,signed_up_at\nu-{0},DE,2026-01-01 10:00:00\nu-9,FR,2026-01-0{0} 10:00:00\nu-8,DE,never\n"
    for number in range(1, 5):
        lake.land(USERS.dataset, f"{number}.csv", row.format(number))
    batch = lake.plan()
    assert batch is not None
    # The tries get as far as gold: what they wrote of the files that have to go is undone.
    for name in ("bronze", "silver", "gold"):
        lake.station(name, batch)
    fail(lake, 3)
    batch = lake.plan()
    assert batch is not None
    assert (batch.narrowed, len(batch.files), len(batch.excluded)) == (1, 2, 2)
    for name in ("bronze", "silver"):
        lake.station(name, batch)
    assert sorted(countries(lake)) == ["u-1", "u-2", "u-9"]
    fail(lake, 6)
    batch = lake.plan()
    assert batch is not None
    assert batch.given_up == "it broke"
    lake.run_all()

    assert verdicts(lake) == [
        ("quarantined", "processing_failed", None),
        *[("accepted", None, None)] * 3,
    ]
    assert sorted(countries(lake)) == ["u-2", "u-3", "u-4", "u-9"]
    assert sum(parsed for parsed, *_ in accounts(lake)) == 9
    assert lake.left_in_landing() == []
    users = lake.read(tables.gold_table(REGISTRY.gold["storefront.dim_user"])).where("user_key <> 0").collect()
    assert sorted(row.user_id for row in users) == ["u-2", "u-3", "u-4", "u-9"]

    lake.request("replay", files=lake.read(tables.files).where("verdict = 'quarantined'").collect())
    lake.run_all()
    assert sorted(countries(lake)) == ["u-1", "u-2", "u-3", "u-4", "u-9"]
    assert sum(parsed for parsed, *_ in accounts(lake)) == 12


def test_a_replay_that_keeps_failing_is_given_up_and_undone(lake: TestLake, contracts: Any) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    before = told(lake), countries(lake), accounts(lake)
    contracts(with_users(columns=column("signed_up_at", nulls=("never",), required=False)))
    lake.request("replay", refused(lake))
    batch = lake.plan()
    assert batch is not None
    for name in ("bronze", "silver"):
        lake.station(name, batch)
    assert sorted(countries(lake)) == ["u-1", "u-2", "u-3"]
    fail(lake, 3)
    lake.run_to_silver()
    assert (told(lake), countries(lake), accounts(lake)) == before
    assert lake.plan() is None


def test_a_correction_that_is_given_up_leaves_the_row_that_it_closed_open(lake: TestLake) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_to_silver()
    before = told(lake), countries(lake), accounts(lake)
    (row,) = refused(lake)
    lake.land(USERS.dataset, "fixed.csv", f"_quarantine_id,user_id,signed_up_at\n{row.quarantine_id},u-2,2026-02-02\n")
    batch = lake.plan()
    assert batch is not None
    for name in ("bronze", "silver"):
        lake.station(name, batch)
    assert [status for _, status, _ in told(lake)] == ["discarded"]
    fail(lake, 3)
    lake.run_to_silver()
    assert (told(lake), countries(lake), accounts(lake)) == before


def test_a_rebuild_that_is_given_up_leaves_the_warehouse_what_gold_holds(lake: TestLake) -> None:
    lake.land(USERS.dataset, "a.csv", BAD_COUNTRY)
    lake.run_all()
    before = told(lake), countries(lake), accounts(lake)
    rebuild_from_bronze(lake)
    batch = lake.plan()
    assert batch is not None
    for name in ("bronze", "silver"):
        lake.station(name, batch)
    fail(lake, 3)
    (given_up,) = lake.run_all()
    assert given_up.given_up == "it broke"
    assert (told(lake), countries(lake), accounts(lake)) == before
    exported = warehouse.read_export(lake.s3, BUCKET, given_up.batch_id)
    assert {table.dataset for table in exported} == {table.dataset for table in REGISTRY.gold_of("storefront")}
    assert all(table.is_whole for table in exported)
    rows = {table.dataset: sum(file.rows for file in table.rows) for table in exported}
    assert rows["storefront.dim_user"] == 3, "two users and the unknown member"
