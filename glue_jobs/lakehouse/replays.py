"""Asking for refused rows and files to be judged again or closed, and what became of that. Knows no Spark.

drafts/<request>.json          what is meant, as it was when it was looked up
drafts/<request>.result.json   what would become of it, by the Glue job `preview_replay`
requests/<request>.json        handed in: a batch to be (`lakehouse.batches`)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3

from lakehouse import batches, json_object, landing
from lakehouse.batches import DRAFTS, Kind, Request
from lakehouse.landing import LandedFile
from lakehouse.quarantine import Selection, on_files, on_rows
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings

# Every station reads the manifest of its batch: about 4 MB of ids.
ROWS_PER_REQUEST = 100_000
FILES_PER_REQUEST = 100


def draft(settings: Settings, wanted: Selection, kind: Kind, because: str, now: datetime, name: str) -> list[str]:
    """Look up what is meant and write it down; gives the ids of the drafts, each as large as a batch may be, none where
    nothing is meant. Drawn up again under the same name and time, they have the same ids."""
    redshift, s3 = Redshift(settings), boto3.client("s3")
    # Of what is still in landing the ledger knows no version.
    left = {note["file"]["file_id"]: LandedFile(**note["file"]) for note in landing.left_behind(s3, settings.bucket)}
    files = [left.get(file.file_id, file) for file in _files(redshift, wanted)]
    drafts = list(_requests(kind, files, _rows(redshift, wanted), because, now, name))
    for request in drafts:
        json_object.put(s3, settings.bucket, _draft_key(request.request_id), asdict(request))
    return [request.request_id for request in drafts]


def read_draft(bucket: str, request_id: str) -> Request:
    """What a draft says."""
    return batches.request_of(json_object.get(boto3.client("s3"), bucket, _draft_key(request_id)))


def submit(settings: Settings, request_ids: Iterable[str]) -> None:
    """Hand drafts in; the next runs of `ingest` take them, oldest first. Handed in twice while they wait is once."""
    for request_id in request_ids:
        batches.submit(boto3.client("s3"), settings.bucket, read_draft(settings.bucket, request_id))


def are_pending(settings: Settings, request_ids: Iterable[str]) -> bool:
    """Whether a batch has still to be made of one of them, or to be finished."""
    return not set(request_ids).isdisjoint(batches.requests(boto3.client("s3"), settings.bucket))


def outcome(settings: Settings, request_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """In which state the `rows` that were meant are now, and which verdict the `files` have: how many of each."""
    redshift = Redshift(settings)
    rows: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for request in (read_draft(settings.bucket, request_id) for request_id in request_ids):
        for dataset, identities in request.rows.items():
            rows += _states(redshift, "quarantine_id, status FROM lake_quarantine.rows", dataset, identities)
        meant = [file.file_id for file in request.files]
        for dataset in {file.dataset for file in request.files}:
            files += _states(redshift, "file_id, verdict FROM lake_ops.files", dataset, meant)
    return {"rows": dict(rows), "files": dict(files)}


def put_result(bucket: str, request_id: str, result: Mapping[str, Any]) -> None:
    """Write what a preview found (`lakehouse.previewing.preview`)."""
    json_object.put(boto3.client("s3"), bucket, _result_key(request_id), result)


def take_result(bucket: str, request_id: str) -> dict[str, Any]:
    """What a preview found; it quotes cells, so it is not kept."""
    s3 = boto3.client("s3")
    result: dict[str, Any] = json_object.get(s3, bucket, _result_key(request_id))
    s3.delete_object(Bucket=bucket, Key=_result_key(request_id))
    return result


def _files(redshift: Redshift, wanted: Selection) -> list[LandedFile]:
    condition = on_files(wanted)
    found = redshift.query(
        "SELECT file_id, dataset, key, etag, bytes, arrived_at FROM lake_ops.files "
        f"WHERE {condition.sql} ORDER BY dataset, key, file_id",
        condition.parameters,
    ).dicts()
    return [LandedFile(**{**file, "arrived_at": _instant(file["arrived_at"])}) for file in found]


def _rows(redshift: Redshift, wanted: Selection) -> dict[str, list[str]]:
    """Quarantine ids by dataset."""
    condition = on_rows(wanted)
    found = redshift.query(
        "SELECT dataset, quarantine_id FROM lake_quarantine.rows "
        f"WHERE {condition.sql} ORDER BY dataset, file_id, row_number",
        condition.parameters,
    )
    by_dataset: dict[str, list[str]] = {}
    for dataset, identity in found.rows:
        by_dataset.setdefault(dataset, []).append(identity)
    return by_dataset


def _requests(
    kind: Kind,
    files: Sequence[LandedFile],
    rows: Mapping[str, Sequence[str]],
    because: str,
    now: datetime,
    name: str,
) -> Iterator[Request]:
    """What is meant in portions that a batch may have."""
    at = now.astimezone(UTC)
    chunks = (files[start : start + FILES_PER_REQUEST] for start in range(0, len(files), FILES_PER_REQUEST))
    portions = [*(((), portion) for portion in _portions(rows)), *((tuple(chunk), {}) for chunk in chunks)]
    for number, (some_files, some_rows) in enumerate(portions, start=1):
        identity = f"{at:%Y%m%dT%H%M%S}-{name}-{number:04d}"
        yield Request(identity, kind, at.isoformat(), because, some_files, some_rows)


def _portions(rows: Mapping[str, Sequence[str]]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Rows of as many datasets as fit into one request."""
    portion: dict[str, tuple[str, ...]] = {}
    room = ROWS_PER_REQUEST
    for dataset, identities in rows.items():
        start = 0
        while start < len(identities):
            portion[dataset] = tuple(identities[start : start + room])
            start += len(portion[dataset])
            room -= len(portion[dataset])
            if room == 0:
                yield portion
                portion, room = {}, ROWS_PER_REQUEST
    if portion:
        yield portion


def _states(redshift: Redshift, what: str, dataset: str, identities: Iterable[str]) -> Counter[str]:
    """How many of these are in each state. All of the dataset's are looked at: a statement holds few parameters."""
    meant = set(identities)
    found = redshift.query(f"SELECT {what} WHERE dataset = :dataset", {"dataset": dataset})
    return Counter(state for identity, state in found.rows if identity in meant)


def _draft_key(request_id: str) -> str:
    return f"{DRAFTS}{request_id}.json"


def _result_key(request_id: str) -> str:
    return f"{DRAFTS}{request_id}.result.json"


def _instant(text: str) -> str:
    """Redshift's text of a UTC instant without zone, as the ISO 8601 that a manifest holds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat()
