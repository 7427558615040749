"""What survives the death of the server: everything acknowledged, and nothing half done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.local_aws_process import LocalAwsProcess

WRITERS = 4
ENOUGH_WRITES = 200


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[LocalAwsProcess]:
    """A server of the test's own, to be killed."""
    process = LocalAwsProcess(tmp_path / "state")
    yield process
    process.stop()


def answers(aws: LocalAwsProcess) -> dict[str, Any]:
    """What the services answer about the state that must survive."""
    s3, glue = aws.client("s3"), aws.client("glue")
    given = {
        "buckets": s3.list_buckets()["Buckets"],
        "objects": s3.list_objects_v2(Bucket="lake")["Contents"],
        "versions": s3.list_object_versions(Bucket="kept")["Versions"],
        "heads": [s3.head_object(Bucket="lake", Key=key) for key in ("landing/a", "parts")],
        "bodies": [s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in ("landing/a", "parts")],
        "tags": s3.get_object_tagging(Bucket="lake", Key="landing/a")["TagSet"],
        "versioning": s3.get_bucket_versioning(Bucket="kept")["Status"],
        "notifications": s3.get_bucket_notification_configuration(Bucket="lake"),
        "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket="lake"),
        "policy": json.loads(s3.get_bucket_policy(Bucket="lake")["Policy"]),
        "parts": s3.list_parts(Bucket="lake", Key="open", UploadId=upload_id(s3))["Parts"],
        "databases": glue.get_databases()["DatabaseList"],
        "tables": glue.get_tables(DatabaseName="silver")["TableList"],
        "table versions": glue.get_table_versions(DatabaseName="silver", TableName="t")["TableVersions"],
        "partitions": glue.get_partitions(DatabaseName="silver", TableName="t")["Partitions"],
    }
    return json.loads(json.dumps(without_metadata(given), default=str))  # type: ignore[no-any-return]


def without_metadata(value: Any) -> Any:
    """The same answers without the request ids."""
    if isinstance(value, dict):
        return {name: without_metadata(inner) for name, inner in value.items() if name != "ResponseMetadata"}
    return [without_metadata(inner) for inner in value] if isinstance(value, list) else value


def upload_id(s3: Any) -> str:
    return str(s3.list_multipart_uploads(Bucket="lake")["Uploads"][0]["UploadId"])


def fill(aws: LocalAwsProcess) -> None:
    s3, glue = aws.client("s3"), aws.client("glue")
    s3.create_bucket(Bucket="lake")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for content in (b"1", b"2"):
        s3.put_object(Bucket="kept", Key="k", Body=content)
    s3.put_object(
        Bucket="lake", Key="landing/a", Body=b"body", Metadata={"m": "1"}, ContentType="text/csv", Tagging="t=1"
    )
    for key in ("parts", "open"):
        upload = s3.create_multipart_upload(Bucket="lake", Key=key)["UploadId"]
        target = {"Bucket": "lake", "Key": key, "UploadId": upload}
        part = {"PartNumber": 1, "ETag": s3.upload_part(**target, PartNumber=1, Body=b"part")["ETag"]}
        if key == "parts":
            s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [part]})
    expiry = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "export/"}, "Expiration": {"Days": 7}}
    s3.put_bucket_lifecycle_configuration(Bucket="lake", LifecycleConfiguration={"Rules": [expiry]})
    s3.put_bucket_policy(Bucket="lake", Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:arrivals", "Events": ["s3:ObjectCreated:*"]}
    aws.client("sqs").create_queue(QueueName="arrivals")
    s3.put_bucket_notification_configuration(Bucket="lake", NotificationConfiguration={"QueueConfigurations": [queue]})
    glue.create_database(DatabaseInput={"Name": "silver"})
    table = {"Name": "t", "PartitionKeys": [{"Name": "day", "Type": "string"}], "Parameters": {"metadata": "1"}}
    glue.create_table(DatabaseName="silver", TableInput=table)
    glue.update_table(DatabaseName="silver", TableInput={**table, "Parameters": {"metadata": "2"}}, VersionId="0")
    glue.create_partition(DatabaseName="silver", TableName="t", PartitionInput={"Values": ["2026-01-01"]})


def test_after_a_kill_all_answers_are_the_same(own_aws: LocalAwsProcess) -> None:
    fill(own_aws)
    before = answers(own_aws)
    own_aws.kill()
    own_aws.restart()
    assert answers(own_aws) == before
    s3, glue = own_aws.client("s3"), own_aws.client("glue")
    target = {"Bucket": "lake", "Key": "open", "UploadId": upload_id(s3)}
    etag = s3.list_parts(**target)["Parts"][0]["ETag"]
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket="lake", Key="open")["Body"].read() == b"part"
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(DatabaseName="silver", TableInput={"Name": "t"}, VersionId="0")


