"""Fixtures of the local AWS's own tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.local_aws_process import LocalAwsProcess


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    """One server for the whole session; a test that kills or restarts it must leave it running."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("local_aws") / "state")
    yield process
    process.stop()
