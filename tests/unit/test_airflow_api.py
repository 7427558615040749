"""Airflow's API client logs in, and again when its token has run out; a small server stands in for Airflow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lakehouse.cli.airflow_api import AirflowApi, AirflowError, AirflowLoginError
from lakehouse.cli.airflow_login import Login

LOGIN = Login("admin", "right")


class Airflow:
    """Tokens are valid until they are revoked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.valid = ""
        self.url = ""

    def issue(self, body: bytes) -> tuple[int, dict[str, Any]]:
        if json.loads(body) != {"username": "admin", "password": "right"}:
            return 401, {}
        self.valid = f"token-{len(self.tokens)}"
        self.tokens.append(self.valid)
        return 201, {"access_token": self.valid}


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    made = Airflow()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/auth/token":
                self.answer(*made.issue(body))
            else:
                self.do_GET()

        def do_GET(self) -> None:
            is_known = self.headers["Authorization"] == f"Bearer {made.valid}"
            self.answer(200 if is_known else 401, {"dag_run_id": "manual"})

        def answer(self, status: int, content: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()


def test_one_token_serves_until_it_has_run_out(airflow: Airflow) -> None:
    api = AirflowApi(airflow.url, LOGIN)
    assert [api.start(), api.start()] == ["manual", "manual"]
    assert airflow.tokens == ["token-0"]
    airflow.valid = "revoked"
    assert api.start() == "manual"
    assert airflow.tokens == ["token-0", "token-1"]


def test_wrong_password_is_told_once_and_not_repeated(airflow: Airflow) -> None:
    with pytest.raises(AirflowLoginError, match="401") as caught:
        AirflowApi(airflow.url, Login("admin", "wrong-password")).start()
    assert "wrong-password" not in str(caught.value)


def test_without_a_login_nothing_is_asked() -> None:
    with pytest.raises(AirflowError, match="no login is known"):
        AirflowApi("http://127.0.0.1:9", None).start()
