"""Unknown columns as `lakehouse drift` finds them in a lake, and as they are announced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog

from lakehouse import batches, landing, road, tables
from lakehouse.cli import drift_findings
from lakehouse.cli.drift_proposal import propose
from lakehouse.contract import Registry, load_registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from lakehouse.tables import Table
from tests.support.iceberg import catalog_of
from tests.support.landing import new_landing_bucket
from tests.support.local_aws_process import LocalAwsProcess

SOURCES = load_registry().sources
USERS, EVENTS = SOURCES["storefront.users"], SOURCES["storefront.events"]
_TYPES = {"string": pa.string(), "bigint": pa.int64(), "timestamp_ntz": pa.timestamp("us")}


def rows_of(table: Table, *rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), pa.schema([(name, _TYPES[kind]) for name, kind in table.columns]))


def file(number: int, dataset: str = USERS.dataset, verdict: str = "accepted") -> dict[str, Any]:
    key = f"{dataset.replace('.', '/')}/{number}.csv"
    arrived = datetime(2026, 11, 20 + number, 12)
    return {"file_id": f"f{number}", "dataset": dataset, "key": key, "etag": "e", "bytes": 1, "verdict": verdict,
            "batch_id": number, "arrived_at": arrived}  # fmt: skip


def seen(column: str, number: int, added_as: str | None = None, dataset: str = USERS.dataset) -> dict[str, Any]:
    return {"dataset": dataset, "column_name": column, "file_id": f"f{number}", "row_count": 2, "added_as": added_as,
            "batch_id": number}  # fmt: skip


def row(number: int, rescued: dict[str, Any] | str, **cells: Any) -> dict[str, Any]:
    text = rescued if isinstance(rescued, str) else json.dumps(rescued)
    return {"user_id": f"u-{number}", "_file_id": f"f{number}", "_rescued": text} | cells


@pytest.fixture(scope="module")
def settings(local_aws: LocalAwsProcess) -> Settings:
    """A lake and a warehouse of their own."""
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="drift", dbName="drift")
    serverless.create_workgroup(workgroupName="drift", namespaceName="drift")
    local_aws.client("s3").create_bucket(Bucket="drift")
    new_landing_bucket(local_aws.client("s3"), "drift-landing")
    queue = local_aws.client("sqs").create_queue(QueueName="drift")["QueueUrl"]
    topic = local_aws.client("sns").create_topic(Name="drift")["TopicArn"]
    arn = local_aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    local_aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return Settings("drift", "drift-landing", "drift", "drift", "role", queue, alert_topic=topic)


@pytest.fixture
def catalog(local_aws: LocalAwsProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GlueCatalog]:
    """A catalog with the ledger's two tables, empty; this process's environment leads to it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)
    catalog = catalog_of(local_aws)
    Redshift(settings).query(
        "CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_ops FROM DATA CATALOG DATABASE 'ops' IAM_ROLE default"
    )
    for table in (tables.files, tables.drift):
        fill(catalog, table)
    yield catalog
    for database in ("ops", "bronze_storefront"):
        for name in catalog.list_tables(database) if catalog.namespace_exists(database) else ():
            catalog.drop_table(name)


def fill(catalog: GlueCatalog, table: Table, *rows: dict[str, Any]) -> None:
    content, name = rows_of(table, *rows), (table.database, table.name)
    catalog.create_namespace_if_not_exists(table.database)
    if not catalog.table_exists(name):
        catalog.create_table(name, content.schema, location=f"s3://drift/{table.database}/{table.name}")
    catalog.load_table(name).append(content)


def find(settings: Settings, registry: Registry, **wanted: Any) -> list[Any]:
    return drift_findings.find(
        Redshift(settings), registry, settings.buckets, wanted.get("dataset"), wanted.get("since")
    )


def test_before_any_batch_there_is_nothing(settings: Settings, catalog: GlueCatalog) -> None:
    registry = Registry({USERS.dataset: USERS}, {})
    assert find(settings, registry) == []
    catalog.drop_table("ops.drift")
    assert find(settings, registry) == []


