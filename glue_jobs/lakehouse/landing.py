"""What has arrived: the versions in landing, their identity, and where each is kept once it has a verdict.

Nothing here knows Spark. Landing is a bucket of its own, and versioned: what a sender writes over an object is a file
like any other, and so is what it wrote over.

    <landing>/<domain>/<dataset>/…            versions that wait
    <lake>/raw/<dataset>/<file_id>/…          accepted files, immutable
    <lake>/quarantine/files/<reason>/<dataset>/<file_id>/…   refused files
    <lake>/left/<file_id>.json                a version that has its verdict and could not be moved out of landing
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from lakehouse import json_object
from lakehouse.settings import Buckets

RAW = "raw/"
QUARANTINE = "quarantine/files/"
LEFT = "left/"
UNKNOWN_DATASET = "unknown"
CANARY = ".lakehouse/canary"
"""An object of the lake's own that whoever reads landing can read: when it cannot be read, no other is at fault."""
ABANDONED_AFTER = timedelta(days=7)
"""An upload that its writer has not ended by then never will be: it gets the verdict `ignored`."""
VERSIONING_IS_OFF = (
    "{bucket} is not versioned: a file that is written over before a run has taken it is lost, and nothing can tell. "
    "`aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled` turns it on"
)
NULL_VERSION = "null"
_NO_OBJECTS_FAULT = ("NoSuchBucket", "RequestTimeout")
# CopyObject takes no more; a larger file is refused, but has to leave landing like any other.
LARGEST_COPY_BYTES = 5 << 30
# Bytes of a domain's or a dataset's name; a longer one is nobody's, and would not fit into the key of an archive.
_LONGEST_PART = 64
# S3's keys have 1,024 bytes at most, and the longest folder of an archive fewer than 300.
_LONGEST_NAME = 700
_TEMPORARY_ENDINGS = (".tmp", ".part", ".filepart", ".crdownload", "~")


class UnreadableError(Exception):
    """S3 does not give out an object, though it gives out others: it is denied, archived or under a foreign key."""


@dataclass(frozen=True)
class LandedFile:
    """One version of one object as it was listed. `arrived_at` is S3's LastModified, ISO 8601 in UTC.

    `version_id` is None where a bucket has never kept versions, and `null` of an object that came while it kept none:
    of both the ETag tells whether they are still the same.
    """

    file_id: str
    dataset: str
    key: str
    etag: str
    bytes: int
    arrived_at: str
    version_id: str | None = None


def file_id(bucket: str, key: str, etag: str, arrived_at: str, version_id: str | None) -> str:
    """Identity of one version of one object: 32 hex digits, the same on every try.

    What came while no versions were kept is told by its time too, in seconds, which is all that S3 says of it: whatever
    is decided about the bucket later, it stays the same file, and what is put in its place is another.
    """
    version = version_id
    if version in (None, NULL_VERSION):
        version = f"{etag}\n{datetime.fromisoformat(arrived_at).replace(microsecond=0).isoformat()}"
    return hashlib.sha256(f"{bucket}\n{key}\n{version}".encode()).hexdigest()[:32]


def dataset_of(key: str) -> str:
    """`storefront/users/a.csv` belongs to `storefront.users`; what is in no such folder to `unknown`."""
    parts = key.split("/")
    named = len(parts) > 2 and all(0 < len(part.encode()) <= _LONGEST_PART for part in parts[:2])
    return f"{parts[0]}.{parts[1]}" if named else UNKNOWN_DATASET


def is_uncommitted(key: str) -> bool:
    """Whether a name says that its writer has not ended: hidden folders and files (`_temporary/`, `.a.csv.swp`), and
    endings of uploads that go on. A folder that names a column (`_day=2026-01-03/`) is none of them."""
    *folders, name = key.split("/")
    return (
        any(folder.startswith((".", "_")) and "=" not in folder for folder in folders)
        or name.startswith((".", "_"))
        or name.lower().endswith(_TEMPORARY_ENDINGS)
    )


def versioning(s3: Any, bucket: str) -> str | None:
    """Enabled, Suspended, or None for a bucket that has never kept versions."""
    status: str | None = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    return status


def is_versioned(s3: Any, bucket: str) -> bool:
    """Whether the bucket keeps what is written over."""
    return versioning(s3, bucket) == "Enabled"


def waiting(
    s3: Any, buckets: Buckets, now: datetime, dataset: str | None = None, held: Collection[str] = frozenset()
) -> Iterator[LandedFile]:
    """Versions in landing that need a verdict, in key order, the oldest of a key first; only those of one dataset when
    it is named, else none of a dataset that is held back until its time has come."""
    left = {key.removeprefix(LEFT).removesuffix(".json") for key in _keys(s3, buckets.lake, LEFT)}
    for file, _ in _versions(s3, buckets.landing, dataset):
        is_held = dataset is None and file.dataset in held
        # One that another version or a delete marker covers its writer has renamed or given up.
        goes_on = is_uncommitted(file.key) and datetime.fromisoformat(file.arrived_at) > now - ABANDONED_AFTER
        if not (is_held or goes_on or file.file_id in left):
            yield file


