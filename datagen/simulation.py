"""A delivery into a lake's landing, as the DAG `simulate` makes it: the same run, the same keys and bytes.

s3://<landing>/<domain>/<dataset>/<run>/…    the files, beside those of other runs
s3://<lake>/truth/<run>/_truth/…             what must become of them; `lakehouse score s3://<lake>/truth/<run>`
"""

from __future__ import annotations

import hashlib
import logging
import re
import zlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datagen.defects import shares_of
from datagen.generate import ABOUT, TRUTH, Order, generate
from datagen.sinks import Beside, Bucket
from datagen.summary import summarize

_FIRST_SEED, _SEEDS = 10_000, 90_000_000

log = logging.getLogger(__name__)


def order_of(run_id: str, form: Mapping[str, Any]) -> Order:
    """What a run's form asks for: domain, rows, days, seed, defects, first_day (ISO). Without a seed it is the run's.

    ValueError for defects that there are not.
    """
    seed = form["seed"]
    return Order(
        domain=form["domain"],
        rows=form["rows"],
        days=form["days"],
        # Above the seeds that people type: two runs should not be about the same people.
        seed=_FIRST_SEED + zlib.crc32(run_id.encode()) % _SEEDS if seed is None else seed,
        shares=shares_of(form["defects"]),
        first_day=date.fromisoformat(form["first_day"]),
    )


def folder_of(run_id: str) -> str:
    """A run's folder. A run's name may hold any sign; what looks like `name=value` would be read as a column."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", run_id)
    return f"{plain}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def deliver(order: Order, run_id: str, landing: str, lake: str) -> str:
    """Write the files into the bucket `landing` and their truth beside the lake's data; gives the truth's place.

    A second try writes the same keys with the same bytes.
    """
    folder = folder_of(run_id)
    sink = Beside(Bucket.below(landing, order.domain), folder)
    place = f"truth/{folder}"
    with TemporaryDirectory() as scratch:
        truth = Path(scratch)
        for done in generate(order, sink, truth):
            log.debug("%s: %s rows, %s bytes", done.dataset, done.rows, done.bytes)
        for item in summarize(truth).datasets:
            log.info("%s: %s files, %s of them spoilt, %s rows", item.dataset, item.files, item.spoilt, item.rows)
        Bucket.below(lake, f"{place}/{TRUTH}").upload(truth, last=ABOUT)
    return f"s3://{lake}/{place}"
