"""Assembles the local AWS: moto's applications, the services that replace or extend them, and errors in AWS's shape."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local_aws import glue_catalog, glue_jobs, redshift, s3, secrets
from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError, answer_error
from infra.local_aws.faults import Faults
from infra.local_aws.gate import Gate
from infra.local_aws.http_server import UNREPORTED, Server
from infra.local_aws.keys import Key, Keyring
from infra.local_aws.moto_server import service_of
from infra.local_aws.persistence import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PAGES_PATH = "/_local/"


class LocalAws:
    """The server of one state directory.

    The constructor raises ``StateDirectoryInUseError`` when another process serves the directory and OSError
    (EADDRINUSE) when the port is taken; ``port`` 0 takes a free one. Answers only who signs with ``key``. With
    ``faults`` a test may have processes killed at chosen requests.
    """

    def __init__(self, state_dir: Path, port: int, key: Key, faults: bool = False) -> None:
        self._store = Store(state_dir)
        try:
            self.server = Server(port)
        except OSError:
            self._store.close()
            raise
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        # Some of moto's services call their own server.
        os.environ["MOTO_PORT"] = str(self.server.server_port)
        self._context = Context(state_dir, self._store, lambda: self.endpoint, key)
        self._context.pages["health"] = lambda: {"status": "ok", "pid": os.getpid()}
        for service in (s3, secrets, glue_catalog, glue_jobs, redshift):
            service.install(self._context)
        application: WSGIApplication = Application(self._context)
        if faults:
            application = Faults(application, self._context.pages["processes"])
        self.server.app = Gate(application, Keyring([key]), self.server.server_port)

    def serve(self) -> None:
        """Answer requests until ``stop`` is called from another thread."""
        self.server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop listening, let the requests in flight end (a second at most), stop the services, close the store."""
        self.server.stop(timeout_seconds=1)
        for callback in reversed(self._context.on_shutdown):
            try:
                callback()
            except Exception:  # noqa: BLE001 - one service that fails to stop must not keep the others from stopping
                traceback.print_exc(file=sys.stderr)
        self._store.close()


class Application:
    """The WSGI application of the whole port: finds the service of a request and answers errors in its protocol."""

    def __init__(self, context: Context) -> None:
        self._services = context.services
        self._moto = context.moto
        self._pages = context.pages

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if page := self._pages.get(environ["PATH_INFO"].removeprefix(PAGES_PATH)):
            return _answer_page(page(), start_response)
        service = service_of(environ)
        application = self._services.get(service or "", self._moto)
        try:
            return application(environ, start_response)
        except UNREPORTED:
            raise
        except AwsError as error:
            return answer_error(environ, start_response, service, error)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the client gets an answer it understands
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__} in the local AWS; see its log"
            code = "InternalError" if service == "s3" else "InternalFailure"
            return answer_error(environ, start_response, service, AwsError(code, message, 500))


def _answer_page(content: object, start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
