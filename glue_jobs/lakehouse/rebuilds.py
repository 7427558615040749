"""Asking for a domain's tables to be made again. Knows no Spark."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lakehouse import batches
from lakehouse.batches import Request, Source
from lakehouse.contract import Registry


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
