"""A threaded WSGI server with HTTP/1.1 keep-alive, for SDK clients that pool connections.

Werkzeug's own handler closes every connection and listens 10 ms for leftovers after each answer; that is most of the
cost of a small PUT. Here a body is bounded by its Content-Length, what the application left unread is drained or the
connection is closed, and bodies that are files go out with ``sendfile``.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, BinaryIO

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import DechunkedInput

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

LARGEST_DRAIN = 1 << 20
"""Bytes of an unread request body worth reading to keep a connection; beyond it, closing is cheaper."""
COPY_SIZE = 1 << 20
UNREPORTED = (ConnectionError, TimeoutError)
"""A client that goes away in the middle (Iceberg aborts range reads all the time) is no fault of the server."""


class FileSlice:
    """A response body: ``length`` bytes of ``file`` from ``offset``, sent by the kernel, not through Python."""

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        self.file, self.offset, self.length = file, offset, length

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in chunks, for a server that is not this one."""
        self.file.seek(self.offset)
        remaining = self.length
        while remaining > 0 and (chunk := self.file.read(min(COPY_SIZE, remaining))):
            remaining -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file; called by the server when the response is over."""
        self.file.close()


class RequestBody(io.RawIOBase):
    """The body of one request; asks the client for it (100 Continue) only when somebody reads."""

    def __init__(
        self, source: io.BufferedIOBase | DechunkedInput, length: int | None, announce: Callable[[], None] | None
    ) -> None:
        """``length`` in bytes, or None for a chunked body that ends by itself."""
        self._source, self._remaining, self._announce = source, length, announce
        self._is_finished = length == 0
        if self._is_finished and announce is not None:
            # Clients (botocore) expect the 100 before the answer even when there is nothing to send.
            announce()
            self._announce = None

    @property
    def is_awaited(self) -> bool:
        """Whether the client still waits for 100 Continue before it sends the body."""
        return self._announce is not None

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the body goes; raise ConnectionError when the client stops short of its length."""
        if self._is_finished:
            return 0
        if self._announce is not None:
            self._announce()
            self._announce = None
        view = memoryview(buffer)
        if self._remaining is not None:
            view = view[: self._remaining]
        if isinstance(self._source, DechunkedInput):
            data = self._source.read(len(view))
            count = len(data or b"")
            view[:count] = data or b""
        else:
            count = self._source.readinto(view)
        if self._remaining is None:
            self._is_finished = count == 0
        elif count == 0:
            raise ConnectionError("the client closed the connection in the middle of a request body")
        else:
            self._remaining -= count
            self._is_finished = self._remaining == 0
        return count

    def drain(self) -> bool:
        """Read what the application left; False if that is too much, or was never asked for: close the connection."""
        if self._is_finished:
            return True
        if self.is_awaited or (self._remaining or 0) > LARGEST_DRAIN:
            return False
        budget = LARGEST_DRAIN
        while budget > 0 and not self._is_finished:
            budget -= len(self.read(64 * 1024) or b"")
        return self._is_finished


class Handler(MotoRequestHandler):
    """Serves the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 64 * 1024
    server: Server  # type: ignore[assignment]

    def handle_expect_100(self) -> bool:
        """Say nothing yet: RequestBody answers 100 when the application reads."""
        return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep no access log."""

    def handle(self) -> None:
        """Serve until the client leaves."""
        try:
            super().handle()
        except UNREPORTED:
            self.close_connection = True

    def run_wsgi(self) -> None:
        """Answer one request, unless the server is about to stop: then the client tries again elsewhere or later."""
        if self.server.is_stopping:
            self.close_connection = True
            return
        environ = self.make_environ()
        body = self._request_body(environ)
        environ["wsgi.input"] = io.BufferedReader(body, 64 * 1024)
        response = _Response(self, body)
        with self.server.in_flight():
            try:
                response.send(self.server.app(environ, response.start))
            except UNREPORTED:
                self.close_connection = True
                return
            except Exception:  # noqa: BLE001 - the last line of defence: report, and drop only this connection
                traceback.print_exc(file=sys.stderr)
                self.close_connection = True
                return
        try:
            if not response.closes and not body.drain():
                self.close_connection = True
        except (OSError, ValueError):
            self.close_connection = True

    def make_environ(self) -> dict[str, Any]:
        """The WSGI environ, without the base class's look at TLS certificates."""
        self.environ = environ = super().make_environ()
        environ["wsgi.input_terminated"] = True
        return environ

    def _request_body(self, environ: dict[str, Any]) -> RequestBody:
        expects = self.headers.get("Expect", "").lower() == "100-continue"

        def announce() -> None:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

        source = environ["wsgi.input"]
        if isinstance(source, DechunkedInput):
            return RequestBody(source, None, announce if expects else None)
        try:
            length = max(int(environ.get("CONTENT_LENGTH") or 0), 0)
        except ValueError:
            length, self.close_connection = 0, True
        return RequestBody(source, length, announce if expects else None)


