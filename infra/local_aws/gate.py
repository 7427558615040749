"""The gate in front of the whole port: nothing that a web page may have sent, nothing that no key of ours has signed.

Checked of every request, in this order: ``infra.browser_rules``; a key that is known, a time within fifteen minutes
(or the term of a presigned URL), ``host`` and every ``x-amz-*`` header among the signed ones, and the signature,
compared in constant time. Only ``/_local/health`` needs no signature: it says that the server lives, and nothing of
what it keeps. No answer carries a CORS header, whatever a bucket's configuration says.

Bodies. S3's are signed by the hash in ``x-amz-content-sha256``: it is compared with the bytes while the service reads
them, and the upload fails at its end when they differ; nothing is held in memory for it. ``UNSIGNED-PAYLOAD`` and
``STREAMING-…`` are taken at their word: of a chunked upload the head is verified here, and where it is stored the
checksum in its trailer; the signatures of its chunks are not. All other services sign the hash of a body that they read
whole anyway: it is read here, up to ``LARGEST_BODY``.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra import browser_rules
from infra.local_aws import refusals, sigv4
from infra.local_aws.errors import AwsError, answer_error
from infra.local_aws.keys import Key, Keyring
from infra.local_aws.moto_server import service_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

OPEN_PATH = "/_local/health"
ALLOWED_SKEW = timedelta(minutes=15)
LARGEST_BODY = 64 << 20
"""Bytes of a request to anything but S3; AWS's own limits are lower, but for a function's zip archive."""
EMPTY_HASH = hashlib.sha256().hexdigest()
UNHASHED = "UNSIGNED-PAYLOAD"
STREAMED = "STREAMING-"
HASH_HEADER = "x-amz-content-sha256"


class Gate:
    """A WSGI application around that of the whole port."""

    def __init__(
        self,
        application: WSGIApplication,
        keyring: Keyring,
        port: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._application, self._keyring, self._port, self._now = application, keyring, port, now

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        service = None
        try:
            self._ask_browser_rules(environ)
            if environ["PATH_INFO"] != OPEN_PATH:
                service = service_of(environ)
                self._verify(environ)
        except AwsError as error:
            return answer_error(environ, start_response, refusals.spoken_to(environ, service), error)
        return self._application(environ, _without_cors(start_response))

    def _ask_browser_rules(self, environ: dict[str, Any]) -> None:
        names = ("HTTP_HOST", "HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
        said = ([environ[name]] if name in environ else [] for name in names)
        if objection := browser_rules.objection(self._port, *said):
            raise refusals.foreign(environ, objection)

    def _verify(self, environ: dict[str, Any]) -> None:
        """Raise AwsError in AWS's words unless a key of ours has signed the request."""
        header = _headers(environ)
        path, _, query = _raw_target(environ).partition("?")
        refuse = refusals.Refusals(environ)
        try:
            claim = sigv4.claim(query, header)
        except sigv4.MalformedClaimError as error:
            raise refuse.malformed(error) from error
        if claim is None:
            raise refuse.unsigned()
        key = self._keyring.find(claim.access_key_id)
        if key is None:
            raise refuse.unknown_key(claim.access_key_id)
        if not _same(claim.token or "", key.session_token or ""):
            raise refuse.unknown_token()
        self._check_time(claim, refuse)
        if unsigned := _unsigned_headers(environ, claim):
            raise refuse.unsigned_headers(unsigned)
        payload = _payload(environ, claim, refuse)
        expected = sigv4.signature(
            self._signing_key(key, claim), claim, environ["REQUEST_METHOD"], path, query, header, payload
        )
        if not _same(expected, claim.signature):
            raise refuse.wrong_signature()
        if claim.service == "s3":
            _watch_body(environ, payload, refuse)

    def _signing_key(self, key: Key, claim: sigv4.Claim) -> bytes:
        return self._keyring.signing_key(key, claim.date, claim.region, claim.service)

    def _check_time(self, claim: sigv4.Claim, refuse: refusals.Refusals) -> None:
        now, signed_at = self._now(), claim.signed_at
        if claim.expires_seconds is None:
            if abs(now - signed_at) > ALLOWED_SKEW:
                raise refuse.wrong_time(claim.timestamp, signed_at, now, ALLOWED_SKEW)
        elif signed_at - now > ALLOWED_SKEW:
            raise refuse.not_yet_valid()
        elif now - signed_at > timedelta(seconds=claim.expires_seconds):
            raise refuse.expired(claim.expires_seconds, signed_at, now)


def _headers(environ: dict[str, Any]) -> sigv4.Header:
    def header(name: str) -> str | None:
        value: str | None = environ.get(_environ_name(name))
        return value

    return header


@functools.lru_cache(maxsize=512)
def _environ_name(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


def _raw_target(environ: dict[str, Any]) -> str:
    """Path and query as they were sent."""
    raw: str = environ["RAW_URI"]
    if raw.startswith(("http://", "https://")):
        raw = "/" + raw.split("/", 3)[3] if raw.count("/") > 2 else "/"
    return raw


def _unsigned_headers(environ: dict[str, Any], claim: sigv4.Claim) -> list[str]:
    """The headers that mean something to AWS and that the signature does not cover."""
    covered = {_environ_name(name) for name in claim.signed_headers}
    needed = [name for name in environ if name == "HTTP_HOST" or name.startswith("HTTP_X_AMZ_")]
    return [name[5:].replace("_", "-").lower() for name in needed if name not in covered]


def _payload(environ: dict[str, Any], claim: sigv4.Claim, refuse: refusals.Refusals) -> str:
    """What stands for the body in the canonical request."""
    said: str | None = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if claim.service == "s3":
        if said is None and claim.expires_seconds is None:
            raise AwsError("InvalidRequest", f"Missing required header for this request: {HASH_HEADER}")
        return said or UNHASHED
    body = environ["wsgi.input"].read(LARGEST_BODY + 1) if _has_body(environ) else b""
    if len(body) > LARGEST_BODY:
        raise refuse.too_large()
    environ["wsgi.input"] = io.BytesIO(body)
    return hashlib.sha256(body).hexdigest() if body else EMPTY_HASH


def _watch_body(environ: dict[str, Any], payload: str, refuse: refusals.Refusals) -> None:
    """Let the service's own reading find out whether the body is the one that was signed."""
    if payload == UNHASHED or payload.startswith(STREAMED):
        return
    if _has_body(environ):
        environ["wsgi.input"] = io.BufferedReader(_HashedBody(environ["wsgi.input"], payload, refuse), 64 * 1024)
    elif payload != EMPTY_HASH:
        raise refuse.wrong_hash(payload, EMPTY_HASH)


class _HashedBody(io.RawIOBase):
    """A body that fails at its end when its bytes are not those of the hash."""

    def __init__(self, source: io.BufferedIOBase, expected: str, refuse: refusals.Refusals) -> None:
        self._source, self._expected, self._refuse = source, expected, refuse
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the body goes; raise AwsError at its end when it is another body."""
        count = self._source.readinto1(buffer)
        if count:
            self._digest.update(memoryview(buffer)[:count])
        elif self._digest.hexdigest() != self._expected:
            raise self._refuse.wrong_hash(self._expected, self._digest.hexdigest())
        return count


def _has_body(environ: dict[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _same(first: str, second: str) -> bool:
    return hmac.compare_digest(first.encode("latin-1", "replace"), second.encode("latin-1", "replace"))


def _without_cors(start_response: StartResponse) -> StartResponse:
    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
        return start_response(status, kept, *more)

    return start