def uncommitted(s3: Any, buckets: Buckets) -> list[LandedFile]:
    """Uploads that their writers have not ended, in key order: they stay where they will be renamed."""
    return [file for file, is_latest in _versions(s3, buckets.landing) if is_latest and is_uncommitted(file.key)]


def left_behind(s3: Any, bucket: str) -> list[dict[str, Any]]:
    """What could not be moved out of landing: `file` (LandedFile's fields), `verdict`, `reason`, and S3's `error`."""
    notes = []
    for key in _keys(s3, bucket, LEFT):
        try:
            notes.append(json_object.get(s3, bucket, key))
        except ClientError as error:
            if not is_missing(error):  # it has left landing since it was listed
                raise
    return notes


def _versions(s3: Any, bucket: str, dataset: str | None = None) -> Iterator[tuple[LandedFile, bool]]:
    """Every version of every object, in key order, the oldest of a key first, and whether it is the latest."""
    prefix = dataset.replace(".", "/", 1) + "/" if dataset else ""
    never_kept_any = versioning(s3, bucket) is None
    of_one_key: list[tuple[LandedFile, bool]] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Versions", []):
            key, etag = item["Key"], item["ETag"].strip('"')
            is_folder = key.endswith("/") and item["Size"] == 0  # a marker that the S3 console makes
            if is_folder or key == CANARY:
                continue
            version = None if never_kept_any else item["VersionId"]
            arrived_at = item["LastModified"].astimezone(UTC).isoformat()
            identity = file_id(bucket, key, etag, arrived_at, version)
            file = LandedFile(identity, dataset_of(key), key, etag, item["Size"], arrived_at, version)
            if of_one_key and of_one_key[0][0].key != key:
                yield from reversed(of_one_key)
                of_one_key = []
            of_one_key.append((file, item["IsLatest"]))
    yield from reversed(of_one_key)


def read_file(s3: Any, buckets: Buckets, file: LandedFile, *, archive: bool = True) -> bytes | None:
    """The bytes of the version that was listed; None when it is gone.

    The version is archived before anything is made of it: whatever becomes of it in landing, the bytes that were read
    are kept. Who only looks does not `archive`. A batch that is repeated may find its files in the archive only. Raises
    UnreadableError when S3 refuses this object and no other.
    """
    try:
        data = _body(s3.get_object(Bucket=buckets.landing, Key=file.key, **_this_version(file)))
    except ClientError as error:
        refusal = None if _is_gone(error) else _fault(s3, buckets, error)
        if refusal is not None and not isinstance(refusal, UnreadableError):
            raise
    else:
        if archive:
            _archive(s3, buckets, file, data)
        return data
    key = archived(s3, buckets.lake, file)
    if key is None and refusal is not None:
        raise refusal
    return _body(s3.get_object(Bucket=buckets.lake, Key=key)) if key else None


def _archive(s3: Any, buckets: Buckets, file: LandedFile, data: bytes) -> None:
    key = archive_key(file, "accepted", None)
    try:
        _copy_landed(s3, buckets, file, key)
    except ClientError as error:
        if not _is_refusal(error):
            raise
        # Gone since, or it may be read and not copied (its tags, for example, are another permission).
        s3.put_object(Bucket=buckets.lake, Key=key, Body=data)


def archive_key(file: LandedFile, verdict: str, reason: str | None) -> str:
    """Where a file with this verdict is kept for good; of a name that is too long for it, the end."""
    name = file.key.rsplit("/", 1)[-1].encode()[-_LONGEST_NAME:].decode(errors="ignore")
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


def move(
    s3: Any, buckets: Buckets, file: LandedFile, verdict: str, reason: str | None, *, is_ingested: bool = True
) -> None:
    """Out of landing, to where a file with this verdict is kept; a replayed file from where it was. Safe to repeat.

    What S3 refuses to move stays, and a note of it in `left/`, so that it is not taken for something new.
    """
    kept, target = archived(s3, buckets.lake, file), archive_key(file, verdict, reason)
    if kept is not None and kept != target:
        _move_archive(s3, buckets.lake, file, kept, target)
    # What a replay or a discard is about has left landing before, unless it had to stay there; what lies there now is
    # another file.
    was_left = not is_ingested and exists(s3, buckets.lake, _left_key(file))
    if not is_ingested and not was_left:
        return
    # What is archived already needs no copy; a file that got its verdict unread does.
    if refusal := _take_out(s3, buckets, file, copy_to=None if kept else target):
        note = {"file": asdict(file), "verdict": verdict, "reason": reason, "error": refusal}
        json_object.put(s3, buckets.lake, _left_key(file), note)
    elif was_left:
        s3.delete_object(Bucket=buckets.lake, Key=_left_key(file))


def move_left(s3: Any, buckets: Buckets) -> int:
    """Try once more to move what had to stay in landing; returns how many versions have left it."""
    moved = 0
    for note in left_behind(s3, buckets.lake):
        file = LandedFile(**note["file"])
        # Archived since, by a replay: the verdict of the note is not the last one.
        target = None if archived(s3, buckets.lake, file) else archive_key(file, note["verdict"], note["reason"])
        if _take_out(s3, buckets, file, copy_to=target) is None:
            s3.delete_object(Bucket=buckets.lake, Key=_left_key(file))
            moved += 1
    return moved


