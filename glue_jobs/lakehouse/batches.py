"""Batches: numbers of one sequence, each with a manifest in S3. Whoever asks for work, there is one writer at a time.

    requests/<request>.json                what people ask for besides loading what lands, oldest first
    batches/<number>/manifest.json         planned: which files and rows (written once, If-None-Match)
    batches/<number>/failures/<n>/<run>.json   a run that a Glue job ended, since the batch was narrowed n times
    batches/<number>/narrowed/<n>.json     what is left of a batch that keeps failing (written once, If-None-Match)
    batches/<number>/done.json             finished: loaded, proved (or left to a rebuild) and moved
    batches/latest.json                    a hint where to start looking; never the truth

A batch that failed `MOST_FAILURES` times is halved; the other half waits for the next batch. A lone file that still
fails, a replay and a rebuild are given up: the file is quarantined as `processing_failed`, the rows stay in quarantine.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

from botocore.exceptions import ClientError

from lakehouse import json_object, landing
from lakehouse.landing import LandedFile
from lakehouse.medallion import Layer, Source, is_made_from
from lakehouse.settings import Buckets

Kind = Literal["ingest", "replay", "discard", "rebuild"]
BATCHES = "batches/"
LATEST = f"{BATCHES}latest.json"
REQUESTS = "requests/"
DRAFTS = "drafts/"
"""Requests before they are handed in (`lakehouse.replays`)."""
MOST_FAILURES = 3
MOVERS = 8


@dataclass(frozen=True)
class Batch:
    """A planned batch: its number, when it was planned (ISO 8601, UTC), and what it is about.

    `ingest` takes files from landing. `replay` judges files and rows of quarantine again by today's contracts,
    `discard` closes them; `rebuild` makes the tables of whole datasets again. These come from a request and carry its
    reason. `rows` are quarantine ids by dataset, none for a dataset that is rebuilt.
    """

    batch_id: int
    kind: Kind
    planned_at: str
    files: tuple[LandedFile, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason: str | None = None
    request_id: str | None = None
    narrowed: int = 0
    """How often it was narrowed because it kept failing."""
    excluded: tuple[LandedFile, ...] = ()
    """Files that it was planned with and that were taken out again: what earlier tries did with them is undone."""
    given_up: str | None = None
    """Why its files and rows are not tried again."""
    rebuild_from: Source | None = None
    """What a rebuild reads: everything that is made from it is made again."""

    def rebuilds(self, layer: Layer) -> bool:
        """Whether it is to make a layer of its datasets again."""
        return self.rebuild_from is not None and is_made_from(layer, self.rebuild_from) and not self.given_up

    @property
    def is_rebuild_given_up(self) -> bool:
        """Whether it is a rebuild whose tries may have made some of its tables again and others not."""
        return self.kind == "rebuild" and self.given_up is not None

    @cached_property
    def datasets(self) -> frozenset[str]:
        """Every dataset that the batch may change."""
        return frozenset((*(file.dataset for file in (*self.files, *self.excluded)), *self.rows))


@dataclass(frozen=True)
class Request:
    """Refused files and rows to judge again (replay) or to close (discard), or datasets to rebuild, and why. Its id
    orders requests by time."""

    request_id: str
    kind: Kind
    requested_at: str
    reason: str
    files: tuple[LandedFile, ...] = ()
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rebuild_from: Source | None = None


def request_of(content: Mapping[str, Any]) -> Request:
    """A request from its JSON."""
    return Request(**_parts(content))


def submit(s3: Any, bucket: str, request: Request) -> None:
    """Hand a request in; the next plan makes a batch of it. The same request handed in again changes nothing."""
    _put_once(s3, bucket, _request_key(request.request_id), asdict(request))


def requests(s3: Any, bucket: str) -> list[str]:
    """Ids of the requests that no finished batch has fulfilled, the oldest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=REQUESTS)
    keys = (item["Key"] for page in pages for item in page.get("Contents", []))
    return [key.removeprefix(REQUESTS).removesuffix(".json") for key in keys]


