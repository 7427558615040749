"""Notifications of S3 to SQS."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.support.local_aws_process import LocalAwsProcess


@pytest.fixture
def events(local_aws: LocalAwsProcess, s3: Any, bucket: str) -> Any:
    """A function that returns the events of ``landing/`` since its last call, as (name, key)."""
    sqs = local_aws.client("sqs")
    url = sqs.create_queue(QueueName=f"events-of-{bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    configure(s3, bucket, arn)

    def received() -> list[tuple[str, str]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                found += [(body["Event"], "")] if "Event" in body else []
                for record in body.get("Records", []):
                    assert record["s3"]["bucket"]["name"] == bucket
                    found.append((record["eventName"], unquote_plus(record["s3"]["object"]["key"])))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return received


def configure(s3: Any, bucket: str, arn: str) -> None:
    rules = [{"Name": "prefix", "Value": "landing/"}]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
            ]
        },
    )


def test_each_arrival_under_the_prefix_is_told_once(s3: Any, bucket: str, events: Any) -> None:
    assert events() == [("s3:TestEvent", "")]
    s3.put_object(Bucket=bucket, Key="landing/a b+c/ключ.csv", Body=b"1")
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="landing/copy", CopySource={"Bucket": bucket, "Key": "elsewhere"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="landing/parts")
    target = {"Bucket": bucket, "Key": "landing/parts", "UploadId": upload["UploadId"]}
    part = {"PartNumber": 1, "ETag": s3.upload_part(**target, PartNumber=1, Body=b"x")["ETag"]}
    s3.complete_multipart_upload(**target, MultipartUpload={"Parts": [part]})
    s3.delete_object(Bucket=bucket, Key="landing/copy")
    assert events() == [
        ("ObjectCreated:Put", "landing/a b+c/ключ.csv"),
        ("ObjectCreated:Copy", "landing/copy"),
        ("ObjectCreated:CompleteMultipartUpload", "landing/parts"),
    ]


def test_a_refused_put_tells_nothing(s3: Any, bucket: str, events: Any) -> None:
    s3.put_object(Bucket=bucket, Key="landing/k", Body=b"1")
    events()
    with pytest.raises(s3.exceptions.ClientError):
        s3.put_object(Bucket=bucket, Key="landing/k", Body=b"2", IfNoneMatch="*")
    assert events() == []


def test_a_missing_queue_does_not_fail_the_put(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "arn:aws:sqs:us-east-1:123456789012:not-there-yet")
    s3.put_object(Bucket=bucket, Key="landing/k", Body=b"1")
    assert s3.get_object(Bucket=bucket, Key="landing/k")["Body"].read() == b"1"
