"""A lake in a test's hands: land files, walk batches through the real jobs, look at the tables."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession

import build_gold
import ingest_bronze
import refine_silver
from lakehouse import batches, tables
from lakehouse.batches import Kind, Request
from lakehouse.lake import Lake
from lakehouse.landing import CANARY, LandedFile
from lakehouse.settings import Buckets
from lakehouse.tables import Table
from tests.support.landing import new_landing_bucket

BUCKET, LANDING, TOKEN_KEY = "lakehouse-tests", "lakehouse-tests-landing", "tests/token-key"
BUCKETS = Buckets(landing=LANDING, lake=BUCKET)
JOBS = {"bronze": ingest_bronze, "silver": refine_silver, "gold": build_gold}


class TestLake:
    """The jobs' own entry points, called in this process on this session."""

    __test__ = False  # a helper, whatever its name says to pytest

    def __init__(self, spark: SparkSession, s3: Any, glue: Any) -> None:
        self.spark, self.s3, self.glue = spark, s3, glue
        self.lake = Lake(spark)

    def clear(self) -> None:
        """Drop every table and object."""
        for database in self.glue.get_databases()["DatabaseList"]:
            for page in self.glue.get_paginator("get_tables").paginate(DatabaseName=database["Name"]):
                for table in page["TableList"]:
                    self.glue.delete_table(DatabaseName=database["Name"], Name=table["Name"])
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            if objects := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                self.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects})
        new_landing_bucket(self.s3, LANDING)

    def land(self, dataset: str, name: str, content: bytes | str) -> None:
        """Put one file into landing."""
        body = content.encode() if isinstance(content, str) else content
        self.s3.put_object(Bucket=LANDING, Key=f"{dataset.replace('.', '/')}/{name}", Body=body)

    def left_in_landing(self) -> list[str]:
        """Keys of the versions that are there."""
        versions = self.s3.list_object_versions(Bucket=LANDING).get("Versions", [])
        return [item["Key"] for item in versions if item["Key"] != CANARY]

    def plan(self, max_files: int = 100, now: datetime | None = None) -> batches.Batch | None:
        return batches.plan(self.s3, BUCKETS, max_files, 1 << 30, now or datetime.now(UTC))

    def station(self, name: str, batch: batches.Batch) -> None:
        """Run one Glue job's entry point on a batch."""
        arguments = {"--batch_id": str(batch.batch_id), "--bucket": BUCKET, "--landing_bucket": LANDING}
        arguments |= {"--token_key": TOKEN_KEY}
        JOBS[name].main([name, *itertools.chain.from_iterable(arguments.items())])

    def request(self, kind: Kind, rows: Sequence[Row] = (), files: Sequence[Row] = ()) -> str:
        """Ask to replay or discard rows of `quarantine.rows` and of `ops.files`; gives the request's id."""
        by_dataset: dict[str, tuple[str, ...]] = {}
        for row in rows:
            by_dataset[row.dataset] = (*by_dataset.get(row.dataset, ()), row.quarantine_id)
        landed = tuple(
            LandedFile(row.file_id, row.dataset, row.key, row.etag, row.bytes, row.arrived_at.isoformat())
            for row in files
        )
        now = datetime.now(UTC)
        request = Request(f"{now:%Y%m%dT%H%M%S%f}", kind, now.isoformat(), "a test asks", landed, by_dataset)
        batches.submit(self.s3, BUCKET, request)
        return request.request_id

    def note_failure(self, batch: batches.Batch) -> None:
        """A run of the batch ends at a Glue job."""
        batches.note_failure(self.s3, BUCKET, batch, uuid.uuid4().hex, "it broke")

    def finish(self, batch: batches.Batch) -> None:
        verdicts = {row.file_id: (row.verdict, row.reason) for row in self.read(tables.files).collect()}
        batches.finish(self.s3, BUCKETS, batch, verdicts, datetime.now(UTC))

    def run(self, max_files: int = 100, stations: Iterable[str] = JOBS) -> Iterator[batches.Batch]:
        """Walk batch after batch down the road, or some of it, until nothing waits."""
        while batch := self.plan(max_files):
            for name in stations:
                self.station(name, batch)
            self.finish(batch)
            yield batch

    def run_all(self, max_files: int = 100) -> list[batches.Batch]:
        return list(self.run(max_files))

    def run_to_silver(self) -> list[batches.Batch]:
        """As `run_all`, for tests that ask nothing of gold: it takes most of the time."""
        return list(self.run(stations=("bronze", "silver")))

    def read(self, table: Table) -> DataFrame:
        return self.lake.read(table)

    def content(self, table: Table, without: Sequence[str] = ()) -> list[str]:
        """Every row of a table as text, sorted: what must be equal when two histories ended alike."""
        names = [name for name in table.column_names if name not in without]
        return sorted(str(tuple(row)) for row in self.read(table).select(*names).collect())
