"""Uploads in parts."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.local_aws.test_s3 import error_of, md5

PART = 5 << 20


@pytest.fixture
def upload(s3: Any, bucket: str) -> dict[str, str]:
    """What identifies an upload that has begun."""
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="text/csv", Metadata={"m": "1"})
    return {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}


def send(s3: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}


def test_boto3_uploads_and_downloads_a_large_file_in_parts(s3: Any, bucket: str) -> None:
    content = os.urandom(3 * PART + 17)
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    s3.upload_fileobj(io.BytesIO(content), bucket, "large", Config=config)
    received = io.BytesIO()
    s3.download_fileobj(bucket, "large", received, Config=config)
    assert received.getvalue() == content
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-4"')


def test_parts_become_one_object_in_their_order(s3: Any, upload: dict[str, str]) -> None:
    second = send(s3, upload, 2, b"end")
    send(s3, upload, 1, b"replaced")
    first = send(s3, upload, 1, b"x" * PART)
    assert error_of(s3.get_object, Bucket=upload["Bucket"], Key="k") == (404, "NoSuchKey")
    assert [part["Size"] for part in s3.list_parts(**upload)["Parts"]] == [PART, 3]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [first, second]})
    answer = s3.get_object(Bucket=upload["Bucket"], Key="k")
    assert answer["Body"].read() == b"x" * PART + b"end"
    assert (answer["ContentType"], answer["Metadata"]) == ("text/csv", {"m": "1"})
    digests = md5(b"x" * PART).digest() + md5(b"end").digest()
    assert done["ETag"] == f'"{md5(digests).hexdigest()}-2"'
    assert s3.list_multipart_uploads(Bucket=upload["Bucket"]).get("Uploads", []) == []


def test_what_does_not_add_up_is_refused(s3: Any, upload: dict[str, str]) -> None:
    small, last = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"last")
    complete = s3.complete_multipart_upload

    def refused(*parts: dict[str, Any]) -> tuple[int, str]:
        return error_of(complete, **upload, MultipartUpload={"Parts": list(parts)})

    assert refused(small, last) == (400, "EntityTooSmall")
    assert refused(last, small) == (400, "InvalidPartOrder")
    assert refused({"PartNumber": 3, "ETag": small["ETag"]}) == (400, "InvalidPart")
    assert refused({**small, "ETag": last["ETag"]}) == (400, "InvalidPart")


def test_completing_is_conditional(s3: Any, upload: dict[str, str]) -> None:
    only = {"Parts": [send(s3, upload, 1, b"late")]}
    s3.put_object(Bucket=upload["Bucket"], Key="k", Body=b"early")
    refused = error_of(s3.complete_multipart_upload, **upload, MultipartUpload=only, IfNoneMatch="*")
    assert refused == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"early"
    s3.complete_multipart_upload(**upload, MultipartUpload=only)
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"late"


def test_a_part_is_copied_out_of_an_object(s3: Any, upload: dict[str, str]) -> None:
    source = {"Bucket": upload["Bucket"], "Key": "source"}
    s3.put_object(**source, Body=b"0123456789")
    copied = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=2-5")
    part = {"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    assert s3.get_object(Bucket=upload["Bucket"], Key="k")["Body"].read() == b"2345"
    s3.copy_object(Bucket=upload["Bucket"], Key="whole", CopySource={"Bucket": upload["Bucket"], "Key": "k"})
    assert s3.head_object(Bucket=upload["Bucket"], Key="whole")["ETag"] == f'"{md5(b"2345").hexdigest()}"'


def test_an_aborted_upload_is_gone(s3: Any, upload: dict[str, str]) -> None:
    part = send(s3, upload, 1, b"x")
    s3.abort_multipart_upload(**upload)
    gone = (404, "NoSuchUpload")
    assert error_of(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": [part]}) == gone
    assert error_of(s3.upload_part, **upload, PartNumber=1, Body=b"x") == gone
