"""When Airflow counts as ready: told from what its API answers, here by a small server in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lakehouse.cli import airflow_login
from lakehouse.cli.airflow_runtime import Airflow, BrokenDagError, NoGateError

NOON, LATER = "2026-11-21T12:00:00+00:00", "2026-11-21T12:05:00Z"
NOON_SECONDS = 1795262400.0
ROLES = ("scheduler", "dag_processor", "triggerer")


def healthy(at: str = NOON) -> dict[str, Any]:
    return {role: {"status": "healthy", f"latest_{role}_heartbeat": at} for role in ROLES}


@pytest.fixture
def answers() -> dict[str, Any]:
    """Path → answer; a path that is not there answers 404."""
    return {
        "/api/v2/monitor/health": healthy(),
        "/execution/health": {"status": "healthy"},
        "/api/v2/dags/ingest": {"is_paused": False, "last_parsed_time": NOON},
        "/api/v2/importErrors": {"import_errors": []},
    }


@pytest.fixture
def gate() -> dict[str, bool]:
    """Whether foreign hosts are refused."""
    return {"stands": True}


@pytest.fixture
def airflow(answers: dict[str, Any], gate: dict[str, bool], tmp_path: Path) -> Iterator[Airflow]:
    password = airflow_login.ensure(tmp_path).password

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/auth/token" and said == {"username": "admin", "password": password}:
                self.send_response(201)
                self.end_headers()
                self.wfile.write(b'{"access_token": "token"}')
            else:
                self.send_error(401)

        def do_GET(self) -> None:
            if gate["stands"] and self.headers["Host"] == "rebound.example":
                self.send_error(403)
                return
            needs_token = self.path.startswith(("/api/v2/dags", "/api/v2/importErrors"))
            if needs_token and self.headers["Authorization"] != "Bearer token":
                self.send_error(401)
            elif self.path in answers:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answers[self.path]).encode())
            else:
                self.send_error(404)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Airflow(tmp_path, tmp_path, server.server_port)
    server.shutdown()
    server.server_close()


def test_ready_when_all_report_and_the_dag_is_read(airflow: Airflow) -> None:
    assert airflow.unready({}) == []
    assert airflow.unready(dict.fromkeys(ROLES, NOON_SECONDS)) == []


@pytest.mark.parametrize("role", ROLES)
def test_heartbeat_of_the_process_before_does_not_count(airflow: Airflow, role: str) -> None:
    assert airflow.unready({role: NOON_SECONDS + 1}) == [f"the {role} has not reported yet"]


@pytest.mark.parametrize(
    "report", [{"status": "unhealthy", "latest_triggerer_heartbeat": NOON}, {"status": None}, None]
)
def test_role_that_is_not_healthy(airflow: Airflow, answers: dict[str, Any], report: Any) -> None:
    answers["/api/v2/monitor/health"]["triggerer"] = report
    assert airflow.unready({}) == ["the triggerer has not reported yet"]


def test_dag_that_was_never_read(airflow: Airflow, answers: dict[str, Any]) -> None:
    del answers["/api/v2/dags/ingest"]
    assert airflow.unready({}) == ["the DAG ingest has not been read yet"]


def test_dag_that_was_read_with_other_settings_has_to_be_read_again(airflow: Airflow, answers: dict[str, Any]) -> None:
    answers["/api/v2/monitor/health"] = healthy(LATER)
    since = {"dag_processor": NOON_SECONDS + 1}
    assert airflow.unready(since) == ["the DAG ingest has not been read yet"]
    answers["/api/v2/dags/ingest"]["last_parsed_time"] = LATER
    assert airflow.unready(since) == []


def test_dag_that_cannot_be_read_is_told_at_once(airflow: Airflow, answers: dict[str, Any]) -> None:
    del answers["/api/v2/dags/ingest"]
    broken = {"filename": "ingest.py", "stack_trace": "SyntaxError: line 3", "timestamp": NOON}
    answers["/api/v2/importErrors"]["import_errors"] = [broken]
    with pytest.raises(BrokenDagError, match=r"ingest.py cannot be read:\nSyntaxError: line 3"):
        airflow.unready({})


def test_error_from_before_the_start_may_have_been_mended(airflow: Airflow, answers: dict[str, Any]) -> None:
    answers["/api/v2/monitor/health"] = healthy(LATER)
    broken = {"filename": "ingest.py", "stack_trace": "SyntaxError", "timestamp": NOON}
    answers["/api/v2/importErrors"]["import_errors"] = [broken]
    assert airflow.unready({"dag_processor": NOON_SECONDS + 1}) == ["the DAG ingest has not been read yet"]


def test_api_server_that_does_not_answer(tmp_path: Path) -> None:
    [reason] = Airflow(tmp_path, tmp_path, 9).unready({})
    assert "does not answer yet" in reason


def test_paused_dag_is_seen(airflow: Airflow, answers: dict[str, Any]) -> None:
    assert not airflow.is_paused()
    answers["/api/v2/dags/ingest"]["is_paused"] = True
    assert airflow.is_paused()


def test_airflow_without_its_gate_is_told_at_once(airflow: Airflow, gate: dict[str, bool]) -> None:
    gate["stands"] = False
    with pytest.raises(NoGateError, match="answers foreign pages"):
        airflow.unready({})
