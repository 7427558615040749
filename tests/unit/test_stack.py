"""The local stack's addresses and environment, without starting it."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lakehouse.cli import airflow_login, stack, up
from lakehouse.cli.airflow_runtime import Airflow
from lakehouse.cli.connection import NotRunningError
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


def test_key_is_made_once_and_readable_by_the_owner_alone(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    prefer(monkeypatch, listener)
    modes: list[int] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    state_dir.mkdir()
    (state_dir / "stack.new").write_text("left behind by a killed process")
    (state_dir / "stack.new").chmod(0o644)
    previous = os.umask(0)
    try:
        first, _ = addresses(state_dir)
        again, _ = addresses(state_dir)
    finally:
        os.umask(previous)
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE((state_dir / "stack.json").stat().st_mode) == 0o600
    assert first.environment == again.environment
    assert len(first.environment["AWS_SECRET_ACCESS_KEY"]) >= 40
    other, _ = addresses(state_dir.parent / "other")
    assert other.environment["AWS_SECRET_ACCESS_KEY"] != first.environment["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize("key", [{}, {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}])
def test_stack_of_an_earlier_version_is_given_a_key(state_dir: Path, key: dict[str, str]) -> None:
    state_dir.mkdir()
    before = {"endpoint": "http://127.0.0.1:1", "airflow_url": "http://127.0.0.1:2", "environment": key}
    (state_dir / "stack.json").write_text(json.dumps(before))
    (state_dir / "stack.json").chmod(0o644)
    upgraded, _ = addresses(state_dir)
    assert upgraded.environment["AWS_ACCESS_KEY_ID"].startswith("LAKE")
    assert upgraded.environment["AWS_SECRET_ACCESS_KEY"] not in ("", "local")
    assert stat.S_IMODE((state_dir / "stack.json").stat().st_mode) == 0o600


def test_state_directory_of_an_earlier_version_is_closed_to_others(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_dir.mkdir(mode=0o755)
    monkeypatch.setattr(stack._Start, "run", lambda self: stack.Stack("", "", {}))
    stack.start(Path.cwd(), state_dir, print)
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700


def test_state_is_never_kept_where_everybody_may_write(state_dir: Path) -> None:
    state_dir.mkdir()
    state_dir.chmod(0o1777)
    with pytest.raises(stack.StackError, match="choose another folder in LAKEHOUSE_STATE"):
        stack.start(Path.cwd(), state_dir, print)
    assert list(state_dir.iterdir()) == []
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o1777


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


def test_airflow_asks_for_a_login_that_is_made_once_and_is_in_no_environment(tmp_path: Path) -> None:
    home = tmp_path / "state" / "airflow"
    environment = Airflow(home, tmp_path, 8080).environment()
    login = stack.login(tmp_path / "state")
    assert login is not None
    assert (login.user, len(login.password) >= 20) == ("admin", True)
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin"
    kept = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(kept.read_text()) == {"admin": login.password}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert login.password not in str(environment)
    assert login.password not in repr(login)
    Airflow(home, tmp_path, 8080).environment()
    assert stack.login(tmp_path / "state") == login


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


def test_environment_of_a_stack_that_is_down_is_not_given(state_dir: Path) -> None:
    addresses(state_dir)
    asked = CliRunner().invoke(app, ["status", "--env"])
    assert asked.exit_code == 1
    assert isinstance(asked.exception, NotRunningError)
    assert asked.stdout == ""


def test_environment_is_given_in_lines_for_a_shell(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "it's $HOME")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "production")
    made, _ = addresses(state_dir)
    monkeypatch.setattr(ProcessTable, "is_alive", lambda _, role: role == stack.LOCAL_AWS)
    asked = CliRunner().invoke(app, ["status", "--env"])
    assert asked.exit_code == 0
    line = re.compile(r"export \w+='.*'|unset AWS_PROFILE AWS_SESSION_TOKEN")
    assert all(line.fullmatch(said) for said in asked.stdout.splitlines())
    shell = subprocess.run(["sh", "-c", f"{asked.stdout}\nenv -0"], capture_output=True, text=True, check=True)
    given = dict(line.split("=", 1) for line in shell.stdout.split("\0") if line)
    assert {name: given[name] for name in made.environment} == made.environment
    assert "production" not in given.values()


def test_status_shows_who_may_log_in_while_airflow_runs(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses(state_dir)
    login = airflow_login.ensure(state_dir / "airflow")
    monkeypatch.setattr(ProcessTable, "is_alive", lambda _, role: role == stack.API_SERVER)
    rows = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert {row["role"]: row["login"] for row in rows if row["login"]} == {
        stack.API_SERVER: {"user": "admin", "password": login.password}
    }
    assert f"log in as admin, password {login.password}" in CliRunner().invoke(app, ["status"]).stdout


def test_down_where_nothing_runs_is_no_mistake(state_dir: Path) -> None:
    asked = CliRunner().invoke(app, ["down"])
    assert asked.exit_code == 0
    assert "nothing was running" in asked.stdout
    assert not state_dir.exists()
