"""`lakehouse land` into a real bucket: nothing is written over unseen, and nothing is landed by halves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse import landing
from lakehouse.cli import land, landed, stack
from lakehouse.cli import main as command
from lakehouse.cli.mistakes import CommandError
from lakehouse.settings import Buckets
from tests.support.landing import empty_landing, new_landing_bucket
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

LANDING = "land-landing"
BUCKETS = Buckets(landing=LANDING, lake="land-lake")
DATASET = "storefront.users"
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty landing bucket, and a lake's beside it."""
    new_landing_bucket(s3, LANDING)
    s3.create_bucket(Bucket=BUCKETS.lake)
    return LANDING


@pytest.fixture
def unversioned(s3: Any, bucket: str) -> str:
    empty_landing(s3, bucket)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture
def say(
    local_aws: LocalAwsProcess, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Runs `lakehouse land …`: exit code, output, errors on one line."""
    environment = stack.environment(local_aws.endpoint, CREDENTIALS)
    for name, value in {
        **environment,
        "LAKEHOUSE_LANDING_BUCKET": bucket,
        "LAKEHOUSE_BUCKET": BUCKETS.lake,
        "COLUMNS": "2000",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lakehouse", "land", *map(str, arguments), "--dataset", DATASET])
        with pytest.raises(SystemExit) as ended:
            command.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, " ".join(said.err.split())

    return run


def export(tmp_path: Path, day: str, content: str) -> Path:
    """A file that has the same name every day."""
    path = tmp_path / day / "export.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def waiting(s3: Any) -> list[tuple[str, bytes]]:
    files = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    return [(file.key, landing.read_file(s3, BUCKETS, file) or b"") for file in files]


def test_a_second_file_of_a_name_is_not_landed_over_the_first(s3: Any, say: Say, tmp_path: Path) -> None:
    first, second = export(tmp_path, "day1", "user_id\n1\n"), export(tmp_path, "day2", "user_id\n2\n")
    assert say(first)[0] == 0
    other = tmp_path / "day2" / "other.csv"
    other.write_text("user_id\n3\n")
    code, _, said = say(second, other)
    assert code == 1
    assert "other bytes wait in landing under the same name: export.csv. Nothing was landed." in said
    assert "--folder NAME" in said
    assert "--replace" in said
    assert waiting(s3) == [("storefront/users/export.csv", b"user_id\n1\n")]


def test_a_folder_of_its_own_takes_it(s3: Any, say: Say, tmp_path: Path) -> None:
    for day in ("day1", "rate_date=2026-01-03/day2/"):
        assert say(export(tmp_path, day, day), "--folder", day)[0] == 0
    assert [key for key, _ in waiting(s3)] == [
        "storefront/users/day1/export.csv",
        "storefront/users/rate_date=2026-01-03/day2/export.csv",
    ]


@pytest.mark.parametrize("folder", ["", "/", "a//b", "../events", "a/./b", "_temporary", "day/.hidden"])
def test_a_folder_that_nothing_reads_is_refused(s3: Any, say: Say, tmp_path: Path, folder: str) -> None:
    code, _, said = say(export(tmp_path, "day1", "x"), "--folder", folder)
    assert (code, waiting(s3)) == (1, [])
    assert "is no folder that is read" in said


def test_what_is_replaced_is_an_older_version_and_waits_too(s3: Any, say: Say, tmp_path: Path) -> None:
    for day in ("day1", "day2"):
        assert say(export(tmp_path, day, day), "--replace")[0] == 0
    assert waiting(s3) == [("storefront/users/export.csv", b"day1"), ("storefront/users/export.csv", b"day2")]


def test_the_same_file_landed_twice_is_one_file(s3: Any, say: Say, tmp_path: Path) -> None:
    path = export(tmp_path, "day1", "user_id\n1\n")
    found = [json.loads(say(path, "--json")[1])["files"] for _ in range(2)]
    assert found[0] == found[1]
    (file,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    assert found[0][0]["file_id"] == file.file_id
    assert found[0][0]["version_id"] == file.version_id is not None


def test_without_versions_a_file_is_known_by_when_it_came(s3: Any, unversioned: str, say: Say, tmp_path: Path) -> None:
    path = export(tmp_path, "day1", "user_id\n1\n")
    found = [json.loads(say(path, "--json")[1])["files"] for _ in range(2)]
    assert found[0] == found[1]
    (file,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    assert (found[0][0]["file_id"], file.version_id) == (file.file_id, None)


def test_another_sender_who_is_quicker_is_not_written_over(
    s3: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a.csv": export(tmp_path, "a", "mine"), "b.csv": export(tmp_path, "b", "mine too")}
    looked = landed._taken

    def beaten(*arguments: Any) -> Any:
        found = looked(*arguments)
        s3.put_object(Bucket=bucket, Key="storefront/users/a.csv", Body=b"theirs")
        return found

    monkeypatch.setattr(landed, "_taken", beaten)
    done: list[str] = []
    with pytest.raises(CommandError, match=r"a\.csv\. The other 1 were landed"):
        done.extend(item.key for item in landed.upload(s3, BUCKETS, DATASET, files))
    assert done == ["storefront/users/b.csv"]
    assert waiting(s3) == [("storefront/users/a.csv", b"theirs"), ("storefront/users/b.csv", b"mine too")]


def test_a_file_that_cannot_be_opened_keeps_all_from_being_landed(
    s3: Any, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        export(tmp_path, name, name)
    open_ = Path.open

    def refuse(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.parent.name == "c":
            raise PermissionError(13, "Permission denied", str(path))
        return open_(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    code, _, said = say(tmp_path)
    assert (code, waiting(s3)) == (1, [])
    assert "c/export.csv: Permission denied" in said


def test_a_temporary_name_is_landed_and_said_to_be_read_by_nothing(s3: Any, say: Say, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv.part"):
        (tmp_path / name).write_text("user_id\n1\n")
    code, out, _ = say(tmp_path)
    assert code == 0
    assert "landed 2 files" in out
    assert "1 file under a temporary name, which nothing reads before it is renamed: storefront/users/b.csv.part" in out
    assert [key for key, _ in waiting(s3)] == ["storefront/users/a.csv"]


def test_ctrl_c_says_what_is_landed_and_goes_on(s3: Any, say: Say, tmp_path: Path, monkeypatch: Any) -> None:
    def wait(*_: Any) -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        threading.Event().wait(30)

    monkeypatch.setattr(land, "_wait", wait)
    code, _, said = say(export(tmp_path, "day1", "user_id\n1\n"), "--wait")
    assert code == land.INTERRUPTED
    assert said == "the files are landed, and what loads them goes on; `lakehouse history` shows what becomes of them"
    assert len(waiting(s3)) == 1


def test_versions_of_a_bucket_that_keeps_them_no_more_are_taken_too(s3: Any, bucket: str) -> None:
    key = "storefront/users/a.csv"
    s3.put_object(Bucket=bucket, Key=key, Body=b"old")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"lost", b"newest"):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    files = list(landing.waiting(s3, BUCKETS, datetime.now(UTC)))
    assert [landing.read_file(s3, BUCKETS, file) for file in files] == [b"old", b"newest"]
    assert files[1].version_id == "null"
    for file in files:
        landing.move(s3, BUCKETS, file, "accepted", None)
    assert list(landing.waiting(s3, BUCKETS, datetime.now(UTC))) == []


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("x-amz-storage-class", "GLACIER", "InvalidObjectState"),
        ("x-amz-storage-class", "DEEP_ARCHIVE", "InvalidObjectState"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", "InvalidRequest"),
    ],
)
def test_an_object_that_s3_gives_to_nobody_is_its_senders_affair(
    local_aws: LocalAwsProcess, s3: Any, bucket: str, header: str, value: str, code: str
) -> None:
    sender = local_aws.client("s3")

    def add(request: Any, **_: Any) -> None:  # by hand, for botocore sends a customer's key over HTTPS only
        request.headers[header] = value

    sender.meta.events.register("before-sign.s3.PutObject", add)
    sender.put_object(Bucket=bucket, Key="storefront/users/a.csv", Body=b"x")
    (file,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    with pytest.raises(landing.UnreadableError, match=f"S3 answers {code}: "):
        landing.read_file(s3, BUCKETS, file)
    landing.move(s3, BUCKETS, file, "quarantined", "unreadable_object")
    assert [note["file"]["file_id"] for note in landing.left_behind(s3, BUCKETS.lake)] == [file.file_id]
    assert list(landing.waiting(s3, BUCKETS, datetime.now(UTC))) == []
    s3.delete_object(Bucket=bucket, Key=file.key, VersionId=file.version_id)
    assert landing.move_left(s3, BUCKETS) == 1


def test_large_files_are_told_apart_by_their_bytes(s3: Any, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"user_id\n" + b"1\n" * 5_000_000)
    (first,) = landed.upload(s3, BUCKETS, DATASET, {"large.csv": path})
    assert first.etag == hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert list(landed.upload(s3, BUCKETS, DATASET, {"large.csv": path})) == [first]


def test_a_file_that_s3_refused_to_move_is_in_nobodys_way(s3: Any, say: Say, bucket: str, tmp_path: Path) -> None:
    path = export(tmp_path, "day1", "user_id\n1\n")
    s3.put_object(Bucket=bucket, Key="storefront/users/export.csv", Body=path.read_bytes(), StorageClass="GLACIER")
    (stuck,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    landing.move(s3, BUCKETS, stuck, "quarantined", "unreadable_object")
    (sent,) = json.loads(say(path, "--json")[1])["files"]
    assert sent["file_id"] != stuck.file_id
    assert [file.file_id for file in landing.waiting(s3, BUCKETS, datetime.now(UTC))] == [sent["file_id"]]


@pytest.mark.parametrize(
    ("name", "says"), [(b"m\xff.csv", "is no Unicode text"), (b"n" * 250 + b".csv", "S3 takes 1,024")]
)
def test_names_that_s3_does_not_take_keep_all_from_being_landed(
    s3: Any, say: Say, tmp_path: Path, name: bytes, says: str
) -> None:
    folder = tmp_path
    for part in ("d" * 250, "e" * 250, "f" * 250):
        folder /= part
    folder.mkdir(parents=True)
    (tmp_path / "a.csv").write_text("user_id\n1\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("user_id\n2\n")
    code, _, said = say(tmp_path, "--folder", "g" * 30)
    assert (code, waiting(s3)) == (1, [])
    assert says in said


def test_versioning_turned_on_between_plan_and_finish_leaves_one_file(s3: Any, unversioned: str) -> None:
    s3.put_object(Bucket=unversioned, Key="storefront/users/a.csv", Body=b"x")
    (file,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    s3.put_bucket_versioning(Bucket=unversioned, VersioningConfiguration={"Status": "Enabled"})
    (again,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    assert again.file_id == file.file_id
    landing.move(s3, BUCKETS, again, "accepted", None)
    assert list(landing.waiting(s3, BUCKETS, datetime.now(UTC))) == []


def test_a_null_version_under_a_delete_marker_is_read_though_versions_are_kept_no_more(
    s3: Any, unversioned: str
) -> None:
    key = "storefront/users/a.csv"
    s3.put_object(Bucket=unversioned, Key=key, Body=b"first")
    s3.put_bucket_versioning(Bucket=unversioned, VersioningConfiguration={"Status": "Enabled"})
    s3.delete_object(Bucket=unversioned, Key=key)
    s3.put_bucket_versioning(Bucket=unversioned, VersioningConfiguration={"Status": "Suspended"})
    (file,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    assert landing.read_file(s3, BUCKETS, file) == b"first"
    landing.move(s3, BUCKETS, file, "accepted", None)
    assert list(landing.waiting(s3, BUCKETS, datetime.now(UTC))) == []
    # Other bytes in its place are another file.
    s3.put_object(Bucket=unversioned, Key=key, Body=b"second")
    (second,) = landing.waiting(s3, BUCKETS, datetime.now(UTC))
    assert second.file_id != file.file_id
    assert landing.read_file(s3, BUCKETS, second) == b"second"
