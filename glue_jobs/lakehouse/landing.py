"""What has arrived: the files in landing, their identity, and where each is kept once it has a verdict.

Nothing here knows Spark.

    landing/<domain>/<dataset>/…           files that wait
    raw/<dataset>/<file_id>/…              accepted files, immutable
    quarantine/files/<reason>/<dataset>/<file_id>/…   refused files
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from botocore.exceptions import ClientError

LANDING = "landing/"
RAW = "raw/"
QUARANTINE = "quarantine/files/"
UNKNOWN_DATASET = "unknown"
# CopyObject takes no more; a larger file is refused, but has to leave landing like any other.
LARGEST_COPY_BYTES = 5 << 30


@dataclass(frozen=True)
class LandedFile:
    """One object of landing as it was listed. `arrived_at` is S3's LastModified, ISO 8601 in UTC."""

    file_id: str
    dataset: str
    key: str
    etag: str
    bytes: int
    arrived_at: str


def file_id(bucket: str, key: str, etag: str) -> str:
    """Identity of one version of one object: 32 hex digits, the same on every try."""
    return hashlib.sha256("\n".join((bucket, key, etag)).encode()).hexdigest()[:32]


def dataset_of(key: str) -> str:
    """`landing/storefront/users/a.csv` belongs to `storefront.users`; too short a path to `unknown`."""
    parts = key.removeprefix(LANDING).split("/")
    return f"{parts[0]}.{parts[1]}" if len(parts) > 2 and parts[0] and parts[1] else UNKNOWN_DATASET


def waiting(
    s3: Any, bucket: str, dataset: str | None = None, held: Collection[str] = frozenset()
) -> Iterator[LandedFile]:
    """Files in landing, in key order; only those of one dataset when it is named, else none of a dataset that is held
    back until its time has come."""
    prefix = LANDING + (dataset.replace(".", "/", 1) + "/" if dataset else "")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            key, etag = item["Key"], item["ETag"].strip('"')
            if key.endswith("/") and item["Size"] == 0:
                continue  # a folder marker of the S3 console, not a file
            found = dataset_of(key)
            if dataset is None and found in held:
                continue
            arrived_at = item["LastModified"].astimezone(UTC).isoformat()
            yield LandedFile(file_id(bucket, key, etag), found, key, etag, item["Size"], arrived_at)


def read_file(s3: Any, bucket: str, file: LandedFile) -> bytes | None:
    """The bytes of the version that was listed; None when it is gone, for another has landed or somebody deleted it.

    The version is archived before anything is made of it: whatever lands under its name from now on, the bytes that
    were read are kept. A batch that is repeated may find some of its files in the archive only.
    """
    try:
        data = _body(s3.get_object(Bucket=bucket, Key=file.key, IfMatch=file.etag))
        _copy_landed(s3, bucket, file, archive_key(file, "accepted", None))
        return data
    except ClientError as error:
        if not (is_precondition(error) or is_missing(error)):
            raise
    key = archived(s3, bucket, file)
    return _body(s3.get_object(Bucket=bucket, Key=key)) if key else None


def archive_key(file: LandedFile, verdict: str, reason: str | None) -> str:
    """Where a file with this verdict is kept for good."""
    name = file.key.rsplit("/", 1)[-1]
    folder = f"{QUARANTINE}{reason}/" if verdict == "quarantined" else RAW
    return f"{folder}{file.dataset}/{file.file_id}/{name}"


def archived(s3: Any, bucket: str, file: LandedFile) -> str | None:
    """The key under which a version is archived, whatever its verdict was; None when it is not."""
    raw = archive_key(file, "accepted", None)
    if exists(s3, bucket, raw):
        return raw
    reasons = s3.list_objects_v2(Bucket=bucket, Prefix=QUARANTINE, Delimiter="/").get("CommonPrefixes", [])
    keys = (raw.replace(RAW, item["Prefix"], 1) for item in reasons)
    return next((key for key in keys if exists(s3, bucket, key)), None)


def move(s3: Any, bucket: str, file: LandedFile, verdict: str, reason: str | None) -> None:
    """Out of landing, to where a file with this verdict is kept; a replayed file from where it was. Safe to repeat."""
    kept, target = archived(s3, bucket, file), archive_key(file, verdict, reason)
    try:
        if kept is None:  # a file that gets its verdict unread
            _copy_landed(s3, bucket, file, target)
        elif kept != target:
            s3.copy({"Bucket": bucket, "Key": kept}, bucket, target)
            s3.delete_object(Bucket=bucket, Key=kept)
        s3.delete_object(Bucket=bucket, Key=file.key, IfMatch=file.etag)
    except ClientError as error:
        # Gone: an earlier try moved it. Changed: another version has landed and waits for the next batch.
        if not (is_precondition(error) or is_missing(error)):
            raise


def _copy_landed(s3: Any, bucket: str, file: LandedFile, target: str) -> None:
    """Copy the version that was listed; the copy of a large file is put together of parts."""
    source = {"Bucket": bucket, "Key": file.key}
    if file.bytes <= LARGEST_COPY_BYTES:
        s3.copy_object(Bucket=bucket, Key=target, CopySource=source, CopySourceIfMatch=file.etag)
    else:
        s3.copy(source, bucket, target, ExtraArgs={"CopySourceIfMatch": f'"{file.etag}"'})


def exists(s3: Any, bucket: str, key: str) -> bool:
    """Whether there is an object of that key."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return True


def _body(response: dict[str, Any]) -> bytes:
    body: bytes = response["Body"].read()
    return body


def is_missing(error: ClientError) -> bool:
    """Whether S3 answered that there is no such object."""
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")


def is_precondition(error: ClientError) -> bool:
    """Whether S3 answered that a condition of the call (If-Match, If-None-Match) does not hold."""
    return error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
