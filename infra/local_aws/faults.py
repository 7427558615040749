"""Death on request, for tests: SIGKILL to a process just before or just after a chosen request has been carried out.

Only there when the server was started with ``--faults``. Every request has a line, ``service Operation resource``:

    s3 PutObject lakehouse-local/batches/0000000002/manifest.json
    glue UpdateTable silver_storefront.users
    redshift-data BatchExecuteStatement LOCK ops.loads; DELETE FROM …

``POST /_local/faults`` with a JSON object arms one fault, in place of the one before:

    pattern   regular expression, searched in the lines
    nth       which of the matching requests, counted from 1 since the fault was armed
    moment    "before" or "after" the request is carried out; its client gets no answer
    victim    "server" (this process), "workers" (every Glue worker that runs a job) or a process id

``GET /_local/faults`` answers ``{"fired": true | false, "writes": [...]}``: whether the armed fault has killed, and the
lines of all requests that write, in the order of their arrival.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local_aws.errors import AwsError, answer_error
from infra.local_aws.moto_server import service_of
from infra.local_aws.s3.wire import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PATH = "/_local/faults"
MOMENTS = ("before", "after")
_WRITES = re.compile(
    r"^(s3 (Put|Copy|Delete|Post)|glue (Create|Update|Delete|Start)|redshift-data BatchExecuteStatement)"
)


@dataclass(frozen=True)
class Fault:
    """Whom to kill, and at which request."""

    pattern: re.Pattern[str]
    nth: int
    moment: str
    victim: str | int


class Faults:
    """A WSGI application around the whole port."""

    def __init__(self, application: WSGIApplication, processes: Callable[[], object]) -> None:
        """``processes`` answers the Glue workers as ``/_local/processes`` does."""
        self._application, self._processes = application, processes
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._left = 0
        self._fired = False
        self._writes: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            try:
                return self._page(environ, start_response)
            except AwsError as error:
                return answer_error(environ, start_response, None, error)
        line = _line(environ)
        fault = self._due(line)
        if fault is None:
            return self._application(environ, start_response)
        if fault.moment == "after":
            list(self._application(environ, lambda *_: lambda _: None))
        self._kill(fault.victim)
        raise ConnectionResetError(f"{fault.victim} was killed {fault.moment} {line}")

    def _page(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            fault = _read(environ["wsgi.input"].read())
            with self._lock:
                self._fault, self._left, self._fired = fault, fault.nth, False
        with self._lock:
            body = json.dumps({"fired": self._fired, "writes": self._writes}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _due(self, line: str) -> Fault | None:
        """The fault, if this request is the one that it waits for."""
        with self._lock:
            if _WRITES.match(line):
                self._writes.append(line)
            if self._fault is None or self._fired or not self._fault.pattern.search(line):
                return None
            self._left -= 1
            self._fired = self._left == 0
            return self._fault if self._fired else None

    def _kill(self, victim: str | int) -> None:
        if victim == "server":
            os.kill(os.getpid(), signal.SIGKILL)
        elif isinstance(victim, int):
            os.kill(victim, signal.SIGKILL)
        else:
            workers: Any = self._processes()
            for worker in workers:
                if worker["state"] == "running":
                    with suppress(ProcessLookupError):
                        os.killpg(worker["pid"], signal.SIGKILL)  # its JVM is of the same group


def _read(body: bytes) -> Fault:
    try:
        said = json.loads(body)
        fault = Fault(re.compile(said["pattern"]), int(said.get("nth", 1)), said["moment"], said["victim"])
    except (ValueError, KeyError, TypeError, re.error) as error:
        raise AwsError("InvalidFault", f"a fault has pattern, nth, moment and victim: {error!r}") from error
    if fault.moment not in MOMENTS or fault.nth < 1:
        raise AwsError("InvalidFault", f"moment is one of {MOMENTS} and nth is at least 1")
    if not isinstance(fault.victim, int) and fault.victim not in ("server", "workers"):
        raise AwsError("InvalidFault", "victim is server, workers or a process id")
    return fault


def _line(environ: dict[str, Any]) -> str:
    """``service Operation resource`` of a request; its body, where it had to be read, can be read again."""
    service, target = service_of(environ), environ.get("HTTP_X_AMZ_TARGET", "")
    if service == "s3":
        try:
            request = Request(environ)
        except AwsError:
            return "s3"
        is_copy = request.method == "PUT" and request.header("x-amz-copy-source")
        verb = "Copy" if is_copy else request.method.title()
        return f"s3 {verb}{'Object' if request.key else 'Bucket'} {request.bucket}/{request.key}"
    if not target:
        return str(service)
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return f"{service} {target.rpartition('.')[2]} {_resource(body)}"


def _resource(body: bytes) -> str:
    """What a request of a JSON service is about: its SQL, its table or its job."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return ""
    if sqls := request.get("Sqls") or [sql for sql in [request.get("Sql")] if sql]:
        return "; ".join(sqls)
    if database := request.get("DatabaseName"):
        return f"{database}.{request.get('TableInput', {}).get('Name') or request.get('TableName', '')}"
    return str(request.get("JobName") or request.get("Id") or request.get("DatabaseInput", {}).get("Name", ""))