def test_unknown_columns_are_found_with_samples(settings: Settings, catalog: GlueCatalog) -> None:
    fill(catalog, tables.files, file(1), file(2), file(3, EVENTS.dataset))
    fill(
        catalog,
        tables.drift,
        seen("Shoe Size", 1),
        seen("Shoe Size", 2),
        seen("client.os", 2),
        seen("name_of_user", 1),
        seen("Full Name", 1),  # an alias since
        seen("x", 3, dataset=EVENTS.dataset),
    )
    fill(
        catalog,
        tables.bronze_table(USERS),
        row(1, {"Shoe Size": 38.50, "name_of_user": "Ada"}, email="a@b"),
        row(1, {"Shoe Size": 38.50, "name_of_user": "Bo"}, email="a@b"),
        row(1, {"Shoe Size": "no"}, _unreadable="malformed_row"),
        row(2, '{"Shoe Size": 12345678901234567890.10, "client": {"os": {"name": "x"}}}'),
        row(2, '{"client": {"os": "x"}}', full_name="Cy"),
    )
    fill(catalog, tables.bronze_table(EVENTS))
    registry = Registry({USERS.dataset: USERS, EVENTS.dataset: EVENTS}, {})
    stranger, shoe_size, os_name, name = find(settings, registry)
    assert stranger.dataset == EVENTS.dataset
    assert (shoe_size.column, shoe_size.files, shoe_size.rows) == ("Shoe Size", 2, 4)
    assert shoe_size.samples == ("38.5", "12345678901234567890.10"), "numbers as they were written"
    assert shoe_size.first_seen == datetime(2026, 11, 21, 12)
    assert shoe_size.seen_in == tuple(f"storefront/users/{number}.csv" for number in (1, 2))
    assert (os_name.column, os_name.samples) == ("client.os", ("x",))
    assert name.column == "name_of_user"
    assert "full_name" in name.lacking
    assert "email" not in name.lacking
    (one,) = find(settings, registry, dataset=EVENTS.dataset)
    assert one == stranger
    late = find(settings, registry, since=datetime(2026, 11, 22))
    assert [found.column for found in late] == ["x", "Shoe Size", "client.os"]


def test_samples_of_a_column_that_was_taken_in_are_its_values(settings: Settings, catalog: GlueCatalog) -> None:
    fill(catalog, tables.files, file(1))
    fill(catalog, tables.drift, seen("Shoe Size", 1, "shoe_size"))
    table = tables.bronze_table(USERS)
    fill(catalog, replace(table, columns=(*table.columns, ("shoe_size", "string"))), row(1, "{}", shoe_size="38"))
    evolving = replace(USERS, drift="evolve")
    (found,) = find(settings, Registry({USERS.dataset: evolving}, {}))
    assert (found.added_as, found.samples) == ("shoe_size", ("38",))
    (proposal,) = propose(evolving, [found])
    assert (proposal.action, proposal.column) == ("column", "shoe_size")


def test_a_refused_file_is_looked_into_where_it_was_put_aside(settings: Settings, catalog: GlueCatalog) -> None:
    refused = file(4, verdict="quarantined")
    fill(catalog, tables.files, refused)
    fill(catalog, tables.drift, seen("tier", 4))
    landed = landing.LandedFile("f4", USERS.dataset, refused["key"], "e", 1, "")
    key = landing.archive_key(landed, "quarantined", "unknown_column")
    boto3.client("s3").put_object(Bucket="drift", Key=key, Body=b"user_id,tier\nu-1,gold\nu-2,\n")
    (found,) = find(settings, Registry({USERS.dataset: replace(USERS, drift="freeze")}, {}))
    assert (found.refused_files, found.samples) == (1, ("gold",))
    assert "user_id" not in found.lacking


def test_new_columns_are_announced_once(
    local_aws: LocalAwsProcess,
    settings: Settings,
    catalog: GlueCatalog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    evolving = Registry({USERS.dataset: replace(USERS, drift="evolve"), EVENTS.dataset: EVENTS}, {})
    monkeypatch.setattr(road, "load_registry", lambda: evolving)
    fill(catalog, tables.files)
    came = (("Shoe Size", 1, "shoe_size"), ("tier", 2, "tier"), ("SHOE SIZE", 2, "shoe_size"))
    fill(catalog, tables.drift, *(seen(*one) for one in came))
    s3 = local_aws.client("s3")
    said = []
    for _ in (1, 2):
        s3.put_object(Bucket="drift-landing", Key="storefront/users/a.csv", Body=b"x")
        batch = batches.plan(s3, settings.buckets, 10, 1 << 20, datetime.now(UTC))
        assert batch is not None
        for _ in (1, 2):
            road.finish(settings, batch.batch_id)
        said.append([record.getMessage() for record in caplog.records if record.name == "lakehouse.alerts"])
        caplog.clear()
    ((first,), (second,)) = said
    assert "shoe_size, which came as Shoe Size" in first
    assert "tier, which came as tier" in second
    assert "shoe_size" not in second
    messages = local_aws.client("sqs").receive_message(
        QueueUrl=settings.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
    )["Messages"]
    assert sorted(json.loads(message["Body"])["Message"] for message in messages) == sorted(
        text.partition(": ")[2] for text in (first, second)
    )
