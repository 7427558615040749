"""What is removed beside the tables: only what is old, and only what no batch can still need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse import batches, landing, leftovers
from lakehouse.leftovers import Leftovers, Retention
from lakehouse.settings import Buckets
from tests.support.landing import new_landing_bucket

RETENTION = Retention()
LONG_AFTER = datetime.now(UTC) + RETENTION.exports + timedelta(hours=1)
SHORTLY_BEFORE = datetime.now(UTC) + RETENTION.exports - timedelta(hours=1)


@pytest.fixture
def buckets(s3: Any, bucket: str) -> Buckets:
    new_landing_bucket(s3, f"{bucket}-landing")
    return Buckets(landing=f"{bucket}-landing", lake=bucket)


def export_of(s3: Any, buckets: Buckets, batch_id: int, finished: bool = True) -> list[str]:
    keys = [f"export/{batch_id:010d}/{name}" for name in ("index.json", "storefront.dim_user/rows/a.parquet")]
    for key in keys:
        s3.put_object(Bucket=buckets.lake, Key=key, Body=b"x")
    if finished:
        batches.finish(s3, buckets, batches.Batch(batch_id, "ingest", ""), {}, datetime.now(UTC))
    return keys


def keys_in(s3: Any, buckets: Buckets, prefix: str = "export/") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=buckets.lake, Prefix=prefix).get("Contents", [])]


def test_old_exports_of_finished_batches_go_and_those_of_others_stay(s3: Any, buckets: Buckets) -> None:
    export_of(s3, buckets, 7)
    unfinished = export_of(s3, buckets, 8, finished=False)
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION) == Leftovers(1, 2, 0, 0, 0)
    assert keys_in(s3, buckets) == unfinished


def test_exports_stay_for_their_retention(s3: Any, buckets: Buckets) -> None:
    keys = export_of(s3, buckets, 7)
    assert leftovers.clean(s3, buckets, SHORTLY_BEFORE, RETENTION) == Leftovers(0, 0, 0, 0, 0)
    assert keys_in(s3, buckets) == keys


def test_old_drafts_go(s3: Any, buckets: Buckets) -> None:
    s3.put_object(Bucket=buckets.lake, Key="drafts/20261125T120000-abcd-0001.json", Body=b"{}")
    assert leftovers.clean(s3, buckets, SHORTLY_BEFORE, RETENTION).drafts_removed == 0
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION).drafts_removed == 1
    assert keys_in(s3, buckets, "drafts/") == []


def test_what_is_not_an_export_stays(s3: Any, buckets: Buckets) -> None:
    export_of(s3, buckets, 7)
    others = ["export/readme.txt", "export/mine/a.parquet", "mine/users/a.csv", "raw/storefront.users/a"]
    for key in others:
        s3.put_object(Bucket=buckets.lake, Key=key, Body=b"x")
    leftovers.clean(s3, buckets, LONG_AFTER, RETENTION)
    assert set(keys_in(s3, buckets, "")) == {*others, *keys_in(s3, buckets, "batches/")}


def test_removal_that_was_interrupted_is_finished_by_the_next(s3: Any, buckets: Buckets) -> None:
    first, *_ = export_of(s3, buckets, 7)
    s3.delete_object(Bucket=buckets.lake, Key=first)
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION) == Leftovers(1, 1, 0, 0, 0)
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION) == Leftovers(0, 0, 0, 0, 0)


def test_old_uploads_of_killed_tasks_are_aborted_and_those_of_senders_are_not(s3: Any, buckets: Buckets) -> None:
    for key in (
        "warehouse/ops.db/files/data/a.parquet",
        "export/0000000007/a.parquet",
        "mine/users/a.csv",
    ):
        s3.create_multipart_upload(Bucket=buckets.lake, Key=key)
    assert leftovers.clean(s3, buckets, SHORTLY_BEFORE, RETENTION).uploads_aborted == 0
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION).uploads_aborted == 2
    uploads = s3.list_multipart_uploads(Bucket=buckets.lake)["Uploads"]
    assert [upload["Key"] for upload in uploads] == ["mine/users/a.csv"]


def test_what_had_to_stay_in_landing_leaves_it_once_it_may(s3: Any, buckets: Buckets) -> None:
    key = "storefront/users/a.csv"
    # The sender chose an archive tier: S3 gives the object out to nobody.
    s3.put_object(Bucket=buckets.landing, Key=key, Body=b"x", StorageClass="GLACIER")
    (file,) = landing.waiting(s3, buckets, datetime.now(UTC))
    landing.move(s3, buckets, file, "quarantined", "unreadable_object")
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION).left_landing == 0
    assert [note["file"]["key"] for note in landing.left_behind(s3, buckets.lake)] == [key]
    # Somebody deletes it: nothing is left to note.
    s3.delete_object(Bucket=buckets.landing, Key=key, VersionId=file.version_id)
    assert leftovers.clean(s3, buckets, LONG_AFTER, RETENTION).left_landing == 1
    assert landing.left_behind(s3, buckets.lake) == []
