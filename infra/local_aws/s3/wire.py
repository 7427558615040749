"""S3's requests and answers on the wire: addresses, headers, XML."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

import xmltodict  # type: ignore[import-untyped]
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

from infra.local_aws.errors import AwsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
METADATA_PREFIX = "HTTP_X_AMZ_META_"
LONGEST_KEY = 1024
"""Bytes in UTF-8."""
LARGEST_DOCUMENT = 4 << 20
"""Bytes of XML accepted in one request; a DeleteObjects of 1,000 keys of 1,024 bytes fits."""


class Request:
    """One S3 request: its bucket, its key, its query and headers."""

    def __init__(self, environ: dict[str, Any]) -> None:
        """Raise AwsError InvalidURI when the path is not UTF-8, KeyTooLongError for a key beyond S3's limit."""
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.body: BinaryIO = environ["wsgi.input"]
        self.bucket, self.key = _address(environ)
        if len(self.key) * 4 > LONGEST_KEY and len(self.key.encode()) > LONGEST_KEY:
            raise AwsError("KeyTooLongError", "Your key is too long")

    @cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; one without a value is an empty string."""
        return dict(parse_qsl(self.environ.get("QUERY_STRING", ""), keep_blank_values=True))

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The ``x-amz-meta-*`` headers, underscores in their names kept."""
        spelled: Mapping[str, str] = self.environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY) or {}
        return {
            spelled.get(name, name[5:].replace("_", "-")).lower(): value
            for name, value in self.environ.items()
            if name.startswith(METADATA_PREFIX)
        }

    def header(self, name: str) -> str | None:
        """A header's value, None when absent."""
        key = name.upper().replace("-", "_")
        value: str | None = self.environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
        return value or None

    def document(self, root: str) -> dict[str, Any]:
        """The XML body's root element as nested dictionaries; raise MalformedXML when it is not what is expected."""
        content = self.body.read(LARGEST_DOCUMENT + 1)
        try:
            # Blanks are kept: a key may begin or end with one.
            parsed = xmltodict.parse(
                content, process_namespaces=True, namespaces={NAMESPACE: None}, strip_whitespace=False
            )
        except ExpatError:
            parsed = {}
        if len(content) > LARGEST_DOCUMENT or root not in parsed:
            raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate.")
        document = parsed[root]
        return document if isinstance(document, dict) else {}


@dataclass
class Reply:
    """An answer: status, headers, and a body of bytes or of a slice of a file."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        """Answer through WSGI."""
        headers = {"x-amz-request-id": secrets.token_hex(8).upper(), "Server": "AmazonS3", **self.headers}
        if isinstance(self.body, bytes):
            if self.status not in BODILESS:
                headers.setdefault("Content-Length", str(len(self.body)))
            body: Iterable[bytes] = [self.body]
        else:
            body = self.body
        start_response(f"{self.status} {REASONS.get(self.status, 'OK')}", list(headers.items()))
        return body


BODILESS = (204, 304)
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified"}


def xml_reply(root: str, *content: str) -> Reply:
    """A 200 with an XML document: ``content`` are finished elements."""
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">{"".join(content)}</{root}>'
    return Reply(200, {"Content-Type": "application/xml"}, document.encode())


def element(name: str, value: object) -> str:
    """A leaf element; nothing at all when the value is None."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def listed(value: Any) -> list[Any]:
    """What the XML repeats as a list, whether it occurs never, once or often."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def xml_time(seconds: float) -> str:
    """A time since the epoch as S3 writes it in XML."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_time(seconds: float) -> str:
    """A time since the epoch as HTTP headers have it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def _address(environ: dict[str, Any]) -> tuple[str, str]:
    raw: str = environ.get("RAW_URI") or environ["PATH_INFO"]
    path = urlsplit(raw).path if raw.startswith(("http://", "https://")) else raw.split("?", 1)[0]
    try:
        bucket, _, key = path[1:].partition("/")
        return unquote(bucket, errors="strict"), unquote(key, errors="strict")
    except UnicodeDecodeError as error:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from error
