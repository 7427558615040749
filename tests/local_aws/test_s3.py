"""Objects: bodies, metadata, ranges, conditions, copies, deletes, tags, versions."""

from __future__ import annotations

import base64
import hashlib
import socket
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.support.local_aws_process import LocalAwsProcess

md5 = partial(hashlib.md5, usedforsecurity=False)
NEVER = '"00000000000000000000000000000000"'


def error_of(call: Any, **arguments: Any) -> tuple[int, str]:
    """The status and the code of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("key", ["plain", "a b+c", "naïve/ключ/鍵", "x//y/", "100%/%2F?&=#", " blank ends "])
def test_any_key_is_read_back_as_written(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_a_put_says_of_an_object_a_get_says_again(s3: Any, bucket: str) -> None:
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"body", ContentType="text/csv", CacheControl="no-store", ContentEncoding="gzip",
        Metadata={"origin": "till 7", "with_underscore": "kept"}, StorageClass="STANDARD_IA", Tagging="team=lake",
    )  # fmt: skip
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert answer["ContentType"] == "text/csv"
        assert answer["CacheControl"] == "no-store"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["Metadata"] == {"origin": "till 7", "with_underscore": "kept"}
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["ContentLength"] == 4
        assert answer["ETag"] == f'"{md5(b"body").hexdigest()}"'
        assert abs(answer["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-0", b"0"), ("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=8-99", b"89")],
)
def test_a_range_is_what_was_asked_for(s3: Any, bucket: str, asked: str, expected: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="digits", Range=asked)
    assert answer["Body"].read() == expected
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"].endswith("/10")


def test_a_range_behind_the_end_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="digits", Body=b"0123456789")
    assert error_of(s3.get_object, Bucket=bucket, Key="digits", Range="bytes=10-") == (416, "InvalidRange")


def test_missing_things_are_named_as_s3_names_them(s3: Any, bucket: str) -> None:
    assert error_of(s3.get_object, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    assert error_of(s3.head_object, Bucket=bucket, Key="none") == (404, "404")
    assert error_of(s3.get_object, Bucket="no-such-bucket", Key="none") == (404, "NoSuchBucket")
    assert error_of(s3.put_object, Bucket="no-such-bucket", Key="k", Body=b"") == (404, "NoSuchBucket")
    assert error_of(s3.list_objects_v2, Bucket="no-such-bucket") == (404, "NoSuchBucket")
    s3.delete_object(Bucket=bucket, Key="none")


def test_conditional_puts(s3: Any, bucket: str) -> None:
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"0", IfMatch=NEVER) == (404, "NoSuchKey")
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    refused = (412, "PreconditionFailed")
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == refused
    assert error_of(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch=NEVER) == refused
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_conditional_gets(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    get = {"call": s3.get_object, "Bucket": bucket, "Key": "k"}
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"1"
    assert s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=NEVER)["Body"].read() == b"1"
    assert error_of(**get, IfMatch=NEVER) == (412, "PreconditionFailed")
    assert error_of(**get, IfUnmodifiedSince=now - hour) == (412, "PreconditionFailed")
    assert error_of(**get, IfNoneMatch=etag)[0] == 304
    assert error_of(**get, IfModifiedSince=now + hour)[0] == 304


def test_conditional_deletes(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert error_of(s3.delete_object, Bucket=bucket, Key="k", IfMatch=NEVER) == (412, "PreconditionFailed")
    batch = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": NEVER}, {"Key": "absent"}]})
    assert [error["Code"] for error in batch["Errors"]] == ["PreconditionFailed"]
    assert [deleted["Key"] for deleted in batch["Deleted"]] == ["absent"]
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert error_of(s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag) == (404, "NoSuchKey")


def test_conditional_copies(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"1")["ETag"]
    copy = {"call": s3.copy_object, "Bucket": bucket, "Key": "to", "CopySource": {"Bucket": bucket, "Key": "from"}}
    refused = (412, "PreconditionFailed")
    past, future = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    assert error_of(**copy, CopySourceIfMatch=NEVER) == refused
    assert error_of(**copy, CopySourceIfNoneMatch=etag) == refused
    assert error_of(**copy, CopySourceIfModifiedSince=future) == refused
    assert error_of(**copy, CopySourceIfUnmodifiedSince=past) == refused
    assert error_of(s3.get_object, Bucket=bucket, Key="to") == (404, "NoSuchKey")
    del copy["call"]
    s3.copy_object(**copy, CopySourceIfMatch=etag, IfNoneMatch="*")
    assert error_of(s3.copy_object, **copy, IfNoneMatch="*") == refused
    assert s3.get_object(Bucket=bucket, Key="to", IfMatch=etag)["Body"].read() == b"1"


def test_a_copy_keeps_or_replaces_the_metadata(s3: Any, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "a/ключ + 1"}
    s3.put_object(**source, Body=b"1", Metadata={"old": "1"}, ContentType="text/csv", Tagging="t=1")
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    s3.copy_object(
        Bucket=bucket, Key="replaced", CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "2"},
        TaggingDirective="REPLACE", Tagging="u=2",
    )  # fmt: skip
    kept, replaced = (s3.get_object(Bucket=bucket, Key=key) for key in ("kept", "replaced"))
    assert (kept["Metadata"], kept["ContentType"]) == ({"old": "1"}, "text/csv")
    assert (replaced["Metadata"], replaced["ContentType"]) == ({"new": "2"}, "binary/octet-stream")
    assert s3.get_object_tagging(Bucket=bucket, Key="replaced")["TagSet"] == [{"Key": "u", "Value": "2"}]
    assert error_of(s3.copy_object, **source, CopySource=source) == (400, "InvalidRequest")
    s3.delete_object(**source)
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"1"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_body_that_does_not_match_its_checksum_is_refused(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    digests = {
        "CRC32": zlib.crc32(b"body").to_bytes(4, "big"),
        "SHA1": hashlib.sha1(b"body", usedforsecurity=False).digest(),
        "SHA256": hashlib.sha256(b"body").digest(),
    }
    right = base64.b64encode(digests[algorithm]).decode()
    wrong = base64.b64encode(bytes(len(digests[algorithm]))).decode()
    put = {"Bucket": bucket, "Key": "k", "Body": b"body"}
    assert error_of(s3.put_object, **put, **{member: wrong}) == (400, "BadDigest")
    assert error_of(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    s3.put_object(**put, **{member: right})
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[member] == right
    another = base64.b64encode(md5(b"another").digest()).decode()
    assert error_of(s3.put_object, **put, ContentMD5=another) == (400, "BadDigest")


def test_a_body_in_signed_chunks_with_a_trailer_is_decoded(local_aws: LocalAwsProcess, s3: Any, bucket: str) -> None:
    checksum = base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big")).decode()

    def put(trailer: str) -> int:
        body = (
            b"6;chunk-signature=aa\r\nhello \r\n5;chunk-signature=bb\r\nworld\r\n0;chunk-signature=cc\r\n"
            + f"x-amz-checksum-crc32:{trailer}\r\nx-amz-trailer-signature:dd\r\n\r\n".encode()
        )
        headers = {
            "Content-Encoding": "aws-chunked", "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": "11", "x-amz-trailer": "x-amz-checksum-crc32",
        }  # fmt: skip
        path = f"/{bucket}/k"
        connection = HTTPConnection(local_aws.endpoint.removeprefix("http://"))
        connection.request("PUT", path, body, local_aws.signed("PUT", path, headers=headers))
        return connection.getresponse().status

    assert put(checksum) == 200
    answer = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert answer["Body"].read() == b"hello world"
    assert answer["ChecksumCRC32"] == checksum
    assert "ContentEncoding" not in answer
    assert put("AAAAAA==") == 400


def test_an_upload_that_breaks_off_leaves_nothing(local_aws: LocalAwsProcess, s3: Any, bucket: str) -> None:
    before = sum(1 for path in (local_aws.state_dir / "objects").glob("*/*"))
    address = urlsplit(local_aws.endpoint)
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        path, body = f"/{bucket}/half", b"x" * 1000
        connection.sendall(local_aws.head("PUT", path, body) + body[:500])
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # returns when the server has given up on the request
    assert error_of(s3.get_object, Bucket=bucket, Key="half") == (404, "NoSuchKey")
    assert sum(1 for path in (local_aws.state_dir / "objects").glob("*/*")) == before


def test_replaced_and_deleted_bodies_leave_the_disk(local_aws: LocalAwsProcess, s3: Any, bucket: str) -> None:
    directory = local_aws.state_dir / "objects"
    before = sum(1 for path in directory.glob("*/*"))
    for content in (b"1", b"2", b"3"):
        s3.put_object(Bucket=bucket, Key="k", Body=content)
    assert sum(1 for path in directory.glob("*/*")) == before + 1
    s3.delete_object(Bucket=bucket, Key="k")
    assert sum(1 for path in directory.glob("*/*")) == before


def test_tags_can_be_set_read_and_removed(s3: Any, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**target, Body=b"")
    s3.put_object_tagging(**target, Tagging={"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]})
    expected = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert s3.get_object_tagging(**target)["TagSet"] == expected
    s3.delete_object_tagging(**target)
    assert s3.get_object_tagging(**target)["TagSet"] == []


def test_versions_are_kept_hidden_and_restored(s3: Any, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**target, Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first, second = (s3.put_object(**target, Body=body)["VersionId"] for body in (b"1", b"2"))
    assert s3.get_object(**target)["Body"].read() == b"2"
    assert s3.get_object(**target, VersionId=first)["Body"].read() == b"1"
    assert s3.get_object(**target, VersionId="null")["Body"].read() == b"before"
    marker = s3.delete_object(**target)
    assert marker["DeleteMarker"] is True
    assert error_of(s3.get_object, **target) == (404, "NoSuchKey")
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == [second, first, "null"]
    assert [found["VersionId"] for found in listed["DeleteMarkers"]] == [marker["VersionId"]]
    s3.delete_object(**target, VersionId=marker["VersionId"])
    s3.delete_object(**target, VersionId=second)
    assert s3.get_object(**target)["Body"].read() == b"1"
    assert error_of(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")


def test_buckets_are_created_found_and_deleted(s3: Any) -> None:
    s3.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket="europe")["LocationConstraint"] == "eu-west-1"
    assert "europe" in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket="europe")
    assert error_of(s3.head_bucket, Bucket="europe")[0] == 404
    assert error_of(s3.create_bucket, Bucket="No_Bucket") == (400, "InvalidBucketName")


def test_an_operation_that_is_not_there_is_refused_at_once(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert error_of(s3.get_object_torrent, Bucket=bucket, Key="k") == (400, "NotImplemented")
    assert error_of(s3.get_object_retention, Bucket=bucket, Key="k") == (400, "NotImplemented")
