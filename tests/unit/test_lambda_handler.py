"""The retailer's daily export, called as Lambda calls it, against the local AWS's S3."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from datagen import generate as generate_module
from datagen.defects import shares_of
from datagen.generate import Order, generate
from datagen.lambda_handler import BUCKET_VARIABLE, TRUTH_BUCKET_VARIABLE, handler
from datagen.sinks import Bucket, Folder
from tests.support.local_aws_process import LocalAwsProcess

FIRST_DAY = date(2026, 3, 28)
DAYS = 6
ASKED: Mapping[str, Any] = {"rows": 6_000, "days": DAYS, "seed": 11, "first_day": FIRST_DAY.isoformat()}
_names = itertools.count(1)


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a handler beside the event."""

    aws_request_id: str = "8f5c6f0e-8d6e-4a6a-9a3f-2f1f0a7f7b11"
    function_name: str = "retail-export"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 1_769

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a local AWS that everything in this process uses."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("lambda") / "state")
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in process.environment.items():
            patch.setenv(variable, value)
        for variable in (BUCKET_VARIABLE, TRUTH_BUCKET_VARIABLE):
            patch.delenv(variable, raising=False)
        yield process.client("s3")
    process.stop()


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"lake-{next(_names)}"
    s3.create_bucket(Bucket=name)
    return name


