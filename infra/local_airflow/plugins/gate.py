"""The gate in front of the local Airflow: its API server answers nothing that a foreign web page may have sent.

The whole port is behind it: pages, static files, the API, and the one that Airflow's own tasks talk to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from infra import browser_rules

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
"""The code that closes a WebSocket; Airflow has none, and none shall slip past."""


class Gate:
    """ASGI middleware that answers 403 where ``infra.browser_rules`` has an objection."""

    def __init__(self, app: Application, port: int) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        said = (_values(scope, name) for name in (b"host", b"origin", b"sec-fetch-site"))
        objection = browser_rules.objection(self._port, *said)
        if objection is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await _refuse(send, f"The local Airflow answers this machine only: {objection}.\n".encode())


class GatePlugin(AirflowPlugin):
    """Puts the gate in front of the API server."""

    name = "gate"
    fastapi_root_middlewares = [  # noqa: RUF012 - Airflow's way to say it
        {"name": "gate", "middleware": Gate, "kwargs": {"port": conf.getint("api", "port")}}
    ]


def _values(scope: Message, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


async def _refuse(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
