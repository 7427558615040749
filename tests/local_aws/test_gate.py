"""The gate in front of the running server: what clients of every kind get through, and what nobody else does."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import ClientError
from pyarrow.fs import S3FileSystem

from tests.support.local_aws_process import KEY, REGION, LocalAwsProcess

KEYS = ["a b+c", "naïve/ключ/鍵", "x//y/", "a/../b", "./c", "100%/%2F?&=#", "k=v/(1)'!*~$,:@;", " blank ends ", "€~/é"]
SECRET_PAGES = ("/moto-api/data.json", "/moto-api/", "/_local/processes", "/_local/faults", "/latest/meta-data/", "/")
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    """A server with something to steal and something to destroy."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("gate") / "state")
    process.client("s3").create_bucket(Bucket="lake")
    process.client("s3").put_object(Bucket="lake", Key="artifacts/job.py", Body=b"ours")
    process.client("s3").put_bucket_cors(
        Bucket="lake",
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}]},
    )
    process.client("secretsmanager").create_secret(Name="token-key", SecretString="the token key")
    process.client("sqs").create_queue(QueueName="landing")
    yield process
    process.stop()


def ask(
    aws: LocalAwsProcess, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of a request as a page would have it sent."""
    connection = HTTPConnection(urlsplit(aws.endpoint).netloc, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read().decode(), {name.lower(): value for name, value in response.getheaders()}


def hold_unchanged(aws: LocalAwsProcess) -> None:
    """Everything is as it was made."""
    assert aws.client("s3").get_object(Bucket="lake", Key="artifacts/job.py")["Body"].read() == b"ours"
    assert aws.client("secretsmanager").get_secret_value(SecretId="token-key")["SecretString"] == "the token key"
    assert len(aws.client("sqs").list_queues()["QueueUrls"]) == 1


@pytest.mark.parametrize("path", [*SECRET_PAGES, "/lake", "/lake/artifacts/job.py", "/_local/health", "/favicon.ico"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
)
def test_a_page_reads_nothing(aws: LocalAwsProcess, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        asked = headers | ({"Access-Control-Request-Method": "PUT"} if method == "OPTIONS" else {})
        status, body, answered = ask(aws, method, path, asked)
        assert status == 403
        assert "ours" not in body
        assert "token" not in body
        assert not [name for name in answered if name.startswith("access-control")]


@pytest.mark.parametrize("path", SECRET_PAGES)
def test_nobody_reads_without_a_key(aws: LocalAwsProcess, path: str) -> None:
    status, body, _ = ask(aws, "GET", path)
    assert (status, "token" in body) == (403, False)


@pytest.mark.parametrize("path", ["/moto-api/data.json", "/moto-api/reset", "/latest/meta-data/", "/favicon.ico"])
def test_pages_of_moto_are_there_for_no_key_either(aws: LocalAwsProcess, path: str) -> None:
    for method in ("GET", "POST"):
        status, body, _ = ask(aws, method, path, aws.signed(method, path))
        assert 400 <= status < 500
        assert "token" not in body
    for target in ("secretsmanager.ListSecrets", "moto"):
        headers = aws.signed("POST", path, headers={"X-Amz-Target": target}, service="secretsmanager")
        assert 400 <= ask(aws, "POST", path, headers)[0] < 500
    hold_unchanged(aws)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/moto-api/reset", {}, b""),
        ("POST", "/%6doto-api/reset", {}, b""),
        ("POST", "/lake?delete", {"Content-Type": "text/plain"},
         b"<Delete><Object><Key>artifacts/job.py</Key></Object></Delete>"),
        ("PUT", "/lake/artifacts/job.py", {}, b"theirs"),
        ("PUT", "/lake/artifacts/job.py", {"Content-Type": "application/x-www-form-urlencoded"}, b"theirs"),
        ("POST", "/lake", {"Content-Type": "multipart/form-data; boundary=x"},
         b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nartifacts/job.py\r\n--x\r\n'
         b'Content-Disposition: form-data; name="file"\r\n\r\ntheirs\r\n--x--\r\n'),
        ("DELETE", "/lake/artifacts/job.py", {}, None),
        ("POST", "/", {"X-Amz-Target": "secretsmanager.DeleteSecret"}, b'{"SecretId": "token-key"}'),
        ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=DeleteQueue"),
        ("POST", "/_local/faults", {}, b"{}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("page", [{}, {"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}])
def test_nothing_changes_without_a_key(
    aws: LocalAwsProcess, method: str, path: str, headers: dict[str, str], body: bytes | None, page: dict[str, str]
) -> None:
    assert ask(aws, method, path, headers | page, body)[0] in (400, 403)
    hold_unchanged(aws)


def test_a_bucket_that_allows_every_origin_allows_none(aws: LocalAwsProcess) -> None:
    status, _, answered = ask(aws, "GET", "/lake/artifacts/job.py", aws.signed("GET", "/lake/artifacts/job.py"))
    assert status == 200
    assert not [name for name in answered if name.startswith("access-control")]


def test_a_wrong_secret_is_refused_as_aws_does(aws: LocalAwsProcess) -> None:
    def refused(service: str, operation: str, key_id: str = KEY.access_key_id) -> str:
        client: Any = boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=aws.endpoint,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key="a guess",
        )
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)()
        return str(caught.value.response["Error"]["Code"])

    assert refused("s3", "list_buckets") == "SignatureDoesNotMatch"
    assert refused("glue", "get_databases") == "InvalidSignatureException"
    assert refused("iam", "list_roles") == "SignatureDoesNotMatch"
    assert refused("s3", "list_buckets", "LAKENOBODY") == "InvalidAccessKeyId"
    assert refused("glue", "get_databases", "LAKENOBODY") == "UnrecognizedClientException"
    assert refused("sts", "get_caller_identity", "LAKENOBODY") == "InvalidClientTokenId"


@pytest.mark.parametrize("key", KEYS)
def test_boto3_gets_any_key_through(aws: LocalAwsProcess, key: str) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket="lake", Key=f"keys/{key}", Body=key.encode(), Metadata={"note": "two  blanks", "a_b": "c"})
    s3.copy_object(Bucket="lake", Key=f"copies/{key}", CopySource={"Bucket": "lake", "Key": f"keys/{key}"})
    assert s3.get_object(Bucket="lake", Key=f"copies/{key}")["Body"].read() == key.encode()
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="lake", Prefix=f"keys/{key}")["Contents"]] == [
        f"keys/{key}"
    ]
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": f"keys/{key}"}, {"Key": f"copies/{key}"}]})


@pytest.mark.parametrize("key", KEYS)
def test_a_presigned_url_of_any_key_works_without_a_client(aws: LocalAwsProcess, key: str) -> None:
    s3 = aws.client("s3", signature_version="s3v4")
    put = s3.generate_presigned_url("put_object", {"Bucket": "lake", "Key": f"shared/{key}"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(put, b"shared", method="PUT")).close()  # noqa: S310 - our own server
    get = s3.generate_presigned_url(
        "get_object", {"Bucket": "lake", "Key": f"shared/{key}", "ResponseContentType": "text/x; a=b c+d"}
    )
    with urllib.request.urlopen(get) as answer:  # noqa: S310
        assert (answer.read(), answer.headers["Content-Type"]) == (b"shared", "text/x; a=b c+d")
    s3.delete_object(Bucket="lake", Key=f"shared/{key}")


@pytest.mark.parametrize("checksums", ["when_supported", "when_required"])
@pytest.mark.parametrize("payload_signing", [True, False])
def test_uploads_of_every_kind_arrive(
    aws: LocalAwsProcess, checksums: str, payload_signing: bool, tmp_path: Path
) -> None:
    s3 = aws.client("s3", request_checksum_calculation=checksums, s3={"payload_signing_enabled": payload_signing})
    large = tmp_path / "large"
    large.write_bytes(bytes(range(256)) * 80_000)  # above boto3's threshold for several parts
    s3.upload_file(str(large), "lake", "large")
    with large.open("rb") as body:
        s3.put_object(Bucket="lake", Key="streamed", Body=body, ChecksumAlgorithm="SHA256")
    for key in ("large", "streamed"):
        assert s3.get_object(Bucket="lake", Key=key)["Body"].read() == large.read_bytes()


def test_a_body_that_is_not_the_signed_one_is_not_stored(aws: LocalAwsProcess) -> None:
    path = "/lake/forged"
    status, body, _ = ask(aws, "PUT", path, aws.signed("PUT", path, b"meant"), b"other")
    assert (status, "<Code>XAmzContentSHA256Mismatch</Code>" in body) == (400, True)
    with pytest.raises(ClientError, match="404"):
        aws.client("s3").head_object(Bucket="lake", Key="forged")


def test_clients_of_airflow_and_pyarrow_get_through(aws: LocalAwsProcess) -> None:
    async def messages() -> int:
        client = get_session().create_client(
            "sqs", endpoint_url=aws.endpoint, region_name=REGION, **KEY.client_arguments()
        )
        async with client as sqs:
            url = (await sqs.get_queue_url(QueueName="landing"))["QueueUrl"]
            await sqs.send_message(QueueUrl=url, MessageBody="é & <>")
            found = await sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
            return len(found["Messages"])

    assert asyncio.run(messages()) == 1
    files = S3FileSystem(
        access_key=KEY.access_key_id, secret_key=KEY.secret_access_key, region=REGION, scheme="http",
        endpoint_override=urlsplit(aws.endpoint).netloc,
    )  # fmt: skip
    for key in ("day=2026-01-01/part (1)+é.parquet", "plain"):
        with files.open_output_stream(f"lake/arrow/{key}") as stream:
            stream.write(b"arrow" * 1000)
        with files.open_input_file(f"lake/arrow/{key}") as file:
            assert file.read() == b"arrow" * 1000


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_signs_well_enough(aws: LocalAwsProcess, tmp_path: Path) -> None:
    def curl(service: str, path: str, *arguments: str) -> str:
        user = tmp_path / "user"  # not on the command line
        user.write_text(f'user = "{KEY.access_key_id}:{KEY.secret_access_key}"\n')
        command = ["curl", "-s", "--noproxy", "*", "-K", str(user), "--aws-sigv4", f"aws:amz:{REGION}:{service}"]
        ended = subprocess.run([*command, *arguments, aws.endpoint + path], capture_output=True, text=True, check=False)
        if ended.returncode == 2:
            pytest.skip("this curl cannot sign")
        return ended.stdout

    unsigned = ("-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    (tmp_path / "file").write_text("from curl")
    curl("s3", "/lake/curl/a%20b%2B%C3%A9", *unsigned, "-T", str(tmp_path / "file"))
    assert curl("s3", "/lake/curl/a%20b%2B%C3%A9", *unsigned) == "from curl"
    assert "<Account>123456789012</Account>" in curl("sts", "/", "-d", "Action=GetCallerIdentity&Version=2011-06-15")
    target = ("-H", "X-Amz-Target: secretsmanager.ListSecrets", "-H", "Content-Type: application/x-amz-json-1.1")
    assert "token-key" in curl("secretsmanager", "/", *target, "-d", "{}")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(aws: LocalAwsProcess) -> None:
    s3 = boto3.client("s3", endpoint_url=aws.endpoint, region_name=REGION, config=Config(), **KEY.client_arguments())
    s3.put_object(Bucket="lake", Key="expected", Body=b"x" * 3_000_000)
    assert s3.head_object(Bucket="lake", Key="expected")["ContentLength"] == 3_000_000


def test_processes_are_told_to_the_key_alone(aws: LocalAwsProcess) -> None:
    assert ask(aws, "GET", "/_local/processes")[0] == 403
    assert aws.get("/_local/processes") == []
    assert json.loads(ask(aws, "GET", "/_local/health")[1]) == {"status": "ok", "pid": aws.pid}


def test_the_key_stands_in_no_command_line(aws: LocalAwsProcess) -> None:
    line = Path(f"/proc/{aws.pid}/cmdline")
    if not line.exists():
        pytest.skip("there is no /proc")
    assert KEY.secret_access_key.encode() not in line.read_bytes()
