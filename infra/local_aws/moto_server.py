"""Moto's server-mode applications, with what they leave unimplemented answered as AWS's client errors."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from infra.local_aws.errors import AwsError, answer_error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

CREDENTIAL_SCOPE = re.compile(r"[^/,\s=]+/\d{8}/[^/]*/([^/,\s]+)/aws4_request")
MOTO_PATHS = ("/moto-api", "/latest/", "/favicon.ico")
"""Moto's own pages beside AWS: what it keeps in clear, its reset, and instance metadata. Nobody gets them."""


class Moto(DomainDispatcherApplication):
    """Moto's dispatcher, with its unimplemented operations and unknown services answered as client errors.

    Moto answers both with an HTML page and status 500, which SDKs retry for seconds before they give up.
    """

    def __init__(self) -> None:
        super().__init__(_moto_application)
        # Both are constant while the server runs, and moto computes them anew, from the file system, for each request.
        self.get_backend_for_host = functools.cache(super().get_backend_for_host)  # type: ignore[method-assign]
        backends.list_of_moto_modules = functools.cache(functools.partial(tuple, backends.list_of_moto_modules()))

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        service = service_of(environ)
        if environ["PATH_INFO"].startswith(MOTO_PATHS):
            message = f"the local AWS has no page {environ['PATH_INFO']}"
            return answer_error(environ, start_response, service, AwsError("NotImplemented", message))
        try:
            application = self.get_application(environ)
        except _UnknownServiceError:
            message = f"the local AWS has no service {service}"
            return answer_error(environ, start_response, service, AwsError("NotImplemented", message))
        started = _CapturedStart()
        try:
            body = list(application(environ, started))
        except NotImplementedError as error:
            message = str(error) or "the local AWS does not implement this operation"
            return answer_error(environ, start_response, service, _unimplemented(environ, message))
        if started.status_code >= 400 and _is_web_page(started.status_code, body, environ):
            message = f"the local AWS has no operation {environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            return answer_error(environ, start_response, service, _unimplemented(environ, message))
        start_response(started.status, started.headers)
        return body


class _UnknownServiceError(Exception):
    """No backend of moto answers to the host."""


class _CapturedStart:
    """A start_response that holds status and headers back until the body has been seen."""

    def __init__(self) -> None:
        self.status, self.headers = "500 Internal Server Error", list[tuple[str, str]]()

    @property
    def status_code(self) -> int:
        return int(self.status.split(None, 1)[0])

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return lambda _: None


def _moto_application(service: Any) -> Any:
    if service is None:
        raise _UnknownServiceError
    application = create_backend_app(service)
    # Exceptions must reach Moto.__call__ instead of becoming Flask's HTML page.
    application.debug = False
    application.config["PROPAGATE_EXCEPTIONS"] = True
    return application


def _is_web_page(status: int, body: list[bytes], environ: dict[str, Any]) -> bool:
    # Moto labels even JSON answers text/html, so only the content tells Flask's error pages from answers.
    start = b"".join(body)[:64].lstrip().lower()
    nothing_found = not start and status == 404 and environ["REQUEST_METHOD"] != "HEAD"
    return start.startswith((b"<!doctype html", b"<html")) or nothing_found


def _unimplemented(environ: dict[str, Any], message: str) -> AwsError:
    code = "UnknownOperationException" if "HTTP_X_AMZ_TARGET" in environ else "NotImplemented"
    return AwsError(code, message)


def service_of(environ: dict[str, Any]) -> str | None:
    """The service that a request is signed for, S3 when it is unsigned and nothing says otherwise, None if unknown."""
    path: str = environ["PATH_INFO"]
    scope = CREDENTIAL_SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        said = parse_qs(environ["QUERY_STRING"]).get("X-Amz-Credential", [""])
        scope = CREDENTIAL_SCOPE.search(said[0])
    if scope is not None:
        service = scope.group(1).lower()
        is_control = service == "s3" and path.startswith("/v20180820/")
        return "s3control" if is_control else service
    is_other = "HTTP_X_AMZ_TARGET" in environ or environ.get("CONTENT_TYPE", "").startswith(
        "application/x-www-form-urlencoded"
    )
    return None if is_other or "/.well-known/" in path else "s3"