def to_be_rebuilt(s3: Any, bucket: str, but_for: Batch) -> frozenset[str]:
    """Datasets of the rebuilds that have been asked for and wait, another batch's own left out."""
    waiting = (_read_request(s3, bucket, name) for name in requests(s3, bucket) if name != but_for.request_id)
    return frozenset(
        dataset for request in waiting if request and request.kind == "rebuild" for dataset in request.rows
    )


def plan(
    s3: Any,
    buckets: Buckets,
    batch_files: int,
    batch_bytes: int,
    now: datetime,
    dataset: str | None = None,
    held: Collection[str] = frozenset(),
) -> Batch | None:
    """The batch to work on: an unfinished one first, else what the oldest request asks for, else the oldest versions
    in landing (`landing.waiting`); None when nothing waits.

    Two planners at once agree: the manifest's conditional PUT lets one win; the other takes the winner's batch, or
    plans the next one when the winner has finished it meanwhile.
    """
    bucket = buckets.lake
    while True:
        unfinished, last = _last_batch(s3, bucket)
        if unfinished:
            return _narrow_if_it_keeps_failing(s3, bucket, read(s3, bucket, last))
        planned_at = now.astimezone(UTC).isoformat()
        if pending := requests(s3, bucket):
            request = _read_request(s3, bucket, pending[0])
            if request is None:
                continue  # another planner's batch has fulfilled it meanwhile
            batch = Batch(
                last + 1,
                request.kind,
                planned_at,
                files=request.files,
                rows=request.rows,
                reason=request.reason,
                request_id=request.request_id,
                rebuild_from=request.rebuild_from,
            )
        else:
            files = _bounded(landing.waiting(s3, buckets, now, dataset, held), batch_files, batch_bytes)
            if not files:
                return None
            batch = Batch(last + 1, "ingest", planned_at, files)
        if _put_once(s3, bucket, _manifest_key(batch.batch_id), asdict(batch)):
            return batch


def read(s3: Any, bucket: str, batch_id: int) -> Batch:
    """A planned batch, as far as it has been narrowed."""
    batch = Batch(**_parts(json_object.get(s3, bucket, _manifest_key(batch_id))))
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=_narrowed_key(batch_id, None))
    numbers = [int(item["Key"].rpartition("/")[2].removesuffix(".json")) for item in listed.get("Contents", [])]
    if not numbers:
        return batch
    narrowed = json_object.get(s3, bucket, _narrowed_key(batch_id, max(numbers)))
    kept = set(narrowed["file_ids"])
    return replace(
        batch,
        narrowed=max(numbers),
        files=tuple(file for file in batch.files if file.file_id in kept),
        excluded=tuple(file for file in batch.files if file.file_id not in kept),
        given_up=narrowed["given_up"],
    )


def of_request(s3: Any, bucket: str, request_id: str) -> Batch | None:
    """The batch that was made of a request; None as long as there is none."""
    _, last = _last_batch(s3, bucket)
    found = (read(s3, bucket, number) for number in range(last, 0, -1))
    # Its id begins with the time: a batch that was planned before cannot be it.
    begun = itertools.takewhile(lambda batch: _when(batch.planned_at) >= request_id[:15], found)
    return next((batch for batch in begun if batch.request_id == request_id), None)


def note_failure(s3: Any, bucket: str, batch: Batch, run: str, message: str) -> None:
    """Put on record that a run of this name ended because a Glue job failed on the batch; once, however often said."""
    _put_once(s3, bucket, _failure_key(batch, run), {"run": run, "message": message})


def is_one_unfinished(s3: Any, bucket: str) -> bool:
    """Whether a batch has been planned and not finished."""
    return _last_batch(s3, bucket)[0]


def is_finished(s3: Any, bucket: str, batch_id: int) -> bool:
    """Whether a batch has been loaded, its sums looked at and its files moved."""
    return landing.exists(s3, bucket, _done_key(batch_id))


