"""`lakehouse generate` as its users meet it: what it makes, where, what it prints, how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from datagen.defects import DEFECTS
from datagen.worlds import MOST_SEED, WORLDS
from lakehouse.cli import main as command
from lakehouse.cli.connection import Connection
from lakehouse.cli.quantities import bytes_of, rows_per_second, seconds_of, shown
from lakehouse.landing import CANARY
from lakehouse.settings import Settings
from tests.unit.conftest import BUCKET, LANDING

SMALL = ("--rows", "1500", "--days", "4")
DEADLINE_SECONDS = 240

runner = CliRunner()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run `lakehouse generate …` as the shell does, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["lakehouse", "generate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


def generated(*arguments: object) -> dict[str, Any]:
    """What the command prints with --json."""
    done = runner.invoke(command.app, ["generate", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(*arguments: object) -> str:
    """What the command says when it exits with 2, in one line."""
    done = runner.invoke(command.app, ["generate", *map(str, arguments)])
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return re.sub(r"[\s│]+", " ", done.output)


def check_files(expected_files: Path, found: Mapping[str, bytes]) -> None:
    """Every file of the truth is there, byte for byte, and no other."""
    hashes = {
        f"{file['dataset'].partition('.')[2]}/{file['file']}": file["content_hash"]
        for file in pq.read_table(expected_files).to_pylist()
        if file["delivery"] == 1
    }
    assert {name: hashlib.sha256(data).hexdigest() for name, data in found.items()} == hashes


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).as_posix().startswith("_")
    }


# --- what it makes


def test_every_domain_has_a_command() -> None:
    shown_help = runner.invoke(command.app, ["generate", "--help"]).stdout
    assert [domain for domain in (*WORLDS, "defects") if f" {domain} " not in shown_help] == []


@pytest.mark.parametrize("domain", WORLDS)
def test_files_and_their_truth_are_in_the_folder(domain: str, tmp_path: Path) -> None:
    found = generated(domain, "--out", tmp_path / "out", *SMALL)
    check_files(tmp_path / "out" / "_truth" / "expected_files", files_in(tmp_path / "out"))
    assert found["complete"] is True
    assert found["truth"] == str(tmp_path / "out")
    assert found["rows"] == sum(item["rows"] for item in found["datasets"])
    assert found["files"] > found["spoilt"] > 0
    assert set(found["defects"]) <= set(DEFECTS)


def test_the_options_reach_the_files(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = generated(
        "retail",
        "--out",
        out,
        "--days",
        3,
        "--rows",
        900,
        "--seed",
        5,
        "--defects",
        "none",
        "--formats",
        ".csv,.ndjson.gz",
        "--file-size",
        "20kB",
    )
    assert {name.partition(".")[2] for name in files_in(out)} == {"csv", "ndjson.gz"}
    assert found["defects"] == {}
    assert (found["seed"], found["days"], found["spoilt"]) == (5, 3, 0)
    assert any("-0002." in name for name in files_in(out))


def test_the_size_is_about_that(tmp_path: Path) -> None:
    found = generated("storefront", "--out", tmp_path / "out", "--size", "2MB", "--defects", "none")
    assert found["bytes"] == pytest.approx(2_000_000, rel=0.3)


def test_the_commands_that_come_next_land_every_file_and_score(tmp_path: Path) -> None:
    out = tmp_path / "my shop"
    found = generated("storefront", "--out", out, *SMALL, "--defects", "none,replaced_archive=0.5,replaced_array=0.5")
    commands = [shlex.split(line) for line in found["next"]]
    assert commands[-1] == ["lakehouse", "score", str(out)]
    landed = [Path(words[2]) for words in commands[:-1]]
    assert all(words[:2] == ["lakehouse", "land"] and words[-1] == "--wait" for words in commands[:-1])
    assert {path for folder in landed for path in folder.rglob("*") if path.is_file()} == {
        path for path in out.rglob("*") if path.is_file() and "_truth" not in path.parts
    }
    is_second = ["_second_delivery" in path.parts for path in landed]
    assert is_second == sorted(is_second)
    assert any(is_second)


def test_people_read_a_table_and_the_defects(tmp_path: Path) -> None:
    said = runner.invoke(command.app, ["generate", "storefront", "--out", str(tmp_path / "out"), *SMALL]).stdout
    assert "storefront.transactions" in said
    assert "kinds of defects" in said
    assert f"lakehouse score {tmp_path / 'out'}" in said


def test_the_truth_may_lie_elsewhere(tmp_path: Path) -> None:
    found = generated("storefront", "--out", tmp_path / "out", "--truth", tmp_path / "kept", *SMALL)
    assert found["truth"] == str(tmp_path / "kept")
    assert not (tmp_path / "out" / "_truth").exists()
    check_files(tmp_path / "kept" / "_truth" / "expected_files", files_in(tmp_path / "out"))


def test_the_defects_are_listed() -> None:
    listed = json.loads(runner.invoke(command.app, ["generate", "defects", "--json"]).stdout)
    assert [entry["name"] for entry in listed] == list(DEFECTS)
    said = runner.invoke(command.app, ["generate", "defects"]).stdout
    assert [name for name in DEFECTS if f"{name} " not in said] == []


# --- what it refuses


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--defects", "resnt=0.1"], '"resnt" is no defect'),
        (["--defects", "resent=2"], "a share is a number from 0 to 1"),
        (["--formats", ".xls"], '".xls" is no format; there are .csv, .ndjson'),
        (["--size", "big"], '"big" is no size'),
        (["--size", "1MB", "--rows", "5"], "give either --rows or --size"),
        (["--size", "1000TB"], "that is more than 500,000,000 rows"),
        (["--seed", str(MOST_SEED + 1)], "Invalid value for '--seed'"),
        (["--rate", "5/s"], "only with --follow"),
        (["--for", "5s"], "only with --follow"),
        (["--follow", "--rate", "fast"], '"fast" is no rate'),
        (["--follow", "--for", "a while"], '"a while" is no time'),
        (["--follow", "--rows", "5"], "goes on by itself"),
        (["--follow", "--file-size", "1MB"], "makes small files"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_made(arguments: list[str], says: str, tmp_path: Path) -> None:
    assert says in refused("storefront", "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert "is not empty" in refused("storefront", "--out", tmp_path / "mine", *SMALL)
    assert "is a file" in refused("storefront", "--out", tmp_path / "mine" / "notes.txt", *SMALL)
    generated("storefront", "--out", tmp_path / "one", *SMALL)
    assert "is there already" in refused("storefront", "--out", tmp_path / "two", "--truth", tmp_path / "one", *SMALL)
    assert "whose folders are landed" in refused(
        "storefront", "--out", tmp_path / "two", "--truth", tmp_path / "two" / "users", *SMALL
    )
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


# --- to S3


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch, s3: Any) -> Any:
    """An S3 that the command finds."""
    settings = Settings(BUCKET, LANDING, "workgroup", "database", "role", "queue")
    monkeypatch.setattr("lakehouse.cli.generate_places.connect", lambda: Connection(settings, None))
    return s3


def objects(s3: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Name below the prefix → bytes."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in listed
        if item["Key"] != CANARY
    }


def test_files_land_and_their_truth_is_kept_out_of_landing(lake: Any, tmp_path: Path) -> None:
    found = generated("storefront", "--out", f"s3://{LANDING}/storefront", *SMALL, "--seed", 7)
    assert found["truth"] == f"s3://{BUCKET}/truth/storefront-7"
    assert found["next"] == [f"lakehouse score s3://{BUCKET}/truth/storefront-7"]
    told = objects(lake, BUCKET, "truth/storefront-7/_truth/")
    assert json.loads(told["about.json"])["complete"] is True
    (tmp_path / "files.parquet").write_bytes(told["expected_files/part-00000.parquet"])
    expected = pq.read_table(tmp_path / "files.parquet").to_pylist()
    last = {f"{file['dataset'].partition('.')[2]}/{file['file']}": file["content_hash"] for file in expected}
    landed = objects(lake, LANDING, "storefront/")
    assert {name: hashlib.sha256(data).hexdigest() for name, data in landed.items()} == last


@pytest.mark.parametrize(
    ("out", "truth", "says"),
    [
        (LANDING, None, "files of storefront are landed in s3://landing/storefront"),
        (f"{LANDING}/retail", None, "files of storefront are landed in s3://landing/storefront"),
        (f"{LANDING}/storefront", f"{LANDING}/truth", "the truth may not be landed"),
        (f"{BUCKET}/files", f"{BUCKET}/taken", "there is a truth in s3://lake/taken/_truth/ already"),
        (f"{BUCKET}/taken", None, "there are files in s3://lake/taken/ already"),
    ],
)
def test_places_in_s3_that_would_do_harm_are_refused(lake: Any, out: str, truth: str | None, says: str) -> None:
    lake.put_object(Bucket=BUCKET, Key="taken/_truth/about.json", Body=b"{}")
    arguments = ["--truth", f"s3://{truth}"] if truth else []
    assert says in refused("storefront", "--out", f"s3://{out}", *arguments, *SMALL)
    assert objects(lake, LANDING) == {}


def test_a_delivery_follows_another_once_that_has_been_taken(lake: Any) -> None:
    out = f"s3://{LANDING}/storefront"
    lake.put_object(Bucket=LANDING, Key="storefront/users/upload.csv.part", Body=b"x")
    lake.put_object(Bucket=LANDING, Key="retail/orders/a.csv", Body=b"x")
    generated("storefront", "--out", out, *SMALL, "--seed", 7)
    says = "there are files in s3://landing/storefront/ already; wait until the lake has taken them"
    assert says in refused("storefront", "--out", out, *SMALL, "--seed", 8)


def test_a_bucket_that_is_not_there_is_said_in_one_sentence(
    lake: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "storefront", "--out", "s3://elsewhere/x", *SMALL) == 1
    said = capsys.readouterr().err
    assert "NoSuchBucket" in said
    assert "Traceback" not in said


# --- a shop that goes on


def test_it_follows_a_shop_for_a_while(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = generated("storefront", "--out", out, "--follow", "--rate", "20/s", "--for", "1s", "--defects", "none")
    assert found["complete"] is True
    assert found["rate"] == 20.0
    assert 1 <= found["days"] < 365
    check_files(out / "_truth" / "expected_files", files_in(out))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_leaves_whole_files_and_their_truth(number: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "out"
    following = _start("storefront", "--follow", "--rate", "20/s", "--out", out)
    try:
        _wait_for(following, lambda: any("2026-01-02" in name for name in files_in(out)))
        following.send_signal(number)
        said, errors = following.communicate(timeout=DEADLINE_SECONDS)
    finally:
        following.kill()
    assert (following.returncode, errors) == (0, "")
    assert json.loads(said)["complete"] is True
    check_files(out / "_truth" / "expected_files", files_in(out))


@pytest.mark.parametrize("cores", [1, 2])
def test_a_delivery_that_is_broken_off_says_so_and_ends_soon(cores: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = _start("storefront", "--rows", "20000000", "--cores", cores, "--out", out)
    try:
        _wait_for(running, lambda: bool(files_in(out)))
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        said, errors = running.communicate(timeout=DEADLINE_SECONDS)
    finally:
        running.kill()
    assert (running.returncode, said) == (130, "")
    assert "not all there" in errors
    assert "Traceback" not in errors
    assert json.loads((out / "_truth" / "about.json").read_text())["complete"] is False


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from lakehouse.cli.main import main; main()",
            "generate",
            *map(str, arguments),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "300"},
        start_new_session=True,
    )


def _wait_for(process: subprocess.Popen[str], condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- quantities


@pytest.mark.parametrize(
    ("text", "size"),
    [("1GB", 10**9), ("1.5 mb", 1_500_000), ("64kB", 64_000), ("16MiB", 1 << 24), ("1000", 1_000), ("2G", 2 * 10**9)],
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50), ("3000/min", 50), ("180000/h", 50), ("2.5", 2.5)])
def test_rates(text: str, rate: float) -> None:
    assert rows_per_second(text) == rate


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5min", 300), ("2h", 7_200), ("1.5", 1.5)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "GB", "-1", "0", "1 parsec", "1i"])
@pytest.mark.parametrize("parse", [bytes_of, rows_per_second, seconds_of])
def test_what_is_no_quantity(parse: Any, text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2_000_000, "2.0 MB"), (3 * 10**12, "3.0 TB")]
)
def test_sizes_are_shown_for_people(count: int, text: str) -> None:
    assert shown(count) == text
