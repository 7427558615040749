"""The command line as its users meet it before anything runs: help, mistakes, exit codes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.cli import main as command
from lakehouse.cli import mistakes
from lakehouse.contract import source_names
from lakehouse.proof import ProofError
from lakehouse.redshift import RedshiftError

runner = CliRunner()
WORLD = ("AWS_", "LAKEHOUSE_")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No lake in the environment, and a state folder in which nothing was ever started."""
    for name in [name for name in os.environ if name.startswith(WORLD)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command as the shell does, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


def test_help_names_every_verb() -> None:
    shown = runner.invoke(command.app, ["--help"]).stdout
    verbs = ["up", "down", "status", "demo", "land", "sweep", "sql", "history", "trace", "prove", "warnings", "drift"]
    verbs += ["quarantine", "generate", "contract", "warehouse"]
    assert [verb for verb in verbs if f" {verb} " not in shown] == []


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, lakehouse.cli.main; "
        "print(*sorted({'boto3', 'botocore', 'pyarrow', 'pyspark', 'duckdb', 'faker', 'airflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    "verb",
    [
        ["sql", "select 1"],
        ["warehouse", "plan"],
        ["prove"],
        ["sweep"],
        ["warnings"],
        ["drift"],
        ["history"],
        ["quarantine", "list"],
        ["trace", "storefront.users", "u"],
    ],
)
def test_without_a_lake_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: list[str]
) -> None:
    assert run(monkeypatch, *verb) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "lakehouse up" in said.err
    assert "Traceback" not in said.err


def test_a_lake_that_does_not_answer_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in ("BUCKET", "LANDING_BUCKET", "WORKGROUP", "DATABASE", "REDSHIFT_ROLE", "QUEUE_URL"):
        monkeypatch.setenv(f"LAKEHOUSE_{name}", "name")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    started = time.monotonic()
    assert run(monkeypatch, "sql", "select 1") == 1
    assert f"nothing is running at {endpoint}; run `lakehouse up`" in capsys.readouterr().err
    assert time.monotonic() - started < 2


def test_an_environment_that_names_half_a_lake_is_told_the_other_half(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "somewhere")
    assert run(monkeypatch, "prove") == 1
    assert "LAKEHOUSE_LANDING_BUCKET, LAKEHOUSE_WORKGROUP, LAKEHOUSE_DATABASE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("storefront.user", "did you mean storefront.users?"),
        ("transactions", "did you mean storefront.transactions?"),
        ("weather", f"there are {', '.join(source_names())}"),
    ],
)
def test_an_unknown_dataset_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, typed: str, hint: str
) -> None:
    (tmp_path / "a.csv").write_text("user_id\n1\n")
    monkeypatch.setenv("COLUMNS", "2000")
    assert run(monkeypatch, "land", str(tmp_path / "a.csv"), "--dataset", typed) == 2
    assert hint in " ".join(capsys.readouterr().err.split())


def test_a_path_that_is_not_there_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "land", str(tmp_path / "missing"), "--dataset", "storefront.users") == 2
    assert "not exist" in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_an_empty_statement_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "sql", "  ") == 2


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RedshiftError('ERROR: relation "x" does not exist'), 'ERROR: relation "x" does not exist'),
        (ProofError("file a.csv: 2 rows parsed, 1 found"), "file a.csv: 2 rows parsed, 1 found"),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file or directory"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte at byte 0"),
    ],
)
def test_what_users_can_cause_is_one_sentence(error: Exception, sentence: str) -> None:
    assert sentence in (mistakes.explain(error) or "")


def test_what_aws_refuses_is_one_sentence() -> None:
    from botocore.exceptions import ClientError, EndpointConnectionError

    absent = ClientError({"Error": {"Code": "NoSuchBucket", "Message": "The bucket does not exist"}}, "PutObject")
    assert mistakes.explain(absent) == (
        "PutObject was refused: The bucket does not exist (NoSuchBucket); "
        "run `lakehouse up`, which makes what is missing"
    )
    assert "`lakehouse up`" in (mistakes.explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:1")) or "")


def test_shell_with_the_key_of_another_stack_is_told_how_to_get_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    refused = ClientError({"Error": {"Code": "InvalidAccessKeyId", "Message": "It does not exist"}}, "PutObject")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert 'eval "$(lakehouse status --env)"' in (mistakes.explain(refused) or "")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert "lakehouse status" not in (mistakes.explain(refused) or "")


def test_faults_of_the_program_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mistakes.explain(ZeroDivisionError()) is None
    monkeypatch.setattr("lakehouse.cli.sql.connect", lambda: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["lakehouse", "sql", "select 1"])
    with pytest.raises(ZeroDivisionError):
        command.main()