def _move_archive(s3: Any, bucket: str, file: LandedFile, kept: str, target: str) -> None:
    try:
        s3.copy({"Bucket": bucket, "Key": kept}, bucket, target)
    except ClientError as error:
        # A twin of this run may have been quicker.
        if not is_missing(error) or archived(s3, bucket, file) is None:
            raise
    else:
        s3.delete_object(Bucket=bucket, Key=kept)


def _take_out(s3: Any, buckets: Buckets, file: LandedFile, copy_to: str | None) -> str | None:
    """Copy a version, if need be, and delete it from landing; gives S3's words when it does not give out this one."""
    try:
        if copy_to is not None:
            try:
                _copy_landed(s3, buckets, file, copy_to)
            except ClientError as error:
                if not _is_refusal(error):
                    raise
                # Where it can be read, it is the lake that refuses, or the job's role.
                s3.get_object(Bucket=buckets.landing, Key=file.key, **_this_version(file))["Body"].close()
                raise error from None
    except ClientError as error:
        # Gone: an earlier try moved it. Changed: another version has landed and waits for the next batch.
        if _is_gone(error):
            return None
        fault = _fault(s3, buckets, error)
        if not isinstance(fault, UnreadableError):
            raise
        return str(fault)
    _delete_landed(s3, buckets, file)
    return None


def _delete_landed(s3: Any, buckets: Buckets, file: LandedFile) -> None:
    """Delete just this version. No object refuses that: where it is refused, it is the job's role that may not."""
    place = {"Bucket": buckets.landing, "Key": file.key}
    try:
        if file.version_id == NULL_VERSION:
            # It may have been written over, and would be deleted by its name.
            s3.head_object(**place, **_this_version(file))
        s3.delete_object(**place, **({"VersionId": file.version_id} if file.version_id else {"IfMatch": file.etag}))
    except ClientError as error:
        if not _is_gone(error):
            raise


def _left_key(file: LandedFile) -> str:
    return f"{LEFT}{file.file_id}.json"


def _this_version(file: LandedFile) -> dict[str, str]:
    """How a call that reads says which version it means."""
    unchanged = {"IfMatch": file.etag} if file.version_id in (None, NULL_VERSION) else {}
    return unchanged if file.version_id is None else {"VersionId": file.version_id, **unchanged}


def _copy_landed(s3: Any, buckets: Buckets, file: LandedFile, target: str) -> None:
    """Copy the version that was listed; the copy of a large file is put together of parts."""
    source = {"Bucket": buckets.landing, "Key": file.key}
    if file.version_id is not None:
        source["VersionId"] = file.version_id
    if file.bytes <= LARGEST_COPY_BYTES:
        s3.copy_object(Bucket=buckets.lake, Key=target, CopySource=source, CopySourceIfMatch=file.etag)
    else:
        s3.copy(source, buckets.lake, target, ExtraArgs={"CopySourceIfMatch": f'"{file.etag}"'})


def exists(s3: Any, bucket: str, key: str) -> bool:
    """Whether there is an object of that key."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not is_missing(error):
            raise
        return False
    return True


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (item["Key"] for item in page.get("Contents", []))


def _body(response: dict[str, Any]) -> bytes:
    body: bytes = response["Body"].read()
    return body


def _fault(s3: Any, buckets: Buckets, error: ClientError) -> Exception:
    """What a refusal is: of this object, or of all of them, which is an outage and no object's fault.

    The canary is read as files are, by its version, which is another permission than reading what is current.
    """
    if not _is_refusal(error):
        return error
    try:
        listed = s3.list_object_versions(Bucket=buckets.landing, Prefix=CANARY, MaxKeys=1).get("Versions", [])
        version = {"VersionId": listed[0]["VersionId"]} if listed and listed[0]["VersionId"] != NULL_VERSION else {}
        _body(s3.get_object(Bucket=buckets.landing, Key=CANARY, **version))
    except ClientError as another:
        if is_missing(another):
            error.add_note(f"s3://{buckets.landing}/{CANARY} is not there: nobody can tell whose fault it is")
        return error
    told = error.response["Error"]
    return UnreadableError(f"S3 answers {told['Code']}: {told.get('Message') or 'no message'}")


def _is_refusal(error: ClientError) -> bool:
    """Whether S3 understood a call and refused it; neither its own trouble, nor the bucket's, nor too many calls."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    code = error.response["Error"]["Code"]
    return 400 <= status < 500 and status != 429 and "Throttl" not in code and code not in _NO_OBJECTS_FAULT


def _is_gone(error: ClientError) -> bool:
    """Whether the version that a call means is not there any more."""
    return is_missing(error) or is_precondition(error) or error.response["Error"]["Code"] == "NoSuchVersion"


def is_missing(error: ClientError) -> bool:
    """Whether S3 answered that there is no such object."""
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")


def is_precondition(error: ClientError) -> bool:
    """Whether S3 answered that a condition of the call (If-Match, If-None-Match) does not hold."""
    return error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