def _objects(s3: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    return {key.removeprefix(prefix): s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def _order(defects: str = "none") -> Order:
    return Order("retail", 6_000, DAYS, 11, shares_of(defects), FIRST_DAY, (".csv",))


def _call(bucket: str, **event: Any) -> dict[str, Any]:
    return handler({**ASKED, "bucket": bucket, "truth_bucket": bucket, **event}, Context())


def test_all_days_together_are_the_files_of_the_whole_order(s3: Any, bucket: str, tmp_path: Path) -> None:
    summaries = [_call(bucket, day_number=number) for number in range(DAYS)]
    list(generate(_order(), Folder(tmp_path / "whole"), tmp_path / "truth"))
    whole = {
        path.relative_to(tmp_path / "whole").as_posix(): path.read_bytes()
        for path in (tmp_path / "whole").rglob("*.csv")
    }
    landed = _objects(s3, bucket, "retail/")
    assert landed == whole
    keys = [key for summary in summaries for key in summary["keys"]]
    assert sorted(keys) == sorted(f"retail/{name}" for name in whole)
    for number, summary in enumerate(summaries):
        day = (FIRST_DAY + timedelta(days=number)).isoformat()
        assert summary["day"] == day
        assert all(day in key for key in summary["keys"])
        mine = [landed[key.removeprefix("retail/")] for key in summary["keys"]]
        # No cell of an export has a line end in it.
        assert summary["rows"] == sum(data.count(b"\n") - 1 for data in mine)
        assert (summary["files"], summary["bytes"]) == (len(mine), sum(map(len, mine)))
        assert summary["truth_keys"] == []
        assert json.loads(json.dumps(summary)) == summary


def test_a_day_has_the_orders_of_days_before_that_were_called_off_on_it(s3: Any, bucket: str) -> None:
    _call(bucket, day="2026-04-01")
    data = s3.get_object(Bucket=bucket, Key="retail/orders/orders-2026-04-01.csv")["Body"].read()
    days = [
        (cells[2], cells[-2][:10], cells[-1][:10])
        for cells in (row.split(",") for row in data.decode().splitlines()[1:])
    ]
    assert ("Placed", "2026-04-01", "2026-04-01") in days
    earlier = [status for status, ordered, updated in days if ordered < "2026-04-01" and updated == "2026-04-01"]
    assert {"Cancelled", "Returned"} == set(earlier)
    assert all(updated == "2026-04-01" for _, _, updated in days)


def test_a_call_that_is_repeated_writes_the_same(s3: Any, bucket: str) -> None:
    first = _call(bucket, day="2026-03-29")
    objects = _objects(s3, bucket)
    assert _call(bucket, day="2026-03-29") == first
    assert _objects(s3, bucket) == objects


@pytest.mark.parametrize("defects", ["none", "messy"])
def test_the_truth_comes_with_the_last_day_of_its_stretch_and_is_that_of_the_whole_order(
    s3: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defects: str
) -> None:
    monkeypatch.setattr(generate_module, "_ROWS_PER_SHARD", 3_000)
    order = _order(defects)
    assert len(order.shards) == 2
    list(generate(order, Bucket(bucket, "whole/"), tmp_path))
    keys, told = [], []
    for number in range(DAYS):
        summary = _call(bucket, day_number=number, defects=defects, truth_prefix="truths/retail")
        keys += summary["keys"]
        told.append(summary["truth_keys"])
        about = json.loads(_objects(s3, bucket, "truths/retail/about.json")[""])
        assert about["complete"] is (number == DAYS - 1)
    ends = [slices[-1].day for slices in order.shards]
    for number, truth_keys in enumerate(told):
        assert (len(truth_keys) > 1) is (FIRST_DAY + timedelta(days=number) in ends)
    landed = _objects(s3, bucket, "retail/")
    assert landed == _objects(s3, bucket, "whole/")
    assert sorted(keys) == sorted(f"retail/{name}" for name in landed)
    assert any("-late-1" in key for key in keys)
    truth = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    found = _objects(s3, bucket, "truths/retail/")
    assert set(found) == set(truth)
    for name, path in truth.items():
        assert hashlib.sha256(found[name]).digest() == hashlib.sha256(path.read_bytes()).digest(), name
    assert pq.read_table(tmp_path / "expected_files").num_rows >= len(landed)


def test_a_scheduled_event_writes_its_day_to_the_bucket_of_the_environment(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUCKET_VARIABLE, bucket)
    event = {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-01-02T23:30:00-02:00",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/nightly"],
        "detail": {},
    }
    summary = handler(event, Context())
    assert (summary["day"], summary["day_number"], summary["bucket"]) == ("2026-01-03", 2, bucket)
    assert summary["request_id"] == Context().aws_request_id
    assert set(_objects(s3, bucket)) == set(summary["keys"])
    assert "retail/order_items/order_items-2026-01-03.csv" in summary["keys"]


def test_files_go_below_the_prefix_and_read_as_what_they_are(s3: Any, bucket: str, tmp_path: Path) -> None:
    _call(bucket, day=FIRST_DAY.isoformat(), prefix="/in/shop 7#a")
    objects = _objects(s3, bucket, "in/shop 7#a/")
    assert {name.split("/")[0] for name in objects} == {
        "brands",
        "categories",
        "products",
        "customers",
        "orders",
        "order_items",
    }
    for name, data in objects.items():
        (tmp_path / name.replace("/", "-")).write_bytes(data)
    orders, lines = (
        f"read_csv('{tmp_path}/{name}-{name}-{FIRST_DAY}.csv', header = true)" for name in ("orders", "order_items")
    )
    query = f"""select count(*) > 0 and bool_and(order_total = total) from {orders}
        join (select order_id, sum(line_total::decimal(14, 2)) total from {lines} group by 1) using (order_id)"""
    assert duckdb.connect().execute(query).fetchone() == (True,)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "day: missing"),
        ({"day": "3 January"}, "day: '3 January' is not a date"),
        ({"day": 3}, "day: 3 is not a date"),
        ({"day": "2026-04-03"}, "day: 2026-04-03 is not one of the days from 2026-03-28"),
        ({"time": "2026-03-27T23:59:59Z"}, "time: 2026-03-27 is not one of the days"),
        ({"day_number": 6}, "day_number: 6 is not a whole number from 0 to 5"),
        ({"day_number": 0, "day": "2026-03-28"}, "day_number: give it or"),
        ({"day_number": 0, "rows": "many"}, "rows: 'many' is not a whole number"),
        ({"day_number": 0, "rows": True}, "rows: True is not a whole number"),
        ({"day_number": 0, "days": 0}, "days: 0 is not a whole number from 1"),
        ({"day_number": 0, "seed": -1}, "seed: -1 is not a whole number from 0"),
        ({"day_number": 0, "first_day": None}, "first_day: None is not a date"),
        ({"day_number": 0, "defects": "mesy"}, 'defects: "mesy" is no defect'),
        ({"day_number": 0, "defects": ["messy"]}, "defects: ['messy'] is not a text"),
        ({"day_number": 0, "prefix": " "}, "prefix: ' ' is not a text"),
        ({"bucket": None, "day_number": 0}, f"bucket: missing; give it or set {BUCKET_VARIABLE}"),
        ({"day_number": 0, "truth_prefix": "retail/truth"}, 'truth_prefix: "retail/truth/" overlaps'),
        ({"day_number": 0, "prefix": "files/retail", "truth_prefix": "files"}, 'truth_prefix: "files/" overlaps'),
        (
            {"day_number": 0, "truth_prefix": "truths", "truth_bucket": None},
            f"truth_bucket: missing; give it or set {TRUTH_BUCKET_VARIABLE}",
        ),
        ({"day_number": 0, "defect": "messy"}, "defect: no such field"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    s3: Any, bucket: str, event: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        handler({"bucket": bucket, "truth_bucket": bucket, **ASKED, **event}, Context())
    assert _objects(s3, bucket) == {}
