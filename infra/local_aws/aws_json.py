"""Services of the AWS JSON 1.1 protocol: ``X-Amz-Target: Prefix.Operation``, a JSON object in, a JSON object out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.local_aws.errors import AwsError, answer_error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

Operation = Callable[[dict[str, Any]], Mapping[str, Any] | None]


class JsonService:
    """A WSGI application made of operations by name; an operation raises AwsError to refuse.

    An operation it does not have goes to ``fallback``, or is refused as UnknownOperationException.
    """

    def __init__(self, operations: Mapping[str, Operation], fallback: WSGIApplication | None = None) -> None:
        self._operations, self._fallback = dict(operations), fallback

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        name = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        operation = self._operations.get(name)
        if operation is None:
            if self._fallback is not None:
                return self._fallback(environ, start_response)
            error = AwsError("UnknownOperationException", f"the local AWS has no operation {name or 'without a name'}")
            return answer_error(environ, start_response, None, error)
        try:
            body = environ["wsgi.input"].read()
            request = json.loads(body or b"{}")
            if not isinstance(request, dict):
                raise AwsError("SerializationException", "a JSON object is expected")
            answer = operation(request)
        except AwsError as error:
            return answer_error(environ, start_response, None, error)
        except ValueError as error:
            if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
                raise
            refusal = AwsError("SerializationException", f"the request is not JSON: {error}")
            return answer_error(environ, start_response, None, refusal)
        content = json.dumps(answer or {}, default=_timestamp).encode()
        headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Content-Length", str(len(content))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ]
        start_response("200 OK", headers)
        return [content]


def _timestamp(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} has no JSON form")
