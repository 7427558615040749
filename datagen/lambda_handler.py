"""A retailer's daily export as an AWS Lambda: every call writes one day's CSV files to S3, where a lake takes them.

The event, all of it optional but the day:

    day            "2026-01-03"; or `day_number`, 2, counted from 0; or `time`, as EventBridge sets it in a scheduled
                   event, "2026-01-03T04:00:00Z"
    bucket         by default the environment variable LAKEHOUSE_LANDING_BUCKET
    prefix         "retail/": files go to <prefix><dataset>/<dataset>-<day>.csv
    rows, days     1,000,000 rows over 365 days, all datasets together
    first_day      "2026-01-01"
    seed           7; two seeds below 90 share no customer and no order
    defects        "none", or what `lakehouse generate --defects` takes: "light", "messy,resent=0.2", …
    truth_prefix   where the truth goes; without it none is written
    truth_bucket   by default the environment variable LAKEHOUSE_BUCKET; in the bucket of the files, neither prefix may
                   be inside the other

A day's files hold what became known on that day: new and changed customers, new prices, orders and their lines, and
orders of the ten days before that were called off or sent back. The first day also has the catalogue and all customers
of before. The same event writes the same bytes to the same keys, so that a call may be repeated; all days together are
the files of `lakehouse generate retail --formats .csv` with the same figures.

The truth is whole once every day has been asked for, and then the same as that command's. About a million rows are
told at a time, with the last of their days: until then `truth_keys` names only about.json. With the last day of all it
says that the truth is complete, so ask for the days in order.

What it needs: Python 3.11 to 3.13; the packages lakehouse, datagen, faker, isal, numpy and pyarrow, which are too large
for a zip archive and want a container image; s3:PutObject on both prefixes; 1,769 MB (one processor) and 512 MB of
/tmp. To know what changes on a day, a call makes the earlier days of the day's million rows again: that takes ten
seconds at most, a year of them included.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from datagen.daily import deliver_day
from datagen.defects import shares_of
from datagen.generate import ABOUT, Order
from datagen.sinks import Bucket
from datagen.world import FIRST_DAY
from datagen.worlds import MOST_ROWS, MOST_SEED

DOMAIN = "retail"
BUCKET_VARIABLE, TRUTH_BUCKET_VARIABLE = "LAKEHOUSE_LANDING_BUCKET", "LAKEHOUSE_BUCKET"

_DEFAULTS: Mapping[str, Any] = {
    "prefix": f"{DOMAIN}/",
    "rows": 1_000_000,
    "days": 365,
    "first_day": FIRST_DAY.isoformat(),
    "seed": 7,
    "defects": "none",
}
_FIELDS = {*_DEFAULTS, "bucket", "day", "day_number", "truth_bucket", "truth_prefix"}
# What EventBridge puts around an event.
_ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
_MOST_DAYS = 3_660

logger = logging.getLogger(__name__)


class Context(Protocol):
    """What is used of what Lambda says of a call."""

    @property
    def aws_request_id(self) -> str: ...


@dataclass(frozen=True)
class _Request:
    """An event that makes sense."""

    order: Order
    day: date
    sink: Bucket
    truth: Bucket | None


def handler(event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Write the files of one day.

    Returns request_id, day, day_number, bucket, the number of files, their rows and bytes, and the keys of the files
    and of the truth. ValueError names the field of the event that is wrong.
    """
    request = _request(event)
    sink = request.sink
    with TemporaryDirectory() as folder:
        found = list(deliver_day(request.order, request.day, sink, Path(folder)))
        truth_keys = _tell(request, Path(folder))
    summary = {
        "request_id": context.aws_request_id,
        "day": request.day.isoformat(),
        "day_number": (request.day - request.order.first_day).days,
        "bucket": sink.bucket,
        "files": len(found),
        "rows": sum(done.rows for done in found),
        "bytes": sum(done.bytes for done in found),
    }
    logger.info("delivered %s", summary)
    keys = [sink.key(f"{done.dataset}/{done.file}") for done in found]
    return {**summary, "keys": keys, "truth_keys": truth_keys}


def _tell(request: _Request, folder: Path) -> list[str]:
    """Write the truth that there is to S3, and give its keys."""
    if request.truth is None:
        return []
    is_last = request.day == request.order.last_day
    request.truth.write(ABOUT, request.order.about_json(complete=is_last).encode())
    told = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))
    for name in told:
        request.truth.write(name, (folder / name).read_bytes())
    return [request.truth.key(name) for name in (ABOUT, *told)]


def _request(event: Mapping[str, Any]) -> _Request:
    unknown = sorted(set(event) - _FIELDS - _ENVELOPE)
    if unknown:
        raise ValueError(f"{unknown[0]}: no such field; there are {', '.join(sorted(_FIELDS))} and time")
    buckets = {"bucket": BUCKET_VARIABLE, "truth_bucket": TRUTH_BUCKET_VARIABLE}
    fields = {**_DEFAULTS, **{name: os.environ.get(variable) for name, variable in buckets.items()}, **event}
    first_day, days = _date(fields, "first_day"), _number(fields, "days", 1, _MOST_DAYS)
    defects = _text(fields, "defects")
    try:
        shares = shares_of(defects)
    except ValueError as error:
        raise ValueError(f"defects: {error}") from None
    order = Order(
        domain=DOMAIN,
        rows=_number(fields, "rows", 1, MOST_ROWS),
        days=days,
        seed=_number(fields, "seed", 0, MOST_SEED),
        shares=shares,
        first_day=first_day,
        formats=(".csv",),
    )
    tells = fields.get("truth_prefix") is not None
    for name, variable in buckets.items():
        if fields[name] is None and (tells or name == "bucket"):
            raise ValueError(f"{name}: missing; give it or set {variable}")
    sink = Bucket.below(_text(fields, "bucket"), _text(fields, "prefix"))
    truth = None
    if tells:
        truth = Bucket.below(_text(fields, "truth_bucket"), _text(fields, "truth_prefix"))
        overlaps = truth.prefix.startswith(sink.prefix) or sink.prefix.startswith(truth.prefix)
        if truth.bucket == sink.bucket and overlaps:
            raise ValueError(f'truth_prefix: "{truth.prefix}" overlaps with "{sink.prefix}", where files are landed')
    return _Request(order, _day(fields, order), sink, truth)


def _day(fields: Mapping[str, Any], order: Order) -> date:
    if "day_number" in fields:
        if "day" in fields:
            raise ValueError('day_number: give it or "day", not both')
        return order.first_day + timedelta(days=_number(fields, "day_number", 0, order.days - 1))
    name = "day" if "day" in fields else "time"
    if name not in fields:
        raise ValueError('day: missing; give "day", "day_number" or "time"')
    day = _date(fields, name)
    if not order.first_day <= day <= order.last_day:
        raise ValueError(f"{name}: {day} is not one of the days from {order.first_day} (first_day) to {order.last_day}")
    return day


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}: {value!r} is not a text with anything in it")
    return value


def _number(fields: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}: {value!r} is not a whole number from {low} to {high}")
    return value


def _date(fields: Mapping[str, Any], name: str) -> date:
    """A date, or the date in UTC of an instant."""
    try:
        instant = datetime.fromisoformat(_text(fields, name))
    except ValueError:
        raise ValueError(f'{name}: {fields[name]!r} is not a date such as "2026-01-03"') from None
    return (instant.astimezone(UTC) if instant.tzinfo else instant).date()
