"""Whole deliveries landed on a local AWS of one's own, in as few batches as there can be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import boto3

from datagen.generate import TRUTH
from datagen.sinks import SECOND_DELIVERY
from infra.local_aws.provision import provision
from lakehouse import landing
from lakehouse.cli import stack
from lakehouse.cli.home import checkout
from lakehouse.settings import Settings
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

# All that waits at once, as a first load would be planned: a small batch takes about as long as a great one.
BATCH_SIZE = {"LAKEHOUSE_BATCH_FILES": "10000", "LAKEHOUSE_BATCH_BYTES": str(1 << 34)}


@contextmanager
def fresh_lake(state_dir: Path) -> Iterator[tuple[LocalAwsProcess, Settings]]:
    """A provisioned local AWS on an empty folder. Inside the block, this process's environment leads to it."""
    aws = LocalAwsProcess(state_dir)
    try:
        with mock.patch.dict(os.environ, stack.environment(aws.endpoint, CREDENTIALS) | BATCH_SIZE):
            settings = Settings.from_environment()
            provision(settings, checkout())
            yield aws, settings
    finally:
        aws.stop()


def delivered_files(folder: Path, *, again: bool = False) -> dict[str, Path]:
    """The files of a generated delivery by `<dataset>/<name>`; with `again`, those that come later under a name of the
    first ones, which may not wait beside them."""
    root = folder / SECOND_DELIVERY if again else folder
    apart = {folder / TRUTH, folder / SECOND_DELIVERY} - {root}
    return {
        file.relative_to(root).as_posix(): file
        for file in sorted(root.rglob("*"))
        if file.is_file() and not apart & set(file.parents)
    }


def land(settings: Settings, files: Iterable[tuple[str, Path]]) -> None:
    """Upload files by their key in landing."""
    s3 = boto3.client("s3")
    for key, file in files:
        s3.upload_file(str(file), settings.landing_bucket, key)


def new_landing_bucket(s3: Any, bucket: str) -> None:
    """Make an empty landing bucket, versioned, in the place of one that is there."""
    if bucket in {item["Name"] for item in s3.list_buckets()["Buckets"]}:
        empty_landing(s3, bucket)
        s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key=landing.CANARY, Body=b"")


def empty_landing(s3: Any, bucket: str) -> None:
    """Delete every version of every object."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if versions := [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": versions})
