"""What has arrived: the files in landing, their identity, and the batches that take them.

A batch is a number of one sequence and a manifest in S3; nothing here knows Spark.

    landing/<domain>/<dataset>/…           files that wait
    batches/<number>/manifest.json         planned: which files, at which ETag (written once, If-None-Match)
    batches/<number>/done.json             finished: loaded, proved and moved
    batches/latest.json                    a hint where to start looking; never the truth
    raw/<dataset>/<file_id>/…              accepted files, immutable
    quarantine/files/<reason>/<dataset>/<file_id>/…   refused files
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

LANDING = "landing/"
BATCHES = "batches/"
LATEST = f"{BATCHES}latest.json"
RAW = "raw/"
QUARANTINE = "quarantine/files/"
UNKNOWN_DATASET = "unknown"
MOVERS = 8
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


@dataclass(frozen=True)
class Batch:
    """A planned batch: the number, when it was planned (ISO 8601, UTC) and its files."""

    batch_id: int
    kind: str
    planned_at: str
    files: tuple[LandedFile, ...]


def file_id(bucket: str, key: str, etag: str) -> str:
    """Identity of one version of one object: 32 hex digits, the same on every try."""
    return hashlib.sha256("\n".join((bucket, key, etag)).encode()).hexdigest()[:32]


def dataset_of(key: str) -> str:
    """`landing/storefront/users/a.csv` belongs to `storefront.users`; too short a path to `unknown`."""
    parts = key.removeprefix(LANDING).split("/")
    return f"{parts[0]}.{parts[1]}" if len(parts) > 2 and parts[0] and parts[1] else UNKNOWN_DATASET


def waiting(s3: Any, bucket: str, dataset: str | None = None) -> Iterator[LandedFile]:
    """Files in landing, in key order; only those of one dataset when it is named."""
    prefix = LANDING + (dataset.replace(".", "/", 1) + "/" if dataset else "")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            key, etag = item["Key"], item["ETag"].strip('"')
            if key.endswith("/") and item["Size"] == 0:
                continue  # a folder marker of the S3 console, not a file
            arrived_at = item["LastModified"].astimezone(UTC).isoformat()
            yield LandedFile(file_id(bucket, key, etag), dataset_of(key), key, etag, item["Size"], arrived_at)


def plan(
    s3: Any, bucket: str, batch_files: int, batch_bytes: int, now: datetime, dataset: str | None = None
) -> Batch | None:
    """The batch to work on: an unfinished one first, else a new one of the oldest files; None when nothing waits.

    Two planners at once agree: the manifest's conditional PUT lets one win; the other takes the winner's batch, or
    plans the next one when the winner has finished it meanwhile.
    """
    while True:
        unfinished, last = _last_batch(s3, bucket)
        if unfinished:
            return read_batch(s3, bucket, last)
        files = _bounded(waiting(s3, bucket, dataset), batch_files, batch_bytes)
        if not files:
            return None
        batch = Batch(last + 1, "ingest", now.astimezone(UTC).isoformat(), files)
        try:
            s3.put_object(
                Bucket=bucket,
                Key=_manifest_key(batch.batch_id),
                Body=json.dumps(asdict(batch), indent=1).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if not _is_precondition(error):
                raise
        else:
            return batch


def read_batch(s3: Any, bucket: str, batch_id: int) -> Batch:
    """The manifest of a planned batch."""
    content = json.loads(s3.get_object(Bucket=bucket, Key=_manifest_key(batch_id))["Body"].read())
    return Batch(**{**content, "files": tuple(LandedFile(**item) for item in content["files"])})


def read_file(s3: Any, bucket: str, file: LandedFile) -> bytes | None:
    """The bytes of the version that was listed; None when it is gone, for another has landed or somebody deleted it.

    A batch that is resumed after its finish was interrupted finds some of its files in the archive.
    """
    try:
        return _body(s3.get_object(Bucket=bucket, Key=file.key, IfMatch=file.etag))
    except ClientError as error:
        if not (_is_precondition(error) or _is_missing(error)):
            raise
    archived = _archived(s3, bucket, file)
    return _body(s3.get_object(Bucket=bucket, Key=archived)) if archived else None


def is_finished(s3: Any, bucket: str, batch_id: int) -> bool:
    """Whether a batch has been loaded, proved and moved."""
    return _exists(s3, bucket, _done_key(batch_id))


def finish(s3: Any, bucket: str, batch: Batch, verdicts: dict[str, tuple[str, str | None]], now: datetime) -> None:
    """Move the batch's files out of landing by their verdicts (file_id → verdict, reason), then mark it finished.

    A file without a verdict changed between listing and reading: it stays for the next batch. Safe to repeat.
    """
    with ThreadPoolExecutor(MOVERS) as pool:
        moves = [(file, *verdicts[file.file_id]) for file in batch.files if file.file_id in verdicts]
        for _ in pool.map(lambda move: _move(s3, bucket, *move), moves):
            pass
    done = json.dumps({"batch_id": batch.batch_id, "finished_at": now.astimezone(UTC).isoformat()}).encode()
    s3.put_object(Bucket=bucket, Key=_done_key(batch.batch_id), Body=done, ContentType="application/json")
    s3.put_object(Bucket=bucket, Key=LATEST, Body=done, ContentType="application/json")


def archive_key(file: LandedFile, verdict: str, reason: str | None) -> str:
    """Where a file with this verdict is kept for good."""
    name = file.key.rsplit("/", 1)[-1]
    folder = f"{QUARANTINE}{reason}/" if verdict == "quarantined" else RAW
    return f"{folder}{file.dataset}/{file.file_id}/{name}"


def _archived(s3: Any, bucket: str, file: LandedFile) -> str | None:
    """The key under which a version is archived, whatever its verdict was; None when it is not."""
    reasons = s3.list_objects_v2(Bucket=bucket, Prefix=QUARANTINE, Delimiter="/").get("CommonPrefixes", [])
    folders = (RAW, *(item["Prefix"] for item in reasons))
    keys = (archive_key(file, "accepted", None).replace(RAW, folder, 1) for folder in folders)
    return next((key for key in keys if _exists(s3, bucket, key)), None)


def _move(s3: Any, bucket: str, file: LandedFile, verdict: str, reason: str | None) -> None:
    source = {"Bucket": bucket, "Key": file.key}
    target = {"Bucket": bucket, "Key": archive_key(file, verdict, reason)}
    try:
        if file.bytes <= LARGEST_COPY_BYTES:
            s3.copy_object(**target, CopySource=source, CopySourceIfMatch=file.etag)
        else:
            s3.copy(source, **target, ExtraArgs={"CopySourceIfMatch": f'"{file.etag}"'})
        s3.delete_object(Bucket=bucket, Key=file.key, IfMatch=file.etag)
    except ClientError as error:
        # Gone: an earlier try moved it. Changed: another version has landed and waits for the next batch.
        if not (_is_precondition(error) or _is_missing(error)):
            raise


def _bounded(files: Iterable[LandedFile], batch_files: int, batch_bytes: int) -> tuple[LandedFile, ...]:
    """The oldest files that fit, at least one: a file larger than the bound makes a batch of its own."""
    chosen: list[LandedFile] = []
    total = 0
    for file in sorted(files, key=lambda item: (item.arrived_at, item.key)):
        if chosen and (len(chosen) == batch_files or total + file.bytes > batch_bytes):
            break
        chosen.append(file)
        total += file.bytes
    return tuple(chosen)


def _last_batch(s3: Any, bucket: str) -> tuple[bool, int]:
    """(is it unfinished, the greatest batch number); (False, 0) before the first one.

    One writer at a time means that only the greatest batch can be unfinished.
    """
    last = _hint(s3, bucket)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=BATCHES, StartAfter=f"{BATCHES}{last:010d}/~"
    )
    for page in pages:
        for item in page.get("Contents", []):
            number = item["Key"].removeprefix(BATCHES).split("/")[0]
            if number.isdecimal():
                last = max(last, int(number))
    return (last > 0 and not is_finished(s3, bucket, last)), last


def _hint(s3: Any, bucket: str) -> int:
    try:
        return int(json.loads(s3.get_object(Bucket=bucket, Key=LATEST)["Body"].read())["batch_id"])
    except ClientError as error:
        if not _is_missing(error):
            raise
        return 0


def _manifest_key(batch_id: int) -> str:
    return f"{BATCHES}{batch_id:010d}/manifest.json"


def _done_key(batch_id: int) -> str:
    return f"{BATCHES}{batch_id:010d}/done.json"


def _exists(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not _is_missing(error):
            raise
        return False
    return True


def _body(response: dict[str, Any]) -> bytes:
    body: bytes = response["Body"].read()
    return body


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")


def _is_precondition(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
