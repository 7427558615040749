"""An S3 in this process, for tests of what the library does with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.s3.models import s3_backends

from lakehouse.landing import CANARY
from lakehouse.settings import Buckets

BUCKET, LANDING = "lake", "landing"
BUCKETS = Buckets(landing=LANDING, lake=BUCKET)


class ConditionalCopy:
    """An S3 client whose CopyObject honours CopySourceIfMatch, as S3 does and moto alone does not."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def copy_object(self, **arguments: Any) -> Any:
        wanted = arguments["CopySourceIfMatch"].strip('"')
        found = self._client.head_object(**arguments["CopySource"])["ETag"].strip('"')
        if found != wanted:
            raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": "changed"}}, "CopyObject")
        return self._client.copy_object(**arguments)


@pytest.fixture(scope="module")
def _client() -> Iterator[Any]:
    """Made once for a module: a client takes longer to make than most tests to run."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(variable, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            yield boto3.client("s3")


@pytest.fixture
def s3(_client: Any) -> Any:
    """A client of an S3 that holds the lake's bucket and the landing bucket, both empty; this one is versioned."""
    s3_backends[ACCOUNT_ID]["aws"].reset()
    for bucket in BUCKETS.lake, BUCKETS.landing:
        _client.create_bucket(Bucket=bucket)
    _client.put_bucket_versioning(Bucket=LANDING, VersioningConfiguration={"Status": "Enabled"})
    _client.put_object(Bucket=LANDING, Key=CANARY, Body=b"")
    return ConditionalCopy(_client)