class _Response:
    """Collects what the application says and writes it: head and first chunk in one segment."""

    def __init__(self, handler: Handler, request_body: RequestBody) -> None:
        self._handler, self._request_body = handler, request_body
        self._status = 0
        self._head = b""
        self._is_chunked = False
        self._has_body = True
        self.closes = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        """WSGI's start_response; the write callable it returns is not supported."""
        self._status = int(status.split(None, 1)[0])
        names = {name.lower() for name, _ in headers}
        is_head = self._handler.command == "HEAD"
        self._has_body = not is_head and self._status not in (204, 304)
        lines = [f"HTTP/1.1 {status}"]
        if "date" not in names:
            lines.append(f"Date: {self._handler.date_time_string()}")
        lines += [f"{name}: {_one_line(value)}" for name, value in headers if name.lower() != "connection"]
        if self._has_body and "content-length" not in names:
            self._is_chunked = self._handler.request_version >= "HTTP/1.1"
            if self._is_chunked:
                lines.append("Transfer-Encoding: chunked")
            else:
                self.closes = True
        if self._request_body.is_awaited:
            # The client may or may not send the body it announced; only a new connection is unambiguous.
            self.closes = True
        if self._handler.close_connection or self.closes:
            self._handler.close_connection = True
            lines.append("Connection: close")
        self._head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        return _refuse_write

    def send(self, body: Iterable[bytes]) -> None:
        try:
            if isinstance(body, FileSlice) and self._has_body:
                self._handler.wfile.write(self._head)
                if body.length:
                    self._handler.connection.sendfile(body.file, body.offset, body.length)
                return
            pending = b""
            for chunk in body if self._has_body else ():
                if not chunk:
                    continue
                framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._is_chunked else chunk
                if not pending and self._head:
                    pending, self._head = self._head, b""
                self._handler.wfile.write(pending + framed)
                pending = b""
            tail = b"0\r\n\r\n" if self._is_chunked else b""
            if self._head or tail:
                self._handler.wfile.write(self._head + tail)
                self._head = b""
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()


def _one_line(value: str) -> str:
    # A header that echoes the client's words must not become two.
    return value.replace("\r", " ").replace("\n", " ")


def _refuse_write(data: bytes) -> object:
    raise NotImplementedError("return an iterable instead of calling write()")


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1; a thread per connection. Raises OSError (EADDRINUSE) when the port is taken."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256
    # What werkzeug's handler asks of its server:
    ssl_context = None
    multithread = True
    multiprocess = False
    _server_version = "LocalAWS"

    def __init__(self, port: int, app: WSGIApplication | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.app: WSGIApplication = app or _unready
        self.is_stopping = False
        self._active = 0
        self._idle = threading.Condition()

    def server_bind(self) -> None:
        """Bind without HTTPServer's reverse look-up of the host name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def in_flight(self) -> _InFlight:
        """A context that counts one request as being answered."""
        return _InFlight(self)

    def stop(self, timeout_seconds: float) -> bool:
        """Take no more requests and wait for those in flight; False if some are left when the time is over."""
        self.is_stopping = True
        self.shutdown()
        self.server_close()
        with self._idle:
            return self._idle.wait_for(lambda: self._active == 0, timeout_seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong outside a request, unless the client just left."""
        if not isinstance(sys.exc_info()[1], UNREPORTED):
            traceback.print_exc(file=sys.stderr)

    def log(self, kind: str, message: str, *arguments: object) -> None:
        """What werkzeug's handler reports: malformed requests."""
        sys.stderr.write(f"{kind}: {message % arguments}\n")


class _InFlight:
    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> None:
        with self._server._idle:
            self._server._active += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._server._idle:
            self._server._active -= 1
            self._server._idle.notify_all()


def _unready(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0")])
    return []
