"""The server itself: starting, stopping, errors, connections, and the services that stay moto's."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

PATIENCE_SECONDS = 5


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[LocalAwsProcess]:
    """A server of the test's own, to be stopped or broken."""
    process = LocalAwsProcess(tmp_path / "state")
    yield process
    process.stop()


def connection_to(local_aws: LocalAwsProcess) -> HTTPConnection:
    return HTTPConnection(urlsplit(local_aws.endpoint).netloc, timeout=PATIENCE_SECONDS)


def start_second(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.local_aws", *arguments]
    environment = {**os.environ, **CREDENTIALS}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_health_names_the_process(local_aws: LocalAwsProcess) -> None:
    connection = connection_to(local_aws)
    connection.request("GET", "/_local/health")
    assert json.loads(connection.getresponse().read()) == {"status": "ok", "pid": local_aws.pid}


def test_a_termination_ends_it_in_good_order_within_two_seconds(own_aws: LocalAwsProcess) -> None:
    own_aws.client("s3").list_buckets()
    began = time.monotonic()
    assert own_aws.stop() == 0
    assert time.monotonic() - began < 2
    assert own_aws.log() == ""


def test_a_second_server_on_the_same_state_is_refused(local_aws: LocalAwsProcess) -> None:
    second = start_second("--state", str(local_aws.state_dir))
    assert second.returncode == 1
    assert second.stderr == f"another local AWS already serves {local_aws.state_dir}\n"
    assert second.stdout == ""


def test_a_busy_port_is_said_in_one_line(local_aws: LocalAwsProcess, tmp_path: Path) -> None:
    port = str(urlsplit(local_aws.endpoint).port)
    second = start_second("--state", str(tmp_path / "other"), "--port", port)
    assert second.returncode == 3
    assert second.stderr == f"port {port} is in use\n"


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("glue", "list_blueprints", {}, "UnknownOperationException"),  # JSON
        ("sqs", "list_message_move_tasks", {"SourceArn": "arn:aws:sqs:us-east-1:1:q"}, "UnknownOperationException"),
        ("iam", "get_organizations_access_report", {"JobId": "x" * 36}, "NotImplemented"),  # query
        ("lambda", "get_account_settings", {}, "NotImplemented"),  # REST with JSON
        ("route53", "get_geo_location", {}, "NotImplemented"),  # REST with XML
        ("translate", "list_languages", {}, "NotImplemented"),  # services that moto has not
        ("mwaa", "list_environments", {}, "NotImplemented"),
    ],
)
def test_what_is_not_implemented_is_refused_at_once(
    local_aws: LocalAwsProcess, service: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    client = local_aws.client(service, inject_host_prefix=False)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert 400 <= response["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_the_rest_of_moto_is_there(local_aws: LocalAwsProcess) -> None:
    assert local_aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    topic = local_aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    assert topic in [found["TopicArn"] for found in local_aws.client("sns").list_topics()["Topics"]]
    secrets = local_aws.client("secretsmanager")
    secrets.create_secret(Name="one", SecretString="s")
    assert secrets.get_secret_value(SecretId="one")["SecretString"] == "s"
    local_aws.client("logs").create_log_group(logGroupName="/a/b")
    local_aws.client("ses").verify_email_identity(EmailAddress="a@example.org")
    local_aws.client("iam").create_role(RoleName="glue", AssumeRolePolicyDocument="{}")
    queue = local_aws.client("sqs").create_queue(QueueName="rest-of-moto")["QueueUrl"]
    local_aws.client("sqs").send_message(QueueUrl=queue, MessageBody="hello")
    messages = local_aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)["Messages"]
    assert [message["Body"] for message in messages] == ["hello"]


def test_a_connection_serves_many_requests_even_with_bodies_left_unread(local_aws: LocalAwsProcess) -> None:
    connection = connection_to(local_aws)
    connection.connect()
    first = connection.sock
    for method, path, body, status in [
        ("PUT", "/no-such-bucket-here/k", b"x" * 100_000, 404),
        ("GET", "/_local/health", b"not asked for", 200),
        ("HEAD", "/no-such-bucket-here", None, 404),
        ("GET", "/_local/health", None, 200),
    ]:
        connection.request(method, path, body, local_aws.signed(method, path, body))
        response = connection.getresponse()
        response.read()
        assert (response.status, connection.sock) == (status, first)


def test_an_early_refusal_spares_the_client_the_upload(local_aws: LocalAwsProcess) -> None:
    address = urlsplit(local_aws.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0), PATIENCE_SECONDS) as connection:
        body = bytes(999_999)
        connection.sendall(local_aws.head("PUT", "/no-such-bucket-here/k", body, {"Expect": "100-continue"}))
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Connection: close" in answer


def test_a_reader_that_goes_away_leaves_no_trace_in_the_log(own_aws: LocalAwsProcess) -> None:
    s3 = own_aws.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="large", Body=bytes(32 << 20))
    address = urlsplit(own_aws.endpoint)
    for _ in range(3):
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(own_aws.head("GET", "/lake/large", b""))
            connection.recv(1000)
            # Close with a reset instead of a farewell, as an aborted read does.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert s3.head_object(Bucket="lake", Key="large")["ContentLength"] == 32 << 20
    own_aws.stop()
    assert own_aws.log() == ""


def test_a_fault_of_the_server_is_an_aws_error_and_is_logged(own_aws: LocalAwsProcess) -> None:
    s3 = own_aws.client("s3", retries={"total_max_attempts": 1})
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="k", Body=b"1")
    for path in (own_aws.state_dir / "objects").glob("*/*"):
        os.truncate(path, 0)
        path.unlink()
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="lake", Key="k")
    assert caught.value.response["Error"]["Code"] == "InternalError"
    glue = own_aws.client("glue", retries={"total_max_attempts": 1}, parameter_validation=False)
    with pytest.raises(ClientError) as caught:
        glue.create_database(DatabaseInput={"Name": 7})
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "AttributeError" in own_aws.log()
