"""Every table of a lake and of its warehouse as a stranger reads them: pyiceberg, the Data API and S3, none of the
product's code. Two lakes ended alike when what this module reads is equal."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from lakehouse.settings import Settings
from tests.support.iceberg import Endpoint, catalog_of
from tests.support.redshift_data import RedshiftData

Content = Mapping[str, Collection[str]]
"""By table, or prefix of the bucket: every row, or object, as text, sorted."""


class Aws(Endpoint, Protocol):
    """Where the lake is."""

    def client(self, service: str) -> Any: ...


TIMES = frozenset(
    {"_ingested_at", "_arrived_at", "ingested_at", "planned_at", "quarantined_at", "loaded_at", "gold_committed_at"}
)
"""When a batch was planned and loaded: no two runs agree on it."""
BATCHES = frozenset({"_batch_id", "_changed_by", "batch_id", "arrived_at"})
"""Which batch brought a row and when its file came: what another split or order changes."""


def content(aws: Aws, settings: Settings, without: Collection[str]) -> Content:
    """Everything that must be equal when two lakes ended alike, columns of `without` aside."""
    return {
        **lake_tables(aws, without),
        **warehouse_tables(aws, settings.workgroup, settings.database, without),
        **objects(aws, settings.bucket, "raw/", "quarantine/files/", "left/"),
        "landing": _landed(aws, settings.landing_bucket),
    }


def but_for_batches(content: Content) -> Content:
    """What is the same however files were dealt out to batches. Bronze and the changes tables hold nothing else, and
    warnings are counted by the batch that lets a row in."""
    by_batch = ("bronze_", "ops.batches", "ops.warnings", "redshift ops.loads")
    return {
        name: rows for name, rows in content.items() if not name.startswith(by_batch) and not name.endswith("_changes")
    }


def lake_tables(aws: Aws, without: Collection[str]) -> Content:
    """Every Iceberg table of the Glue catalog. A changes table may say a thing twice: what it says is compared."""
    glue, catalog = aws.client("glue"), catalog_of(aws)
    names = [
        (database["Name"], table["Name"])
        for database in glue.get_databases()["DatabaseList"]
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database["Name"])
        for table in page["TableList"]
    ]

    def read(name: tuple[str, str]) -> list[str]:
        rows = catalog.load_table(name).scan().to_arrow().to_pylist()
        lines = [str({key: value for key, value in sorted(row.items()) if key not in without}) for row in rows]
        return sorted(set(lines) if name[1].endswith("_changes") else lines)

    with ThreadPoolExecutor(4) as pool:
        return {".".join(name): rows for name, rows in zip(names, pool.map(read, names), strict=True)}


def warehouse_tables(aws: Aws, workgroup: str, database: str, without: Collection[str]) -> Content:
    """Every table of Redshift's own schemas. Each lake has a key of its own: a token is read as what it stands for."""
    redshift = RedshiftData(aws.client("redshift-data"), workgroup, database)
    secret = aws.client("secretsmanager").get_secret_value(SecretId="lakehouse/token-key")
    meaning = _values_by_token(redshift, secret["SecretBinary"])
    content = {}
    for schema, table in _own_tables(redshift):
        described = redshift.client.describe_table(**redshift.target, Schema=schema, Table=table)
        names = [column["name"] for column in described["ColumnList"] if column["name"] not in without]
        rows = redshift.run(f"SELECT {', '.join(names)} FROM {schema}.{table}")
        content[f"redshift {schema}.{table}"] = sorted(str(tuple(meaning.get(v, v) for v in row)) for row in rows)
    return content


def _values_by_token(redshift: RedshiftData, key: bytes) -> Mapping[object, str]:
    """The clear text of each token that anything in the private schemas has."""
    private = [f"{schema}.{table}" for schema, table in _own_tables(redshift) if schema.startswith("private_")]
    values = {value for table in private for row in redshift.run(f"SELECT * FROM {table}") for value in row}
    texts = [value for value in values if isinstance(value, str)]
    return {hmac.new(key, text.encode(), hashlib.sha256).hexdigest(): f"token of {text}" for text in texts}


def empty_warehouse(aws: Aws, workgroup: str, database: str) -> None:
    """Delete every row of Redshift's own schemas."""
    redshift = RedshiftData(aws.client("redshift-data"), workgroup, database)
    redshift.batch(*(f"DELETE FROM {schema}.{table}" for schema, table in _own_tables(redshift)))


def _own_tables(redshift: RedshiftData) -> list[tuple[str, str]]:
    tables = redshift.client.list_tables(**redshift.target)["Tables"]
    return [(table["schema"], table["name"]) for table in tables if table["type"] == "TABLE"]


def objects(aws: Aws, bucket: str, *prefixes: str) -> Content:
    """Key and ETag of every object below each prefix."""
    pages = aws.client("s3").get_paginator("list_objects_v2")
    return {
        prefix: [
            f"{item['Key']} {item['ETag']}"
            for page in pages.paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        ]
        for prefix in prefixes
    }


def _landed(aws: Aws, bucket: str) -> list[str]:
    """What is in landing besides the lake's own canary."""
    return [file for file in objects(aws, bucket, "")[""] if not file.startswith(".lakehouse/")]


def differences(found: Content, expected: Content) -> list[str]:
    """What is here and not there, table by table; empty when both are alike."""
    said = []
    for name in sorted({*found, *expected}):
        mine, theirs = list(found.get(name, ["no such table"])), list(expected.get(name, ["no such table"]))
        if mine != theirs:
            more, less = [row for row in mine if row not in theirs], [row for row in theirs if row not in mine]
            said.append(f"{name}: {len(mine)} rows, expected {len(theirs)}; only here {more[:3]}, missing {less[:3]}")
    return said
