"""What is removed beside the tables: only what is old, and only what no batch can still need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse import batches, leftovers
from lakehouse.leftovers import Leftovers, Retention

RETENTION = Retention()
LONG_AFTER = datetime.now(UTC) + RETENTION.exports + timedelta(hours=1)
SHORTLY_BEFORE = datetime.now(UTC) + RETENTION.exports - timedelta(hours=1)


def export_of(s3: Any, bucket: str, batch_id: int, finished: bool = True) -> list[str]:
    keys = [f"export/{batch_id:010d}/{name}" for name in ("index.json", "storefront.dim_user/rows/a.parquet")]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    if finished:
        batches.finish(s3, bucket, batches.Batch(batch_id, "ingest", ""), {}, datetime.now(UTC))
    return keys


def keys_in(s3: Any, bucket: str, prefix: str = "export/") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_old_exports_of_finished_batches_go_and_those_of_others_stay(s3: Any, bucket: str) -> None:
    export_of(s3, bucket, 7)
    unfinished = export_of(s3, bucket, 8, finished=False)
    assert leftovers.clean(s3, bucket, LONG_AFTER, RETENTION) == Leftovers(1, 2, 0, 0)
    assert keys_in(s3, bucket) == unfinished


def test_exports_stay_for_their_retention(s3: Any, bucket: str) -> None:
    keys = export_of(s3, bucket, 7)
    assert leftovers.clean(s3, bucket, SHORTLY_BEFORE, RETENTION) == Leftovers(0, 0, 0, 0)
    assert keys_in(s3, bucket) == keys


def test_old_drafts_go(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="drafts/20261125T120000-abcd-0001.json", Body=b"{}")
    assert leftovers.clean(s3, bucket, SHORTLY_BEFORE, RETENTION).drafts_removed == 0
    assert leftovers.clean(s3, bucket, LONG_AFTER, RETENTION).drafts_removed == 1
    assert keys_in(s3, bucket, "drafts/") == []


def test_what_is_not_an_export_stays(s3: Any, bucket: str) -> None:
    export_of(s3, bucket, 7)
    others = ["export/readme.txt", "export/mine/a.parquet", "landing/storefront/users/a.csv", "raw/storefront.users/a"]
    for key in others:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    leftovers.clean(s3, bucket, LONG_AFTER, RETENTION)
    assert set(keys_in(s3, bucket, "")) == {*others, *keys_in(s3, bucket, "batches/")}


def test_removal_that_was_interrupted_is_finished_by_the_next(s3: Any, bucket: str) -> None:
    first, *_ = export_of(s3, bucket, 7)
    s3.delete_object(Bucket=bucket, Key=first)
    assert leftovers.clean(s3, bucket, LONG_AFTER, RETENTION) == Leftovers(1, 1, 0, 0)
    assert leftovers.clean(s3, bucket, LONG_AFTER, RETENTION) == Leftovers(0, 0, 0, 0)


def test_old_uploads_of_killed_tasks_are_aborted_and_those_of_senders_are_not(s3: Any, bucket: str) -> None:
    for key in (
        "warehouse/ops.db/files/data/a.parquet",
        "export/0000000007/a.parquet",
        "landing/storefront/users/a.csv",
    ):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    assert leftovers.clean(s3, bucket, SHORTLY_BEFORE, RETENTION).uploads_aborted == 0
    assert leftovers.clean(s3, bucket, LONG_AFTER, RETENTION).uploads_aborted == 2
    uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [upload["Key"] for upload in uploads] == ["landing/storefront/users/a.csv"]