def test_events_flow_again_once_the_lost_queue_is_made_anew(own_aws: LocalAwsProcess) -> None:
    fill(own_aws)
    own_aws.kill()
    own_aws.restart()
    s3, sqs = own_aws.client("s3"), own_aws.client("sqs")
    s3.put_object(Bucket="lake", Key="landing/lost", Body=b"")
    url = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
    s3.put_object(Bucket="lake", Key="landing/told", Body=b"")
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)["Messages"]
    records = [json.loads(message["Body"])["Records"][0] for message in messages]
    assert [record["s3"]["object"]["key"].replace("%2F", "/") for record in records] == ["landing/told"]


def test_secrets_outlive_the_server_and_are_its_owners_alone(own_aws: LocalAwsProcess) -> None:
    secrets = own_aws.client("secretsmanager")
    secrets.create_secret(Name="lake/key", SecretBinary=b"\x00\xff" * 16)
    secrets.create_secret(Name="lake/ann", SecretString="before", Tags=[{"Key": "of", "Value": "ann"}])
    secrets.put_secret_value(SecretId="lake/ann", SecretString="after")
    secrets.create_secret(Name="lake/gone", SecretString="x")
    secrets.delete_secret(SecretId="lake/gone", ForceDeleteWithoutRecovery=True)
    with pytest.raises(ClientError, match="already exists"):
        secrets.create_secret(Name="lake/key", SecretBinary=b"other")

    def told() -> dict[str, Any]:
        names = [found["Name"] for found in secrets.list_secrets()["SecretList"]]
        asked = {
            name: (secrets.get_secret_value(SecretId=name), secrets.describe_secret(SecretId=name)) for name in names
        }
        previous = secrets.get_secret_value(SecretId="lake/ann", VersionStage="AWSPREVIOUS")["SecretString"]
        return {name: [without_metadata(answer) for answer in answers] for name, answers in asked.items()} | {
            "previous": previous
        }

    before = told()
    own_aws.kill()
    own_aws.restart()
    assert told() == before
    assert sorted(before) == ["lake/ann", "lake/key", "previous"]
    assert secrets.get_secret_value(SecretId="lake/key")["SecretBinary"] == b"\x00\xff" * 16
    for file in own_aws.state_dir.glob("state.db*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_what_was_acknowledged_before_a_kill_is_there_after_it(own_aws: LocalAwsProcess) -> None:
    """Kill the server in the middle of many writers; each write is there whole or not at all, and all answered are."""
    own_aws.client("s3").create_bucket(Bucket="lake")
    own_aws.client("glue").create_database(DatabaseInput={"Name": "d"})
    acknowledged: dict[str, bytes] = {}
    tables: set[str] = set()
    enough = threading.Event()

    def write(writer: int) -> None:
        s3 = own_aws.client("s3", retries={"total_max_attempts": 1})
        glue = own_aws.client("glue", retries={"total_max_attempts": 1})
        number = 0
        try:
            while True:
                key, body = f"{writer}/{number % 20}", f"{writer}-{number}".encode() * 500
                s3.put_object(Bucket="lake", Key=key, Body=body)
                acknowledged[key] = body
                name = f"t_{writer}_{number}"
                glue.create_table(DatabaseName="d", TableInput={"Name": name})
                tables.add(name)
                number += 1
                if len(tables) >= ENOUGH_WRITES:
                    enough.set()
        except (BotoCoreError, ClientError):
            return  # the server is dead

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    own_aws.kill()
    for thread in threads:
        thread.join(60)
    own_aws.restart()
    s3, glue = own_aws.client("s3"), own_aws.client("glue")
    for key, body in acknowledged.items():
        answer = s3.get_object(Bucket="lake", Key=key)
        found = answer["Body"].read()
        # The write that was under way may have replaced the acknowledged one, but only as a whole.
        writer, _, number = found[: len(found) // 500].decode().partition("-")
        assert found == f"{writer}-{number}".encode() * 500
        assert int(number) >= int(body[: len(body) // 500].decode().partition("-")[2])
        assert len(found) == answer["ContentLength"]
    pages = glue.get_paginator("get_tables").paginate(DatabaseName="d")
    assert tables <= {table["Name"] for page in pages for table in page["TableList"]}
    referred = len(acknowledged.keys() | {entry["Key"] for entry in s3.list_objects_v2(Bucket="lake")["Contents"]})
    assert sum(1 for _ in (own_aws.state_dir / "objects").glob("*/*")) == referred


def test_bodies_that_nothing_refers_to_are_removed_at_the_start(own_aws: LocalAwsProcess) -> None:
    fill(own_aws)
    before = answers(own_aws)
    own_aws.kill()
    orphan = own_aws.state_dir / "objects" / "ab" / ("ab" * 16)
    orphan.write_bytes(b"an upload that the kill broke off")
    own_aws.restart()
    assert not orphan.exists()
    assert answers(own_aws) == before
