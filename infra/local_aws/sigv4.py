"""AWS Signature Version 4: what a request claims about its signature, and which signature it ought to have.

Written after "Signature Version 4 signing process" in AWS's documentation; the tests hold it against botocore. Its own
classes sign a request that is about to be sent, and choose time, headers and encoding themselves: they cannot be given
one that has arrived.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
LONGEST_EXPIRY_SECONDS = 7 * 24 * 3600
SIGNATURE_PARAMETER = "X-Amz-Signature"
PRESIGNED = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", SIGNATURE_PARAMETER})

Pairs: TypeAlias = list[tuple[str, str]]
Header: TypeAlias = Callable[[str], str | None]
"""A header's value by its name in lower case, as on the wire in latin-1; None when absent."""


class MalformedClaimError(Exception):
    """The request says something about its signature, but not what AWS understands."""


class UnsupportedMechanismError(MalformedClaimError):
    """The request is signed, but in another way: version 2, as boto3 presigns unless it is told ``s3v4``."""

    def __init__(self) -> None:
        super().__init__(f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.")


@dataclass(frozen=True)
class Claim:
    """What a request says about its signature, in the header or, presigned, in its query."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_at: datetime
    """The same as an instant: when the client says that it signed."""
    token: str | None
    expires_seconds: int | None
    """How long a presigned URL is valid; None for a request that is signed in its header."""

    @property
    def scope(self) -> str:
        """Day, region and service that the signing key is made for."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def claim(query: str, header: Header) -> Claim | None:
    """What the request says, from its raw query and its headers; None when unsigned. Raises MalformedClaimError."""
    authorization = header("authorization")
    is_presigned = "X-Amz-" in query and not PRESIGNED.isdisjoint(name for name, _ in _decoded(query))
    if authorization is None:
        if "AWSAccessKeyId=" in query and "Signature=" in query and not is_presigned:
            raise UnsupportedMechanismError
        return _from_query(query) if is_presigned else None
    if is_presigned:
        raise MalformedClaimError("Only one auth mechanism allowed; use either the query or the Authorization header")
    return _from_header(authorization, header)


def _from_header(authorization: str, header: Header) -> Claim:
    algorithm, _, rest = authorization.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise UnsupportedMechanismError
    # Clients part the three by a comma, by a blank, or by both.
    said = dict(part.partition("=")[::2] for part in rest.replace(",", " ").split())
    if set(said) != {"Credential", "SignedHeaders", "Signature"}:
        raise MalformedClaimError("Authorization needs Credential, SignedHeaders and Signature, and nothing else.")
    timestamp = header("x-amz-date") or _timestamp_of(header("date"))
    return _claim(said, timestamp, header("x-amz-security-token"), None)


def _from_query(query: str) -> Claim:
    said: dict[str, str] = {}
    for name, value in _decoded(query):
        if name.startswith("X-Amz-") and said.setdefault(name, value) != value:
            raise MalformedClaimError(f"{name} is there twice.")
    if said.get("X-Amz-Algorithm") != ALGORITHM:
        raise MalformedClaimError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    parts = {name: said.get(f"X-Amz-{name}", "") for name in ("Credential", "SignedHeaders", "Signature")}
    if missing := [f"X-Amz-{name}" for name, value in parts.items() if not value]:
        raise MalformedClaimError(f"Query-string authentication version 4 requires {', '.join(missing)}.")
    expires = said.get("X-Amz-Expires", "")
    if not re.fullmatch(r"[0-9]{1,9}", expires) or not 1 <= int(expires) <= LONGEST_EXPIRY_SECONDS:
        raise MalformedClaimError(f"X-Amz-Expires must be between 1 and {LONGEST_EXPIRY_SECONDS} seconds")
    return _claim(parts, said.get("X-Amz-Date", ""), said.get("X-Amz-Security-Token"), int(expires))


def _claim(said: dict[str, str], timestamp: str, token: str | None, expires_seconds: int | None) -> Claim:
    access_key_id, *scope = said["Credential"].rsplit("/", 4)
    if len(scope) != 4 or scope[3] != "aws4_request" or not all(scope):
        raise MalformedClaimError(
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    date, region, service, _ = scope
    if not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp) or timestamp[:8] != date:
        raise MalformedClaimError("the request needs a date, X-Amz-Date, of the same day as its Credential.")
    try:
        signed_at = _instant(timestamp)
    except ValueError as error:
        raise MalformedClaimError(f"X-Amz-Date is no date: {timestamp}") from error
    names = tuple(said["SignedHeaders"].split(";"))
    signature = said["Signature"]
    return Claim(access_key_id, date, region, service, names, signature, timestamp, signed_at, token, expires_seconds)


def _instant(timestamp: str) -> datetime:
    # A fifth of what strptime takes, which was a tenth of the whole.
    year, month, day = int(timestamp[:4]), int(timestamp[4:6]), int(timestamp[6:8])
    return datetime(year, month, day, int(timestamp[9:11]), int(timestamp[11:13]), int(timestamp[13:15]), tzinfo=UTC)


def _timestamp_of(date: str | None) -> str:
    """A Date header in the form of X-Amz-Date; empty when there is none that can be read."""
    if date is None or re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date):
        return date or ""
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime(TIMESTAMP)
    except ValueError:
        return ""


def signature(
    signing_key: bytes, claim: Claim, method: str, path: str, query: str, header: Header, payload: str
) -> str:
    """The signature that the request ought to have. ``path`` and ``query`` are raw; ``payload`` is its hash, or a word.

    A header that is said to be signed and is not there counts as empty, as with AWS.
    """
    request = canonical_request(claim, method, path, query, header, payload)
    text = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{hashlib.sha256(request).hexdigest()}"
    return hmac.digest(signing_key, text.encode("latin-1"), hashlib.sha256).hex()


def canonical_request(claim: Claim, method: str, path: str, query: str, header: Header, payload: str) -> bytes:
    """The request in the one form that both sides sign, as bytes."""
    uri = s3_path(path) if claim.service == "s3" else other_path(path)
    headers = "".join(f"{name}:{_trimmed(header(name) or '')}\n" for name in claim.signed_headers)
    parts = (method, uri, canonical_query(query), headers, ";".join(claim.signed_headers), payload)
    return "\n".join(parts).encode("latin-1")


def s3_path(path: str) -> str:
    """S3 signs the path encoded once and otherwise as it is: ``//`` and ``..`` are parts of a key."""
    return quote(unquote_to_bytes(path), safe="/-_.~")


def other_path(path: str) -> str:
    """All others sign it without dot segments and encoded once more than it was sent."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe="/-_.~", encoding="latin-1")


def canonical_query(query: str) -> str:
    """The parameters encoded alike and sorted, without the signature of a presigned URL."""
    if not query:
        return ""
    pairs = [
        (quote(unquote_to_bytes(name), safe="-_.~"), quote(unquote_to_bytes(value), safe="-_.~"))
        for name, _, value in (pair.partition("=") for pair in query.split("&"))
        if name != SIGNATURE_PARAMETER
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _decoded(query: str) -> Pairs:
    parts = (pair.partition("=") for pair in query.split("&"))
    return [(_unquoted(name), _unquoted(value)) for name, _, value in parts]


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text).decode("latin-1")


def _trimmed(value: str) -> str:
    if value.isascii():
        return " ".join(value.split())
    # Only ASCII's blanks: a no-break space in latin-1 may be half of a letter in UTF-8.
    return b" ".join(value.encode("latin-1").split()).decode("latin-1")
