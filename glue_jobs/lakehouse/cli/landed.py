"""Uploading files and folders into landing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from lakehouse.cli.mistakes import CommandError
from lakehouse.cli.refused import named
from lakehouse.settings import Buckets

_UPLOADS_AT_ONCE = 8
# What one PUT may carry; a file that large would be refused by intake anyway.
_MAX_PUT_BYTES = 5 << 30
_LONGEST_KEY = 1024


@dataclass(frozen=True)
class Upload:
    """One file as it was landed. `is_uncommitted` tells that its name is one of an upload that goes on: nothing reads
    it before it is renamed."""

    file_id: str
    key: str
    etag: str
    bytes: int
    version_id: str | None
    is_uncommitted: bool = False


class _TakenError(Exception):
    """Other bytes wait under the key."""


def files_to_land(paths: Sequence[Path]) -> dict[str, Path]:
    """Name below the dataset's folder → file. A file keeps its name; of a folder come all files below it, hidden ones
    included, each with its path below the folder.

    Raises CommandError when two would get one name, or when there is no file; OSError when one cannot be opened: all
    are, before the first is landed.
    """
    chosen: dict[str, Path] = {}
    for path in paths:
        found = [path] if path.is_file() else sorted(_below(path))
        for file in found:
            name = file.name if file == path else file.relative_to(path).as_posix()
            if name in chosen and chosen[name].resolve() != file.resolve():
                raise CommandError(
                    f"{chosen[name]} and {file} would both be landed as {name}; land the folder above them, or each "
                    "with a --folder of its own"
                )
            if file.stat().st_size > _MAX_PUT_BYTES:
                raise CommandError(f"{file} has more than {_MAX_PUT_BYTES >> 30} GiB; split it")
            chosen[name] = file
    if not chosen:
        raise CommandError(f"there is no file in {', '.join(map(str, paths))}")
    for file in chosen.values():
        file.open("rb").close()
    return chosen


def _below(folder: Path) -> Iterator[Path]:
    """All files below a folder. Raises OSError for a folder that cannot be read."""

    def refuse(error: OSError) -> None:
        raise error

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (file for name in names if (file := Path(place, name)).is_file())


def below(folder: str, files: Mapping[str, Path]) -> dict[str, Path]:
    """The files by their names below a folder of the dataset's. Raises CommandError for a name that no folder has."""
    from lakehouse import landing

    parts = folder.strip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or landing.is_uncommitted(f"{folder.strip('/')}/a"):
        raise CommandError(
            f'"{folder}" is no folder that is read: its parts may neither be empty nor begin with . or _'
        )
    return {f"{'/'.join(parts)}/{name}": file for name, file in files.items()}


def upload(
    s3: Any, buckets: Buckets, dataset: str, files: Mapping[str, Path], *, replace: bool = False
) -> Iterator[Upload]:
    """Land the files, several at once, and yield each as it arrives.

    Each is one PUT, so that its version is known from the answer: a file may be taken out of landing at any time after.
    Where a name waits already, with the same bytes, it is that file; with others, and without `replace`, CommandError
    is raised: before anything is landed as far as that can be told.
    """
    from botocore.exceptions import ClientError

    from lakehouse import landing

    folder, bucket = dataset.replace(".", "/", 1), buckets.landing
    _check_keys(folder, files)
    # What S3 refused to move lies there and does not wait: it is in nobody's way.
    stuck = {(note["file"]["key"], note["file"]["etag"]) for note in landing.left_behind(s3, buckets.lake)}
    taken, free = _taken(s3, bucket, folder, files, stuck)
    if taken and not replace:
        raise CommandError(_explain(taken, "Nothing was landed."))

    def put(item: tuple[str, Path]) -> Upload | _TakenError:
        name, file = item
        key, size = f"{folder}/{name}", file.stat().st_size
        condition = {} if replace or name in free else {"IfNoneMatch": "*"}
        for is_last in (False, False, True):
            try:
                with file.open("rb") as body:
                    put = s3.put_object(Bucket=bucket, Key=key, Body=body, **condition)
                break
            except ClientError as error:
                if not landing.is_precondition(error) or is_last:
                    raise
            try:
                put = s3.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if landing.is_missing(error):
                    continue  # it has been taken meanwhile
                return _TakenError(name)  # of another sender, who lets nobody look at it
            if put["ETag"].strip('"') != _md5(file):
                return _TakenError(name)
            break
        etag, version = put["ETag"].strip('"'), put.get("VersionId")
        identity = landing.file_id(bucket, key, etag, _arrived_at(s3, bucket, key, etag, put), version)
        return Upload(identity, key, etag, size, version, landing.is_uncommitted(key))

    refused = []
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        for done in pool.map(put, files.items()):
            if isinstance(done, _TakenError):
                refused.append(str(done))
            else:
                yield done
    if refused:
        raise CommandError(_explain(refused, f"The other {len(files) - len(refused):,} were landed."))


def _check_keys(folder: str, files: Mapping[str, Path]) -> None:
    """Raise CommandError for a name that S3 does not take."""
    for name, file in files.items():
        try:
            size = len(f"{folder}/{name}".encode())
        except UnicodeEncodeError:
            raise CommandError(f"the name of {str(file)!r} is no Unicode text; rename it") from None
        if size > _LONGEST_KEY:
            raise CommandError(f"{file} would be landed under a name of {size:,} bytes; S3 takes {_LONGEST_KEY:,}")


def _taken(
    s3: Any, bucket: str, folder: str, files: Mapping[str, Path], stuck: Collection[tuple[str, str]]
) -> tuple[list[str], frozenset[str]]:
    """Names under which other bytes wait, and those under which lies only what will never be moved."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
    listed = {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", [])}
    there = {name: listed[key] for name in files if (key := f"{folder}/{name}") in listed}
    free = frozenset(name for name, etag in there.items() if (f"{folder}/{name}", etag) in stuck)
    return [name for name, etag in there.items() if name not in free and etag != _md5(files[name])], free


def _explain(taken: Sequence[str], rest: str) -> str:
    return (
        f"other bytes wait in landing under the same name: {named(taken)}. {rest} Land them "
        "with --folder NAME, beside those that wait; or with --replace, over them: what waits is then an older "
        "version, and is loaded too"
    )


def _md5(file: Path) -> str:
    with file.open("rb") as body:
        return hashlib.file_digest(body, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _arrived_at(s3: Any, bucket: str, key: str, etag: str, put: Mapping[str, Any]) -> str:
    """When S3 says that an object came, where no version tells it from what comes later under its name."""
    from botocore.exceptions import ClientError

    from lakehouse import landing

    if put.get("VersionId") not in (None, landing.NULL_VERSION):
        return ""

    try:
        return str(s3.head_object(Bucket=bucket, Key=key, IfMatch=etag)["LastModified"].isoformat())
    except ClientError as error:
        if not (landing.is_missing(error) or landing.is_precondition(error)):
            raise
        # Taken already, or written over: the time of the answer is all that is left to tell it by.
        return parsedate_to_datetime(put["ResponseMetadata"]["HTTPHeaders"]["date"]).isoformat()
