"""Death on request: a process is killed exactly before or after a request, and only where the server was told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.support.local_aws_process import LocalAwsProcess

NO_RETRY = {"retries": {"total_max_attempts": 1}}


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[LocalAwsProcess]:
    process = LocalAwsProcess(tmp_path / "state", faults=True)
    process.client("s3").create_bucket(Bucket="lake")
    yield process
    process.stop()


def faults(aws: LocalAwsProcess, **fault: object) -> Any:
    return aws.faults(fault or None)


@pytest.mark.parametrize(("moment", "found"), [("before", ["a"]), ("after", ["a", "b"])])
def test_the_server_dies_around_the_chosen_request(own_aws: LocalAwsProcess, moment: str, found: list[str]) -> None:
    faults(own_aws, pattern="^s3 PutObject lake/", nth=2, moment=moment, victim="server")
    s3 = own_aws.client("s3", **NO_RETRY)
    s3.put_object(Bucket="lake", Key="a")
    with pytest.raises(BotoCoreError):
        s3.put_object(Bucket="lake", Key="b")
    own_aws.restart()
    listed = own_aws.client("s3").list_objects_v2(Bucket="lake")["Contents"]
    assert [item["Key"] for item in listed] == found


def test_another_process_dies_once_and_the_server_goes_on(own_aws: LocalAwsProcess) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    faults(own_aws, pattern="glue CreateDatabase", moment="before", victim=victim.pid)
    glue = own_aws.client("glue", **NO_RETRY)
    with pytest.raises(BotoCoreError):
        glue.create_database(DatabaseInput={"Name": "silver"})
    assert victim.wait(10) == -signal.SIGKILL
    assert faults(own_aws)["fired"]
    glue.create_database(DatabaseInput={"Name": "silver"})
    own_aws.client("s3").put_object(Bucket="lake", Key="k/1", Body=b"x")
    own_aws.client("s3").copy_object(Bucket="lake", Key="k/2", CopySource="lake/k/1")
    assert faults(own_aws)["writes"] == [
        "s3 PutBucket lake/",
        "glue CreateDatabase silver",
        "glue CreateDatabase silver",
        "s3 PutObject lake/k/1",
        "s3 CopyObject lake/k/2",
    ]


@pytest.mark.parametrize(
    "fault",
    [{"pattern": "("}, {"pattern": "x", "moment": "during"}, {"pattern": "x", "moment": "after", "victim": "nobody"}],
)
def test_a_fault_that_makes_no_sense_is_refused(own_aws: LocalAwsProcess, fault: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        faults(own_aws, **{"nth": 1, "moment": "before", "victim": "server", **fault})
    assert own_aws.is_alive


def test_a_server_that_was_not_told_to_has_no_such_page(local_aws: LocalAwsProcess) -> None:
    with pytest.raises(urllib.error.HTTPError):
        faults(local_aws, pattern=".", moment="before", victim="server")
    assert local_aws.is_alive
