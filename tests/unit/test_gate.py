"""The gate in front of the local AWS: what passes, and how the rest is refused in the words of each protocol."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from infra.local_aws.gate import Gate
from infra.local_aws.keys import Key, Keyring

KEY, OTHER = Key("LAKEKEY", "secret"), Key("LAKEOTHER", "other", "a-token")
HOST = "127.0.0.1:4566"
SERVICES = {"s3": {}, "glue": {"X-Amz-Target": "AWSGlue.GetTables"}, "iam": {}, "lambda": {}}
"""One service of each protocol: XML, JSON with targets, forms, JSON with paths."""


@dataclass
class Server:
    """A gate with an application behind it that reads what it is sent."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    passed: list[bytes] = field(default_factory=list)

    def ask(self, environ: dict[str, Any]) -> tuple[int, str]:
        """Status and body."""
        said: list[Any] = []
        gate = Gate(self._application, Keyring([KEY, OTHER]), 4566, lambda: self.now)
        body = b"".join(gate(environ, lambda status, headers, *_: said.append((status, headers)) or (lambda _: None)))
        (status, headers) = said[0]
        assert not [name for name, _ in headers if name.lower().startswith("access-control")]
        return int(status[:3]), body.decode()

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.passed.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Length", "0")])
        return [b""]