def finish(s3: Any, buckets: Buckets, batch: Batch, verdicts: dict[str, tuple[str, str | None]], now: datetime) -> None:
    """Move the batch's files to where their verdicts (file_id → verdict, reason) put them, then mark it finished.

    Just the versions that have a verdict leave landing. One without was gone before it was read. Safe to repeat.
    """
    bucket = buckets.lake
    if is_finished(s3, bucket, batch.batch_id):
        return  # what has landed since under the names of its files is another batch's
    with ThreadPoolExecutor(MOVERS) as pool:
        judged = [file for file in batch.files if file.file_id in verdicts]

        def move(file: LandedFile) -> None:
            landing.move(s3, buckets, file, *verdicts[file.file_id], is_ingested=batch.kind == "ingest")

        for _ in pool.map(move, judged):
            pass
    if batch.request_id:
        s3.delete_object(Bucket=bucket, Key=_request_key(batch.request_id))
    done = {"batch_id": batch.batch_id, "finished_at": now.astimezone(UTC).isoformat()}
    for key in (_done_key(batch.batch_id), LATEST):
        json_object.put(s3, bucket, key, done)


def _narrow_if_it_keeps_failing(s3: Any, bucket: str, batch: Batch) -> Batch:
    """The batch, narrowed once more when it has failed too often since the last time."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_failure_key(batch, None))
    failures = [item["Key"] for page in pages for item in page.get("Contents", [])]
    if len(failures) < MOST_FAILURES or batch.given_up:
        return batch
    kept, given_up = batch.files, None
    if batch.kind == "ingest" and len(batch.files) > 1:
        kept = batch.files[: len(batch.files) // 2]
    else:
        given_up = json_object.get(s3, bucket, failures[-1])["message"]
    narrowed = {"file_ids": [file.file_id for file in kept], "given_up": given_up}
    _put_once(s3, bucket, _narrowed_key(batch.batch_id, batch.narrowed + 1), narrowed)
    return read(s3, bucket, batch.batch_id)


def _when(instant: str) -> str:
    """An instant as request ids begin with it."""
    return f"{datetime.fromisoformat(instant).astimezone(UTC):%Y%m%dT%H%M%S}"


def _bounded(files: Iterable[LandedFile], batch_files: int, batch_bytes: int) -> tuple[LandedFile, ...]:
    """The oldest files that fit, at least one: a file larger than the bound makes a batch of its own."""
    chosen: list[LandedFile] = []
    total = 0
    # Versions of one key that came in one second stay in the order in which they were listed.
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
        return int(json_object.get(s3, bucket, LATEST)["batch_id"])
    except ClientError as error:
        if not landing.is_missing(error):
            raise
        return 0


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a batch or a request from their JSON."""
    files = {
        name: tuple(LandedFile(**item) for item in content[name]) for name in content.keys() & {"files", "excluded"}
    }
    rows = {dataset: tuple(ids) for dataset, ids in content.get("rows", {}).items()}
    return {**content, **files, "rows": rows}


def _read_request(s3: Any, bucket: str, request_id: str) -> Request | None:
    try:
        content = json_object.get(s3, bucket, _request_key(request_id))
    except ClientError as error:
        if not landing.is_missing(error):
            raise
        return None
    return request_of(content)


def _request_key(request_id: str) -> str:
    return f"{REQUESTS}{request_id}.json"


def _manifest_key(batch_id: int) -> str:
    return f"{BATCHES}{batch_id:010d}/manifest.json"


def _narrowed_key(batch_id: int, number: int | None) -> str:
    """The key of one narrowing, or what all begin with."""
    return f"{BATCHES}{batch_id:010d}/narrowed/" + ("" if number is None else f"{number:03d}.json")


def _failure_key(batch: Batch, run: str | None) -> str:
    """The key of one failure since the batch was narrowed last, or what all begin with."""
    folder = f"{BATCHES}{batch.batch_id:010d}/failures/{batch.narrowed:03d}/"
    return folder if run is None else f"{folder}{run}.json"


def _done_key(batch_id: int) -> str:
    return f"{BATCHES}{batch_id:010d}/done.json"


def _put_once(s3: Any, bucket: str, key: str, content: object) -> bool:
    """Write an object unless there is one; tells whether it was written."""
    try:
        json_object.put(s3, bucket, key, content, IfNoneMatch="*")
    except ClientError as error:
        if not landing.is_precondition(error):
            raise
        return False
    return True
