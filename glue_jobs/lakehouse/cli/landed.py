"""Uploading files and folders into landing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.cli.mistakes import CommandError

_UPLOADS_AT_ONCE = 8
# What one PUT may carry; a file that large would be refused by intake anyway.
_MAX_PUT_BYTES = 5 << 30


@dataclass(frozen=True)
class Upload:
    """One file as it was landed."""

    file_id: str
    key: str
    etag: str
    bytes: int


def files_to_land(paths: Sequence[Path]) -> dict[str, Path]:
    """Name below the dataset's folder → file. A file keeps its name; of a folder come all files below it, hidden ones
    included, each with its path below the folder.

    Raises CommandError when two would get one name, for one would replace the other, or when there is no file.
    """
    chosen: dict[str, Path] = {}
    for path in paths:
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in found:
            name = file.name if file == path else file.relative_to(path).as_posix()
            if name in chosen and chosen[name].resolve() != file.resolve():
                raise CommandError(
                    f"{chosen[name]} and {file} would both be landed as {name}, and one would replace the other; "
                    "land the folder above them, or one after the other"
                )
            if file.stat().st_size > _MAX_PUT_BYTES:
                raise CommandError(f"{file} has more than {_MAX_PUT_BYTES >> 30} GiB; split it")
            chosen[name] = file
    if not chosen:
        raise CommandError(f"there is no file in {', '.join(map(str, paths))}")
    return chosen


def upload(s3: Any, bucket: str, dataset: str, files: Mapping[str, Path]) -> Iterator[Upload]:
    """Land the files, several at once, and yield each as it arrives.

    Each is one PUT, so that its ETag is known from the answer: a file may be taken out of landing at any time after.
    """
    from lakehouse import landing

    folder = landing.LANDING + dataset.replace(".", "/", 1)

    def put(item: tuple[str, Path]) -> Upload:
        name, file = item
        key = f"{folder}/{name}"
        with file.open("rb") as body:
            etag = s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
            return Upload(landing.file_id(bucket, key, etag), key, etag, body.seek(0, 2))

    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        yield from pool.map(put, files.items())
