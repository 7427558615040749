"""Fixtures of the local AWS's own tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.local_aws_process import LocalAwsProcess

_names = itertools.count(1)


@pytest.fixture(scope="package")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    """One server for all tests of this folder; a test that kills or restarts a server takes one of its own."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("local_aws") / "state")
    yield process
    process.stop()


@pytest.fixture(scope="package")
def s3(local_aws: LocalAwsProcess) -> Any:
    """A client that does not retry, so that a test sees the first answer."""
    return local_aws.client("s3", retries={"total_max_attempts": 1})


@pytest.fixture
def bucket(s3: Any) -> str:
    """A new, empty bucket."""
    name = f"bucket-{next(_names)}"
    s3.create_bucket(Bucket=name)
    return name
