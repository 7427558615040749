"""Requests become batches of the one sequence, and a batch that keeps failing is narrowed to its culprit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse import batches
from lakehouse.batches import Batch, Request
from lakehouse.landing import LandedFile
from tests.unit.conftest import BUCKET, BUCKETS, LANDING

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REFUSED = LandedFile("f" * 32, "storefront.users", "storefront/users/x.csv", "e", 3, NOW.isoformat())


def land(s3: Any, count: int) -> None:
    for number in range(count):
        s3.put_object(Bucket=LANDING, Key=f"storefront/users/{number}.csv", Body=b"x")


def plan(s3: Any) -> Batch | None:
    return batches.plan(s3, BUCKETS, 100, 1 << 30, NOW)


def planned(s3: Any) -> Batch:
    batch = plan(s3)
    assert batch is not None
    return batch


def request(name: str, **changes: Any) -> Request:
    asked = {"kind": "replay", "files": (REFUSED,), "rows": {"storefront.users": ("a", "b")}} | changes
    return Request(request_id=name, requested_at=NOW.isoformat(), reason="the contract was mended", **asked)


def fail(s3: Any, batch: Batch, *runs: str) -> None:
    for run in runs:
        batches.note_failure(s3, BUCKET, batch, run, f"{run} broke")


def finish(s3: Any, batch: Batch) -> None:
    verdicts: dict[str, tuple[str, str | None]] = {file.file_id: ("accepted", None) for file in batch.files}
    batches.finish(s3, BUCKETS, batch, verdicts, NOW)


def test_what_is_asked_for_comes_before_what_landed_and_is_done_once(s3: Any) -> None:
    land(s3, 1)
    for name in ("2", "1"):
        batches.submit(s3, BUCKET, request(name))
        batches.submit(s3, BUCKET, request(name))
    asked = []
    for _ in range(2):
        batch = planned(s3)
        assert (batch.kind, batch.files, dict(batch.rows)) == ("replay", (REFUSED,), {"storefront.users": ("a", "b")})
        assert batch.reason == "the contract was mended"
        assert batches.read(s3, BUCKET, batch.batch_id) == batch == planned(s3)
        asked.append(batch.request_id)
        finish(s3, batch)
    assert asked == ["1", "2"]
    assert batches.requests(s3, BUCKET) == []
    batch = planned(s3)
    assert (batch.batch_id, batch.kind) == (3, "ingest")


def test_a_batch_unfinished_comes_before_what_is_asked_for(s3: Any) -> None:
    land(s3, 1)
    first = planned(s3)
    batches.submit(s3, BUCKET, request("1"))
    assert planned(s3) == first
    finish(s3, first)
    assert planned(s3).request_id == "1"


def test_a_batch_that_failed_three_times_is_halved_until_its_culprit_is_alone(s3: Any) -> None:
    land(s3, 5)
    whole = planned(s3)
    fail(s3, whole, "a", "b", "a", "b")
    assert planned(s3) == whole, "a run that says twice that it failed has failed once"
    fail(s3, whole, "c")
    sizes = []
    batch = planned(s3)
    while not batch.given_up:
        assert set(batch.files) | set(batch.excluded) == set(whole.files)
        sizes.append((batch.narrowed, len(batch.files)))
        fail(s3, batch, "d", "e", "f")
        batch = planned(s3)
    assert sizes == [(1, 2), (2, 1)]
    assert (batch.narrowed, batch.files, batch.given_up) == (3, whole.files[:1], "f broke")
    fail(s3, batch, "g", "h", "i")
    assert planned(s3) == batch, "there is nothing left to narrow"
    finish(s3, batch)
    assert set(planned(s3).files) == set(whole.files[1:])


def test_a_replay_that_keeps_failing_is_given_up_as_a_whole(s3: Any) -> None:
    batches.submit(s3, BUCKET, request("1"))
    fail(s3, planned(s3), "a", "b", "c")
    batch = planned(s3)
    assert (batch.given_up, batch.files) == ("c broke", (REFUSED,))
    finish(s3, batch)
    assert plan(s3) is None


def test_planners_that_narrow_at_once_agree(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    land(s3, 4)
    fail(s3, planned(s3), "a", "b", "c")
    original, seen = batches._put_once, []

    def another_is_quicker(client: Any, bucket: str, key: str, content: object) -> bool:
        if not seen:
            seen.append(key)
            assert planned(s3).narrowed == 1
        return original(client, bucket, key, content)

    monkeypatch.setattr(batches, "_put_once", another_is_quicker)
    batch = planned(s3)
    assert (batch.narrowed, len(batch.files)) == (1, 2)


def test_a_request_that_another_planner_fulfilled_meanwhile_is_not_done_again(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches.submit(s3, BUCKET, request("1"))
    original, seen = batches.requests, []

    def another_is_quicker(client: Any, bucket: str) -> list[str]:
        pending = original(client, bucket)
        if not seen:
            seen.append(pending)
            finish(s3, planned(s3))
        return pending

    monkeypatch.setattr(batches, "requests", another_is_quicker)
    assert plan(s3) is None
    assert batches.read(s3, BUCKET, 1).request_id == "1"
