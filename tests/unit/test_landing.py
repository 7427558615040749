"""What waits in landing, which batch takes it, and where it goes."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import batches, landing
from lakehouse.batches import Batch
from lakehouse.landing import LandedFile
from tests.unit.conftest import BUCKET

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 1 << 30
ODD_NAMES = ["a b.csv", "a+b.csv", "100%25.csv", "été \U0001f600.csv", "a&b=c;d.csv", "a'b\"c.csv", "sub/folder/x.csv"]


def land(s3: Any, *names: str, body: bytes = b"x", dataset: str = "storefront/users") -> None:
    for name in names:
        s3.put_object(Bucket=BUCKET, Key=f"landing/{dataset}/{name}", Body=body)


def plan(s3: Any, batch_files: int = 100, batch_bytes: int = MANY, dataset: str | None = None) -> Batch:
    batch = batches.plan(s3, BUCKET, batch_files, batch_bytes, NOW, dataset)
    assert batch is not None
    return batch


def accept_all(batch: Batch) -> dict[str, tuple[str, str | None]]:
    return {file.file_id: ("accepted", None) for file in batch.files}


def finish(s3: Any, batch: Batch) -> None:
    batches.finish(s3, BUCKET, batch, accept_all(batch), NOW)


def keys(s3: Any, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


class Intercepted:
    """An S3 client one of whose operations is another."""

    def __init__(self, client: Any, **operations: Any) -> None:
        self._client = client
        self.__dict__.update(operations)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def failing(code: str) -> Any:
    def operation(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")

    return operation


def names(files: Any) -> list[str]:
    return [file.key.rsplit("/", 1)[-1] for file in files]


@pytest.mark.parametrize(
    ("key", "dataset"),
    [
        ("landing/storefront/users/a.csv", "storefront.users"),
        ("landing/storefront/users/2026/11/a.csv", "storefront.users"),
        ("landing/storefront/a.csv", "unknown"),
        ("landing/a.csv", "unknown"),
        ("landing//users/a.csv", "unknown"),
        ("landing/storefront//a.csv", "unknown"),
    ],
)
def test_the_path_names_the_dataset(key: str, dataset: str) -> None:
    assert landing.dataset_of(key) == dataset


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=2, max_size=2, unique=True))
def test_a_file_id_is_of_one_version_of_one_object(versions: list[tuple[str, str]]) -> None:
    first, second = (landing.file_id(BUCKET, f"landing/{key}", etag.replace("\n", "")) for key, etag in versions)
    if versions[0][0] == versions[1][0]:
        assert (first == second) == (versions[0][1].replace("\n", "") == versions[1][1].replace("\n", ""))
    assert len(first) == 32


def test_what_waits_is_listed_in_pages_without_folder_markers(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    land(s3, "", "a/", body=b"")  # what the console writes for a folder
    land(s3, *(f"{number}.csv" for number in range(5)))
    land(s3, "b.csv", dataset="storefront/users_old")
    s3.put_object(Bucket=BUCKET, Key="raw/storefront.users/x/a.csv", Body=b"x")
    files = list(landing.waiting(s3, BUCKET))
    assert names(files) == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "b.csv"]
    assert names(landing.waiting(s3, BUCKET, "storefront.users")) == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"]
    assert {file.bytes for file in files} == {1}
    assert all(datetime.fromisoformat(file.arrived_at).utcoffset() == timedelta(0) for file in files)


def test_nothing_waits_nothing_is_planned(s3: Any) -> None:
    assert batches.plan(s3, BUCKET, 10, MANY, NOW) is None
    assert keys(s3, "batches/") == []


def test_files_of_a_held_dataset_wait_until_it_is_named(s3: Any) -> None:
    for key in ("landing/fashion/members/1.csv", "landing/storefront/users/1.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    held = frozenset({"fashion.members"})
    assert [file.dataset for file in landing.waiting(s3, BUCKET, held=held)] == ["storefront.users"]
    first = batches.plan(s3, BUCKET, 10, MANY, NOW, held=held)
    assert first is not None
    assert first.datasets == {"storefront.users"}
    finish(s3, first)
    assert batches.plan(s3, BUCKET, 10, MANY, NOW, held=held) is None
    named = batches.plan(s3, BUCKET, 10, MANY, NOW, "fashion.members", held)
    assert named is not None
    assert named.datasets == {"fashion.members"}


def test_a_batch_is_what_its_manifest_says(s3: Any) -> None:
    land(s3, *ODD_NAMES)
    batch = batches.plan(s3, BUCKET, 100, MANY, datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1))))
    assert batch is not None
    assert (batch.batch_id, batch.kind, batch.planned_at) == (1, "ingest", "2026-11-20T12:00:00+00:00")
    assert batches.read(s3, BUCKET, 1) == batch
    assert sorted(file.key for file in batch.files) == sorted(f"landing/storefront/users/{name}" for name in ODD_NAMES)


def test_odd_names_are_read_and_moved(s3: Any) -> None:
    land(s3, *ODD_NAMES)
    batch = plan(s3)
    assert all(landing.read_file(s3, BUCKET, file) == b"x" for file in batch.files)
    finish(s3, batch)
    assert keys(s3, "landing/") == []
    assert sorted(keys(s3, "raw/")) == sorted(landing.archive_key(file, "accepted", None) for file in batch.files)


def test_an_unfinished_batch_comes_before_a_new_one(s3: Any) -> None:
    land(s3, "a.csv")
    first = plan(s3)
    land(s3, "b.csv")
    assert plan(s3) == first
    assert not batches.is_finished(s3, BUCKET, 1)
    finish(s3, first)
    assert batches.is_finished(s3, BUCKET, 1)
    second = plan(s3)
    assert (second.batch_id, names(second.files)) == (2, ["b.csv"])


@pytest.mark.parametrize(
    ("batch_files", "batch_bytes", "sizes", "expected"),
    [
        (2, 100, [1, 1, 1], 2),
        (9, 100, [60, 40, 1], 2),
        (9, 100, [60, 41, 1], 1),
        (9, 100, [500, 1], 1),
        (1, 1, [0, 0], 1),
    ],
)
def test_a_batch_is_bounded_and_never_empty(
    s3: Any, batch_files: int, batch_bytes: int, sizes: list[int], expected: int
) -> None:
    for number, size in enumerate(sizes):
        land(s3, f"{number}.csv", body=b"x" * size)
    assert names(plan(s3, batch_files, batch_bytes).files) == [f"{number}.csv" for number in range(expected)]


def test_the_oldest_files_go_first() -> None:
    arrived = {"c": "2026-11-20T10:00:00+00:00", "a": "2026-11-20T11:00:00+00:00", "b": "2026-11-20T10:00:00+00:00"}
    files = [LandedFile(key, "d.d", key, "e", 1, arrived_at) for key, arrived_at in arrived.items()]
    assert [file.key for file in batches._bounded(files, 2, MANY)] == ["b", "c"]


def test_two_planners_at_once_agree(s3: Any) -> None:
    land(s3, "a.csv", "b.csv")
    barrier = threading.Barrier(2)

    def put_together(**arguments: Any) -> Any:
        barrier.wait(10)
        return s3.put_object(**arguments)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(plan, [Intercepted(s3, put_object=put_together)] * 2)
    assert first == second
    assert keys(s3, "batches/") == ["batches/0000000001/manifest.json"]


def test_a_planner_that_lost_to_a_batch_finished_meanwhile_plans_the_next(s3: Any) -> None:
    land(s3, "a.csv")

    is_first = iter([True])

    def put_late(**arguments: Any) -> Any:
        if next(is_first, False):  # meanwhile another planner walks its batch down the whole road
            finish(s3, plan(s3))
            land(s3, "b.csv")
        return s3.put_object(**arguments)

    batch = plan(Intercepted(s3, put_object=put_late))
    assert (batch.batch_id, names(batch.files)) == (2, ["b.csv"])


def test_an_error_that_is_no_lost_race_is_raised(s3: Any) -> None:
    land(s3, "a.csv")
    with pytest.raises(ClientError, match="AccessDenied"):
        plan(Intercepted(s3, put_object=failing("AccessDenied")))


@pytest.mark.parametrize("hint", [None, {"batch_id": 1}, {"batch_id": 2}])
def test_the_hint_may_be_lost_or_stale(s3: Any, hint: dict[str, int] | None) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        land(s3, name)
        finish(s3, plan(s3))
    s3.delete_object(Bucket=BUCKET, Key=batches.LATEST)
    if hint:
        s3.put_object(Bucket=BUCKET, Key=batches.LATEST, Body=json.dumps(hint).encode())
    land(s3, "d.csv")
    batch = plan(s3)
    assert batch.batch_id == 4
    assert plan(s3) == batch


def test_the_tenth_batch_follows_the_ninth(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in (1, 2, 9, 10):
        s3.put_object(Bucket=BUCKET, Key=f"batches/{number:010d}/manifest.json", Body=b"{}")
        s3.put_object(Bucket=BUCKET, Key=f"batches/{number:010d}/done.json", Body=b"{}")
    land(s3, "a.csv")
    assert plan(s3).batch_id == 11


def test_files_go_where_their_verdict_says(s3: Any) -> None:
    land(s3, "good.csv", "bad.csv", "again.csv", "x.tmp", "changed.csv")
    batch = plan(s3)
    by_name = {file.key.rsplit("/", 1)[-1]: file for file in batch.files}
    verdicts: dict[str, tuple[str, str | None]] = {
        by_name["good.csv"].file_id: ("accepted", None),
        by_name["bad.csv"].file_id: ("quarantined", "html_page"),
        by_name["again.csv"].file_id: ("duplicate_content", None),
        by_name["x.tmp"].file_id: ("ignored", "temporary_name"),
    }
    for _ in range(2):  # safe to repeat
        batches.finish(s3, BUCKET, batch, verdicts, NOW)
        assert keys(s3, "landing/") == ["landing/storefront/users/changed.csv"]
        assert keys(s3, "quarantine/") == [
            f"quarantine/files/html_page/storefront.users/{by_name['bad.csv'].file_id}/bad.csv"
        ]
        assert sorted(keys(s3, "raw/")) == sorted(
            f"raw/storefront.users/{by_name[name].file_id}/{name}" for name in ("again.csv", "good.csv", "x.tmp")
        )


def test_an_object_replaced_meanwhile_stays_in_landing(s3: Any) -> None:
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)
    land(s3, "a.csv", body=b"new")
    assert landing.read_file(s3, BUCKET, batch.files[0]) is None
    finish(s3, batch)
    assert keys(s3, "raw/") == []
    (file,) = plan(s3).files
    assert landing.read_file(s3, BUCKET, file) == b"new"
    assert file.file_id != batch.files[0].file_id


def test_what_was_read_is_kept_though_it_is_replaced_before_it_is_moved(s3: Any) -> None:
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)
    assert landing.read_file(s3, BUCKET, batch.files[0]) == b"old"
    land(s3, "a.csv", body=b"new")
    finish(s3, batch)
    assert s3.get_object(Bucket=BUCKET, Key=keys(s3, "raw/")[0])["Body"].read() == b"old"
    assert keys(s3, "landing/") == ["landing/storefront/users/a.csv"]


def test_an_object_replaced_between_copy_and_delete_stays_in_landing(s3: Any) -> None:
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)

    def delete_late(**arguments: Any) -> Any:
        land(s3, "a.csv", body=b"new")
        return s3.delete_object(**arguments)

    finish(Intercepted(s3, delete_object=delete_late), batch)
    assert s3.get_object(Bucket=BUCKET, Key="landing/storefront/users/a.csv")["Body"].read() == b"new"
    assert landing.read_file(s3, BUCKET, batch.files[0]) == b"old", "the version that was listed is in the archive"


@pytest.mark.parametrize("verdict", [("accepted", None), ("quarantined", "html_page")])
def test_a_batch_resumed_in_the_middle_of_its_finish_still_finds_its_files(
    s3: Any, verdict: tuple[str, str | None]
) -> None:
    land(s3, "a.csv", body=b"a")
    land(s3, "b.csv", body=b"b")
    batch = plan(s3)
    landing.move(s3, BUCKET, batch.files[0], *verdict)
    assert plan(s3) == batch
    assert [landing.read_file(s3, BUCKET, file) for file in batch.files] == [b"a", b"b"]


def test_a_file_that_was_deleted_is_gone(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    s3.delete_object(Bucket=BUCKET, Key=batch.files[0].key)
    assert landing.read_file(s3, BUCKET, batch.files[0]) is None
    finish(s3, batch)
    assert batches.is_finished(s3, BUCKET, 1)


def test_a_file_too_large_for_one_copy_is_moved_in_parts(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "LARGEST_COPY_BYTES", 2)
    land(s3, "a.csv", body=b"long")
    batch = plan(s3)
    finish(s3, batch)
    assert keys(s3, "landing/") == []
    assert landing.read_file(s3, BUCKET, batch.files[0]) == b"long"


def test_a_failed_move_leaves_the_batch_unfinished(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    with pytest.raises(ClientError, match="SlowDown"):
        finish(Intercepted(s3, copy_object=failing("SlowDown")), batch)
    assert not batches.is_finished(s3, BUCKET, 1)
    assert keys(s3, "landing/") == ["landing/storefront/users/a.csv"]
