"""The gate in front of the local Airflow: a plugin around all that its API server answers."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parents[2] / "infra" / "local_airflow" / "plugins" / "gate.py"


@pytest.fixture(scope="module")
def plugin() -> Any:
    """The module, loaded from its file as Airflow does."""
    spec = importlib.util.spec_from_file_location("gate", PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(plugin: Any, kind: str, *headers: tuple[str, str]) -> list[dict[str, Any]]:
    """What goes out to a client; an application behind the gate says 200."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    asyncio.run(plugin.Gate(application, 8080)(scope, None, send))
    return sent


def test_programs_and_own_pages_pass(plugin: Any) -> None:
    for headers in ([], [("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]):
        [start] = answer(plugin, "http", ("host", "127.0.0.1:8080"), *headers)
        assert start["status"] == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("host", "evil.example:8080")],
        [("host", "127.0.0.1:8080"), ("host", "127.0.0.1:8080")],
        [("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:4566")],
        [("host", "127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
    ],
)
def test_foreign_pages_are_refused(plugin: Any, headers: list[tuple[str, str]]) -> None:
    assert answer(plugin, "http", *headers)[0]["status"] == 403
    assert answer(plugin, "websocket", *headers) == [{"type": "websocket.close", "code": 1008}]


def test_the_server_itself_may_start_and_stop(plugin: Any) -> None:
    assert answer(plugin, "lifespan")[0]["status"] == 200


def test_airflow_puts_it_before_everything_with_the_port_of_its_configuration(plugin: Any) -> None:
    from airflow.configuration import conf

    [entry] = plugin.GatePlugin.fastapi_root_middlewares
    assert entry["middleware"] is plugin.Gate
    assert entry["kwargs"] == {"port": conf.getint("api", "port")}
