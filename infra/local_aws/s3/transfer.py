"""What is wrapped around an uploaded body: the SDKs' chunked encoding and their checksums."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from infra.local_aws.errors import AwsError
from infra.local_aws.s3.bodies import Bodies, Body, Source
from infra.local_aws.s3.wire import Request

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import ReadableBuffer

CHECKSUM_HEADER = "x-amz-checksum-"
LONGEST_LINE = 8192


class Checksum(Protocol):
    """A checksum under way."""

    def update(self, data: ReadableBuffer, /) -> object:
        """Take more bytes in."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""


class Crc32:
    """CRC-32 with the interface of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: ReadableBuffer) -> None:
        """Take more bytes in."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes, big-endian."""
        return self._value.to_bytes(4, "big")


CHECKSUMS: dict[str, Callable[[], Checksum]] = {
    "crc32": Crc32,
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}
"""By the end of the header's name. Others (crc32c, crc64nvme, xxhash) are kept and given back, but not verified."""


class AwsChunked:
    """Decodes ``aws-chunked``: chunks with signatures (not verified) and a checksum in the trailer."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._remaining = 0
        self._is_finished = False
        self.trailers: dict[str, str] = {}

    def read(self, size: int) -> bytes:
        """Up to ``size`` decoded bytes; nothing at the end, when ``trailers`` is complete."""
        if self._remaining == 0 and not self._is_finished:
            self._next_chunk()
        if self._is_finished:
            return b""
        data = self._stream.read(min(size, self._remaining))
        if not data:
            raise _incomplete()
        self._remaining -= len(data)
        if self._remaining == 0 and self._line():
            raise _incomplete()
        return data

    def _next_chunk(self) -> None:
        try:
            self._remaining = int(self._line().partition(";")[0], 16)
        except ValueError as error:
            raise _incomplete() from error
        if self._remaining == 0:
            while line := self._line():
                name, _, value = line.partition(":")
                self.trailers[name.strip().lower()] = value.strip()
            self._is_finished = True

    def _line(self) -> str:
        return self._stream.readline(LONGEST_LINE).decode("latin-1").rstrip("\r\n")


def receive(request: Request, bodies: Bodies) -> tuple[Body, dict[str, str]]:
    """Store the request's body; it and its checksum headers (empty without any).

    Raise BadDigest or InvalidDigest when the bytes are not those that the client meant to send; nothing is stored then.
    """
    is_chunked = (request.header("x-amz-content-sha256") or "").startswith("STREAMING-")
    is_chunked = is_chunked or "aws-chunked" in (request.header("content-encoding") or "")
    source: Source = AwsChunked(request.body) if is_chunked else request.body
    announced = _announced_checksum(request)
    checksum: Checksum | None = None
    if announced in CHECKSUMS:
        checksum = CHECKSUMS[announced]()
    body = bodies.write(source, (checksum,) if checksum is not None else ())
    try:
        _verify_length(request, body, is_chunked)
        _verify_md5(request, body)
        claimed = _claimed_checksum(request, source, announced)
        if claimed is None:
            return body, {}
        if checksum is not None and base64.b64encode(checksum.digest()).decode() != claimed:
            raise AwsError("BadDigest", f"The {announced.upper()} you specified did not match the calculated checksum.")
    except BaseException:
        bodies.remove([body.name])
        raise
    return body, {f"{CHECKSUM_HEADER}{announced}": claimed}


def _announced_checksum(request: Request) -> str:
    trailer = (request.header("x-amz-trailer") or "").strip().lower()
    if trailer.startswith(CHECKSUM_HEADER):
        return trailer.removeprefix(CHECKSUM_HEADER)
    prefix = "HTTP_X_AMZ_CHECKSUM_"
    names = [name.removeprefix(prefix).lower() for name in request.environ if name.startswith(prefix)]
    return next((name for name in names if name not in ("algorithm", "type", "mode")), "")


def _claimed_checksum(request: Request, source: Source, algorithm: str) -> str | None:
    if not algorithm:
        return None
    trailers = source.trailers if isinstance(source, AwsChunked) else {}
    return request.header(f"{CHECKSUM_HEADER}{algorithm}") or trailers.get(f"{CHECKSUM_HEADER}{algorithm}")


def _verify_length(request: Request, body: Body, is_chunked: bool) -> None:
    declared = request.header("x-amz-decoded-content-length")
    if is_chunked and declared is not None and int(declared) != body.size:
        raise _incomplete()


def _verify_md5(request: Request, body: Body) -> None:
    claimed = request.header("content-md5")
    if claimed is None:
        return
    try:
        claimed_hex = base64.b64decode(claimed, validate=True).hex()
    except ValueError as error:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified is not valid.") from error
    if claimed_hex != body.md5:
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _incomplete() -> AwsError:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return AwsError("IncompleteBody", message)
