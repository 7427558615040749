"""Asking for a domain's tables to be made again. Knows no Spark."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lakehouse import batches
from lakehouse.batches import Request
from lakehouse.contract import Registry
from lakehouse.medallion import Source


class GivenUpError(Exception):
    """A rebuild that failed too often; the message says why, and what to do."""


def submit(
    s3: Any, bucket: str, registry: Registry, domain: str, source: Source, because: str, now: datetime, name: str
) -> str:
    """Hand in the request that everything of a domain that is made from raw files, bronze or silver be made again;
    gives its id. The next run of `ingest` takes it. Handed in twice under one name and time while it waits is once.

    Raises KeyError for a domain without sources.
    """
    datasets = {contract.dataset: () for contract in registry.sources_of(domain)}
    if not datasets:
        raise KeyError(domain)
    at = now.astimezone(UTC)
    request = Request(f"{at:%Y%m%dT%H%M%S}-{name}", "rebuild", at.isoformat(), because, (), datasets, source)
    batches.submit(s3, bucket, request)
    return request.request_id


def require_done(s3: Any, bucket: str, request_id: str) -> None:
    """Raises GivenUpError when the batch of a request was given up. The request must no longer be pending."""
    batch = batches.of_request(s3, bucket, request_id)
    if batch is not None and batch.given_up:
        raise GivenUpError(
            f"batch {batch.batch_id} failed {batches.MOST_FAILURES} times and was given up: {batch.given_up}. Put "
            "right what it says and ask again; until then the domain's tables may be half old, half new"
        )
