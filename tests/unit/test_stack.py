"""The local stack's addresses and environment, without starting it."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lakehouse.cli import stack, up
from lakehouse.cli.airflow_runtime import Airflow
from lakehouse.cli.processes import ProcessTable
from lakehouse.settings import Settings

KEY = {"AWS_ACCESS_KEY_ID": "LAKE", "AWS_SECRET_ACCESS_KEY": "secret"}

app = typer.Typer()
up.register(app)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def addresses(state_dir: Path) -> tuple[stack.Stack, list[str]]:
    said: list[str] = []
    state_dir.mkdir(exist_ok=True)
    return stack._Start(Path.cwd(), state_dir, said.append)._addresses(), said


def prefer(monkeypatch: pytest.MonkeyPatch, listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    monkeypatch.setitem(stack.PREFERRED_PORTS, "endpoint", port)
    return port


def test_busy_port_is_left_to_its_owner_and_another_is_taken_and_said(
    state_dir: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = prefer(monkeypatch, listener)
    chosen, said = addresses(state_dir)
    taken = chosen.endpoint.rpartition(":")[2]
    assert taken != str(busy)
    assert f"port {busy} is busy: local-aws takes {taken}" in said


def test_free_port_is_taken_as_preferred_and_kept_the_next_time(
    state_dir: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = prefer(monkeypatch, listener)
    listener.close()
    first, _ = addresses(state_dir)
    assert first.endpoint == f"http://127.0.0.1:{port}"
    monkeypatch.setitem(stack.PREFERRED_PORTS, "endpoint", port - 1)
    again, _ = addresses(state_dir)
    assert again == first == stack.load(state_dir)


def test_port_that_our_own_process_listens_on_is_not_busy(
    state_dir: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = prefer(monkeypatch, listener)
    state_dir.mkdir()
    url = f"http://127.0.0.1:{busy}"
    before = {"endpoint": url, "airflow_url": "http://127.0.0.1:1", "environment": {}}
    (state_dir / "stack.json").write_text(json.dumps(before))
    monkeypatch.setattr(ProcessTable, "is_alive", lambda _, role: role == stack.LOCAL_AWS)
    kept, said = addresses(state_dir)
    assert kept.endpoint == url
    assert not any("local-aws" in line for line in said)


def test_environment_is_all_that_the_settings_need() -> None:
    settings = Settings.from_environment(stack.environment("http://127.0.0.1:4566", KEY))
    assert settings.queue_url.startswith("http://127.0.0.1:4566/")


def test_entering_the_stack_leaves_no_way_to_another_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "production")
    for name in stack.environment("http://127.0.0.1:4566", KEY):
        monkeypatch.delenv(name, raising=False)  # restored afterwards
    stack.Stack("http://127.0.0.1:4566", "", stack.environment("http://127.0.0.1:4566", KEY)).enter()
    assert "production" not in os.environ.values()
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert "production" not in stack._inherited().values()


def test_proxy_is_asked_neither_for_the_stack_nor_for_what_it_was_not_asked_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    said = stack.environment("http://127.0.0.1:4566", KEY)["NO_PROXY"]
    assert said.split(",") == ["intranet", "127.0.0.1", "localhost"]


def test_airflow_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    airflow = Airflow(tmp_path / "airflow", tmp_path, 8080)
    first = airflow.environment()
    assert airflow.environment() == first
    keys = tmp_path / "airflow" / "keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    other = Airflow(tmp_path / "other", tmp_path, 8080).environment()
    secret = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    assert all(first[name] and first[name] != other[name] for name in secret)


def test_airflow_listens_on_this_machine_alone_and_tells_nobody(tmp_path: Path) -> None:
    environment = Airflow(tmp_path, tmp_path, 8080).environment()
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


def test_status_of_a_stack_that_never_was(state_dir: Path) -> None:
    asked = CliRunner().invoke(app, ["status", "--json"])
    assert asked.exit_code == 1
    assert json.loads(asked.stdout) == []
    assert not state_dir.exists()


def test_status_of_a_stack_that_is_down_names_every_process(state_dir: Path) -> None:
    addresses(state_dir)
    asked = CliRunner().invoke(app, ["status", "--json"])
    assert asked.exit_code == 1
    rows = json.loads(asked.stdout)
    assert [row["role"] for row in rows] == list(stack.ROLES)
    assert not any(row["alive"] or row["pid"] for row in rows)


def test_down_where_nothing_runs_is_no_mistake(state_dir: Path) -> None:
    asked = CliRunner().invoke(app, ["down"])
    assert asked.exit_code == 0
    assert "nothing was running" in asked.stdout
    assert not state_dir.exists()