def environ_of(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method, "RAW_URI": path, "PATH_INFO": path.partition("?")[0], "HTTP_HOST": HOST,
        "QUERY_STRING": path.partition("?")[2], "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BufferedReader(io.BytesIO(body)),  # type: ignore[type-var]
    }  # fmt: skip
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def signed(
    service: str, key: Key = KEY, method: str = "POST", path: str = "/", body: bytes = b"{}", **headers: str
) -> dict[str, Any]:
    """A request to a service, signed by botocore now."""
    said = {name.replace("_", "-"): value for name, value in headers.items()} | SERVICES[service]
    if service == "iam":
        said["Content-Type"] = "application/x-www-form-urlencoded"
    request = AWSRequest(method, f"http://{HOST}{path}", said, body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(credentials(key), service, "us-east-1").add_auth(request)
    return environ_of(method, path, dict(request.headers.items()), body)


def credentials(key: Key = KEY) -> Credentials:
    return Credentials(key.access_key_id, key.secret_access_key, key.session_token)


def presigned(seconds: int = 60) -> dict[str, Any]:
    request = AWSRequest("GET", f"http://{HOST}/lake/k")
    S3SigV4QueryAuth(credentials(), "s3", "us-east-1", seconds).add_auth(request)
    return environ_of("GET", str(request.url).removeprefix(f"http://{HOST}"), {})


def code_of(answer: tuple[int, str]) -> tuple[int, str]:
    """The status and the error's code, however the protocol writes it."""
    status, body = answer
    found = re.search(r"<Code>(.*?)</Code>", body)
    return status, found.group(1) if found else json.loads(body)["__type"]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("key", [KEY, OTHER])
def test_what_a_key_has_signed_passes_with_its_body_and_without_cors(service: str, key: Key) -> None:
    server = Server()
    assert server.ask(signed(service, key, body=b"body")) == (200, "")
    assert server.passed == [b"body"]


REFUSALS = {
    "unsigned": [
        (403, "AccessDenied"), (400, "MissingAuthenticationTokenException"), (403, "MissingAuthenticationToken"),
        (403, "AccessDenied"),
    ],
    "unknown key": [
        (403, "InvalidAccessKeyId"), (400, "UnrecognizedClientException"), (403, "InvalidClientTokenId"),
        (403, "UnrecognizedClientException"),
    ],
    "wrong secret": [
        (403, "SignatureDoesNotMatch"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "wrong token": [
        (400, "InvalidToken"), (400, "UnrecognizedClientException"), (403, "InvalidClientTokenId"),
        (403, "UnrecognizedClientException"),
    ],
    "too old": [
        (403, "RequestTimeTooSkewed"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "of the future": [
        (403, "RequestTimeTooSkewed"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "malformed": [
        (400, "InvalidRequest"), (400, "IncompleteSignatureException"), (400, "IncompleteSignature"),
        (400, "InvalidRequest"),
    ],
    "another header": [
        (403, "AccessDenied"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "host unsigned": [
        (403, "AccessDenied"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "another path": [
        (403, "SignatureDoesNotMatch"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
    "another body": [
        (400, "XAmzContentSHA256Mismatch"), (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"),
        (403, "InvalidSignatureException"),
    ],
}  # fmt: skip
"""For S3, JSON with targets, forms, and JSON with paths; the last says nothing of itself when it is not signed."""


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("how", REFUSALS)
def test_all_else_is_refused_in_the_words_of_aws(how: str, service: str) -> None:
    server, environ = Server(), signed(service)
    if how == "unsigned":
        del environ["HTTP_AUTHORIZATION"]
    elif how == "unknown key":
        environ = signed(service, Key("LAKENOBODY", "secret"))
    elif how == "wrong secret":
        environ = signed(service, Key("LAKEKEY", "guess"))
    elif how == "wrong token":
        environ = signed(service, Key("LAKEKEY", "secret", "somebody's"))
    elif how == "too old":
        server.now += timedelta(minutes=15, seconds=5)
    elif how == "of the future":
        server.now -= timedelta(minutes=15, seconds=5)
    elif how == "malformed":
        environ["HTTP_AUTHORIZATION"] = "AWS LAKEKEY:c2lnbmF0dXJl"
    elif how == "another header":
        environ["HTTP_X_AMZ_COPY_SOURCE"] = "/lake/secret"
    elif how == "host unsigned":
        environ["HTTP_AUTHORIZATION"] = environ["HTTP_AUTHORIZATION"].replace("host;", "")
    elif how == "another path":
        environ["RAW_URI"] = environ["PATH_INFO"] = "/lake/other"
    else:
        environ["wsgi.input"] = io.BufferedReader(io.BytesIO(b"[]"))  # type: ignore[type-var]
    if how == "another body" and service == "s3":
        # S3 finds out while it reads, which is the application's doing.
        with pytest.raises(Exception, match="XAmzContentSHA256Mismatch"):
            server.ask(environ)
    else:
        assert code_of(server.ask(environ)) == REFUSALS[how][list(SERVICES).index(service)]
    assert server.passed == []


def test_fifteen_minutes_are_allowed_for() -> None:
    for minutes in (-14.9, 14.9):
        server = Server(datetime.now(UTC) + timedelta(minutes=minutes))
        assert server.ask(signed("glue"))[0] == 200


def test_a_presigned_url_works_for_its_term() -> None:
    server, environ = Server(), presigned(60)
    assert server.ask(environ)[0] == 200
    server.now += timedelta(seconds=65)
    status, body = server.ask(environ)
    assert (status, "<Code>AccessDenied</Code><Message>Request has expired</Message>" in body) == (403, True)
    server.now -= timedelta(minutes=20)
    assert "<Message>Request is not yet valid</Message>" in server.ask(environ)[1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("/lake/k", "/lake/other"), "SignatureDoesNotMatch"),
        (("X-Amz-Expires=60", "X-Amz-Expires=6000"), "SignatureDoesNotMatch"),
        (("X-Amz-Expires=60", "X-Amz-Expires=9999999"), "AuthorizationQueryParametersError"),
        (("X-Amz-Signature", "Signature"), "AuthorizationQueryParametersError"),
        (("LAKEKEY", "LAKENOBODY"), "InvalidAccessKeyId"),
    ],
)
def test_a_presigned_url_holds_only_as_it_was_made(change: tuple[str, str], code: str) -> None:
    target = presigned()["RAW_URI"].replace(*change)
    assert code_of(Server().ask(environ_of("GET", target, {})))[1] == code


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example:4566"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_what_a_page_sent_is_refused_even_when_it_is_signed(headers: dict[str, str]) -> None:
    (name, value), server = next(iter(headers.items())), Server()
    environ = signed("s3") | {f"HTTP_{name.upper().replace('-', '_')}": value}
    assert code_of(server.ask(environ)) == (403, "AccessDenied")
    assert code_of(server.ask(environ | {"PATH_INFO": "/_local/health"})) == (403, "AccessDenied")
    assert code_of(server.ask(environ_of("OPTIONS", "/", headers)))[1] == "AccessDenied"
    assert server.passed == []


def test_health_alone_needs_no_key() -> None:
    server = Server()
    assert server.ask(environ_of("GET", "/_local/health", {}))[0] == 200
    for path in ("/_local/processes", "/_local/health/", "/_local/faults", "/moto-api/data.json", "/latest/meta-data/"):
        assert code_of(server.ask(environ_of("GET", path, {}))) == (403, "AccessDenied")


def test_a_form_of_a_browser_uploads_nothing() -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert code_of(Server().ask(environ_of("POST", "/lake", form, b"--x--"))) == (403, "AccessDenied")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert code_of(Server().ask(environ_of("POST", "/lake?delete", form, b"a=b"))) == (403, "AccessDenied")


def test_s3_needs_to_be_told_what_was_signed_of_the_body() -> None:
    environ = signed("s3")
    del environ["HTTP_X_AMZ_CONTENT_SHA256"]
    environ["HTTP_AUTHORIZATION"] = environ["HTTP_AUTHORIZATION"].replace("x-amz-content-sha256;", "")
    assert code_of(Server().ask(environ)) == (400, "InvalidRequest")


def test_a_body_that_is_missing_is_another_body() -> None:
    environ = signed("s3", method="PUT", body=b"content")
    environ |= {"CONTENT_LENGTH": "0", "wsgi.input": io.BufferedReader(io.BytesIO())}  # type: ignore[type-var]
    assert code_of(Server().ask(environ)) == (400, "XAmzContentSHA256Mismatch")


def test_a_large_upload_is_never_held_in_memory() -> None:
    class Pattern(io.RawIOBase):
        left, largest = 1 << 27, 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.largest = max(self.largest, len(buffer))
            count = min(len(buffer), self.left)
            buffer[:count] = bytes(count)
            self.left -= count
            return count

    source, digest = Pattern(), hashlib.sha256()
    for _ in range(128):
        digest.update(bytes(1 << 20))
    request = AWSRequest("PUT", f"http://{HOST}/lake/k", {"X-Amz-Content-SHA256": digest.hexdigest()})
    SigV4Auth(credentials(), "s3", "us-east-1").add_auth(request)
    environ = environ_of("PUT", "/lake/k", dict(request.headers.items()))
    environ |= {"CONTENT_LENGTH": str(1 << 27), "wsgi.input": io.BufferedReader(source, 64 * 1024)}
    read = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        while chunk := environ["wsgi.input"].read(1 << 20):
            read.append(len(chunk))
        start_response("200 OK", [])
        return []

    list(Gate(application, Keyring([KEY]), 4566)(environ, lambda *_: lambda _: None))
    assert (sum(read), source.left) == (1 << 27, 0)
    assert source.largest <= 1 << 20
