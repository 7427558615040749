"""What runs leave behind in S3, and how long it stays. Knows no Spark.

Never touched: what waits for its verdict in landing, the archives of raw and refused files, and the batches' manifests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lakehouse import batches, landing
from lakehouse.batches import DRAFTS
from lakehouse.settings import Buckets
from lakehouse.tables import WAREHOUSE
from lakehouse.warehouse import EXPORTS

_KEYS_PER_CALL = 1_000  # DeleteObjects takes no more


@dataclass(frozen=True)
class Retention:
    """How long what is no longer needed stays. A batch's run ends within 6 hours, each try of a job within 2.

    `snapshots`: since another snapshot took its place; until then a job may have begun to read it. The rest is for
    people who look back at what a table held before.
    `orphans`: since the file was written; a task writes its files before they are committed.
    `exports`: since the last file of a finished batch's export was written, and since a draft of a replay was.
    """

    snapshots: timedelta = timedelta(days=3)
    orphans: timedelta = timedelta(days=7)
    exports: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class Leftovers:
    """Objects outside of tables that were removed. Drafts that were handed in live on in their batch's manifest.

    `left_landing` are versions with a verdict that could not be moved out of landing before, and could be now.
    """

    exports_removed: int
    export_objects_removed: int
    uploads_aborted: int
    drafts_removed: int
    left_landing: int


def clean(s3: Any, buckets: Buckets, now: datetime, retention: Retention) -> Leftovers:
    """Remove old exports of finished batches, and old uploads that killed tasks began and never ended; try once more
    to move what had to stay in landing."""
    bucket, exports, objects = buckets.lake, 0, 0
    for batch_id, folder in _exports(s3, bucket):
        if batches.is_finished(s3, bucket, batch_id):
            removed = _remove_unless_used(s3, bucket, folder, now - retention.exports)
            exports, objects = exports + (removed > 0), objects + removed
    # Uploads into landing are their senders' own.
    aborted = sum(_abort_uploads(s3, bucket, prefix, now - retention.orphans) for prefix in (WAREHOUSE, EXPORTS))
    drafts = _remove_old(s3, bucket, DRAFTS, now - retention.exports)
    return Leftovers(exports, objects, aborted, drafts, landing.move_left(s3, buckets))


def _exports(s3: Any, bucket: str) -> Iterator[tuple[int, str]]:
    """(batch, folder) of every export that is there."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=EXPORTS, Delimiter="/"):
        for item in page.get("CommonPrefixes", []):
            number = item["Prefix"].removeprefix(EXPORTS).rstrip("/")
            if number.isdecimal():
                yield int(number), item["Prefix"]


def _remove_unless_used(s3: Any, bucket: str, folder: str, before: datetime) -> int:
    """Remove all objects of a folder if even the newest is old; returns how many."""
    found = _listed(s3, bucket, folder)
    return 0 if any(item["LastModified"] > before for item in found) else _remove(s3, bucket, found)


def _remove_old(s3: Any, bucket: str, folder: str, before: datetime) -> int:
    """Remove the objects of a folder that are old; returns how many."""
    return _remove(s3, bucket, [item for item in _listed(s3, bucket, folder) if item["LastModified"] <= before])


def _listed(s3: Any, bucket: str, folder: str) -> list[dict[str, Any]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    return [item for page in pages for item in page.get("Contents", [])]


def _remove(s3: Any, bucket: str, found: Sequence[dict[str, Any]]) -> int:
    for start in range(0, len(found), _KEYS_PER_CALL):
        keys = [{"Key": item["Key"]} for item in found[start : start + _KEYS_PER_CALL]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    return len(found)


def _abort_uploads(s3: Any, bucket: str, prefix: str, before: datetime) -> int:
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    old = [item for page in pages for item in page.get("Uploads", []) if item["Initiated"] <= before]
    for item in old:
        s3.abort_multipart_upload(Bucket=bucket, Key=item["Key"], UploadId=item["UploadId"])
    return len(old)
