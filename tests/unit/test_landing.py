"""What waits in landing, which batch takes it, and where it goes."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from lakehouse import batches, landing
from lakehouse.batches import Batch
from lakehouse.landing import LandedFile
from tests.support.landing import empty_landing
from tests.unit.conftest import BUCKET, BUCKETS, LANDING

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AFTER = datetime(2999, 1, 1, tzinfo=UTC)
MANY = 1 << 30
ODD_NAMES = ["a b.csv", "a+b.csv", "100%25.csv", "été \U0001f600.csv", "a&b=c;d.csv", "a'b\"c.csv", "sub/folder/x.csv"]


def land(s3: Any, *names: str, body: bytes = b"x", dataset: str = "storefront/users") -> None:
    for name in names:
        s3.put_object(Bucket=LANDING, Key=f"{dataset}/{name}", Body=body)


def plan(s3: Any, batch_files: int = 100, batch_bytes: int = MANY, dataset: str | None = None) -> Batch:
    batch = batches.plan(s3, BUCKETS, batch_files, batch_bytes, NOW, dataset)
    assert batch is not None
    return batch


def accept_all(batch: Batch) -> dict[str, tuple[str, str | None]]:
    return {file.file_id: ("accepted", None) for file in batch.files}


def finish(s3: Any, batch: Batch) -> None:
    batches.finish(s3, BUCKETS, batch, accept_all(batch), NOW)


def keys(s3: Any, prefix: str, bucket: str = BUCKET) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def landed(s3: Any) -> list[str]:
    return [key for key in keys(s3, "", LANDING) if key != landing.CANARY]


class Intercepted:
    """An S3 client one of whose operations is another."""

    def __init__(self, client: Any, **operations: Any) -> None:
        self._client = client
        self.__dict__.update(operations)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def failing(code: str, status: int = 503) -> Any:
    def operation(**_: Any) -> Any:
        answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "Operation")

    return operation


def denying(s3: Any, code: str, key: str, status: int = 403) -> Intercepted:
    """A client that is refused an object, however it asks for it."""

    def get(**arguments: Any) -> Any:
        return failing(code, status)() if arguments["Key"] == key else s3.get_object(**arguments)

    def copy(**arguments: Any) -> Any:
        return failing(code, status)() if arguments["CopySource"]["Key"] == key else s3.copy_object(**arguments)

    return Intercepted(s3, get_object=get, copy_object=copy)


def names(files: Any) -> list[str]:
    return [file.key.rsplit("/", 1)[-1] for file in files]


@pytest.mark.parametrize(
    ("key", "dataset"),
    [
        ("storefront/users/a.csv", "storefront.users"),
        ("storefront/users/2026/11/a.csv", "storefront.users"),
        ("storefront/a.csv", "unknown"),
        ("a.csv", "unknown"),
        ("/users/a.csv", "unknown"),
        ("storefront//a.csv", "unknown"),
        (f"{'x' * 65}/users/a.csv", "unknown"),
        (f"storefront/{'é' * 33}/a.csv", "unknown"),
    ],
)
def test_the_path_names_the_dataset(key: str, dataset: str) -> None:
    assert landing.dataset_of(key) == dataset


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("storefront/users/a.csv", False),
        ("storefront/users/template.csv", False),
        ("storefront/users/_SUCCESS", True),
        ("storefront/users/.a.csv.swp", True),
        ("storefront/users/a.csv.TMP", True),
        ("storefront/users/a.csv.part", True),
        ("storefront/users/a.csv.filepart", True),
        ("storefront/users/a.csv.crdownload", True),
        ("storefront/users/a.csv~", True),
        ("storefront/users/out/_temporary/0/_temporary/attempt_1/part-00000.csv", True),
        ("storefront/users/.spark-staging-1/part-00000.csv", True),
        ("storefront/exchange_rates/_day=2026-01-03/a.csv", False),
        ("storefront/exchange_rates/rate_date=2026-01-03/a.csv", False),
        ("storefront/exchange_rates/rate_date=2026-01-03/_a.csv", True),
    ],
)
def test_hidden_and_temporary_names_are_of_uploads_that_go_on(key: str, expected: bool) -> None:
    assert landing.is_uncommitted(key) is expected


_texts = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=3)


@given(st.lists(st.tuples(_texts, _texts), min_size=2, max_size=2, unique=True))
def test_a_file_id_is_of_one_version_of_one_object(versions: list[tuple[str, str]]) -> None:
    first, second = (landing.file_id(LANDING, key, "etag", "", f"v{version}") for key, version in versions)
    assert first != second
    assert len(first) == 32


@pytest.mark.parametrize(
    ("etag", "arrived_at", "is_same"),
    [
        ("e", "2026-01-03T04:05:06+00:00", True),
        ("e", "2026-01-03T04:05:06.700000+00:00", True),  # a listing knows parts of a second, a HEAD does not
        ("e", "2026-01-03T04:05:07+00:00", False),
        ("f", "2026-01-03T04:05:06+00:00", False),
    ],
)
def test_without_versions_what_lands_again_later_is_another_file(etag: str, arrived_at: str, is_same: bool) -> None:
    first = landing.file_id(LANDING, "k", "e", "2026-01-03T04:05:06+00:00", None)
    assert (landing.file_id(LANDING, "k", etag, arrived_at, None) == first) is is_same


def test_what_waits_is_listed_in_pages_without_folder_markers(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    land(s3, "", "a/", body=b"")  # what the console writes for a folder
    land(s3, *(f"{number}.csv" for number in range(5)))
    land(s3, "b.csv", dataset="storefront/users_old")
    files = list(landing.waiting(s3, BUCKETS, NOW))
    assert names(files) == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "b.csv"]
    assert names(landing.waiting(s3, BUCKETS, NOW, "storefront.users")) == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv"]
    assert {file.bytes for file in files} == {1}
    assert all(datetime.fromisoformat(file.arrived_at).utcoffset() == timedelta(0) for file in files)


def test_nothing_waits_nothing_is_planned(s3: Any) -> None:
    assert batches.plan(s3, BUCKETS, 10, MANY, NOW) is None
    assert keys(s3, "batches/") == []


def test_files_of_a_held_dataset_wait_until_it_is_named(s3: Any) -> None:
    for key in ("fashion/members/1.csv", "storefront/users/1.csv"):
        s3.put_object(Bucket=LANDING, Key=key, Body=b"x")
    held = frozenset({"fashion.members"})
    assert [file.dataset for file in landing.waiting(s3, BUCKETS, NOW, held=held)] == ["storefront.users"]
    first = batches.plan(s3, BUCKETS, 10, MANY, NOW, held=held)
    assert first is not None
    assert first.datasets == {"storefront.users"}
    finish(s3, first)
    assert batches.plan(s3, BUCKETS, 10, MANY, NOW, held=held) is None
    named = batches.plan(s3, BUCKETS, 10, MANY, NOW, "fashion.members", held)
    assert named is not None
    assert named.datasets == {"fashion.members"}


def test_a_batch_is_what_its_manifest_says(s3: Any) -> None:
    land(s3, *ODD_NAMES)
    batch = batches.plan(s3, BUCKETS, 100, MANY, datetime(2026, 11, 20, 13, tzinfo=timezone(timedelta(hours=1))))
    assert batch is not None
    assert (batch.batch_id, batch.kind, batch.planned_at) == (1, "ingest", "2026-11-20T12:00:00+00:00")
    assert batches.read(s3, BUCKET, 1) == batch
    assert sorted(file.key for file in batch.files) == sorted(f"storefront/users/{name}" for name in ODD_NAMES)


def test_odd_names_are_read_and_moved(s3: Any) -> None:
    land(s3, *ODD_NAMES)
    batch = plan(s3)
    assert all(landing.read_file(s3, BUCKETS, file) == b"x" for file in batch.files)
    finish(s3, batch)
    assert landed(s3) == []
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
    land(s3, "good.csv", "bad.csv", "again.csv", "x.tmp", "unread.csv")
    batch = batches.plan(s3, BUCKETS, 100, MANY, LONG_AFTER)
    assert batch is not None
    by_name = {file.key.rsplit("/", 1)[-1]: file for file in batch.files}
    verdicts: dict[str, tuple[str, str | None]] = {
        by_name["good.csv"].file_id: ("accepted", None),
        by_name["bad.csv"].file_id: ("quarantined", "html_page"),
        by_name["again.csv"].file_id: ("duplicate_content", None),
        by_name["x.tmp"].file_id: ("ignored", "temporary_name"),
    }
    for _ in range(2):  # safe to repeat
        batches.finish(s3, BUCKETS, batch, verdicts, NOW)
        assert landed(s3) == ["storefront/users/unread.csv"]
        assert keys(s3, "quarantine/") == [
            f"quarantine/files/html_page/storefront.users/{by_name['bad.csv'].file_id}/bad.csv"
        ]
        assert sorted(keys(s3, "raw/")) == sorted(
            f"raw/storefront.users/{by_name[name].file_id}/{name}" for name in ("again.csv", "good.csv", "x.tmp")
        )


@pytest.fixture
def unversioned(s3: Any) -> Any:
    """The same S3 with a landing bucket that never kept versions."""
    empty_landing(s3, LANDING)
    s3.delete_bucket(Bucket=LANDING)
    s3.create_bucket(Bucket=LANDING)
    s3.put_object(Bucket=LANDING, Key=landing.CANARY, Body=b"")
    return s3


def test_every_version_is_a_file_that_is_read_and_archived(s3: Any) -> None:
    for body in (b"old", b"new", b"newest"):
        land(s3, "a.csv", body=body)
    land(s3, "b.csv", body=b"other")
    batch = plan(s3)
    assert [landing.read_file(s3, BUCKETS, file) for file in batch.files] == [b"old", b"new", b"newest", b"other"]
    finish(s3, batch)
    assert [item["Key"] for item in s3.list_object_versions(Bucket=LANDING)["Versions"]] == [landing.CANARY]
    kept = {s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys(s3, "raw/")}
    assert kept == {b"old", b"new", b"newest", b"other"}


def test_a_version_that_lands_after_the_plan_is_the_next_batchs(s3: Any) -> None:
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)
    land(s3, "a.csv", body=b"new")
    assert landing.read_file(s3, BUCKETS, batch.files[0]) == b"old"
    finish(s3, batch)
    (file,) = plan(s3).files
    assert landing.read_file(s3, BUCKETS, file) == b"new"
    assert file.file_id != batch.files[0].file_id


def test_the_same_bytes_sent_again_are_another_file(s3: Any) -> None:
    land(s3, "a.csv")
    first = plan(s3)
    finish(s3, first)
    land(s3, "a.csv")
    assert plan(s3).files[0].file_id != first.files[0].file_id


def test_what_a_sender_deletes_has_come_all_the_same(s3: Any) -> None:
    land(s3, "a.csv", body=b"old")
    s3.delete_object(Bucket=LANDING, Key="storefront/users/a.csv")
    (file,) = plan(s3).files
    assert landing.read_file(s3, BUCKETS, file) == b"old"


def test_without_versions_an_object_replaced_meanwhile_stays_in_landing(unversioned: Any) -> None:
    s3 = unversioned
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)
    land(s3, "a.csv", body=b"new")
    assert landing.read_file(s3, BUCKETS, batch.files[0]) is None
    finish(s3, batch)
    assert keys(s3, "raw/") == []
    (file,) = plan(s3).files
    assert landing.read_file(s3, BUCKETS, file) == b"new"
    assert file.file_id != batch.files[0].file_id


def test_without_versions_what_was_read_is_kept_though_it_is_replaced_before_it_is_moved(unversioned: Any) -> None:
    s3 = unversioned
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)
    assert landing.read_file(s3, BUCKETS, batch.files[0]) == b"old"
    land(s3, "a.csv", body=b"new")
    finish(s3, batch)
    assert s3.get_object(Bucket=BUCKET, Key=keys(s3, "raw/")[0])["Body"].read() == b"old"
    assert landed(s3) == ["storefront/users/a.csv"]


def test_without_versions_an_object_replaced_between_copy_and_delete_stays_in_landing(unversioned: Any) -> None:
    s3 = unversioned
    land(s3, "a.csv", body=b"old")
    batch = plan(s3)

    def delete_late(**arguments: Any) -> Any:
        land(s3, "a.csv", body=b"new")
        return s3.delete_object(**arguments)

    finish(Intercepted(s3, delete_object=delete_late), batch)
    assert s3.get_object(Bucket=LANDING, Key="storefront/users/a.csv")["Body"].read() == b"new"
    assert landing.read_file(s3, BUCKETS, batch.files[0]) == b"old", "the version that was listed is in the archive"


# Uploads that go on


def test_an_upload_that_goes_on_stays_where_its_writer_will_rename_it(s3: Any) -> None:
    now = datetime.now(UTC)
    land(s3, "a.csv.part", "_temporary/0/part-0.csv", "b.csv")
    land(s3, "gone.csv.part")
    s3.delete_object(Bucket=LANDING, Key="storefront/users/gone.csv.part")
    assert names(landing.waiting(s3, BUCKETS, now)) == ["b.csv"]
    assert names(landing.uncommitted(s3, BUCKETS)) == ["part-0.csv", "a.csv.part"]
    batch = batches.plan(s3, BUCKETS, 100, MANY, now)
    assert batch is not None
    finish(s3, batch)
    assert batches.plan(s3, BUCKETS, 100, MANY, now) is None, "no backlog"
    assert len(landed(s3)) == 2


def test_an_upload_that_was_given_up_gets_its_verdict_in_the_end(s3: Any) -> None:
    land(s3, "a.csv.part")
    almost = datetime.now(UTC) + landing.ABANDONED_AFTER - timedelta(minutes=1)
    assert names(landing.waiting(s3, BUCKETS, almost)) == []
    assert names(landing.waiting(s3, BUCKETS, almost + timedelta(minutes=2))) == ["a.csv.part"]


# What S3 does not give out


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidObjectState", "InvalidRequest", "KMS.DisabledException"])
def test_an_object_that_is_not_given_out_is_at_fault_when_others_are(s3: Any, code: str) -> None:
    land(s3, "a.csv")
    (file,) = plan(s3).files
    with pytest.raises(landing.UnreadableError, match=f"S3 answers {code}: no"):
        landing.read_file(denying(s3, code, file.key), BUCKETS, file)


def test_nobody_can_tell_whose_fault_a_refusal_is_without_the_canary(s3: Any) -> None:
    land(s3, "a.csv")
    (file,) = plan(s3).files
    empty = Intercepted(s3, get_object=failing("AccessDenied", 403), list_object_versions=lambda **_: {})
    with pytest.raises(ClientError, match="AccessDenied"):
        landing.read_file(empty, BUCKETS, file)


@pytest.mark.parametrize(
    ("code", "status", "others"),
    [
        ("AccessDenied", 403, {"list_object_versions": failing("AccessDenied", 403)}),
        ("RequestTimeout", 400, {}),
        ("NoSuchBucket", 404, {}),
        ("SlowDown", 503, {}),
        ("InternalError", 500, {}),
        ("TooManyRequests", 429, {}),
        ("ThrottlingException", 400, {}),
    ],
)
def test_an_outage_is_no_objects_fault(s3: Any, code: str, status: int, others: dict[str, Any]) -> None:
    land(s3, "a.csv")
    (file,) = plan(s3).files
    refusing = Intercepted(denying(s3, code, file.key, status), **others)
    with pytest.raises(ClientError, match=code):
        landing.read_file(refusing, BUCKETS, file)


def test_what_cannot_be_moved_is_left_and_not_taken_for_something_new(s3: Any) -> None:
    land(s3, "denied.csv", "b.csv")
    batch = plan(s3)
    denied = next(file for file in batch.files if file.key.endswith("denied.csv"))

    verdicts: dict[str, tuple[str, str | None]] = {file.file_id: ("accepted", None) for file in batch.files}
    verdicts[denied.file_id] = ("quarantined", "unreadable_object")
    for _ in range(2):  # safe to repeat
        batches.finish(denying(s3, "AccessDenied", denied.key), BUCKETS, batch, verdicts, NOW)
        assert batches.is_finished(s3, BUCKET, batch.batch_id)
        assert landed(s3) == [denied.key]
        (note,) = landing.left_behind(s3, BUCKET)
        assert (LandedFile(**note["file"]), note["reason"]) == (denied, "unreadable_object")
        assert "AccessDenied" in note["error"]
        assert batches.plan(s3, BUCKETS, 100, MANY, NOW) is None
    # Sent again, it is another version, and judged.
    land(s3, "denied.csv")
    assert len(plan(s3).files) == 1
    assert landing.move_left(s3, BUCKETS) == 1, "the permission is there now"
    assert list(landing.left_behind(s3, BUCKET)) == []
    assert landing.archive_key(denied, "quarantined", "unreadable_object") in keys(s3, "quarantine/")


def test_a_replay_that_is_read_after_all_leaves_landing(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    file = batch.files[0]
    refused = denying(s3, "AccessDenied", file.key)
    batches.finish(refused, BUCKETS, batch, {file.file_id: ("quarantined", "unreadable_object")}, NOW)
    batches.submit(s3, BUCKET, batches.Request("1", "replay", NOW.isoformat(), "it may be read now", (file,)))
    again = plan(s3)
    assert landing.read_file(s3, BUCKETS, file) == b"x"
    finish(s3, again)
    assert (landed(s3), list(landing.left_behind(s3, BUCKET))) == ([], [])
    assert keys(s3, "raw/") == [landing.archive_key(file, "accepted", None)]


@pytest.mark.parametrize("kind", ["replay", "discard"])
def test_what_people_ask_for_leaves_alone_what_lies_in_landing_under_its_name(
    unversioned: Any, kind: batches.Kind
) -> None:
    s3 = unversioned
    land(s3, "a.csv")
    batch = plan(s3)
    (file,) = batch.files
    refused: dict[str, tuple[str, str | None]] = {file.file_id: ("quarantined", "html_page")}
    batches.finish(s3, BUCKETS, batch, refused, NOW)
    batches.submit(s3, BUCKET, batches.Request("1", kind, NOW.isoformat(), "try again", (file,)))
    again = plan(s3)
    land(s3, "a.csv")  # the sender sends the same bytes once more, as it was told to
    batches.finish(s3, BUCKETS, again, refused, NOW)
    assert landed(s3) == ["storefront/users/a.csv"]
    assert len(plan(s3).files) == 1


def test_what_is_archived_is_read_though_its_name_is_denied_by_now(s3: Any) -> None:
    land(s3, "a.csv")
    (file,) = plan(s3).files
    assert landing.read_file(s3, BUCKETS, file) == b"x"
    assert landing.read_file(denying(s3, "AccessDenied", file.key), BUCKETS, file) == b"x"


def test_two_runs_that_file_a_refused_file_at_once_do_it_once(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    (file,) = batch.files
    landing.read_file(s3, BUCKETS, file)
    twin: list[None] = []

    def copy_late(source: dict[str, str], *target: str) -> None:
        if not twin:
            twin.append(None)
            landing.move(s3, BUCKETS, file, "quarantined", "html_page")
        s3.copy(source, *target)

    landing.move(Intercepted(s3, copy=copy_late), BUCKETS, file, "quarantined", "html_page")
    assert keys(s3, "raw/") == []
    assert keys(s3, "quarantine/") == [landing.archive_key(file, "quarantined", "html_page")]
    assert landed(s3) == []


def test_a_role_that_may_not_delete_is_an_outage(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    with pytest.raises(ClientError, match="AccessDenied"):
        finish(Intercepted(s3, delete_object=failing("AccessDenied", 403)), batch)
    assert list(landing.left_behind(s3, BUCKET)) == []


def test_a_file_that_may_be_read_and_not_copied_is_archived_by_its_bytes(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    refusing = Intercepted(s3, copy_object=failing("AccessDenied", 403))
    assert landing.read_file(refusing, BUCKETS, batch.files[0]) == b"x"
    finish(s3, batch)
    assert len(keys(s3, "raw/")) == 1


@pytest.mark.parametrize("character", ["x", "é", "漢", "\U0001f600"])
@pytest.mark.parametrize("verdict", [("accepted", None), ("quarantined", "unreadable_object")])
def test_the_longest_name_has_a_place_in_the_archive(s3: Any, character: str, verdict: tuple[str, str | None]) -> None:
    folder = "storefront/users/"
    name = character * ((1024 - len(folder) - 4) // len(character.encode())) + ".csv"
    land(s3, name)
    batch = plan(s3)
    (file,) = batch.files
    assert len(landing.archive_key(file, *verdict).encode()) <= 1024
    assert landing.archive_key(file, *verdict).endswith(".csv")
    batches.finish(s3, BUCKETS, batch, {file.file_id: verdict}, NOW)
    assert landed(s3) == []
    assert landing.read_file(s3, BUCKETS, file) == b"x"


@pytest.mark.parametrize("verdict", [("accepted", None), ("quarantined", "html_page")])
def test_a_batch_resumed_in_the_middle_of_its_finish_still_finds_its_files(
    s3: Any, verdict: tuple[str, str | None]
) -> None:
    land(s3, "a.csv", body=b"a")
    land(s3, "b.csv", body=b"b")
    batch = plan(s3)
    landing.move(s3, BUCKETS, batch.files[0], *verdict)
    assert plan(s3) == batch
    assert [landing.read_file(s3, BUCKETS, file) for file in batch.files] == [b"a", b"b"]


def test_a_file_that_was_deleted_is_gone(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    s3.delete_object(Bucket=LANDING, Key=batch.files[0].key, VersionId=batch.files[0].version_id)
    assert landing.read_file(s3, BUCKETS, batch.files[0]) is None
    finish(s3, batch)
    assert batches.is_finished(s3, BUCKET, 1)


def test_a_file_too_large_for_one_copy_is_moved_in_parts(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "LARGEST_COPY_BYTES", 2)
    land(s3, "a.csv", body=b"long")
    batch = plan(s3)
    finish(s3, batch)
    assert landed(s3) == []
    assert landing.read_file(s3, BUCKETS, batch.files[0]) == b"long"


def test_a_failed_move_leaves_the_batch_unfinished(s3: Any) -> None:
    land(s3, "a.csv")
    batch = plan(s3)
    with pytest.raises(ClientError, match="SlowDown"):
        finish(Intercepted(s3, copy_object=failing("SlowDown")), batch)
    assert not batches.is_finished(s3, BUCKET, 1)
    assert landed(s3) == ["storefront/users/a.csv"]


def test_a_sender_may_put_and_nothing_else() -> None:
    policy = json.loads((Path(__file__).parents[2] / "infra" / "policies" / "sender.json").read_text())
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", ["s3:PutObject", "s3:AbortMultipartUpload"])
    assert statement["Resource"].endswith("/${Domain}/${Dataset}/*")
