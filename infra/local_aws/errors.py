"""Errors in the shape of each AWS protocol, so that an SDK raises its ClientError with the right code."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

REASONS = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 500: "Internal Server Error"}
XML_SERVICES = frozenset({"cloudfront", "route53"})
"""Services of the rest-xml protocol besides S3, which are recognised by nothing in the request itself."""


class AwsError(Exception):
    """An error to be answered to the client: its code and message as AWS words them, its HTTP status, more fields."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, fields


def error_detail(error: AwsError) -> dict[str, str]:
    """An error as Glue's batch operations list it."""
    return {"ErrorCode": error.code, "ErrorMessage": error.message}


def answer_error(
    environ: dict[str, Any], start_response: StartResponse, service: str | None, error: AwsError
) -> Iterable[bytes]:
    """Answer ``error`` in the protocol that the request speaks."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id), ("x-amz-request-id", request_id)]
    content_type, body = _body(environ, service, error, request_id)
    if content_type == "application/json":
        headers.append(("x-amzn-ErrorType", error.code))
    if content_type == "application/cbor":
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
    headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    start_response(f"{error.status} {REASONS.get(error.status, 'Error')}", headers)
    return [body]


def _body(environ: dict[str, Any], service: str | None, error: AwsError, request_id: str) -> tuple[str, bytes]:
    if "HTTP_X_AMZ_TARGET" in environ:
        return "application/x-amz-json-1.1", json.dumps(_json_fields(error)).encode()
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        fields = {"__type": error.code, "message": error.message}
        return "application/cbor", b"\xa2" + b"".join(_cbor_text(text) for pair in fields.items() for text in pair)
    detail = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if service in (None, "s3"):
        more = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.fields.items())
        return "application/xml", _xml(f"<Error>{detail}{more}<RequestId>{request_id}</RequestId></Error>")
    if service in XML_SERVICES or environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        fault = "Sender" if error.status < 500 else "Receiver"
        inner = f"<Error><Type>{fault}</Type>{detail}</Error><RequestId>{request_id}</RequestId>"
        return "text/xml", _xml(f"<ErrorResponse>{inner}</ErrorResponse>")
    return "application/json", json.dumps(_json_fields(error)).encode()


def _json_fields(error: AwsError) -> dict[str, Any]:
    return {"__type": error.code, "message": error.message, "Message": error.message, **error.fields}


def _xml(document: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()


def _cbor_text(text: str) -> bytes:
    # A text string with a four-byte length: major type 3, additional information 26.
    data = text.encode()
    return b"\x7a" + len(data).to_bytes(4, "big") + data
