"""Iceberg tables written by a test, merge-on-read deletes included."""

from __future__ import annotations

import io
import uuid
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, SetSnapshotRefUpdate
from pyiceberg.typedef import Record

from infra.local_aws.keys import Key
from tests.support.local_aws_process import REGION

# The field ids that the Iceberg specification reserves for position deletes.
_DELETE_SCHEMA = pa.schema(
    [
        pa.field("file_path", pa.string(), False, {b"PARQUET:field_id": b"2147483546"}),
        pa.field("pos", pa.int64(), False, {b"PARQUET:field_id": b"2147483545"}),
    ]
)


class Endpoint(Protocol):
    """Where an AWS answers, and to which key."""

    @property
    def endpoint(self) -> str: ...

    @property
    def key(self) -> Key: ...


def catalog_of(aws: Endpoint) -> GlueCatalog:
    """pyiceberg's catalog over the local AWS."""
    settings = {
        "endpoint": aws.endpoint,
        "region": REGION,
        "access-key-id": aws.key.access_key_id,
        "secret-access-key": aws.key.secret_access_key,
    }
    return GlueCatalog("tests", **{f"{service}.{k}": v for service in ("glue", "s3") for k, v in settings.items()})


class _DeleteManifest(ManifestWriterV2):
    """pyiceberg reads position deletes and does not write them, so the manifest is told what it holds."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_positions(table: Table, s3: Any, positions: list[int]) -> Table:
    """Delete rows of a table of one data file by their positions, as Spark does with merge-on-read; the table anew."""
    before = table.current_snapshot()
    assert before is not None
    (task,) = table.scan().plan_files()
    buffer = io.BytesIO()
    rows = {"file_path": [task.file.file_path] * len(positions), "pos": positions}
    pq.write_table(pa.table(rows, schema=_DELETE_SCHEMA), buffer)
    folder = table.location().removeprefix("s3://")
    bucket, _, prefix = folder.partition("/")
    key = f"{prefix}/data/{uuid.uuid4()}-deletes.parquet"
    s3.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=f"s3://{bucket}/{key}",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=len(positions),
        file_size_in_bytes=len(buffer.getvalue()),
    )
    number = uuid.uuid4().int >> 65
    sequence = table.metadata.last_sequence_number + 1
    manifest_file = table.io.new_output(f"{table.location()}/metadata/{uuid.uuid4()}-m0.avro")
    with _DeleteManifest(table.spec(), table.schema(), manifest_file, number, "gzip") as manifest:
        manifest.add_entry(
            ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=number, data_file=deletes)
        )
    location = f"{table.location()}/metadata/snap-{number}.avro"
    with write_manifest_list(2, table.io.new_output(location), number, before.snapshot_id, sequence, "gzip") as listed:
        listed.add_manifests([manifest.to_manifest_file(), *before.manifests(table.io)])
    snapshot = Snapshot(
        snapshot_id=number,
        parent_snapshot_id=before.snapshot_id,
        sequence_number=sequence,
        timestamp_ms=before.timestamp_ms + 1,
        manifest_list=location,
        summary=Summary(Operation.DELETE),
        schema_id=table.schema().schema_id,
    )
    main = SetSnapshotRefUpdate(ref_name="main", type=SnapshotRefType.BRANCH, snapshot_id=number)
    table.catalog.commit_table(table, (), (AddSnapshotUpdate(snapshot=snapshot), main))
    return table.refresh()
