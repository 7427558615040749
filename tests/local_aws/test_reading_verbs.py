"""`history`, `trace`, `prove --file` and `quarantine list|sample` on a real catalog and Redshift, as their users run
them. What files said and what became of their rows stands here; nothing that made it so runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest

from lakehouse import tables
from lakehouse.cli import history, trace_search
from lakehouse.cli import main as command
from lakehouse.cli.quarantine_selection import Status, on_files, on_rows, selection
from lakehouse.cli.trace_values import key_parts
from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.spectrum import Lake

USERS = load_registry().sources["storefront.users"]
DIM_USER = load_registry().gold["storefront.dim_user"]
BUCKET = "reading-verbs"
Say = Callable[..., tuple[int, str]]

FIRST, SECOND, PAGE, OFF = "1" * 32, "2" * 32, "3" * 32, "4" * 32
# Two folders of landing have a file of this name, as odd as names get.
ODD = """naïve 100% [b]'s "n_me".csv"""
DAY, NEXT = datetime(2026, 1, 5, 9), datetime(2026, 1, 6, 9)
REFUSED_RAW = {"user_id": "user:u-3", "email": "nobody", "full_name": '"O\'Hara" 100%'}


def file(file_id: str, key: str, batch: int, at: datetime, verdict: str = "accepted", **more: Any) -> dict[str, Any]:
    row = {"file_id": file_id, "dataset": USERS.dataset, "key": f"storefront/users/{key}", "verdict": verdict}
    return {**row, "bytes": 100, "etag": "e", "batch_id": batch, "arrived_at": at, "ingested_at": at, **more}


def user(user_id: str, name: str, file_id: str, row: int, batch: int, **more: Any) -> dict[str, Any]:
    at = datetime(2026, 1, batch, 8)
    lineage = {"_key": user_id, "_content": name, "_file_id": file_id, "_row": row, "_batch_id": batch}
    return {"user_id": user_id, "full_name": name, "signed_up_at": at, "updated_at": at, **lineage, **more}


def came(user_id: str, name: str, file_id: str, row: int, batch: int, **more: Any) -> dict[str, Any]:
    at = f"2026-01-0{batch}T08:00:00Z"
    lineage = {"_file_id": file_id, "_row": row, "_batch_id": batch}
    return {"user_id": user_id, "full_name": name, "signed_up_at": at, "updated_at": at, **lineage, **more}


def refused(number: int, raw: object, *rules: str, status: str = "open", **more: Any) -> dict[str, Any]:
    """A refused row of the first file; `rules` are of one field, or of none where the raw text is no JSON object."""
    is_readable = isinstance(raw, dict)
    value = {"field": "email", "value": '{"rule":"x"'} if is_readable else {}
    row = {
        "quarantine_id": f"{number}" + "a" * 31,
        "dataset": USERS.dataset,
        "file_id": FIRST,
        "row_number": number,
        "raw": json.dumps(raw, ensure_ascii=False) if is_readable else raw,
        "violations": json.dumps([{"rule": rule, **value} for rule in rules], separators=(",", ":")),
        "status": status,
        "batch_id": 1,
        "quarantined_at": DAY,
    }
    return {**row, **more}


def account(file_id: str, **rows: int) -> dict[str, Any]:
    nothing = {"parsed": 0, "silver": 0, "quarantined": 0, "duplicate": 0, "superseded": 0}
    return {"file_id": file_id, "dataset": USERS.dataset, **nothing, **rows}


@pytest.fixture(scope="module")
def lake(local_aws: LocalAwsProcess) -> Iterator[Lake]:
    """The first file: users 1 and 2, user 3 refused, a line that cannot be read, and u-4 twice. The second: user 1
    anew, and two rows refused. The page is no file of users, and the rows of the last file are lost."""
    local_aws.client("s3").create_bucket(Bucket=BUCKET)
    lake = Lake(local_aws, BUCKET, "reading")
    refusal = "it is an HTML page (at byte 1,024)"
    lake.write(
        {
            tables.files: [
                file(FIRST, f"one/{ODD}", 1, DAY, rows_parsed=6),
                file(SECOND, f"two/{ODD}", 2, NEXT, rows_parsed=3),
                file(OFF, "off.csv", 1, DAY, rows_parsed=2),
                file("5" * 32, "old.csv", 1, datetime(2026, 1, 1), "quarantined", resolution="discarded: a test"),
                file(PAGE, "page.csv", 2, NEXT, "quarantined", reason="html_page", detail=refusal, rows_parsed=0),
            ],
            tables.batches: [],
            tables.row_accounts: [
                account(FIRST, parsed=6, silver=2, quarantined=2, duplicate=1, superseded=1),
                account(SECOND, parsed=3, silver=1, quarantined=2),
                account(OFF, parsed=2, silver=2),
            ],
            tables.quarantined_rows: [
                refused(3, REFUSED_RAW, "email_pattern_mismatch", "country_missing"),
                refused(4, "u-9,too,few", "wrong_field_count"),
                refused(5, {"user_id": "u-4"}, "email_pattern_mismatch", status="replayed"),
                refused(
                    2, {"user_id": "ü,\t5"}, "country_missing", file_id=SECOND, quarantined_at=NEXT, status="waiting"
                ),
                refused(1, {"user_id": "u-30"}, "email_pattern_mismatch", file_id=SECOND, quarantined_at=NEXT),
            ],
            tables.bronze_table(USERS): [
                came("u-1", "CafÃ©", FIRST, 1, 1, _rescued='{"shoe":"38"}'),
                came(" user:u-2 ", "n/a", FIRST, 2, 1),
                came("u-4", "D", FIRST, 5, 1),
                came("u-4", "D", FIRST, 6, 1),
                came("u-1", "Café", SECOND, 3, 2),
                came("u-1", "of another batch", FIRST, 3, 2),
            ],
            tables.silver_table(USERS): [
                user("u-1", "Café", SECOND, 3, 2),
                user("u-2", None, FIRST, 2, 1),  # type: ignore[arg-type]
                user("u-4", "D", FIRST, 5, 1),
            ],
            tables.history_table(USERS): [
                user("u-1", "Café", FIRST, 1, 1, _fate="superseded"),
                user("u-4", "D", FIRST, 6, 1, _fate="duplicate"),
            ],
            tables.gold_table(DIM_USER): [
                {"user_key": 1, "user_id": "u-1", "country": "FR", "signed_up_date": date(2026, 1, 2)},
                {"user_key": 2, "user_id": "u-2"},
            ],
        }
    )
    lake.prepare_warehouse(load_registry(), ["storefront"])
    lake.redshift.run("INSERT INTO storefront.dim_user (user_key, user_id, country) VALUES (1, 'u-1', 'FR')")
    lake.redshift.run("INSERT INTO ops.loads VALUES ('storefront', 2, '2026-01-06 09:05:00', 1, 1, NULL)")
    yield lake
    lake.drop()


@pytest.fixture(scope="module")
def redshift(lake: Lake, local_aws: LocalAwsProcess) -> Redshift:
    settings = Settings(BUCKET, "unused", "reading", "dev", "role", "queue")
    return Redshift(settings, local_aws.client("redshift-data"))


@pytest.fixture
def say(
    lake: Lake, local_aws: LocalAwsProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Runs `lakehouse …` as the shell does: its exit code and what it printed, errors included."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAKEHOUSE_"))]:
        monkeypatch.delenv(name)
    names = {"BUCKET": BUCKET, "LANDING_BUCKET": "unused", "WORKGROUP": "reading", "DATABASE": "dev"}
    names |= {"REDSHIFT_ROLE": "r", "QUEUE_URL": "q"}
    for name, value in {**local_aws.environment, **{f"LAKEHOUSE_{n}": v for n, v in names.items()}}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return run


def told(say: Say, *arguments: str, code: int = 0) -> Any:
    """What the command says as JSON."""
    ended, text = say(*arguments, "--json")
    assert ended == code, text
    return json.loads(text)


def test_history_tells_of_every_file_newest_first(say: Say) -> None:
    page, second, off, first, old = told(say, "history")
    assert [entry["file_id"] for entry in (page, second, off, first, old)] == [PAGE, SECOND, OFF, FIRST, "5" * 32]
    assert off["first_error"] is None
    assert old["resolution"] == "discarded: a test"
    assert page["first_error"] == {"reason": "html_page", "detail": "it is an HTML page (at byte 1,024)", "byte": 1024}
    assert (page["rows"], page["loaded_at"]) == (None, None), "nothing of it was loaded, though its batch was"
    assert first["rows"] == {"parsed": 6, "silver": 2, "quarantined": 2, "duplicate": 1, "superseded": 1}
    assert first["first_error"] == {"row": 3, "field": "email", "rule": "email_pattern_mismatch"}
    assert first["loaded_at"] is None
    assert second["loaded_at"].startswith("2026-01-06 09:05:00")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (FIRST, [FIRST]),
        (SECOND[:8], [SECOND]),
        (ODD, [SECOND, FIRST]),
        (f"one/{ODD}", [FIRST]),
        (f"storefront/users/two/{ODD}", [SECOND]),
        ("storefront/users/one/", [FIRST]),
        ("100%", [SECOND, FIRST]),
        ("n_me", [SECOND, FIRST]),
        ("n_m_", []),
        ("2222222", []),
        ("' OR 1 = 1 --", []),
    ],
)
def test_files_are_found_as_people_call_them(redshift: Redshift, name: str, found: list[str]) -> None:
    files, total = history.find(redshift, name, [], 20)
    assert [entry["file_id"] for entry in files] == found
    assert total == len(found)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--batch", "1", "one"], [FIRST]),
        (["--since", "2026-01-06T10:00+01:00", "--limit", "1"], [PAGE]),
        (["--since", "2026-01-06T09:00:01"], []),
        (["--dataset", "storefront.events"], []),
    ],
)
def test_history_can_be_narrowed(say: Say, arguments: list[str], found: list[str]) -> None:
    assert [entry["file_id"] for entry in told(say, "history", *arguments)] == found


def test_history_reads_like_a_sentence(say: Say) -> None:
    ended, text = say("history", "two/" + ODD)
    assert ended == 0
    assert text.splitlines() == [
        f"storefront/users/two/{ODD}  {SECOND}",
        "  storefront.users, 100 B, batch 2, accepted",
        "  3 rows = 1 silver + 2 quarantined + 0 duplicate + 0 superseded",
        "  first refused: row 1, email: email_pattern_mismatch",
        "  arrived 2026-01-06 09:00:00, judged 2026-01-06 09:00:00, in Redshift 2026-01-06 09:05:00 (UTC)",
    ]
    assert say("history", "nothing") == (1, "✗ no file is called nothing\n")


def test_a_key_is_traced_through_every_layer(say: Say) -> None:
    found = told(say, "trace", "storefront.users", "u-1")
    current, before = found["versions"]
    assert (current["fate"], current["file_id"], current["row"]) == ("current", SECOND, 3)
    assert current["came"]["full_name"] == "Café"
    assert (before["fate"], before["file_id"], before["row"]) == ("superseded", FIRST, 1)
    assert before["archive"] == f"s3://{BUCKET}/raw/storefront.users/{FIRST}/{ODD}"
    assert before["rescued"] == '{"shoe":"38"}'
    assert [(change["column"], change["came"], change["value"], change["how"]) for change in before["changes"]] == [
        ("full_name", "CafÃ©", "Café", "repaired: mojibake"),
        ("signed_up_at", "2026-01-01T08:00:00Z", "2026-01-01 08:00:00", "read as timestamp"),
        ("updated_at", "2026-01-01T08:00:00Z", "2026-01-01 08:00:00", "read as timestamp"),
    ]
    assert found["counts"] == {"bronze": 2, "silver": 1, "history": 1, "quarantine": 0}
    (dim_user,) = [table for table in found["gold"] if table["lake"]]
    assert (dim_user["table"], dim_user["lake"], dim_user["warehouse"]) == ("storefront.dim_user", 1, 1)
    assert dim_user["rows"][0]["country"] == "FR"
    assert "storefront.dim_date" in found["also_in"]
    assert found["is_complete"]


@pytest.mark.parametrize(
    ("key", "rows"),
    [
        ("u-3", [3]),
        ("u-30", [1]),
        ("u-4", [5]),
        ("ü,\t5", [2]),
        ("u-9", [4]),
        ("too", [4]),
        ("u-", []),
        ("%", []),
        ("few,", []),
        ("' OR '1' = '1", []),
    ],
)
def test_a_refused_row_is_found_by_the_key_that_it_names(redshift: Redshift, key: str, rows: list[int]) -> None:
    found, is_all = trace_search.refused_rows(redshift, USERS, key_parts(USERS, [key]))
    assert ([row["row_number"] for row in found], is_all) == (rows, True)


def test_a_row_that_was_refused_is_shown_with_its_reasons(say: Say) -> None:
    ended, text = say("trace", "storefront.users", "USER:u-3")
    assert ended == 0
    assert f"refused  row 3 of storefront/users/one/{ODD}" in text
    assert 'email_pattern_mismatch  came as "{' in text


def test_what_is_only_in_the_lake_is_shown_to_be_missing_in_redshift(say: Say) -> None:
    found = told(say, "trace", "storefront.users", "u-2")
    assert [(table["table"], table["lake"], table["warehouse"]) for table in found["gold"] if table["lake"]] == [
        ("storefront.dim_user", 1, 0)
    ]
    assert [change["how"] for change in found["versions"][0]["changes"]][:2] == [
        "blanks dropped, prefix dropped",
        "spells null",
    ]


def test_a_key_that_never_came_is_said_not_to_have(say: Say) -> None:
    key = "' OR '1' = '1"
    ended, text = say("trace", "storefront.users", key)
    assert ended == 1
    assert f"no row of storefront.users with user_id = {key} ever came" in text
    assert told(say, "trace", "storefront.users", key, code=1)["versions"] == []


def test_shown_rows_are_bounded_and_said_to_be(say: Say) -> None:
    found = told(say, "trace", "storefront.users", "u-1", "--limit", "1")
    assert [version["fate"] for version in found["versions"]] == ["current"]
    assert (found["counts"]["history"], found["is_complete"]) == (1, False)


def test_the_sum_of_one_file_is_proved_with_the_rules_that_its_rows_broke(say: Say) -> None:
    first, second = told(say, "prove", "--file", ODD)
    assert second["figures"]["quarantined"] == 2
    assert first["figures"] == {"parsed": 6, "silver": 2, "quarantined": 2, "duplicate": 1, "superseded": 1}
    assert first["rules"] == {"country_missing": 1, "email_pattern_mismatch": 1, "wrong_field_count": 1}
    assert first["problems"] == []
    (page,) = told(say, "prove", "--file", "page.csv")
    assert (page["verdict"], page["figures"]["parsed"], page["problems"]) == ("quarantined", 0, [])
    assert say("prove", "--file", "pag")[0] == 1


def test_a_file_whose_sum_does_not_close_ends_with_1_and_says_where(say: Say) -> None:
    ended, text = say("prove", "--file", "storefront/users/off.csv")
    assert ended == 1
    assert "2 rows parsed ≠ 0 silver + 0 quarantined + 0 duplicate + 0 superseded" in text
    assert f"off.csv (file_id {OFF}): 2 rows parsed, 0 found (silver 0 in silver_storefront.users" in text
    assert "ops.row_accounts says silver 2 (0 counted in silver_storefront.users)" in text


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [1, 2, 3, 4]),
        ({"reasons": ["country_missing"]}, [2, 3]),
        ({"reasons": ["country_missing", "wrong_field_count"]}, [2, 3, 4]),
        ({"reasons": ['country_missing"']}, []),
        ({"reasons": ["x"]}, []),
        ({"file": f"one/{ODD}"}, [3, 4]),
        ({"file": "storefront/users/two/"}, [1, 2]),
        ({"file": "n_me"}, []),
        ({"until_text": "2026-01-05"}, [3, 4]),
        ({"until_text": "2026-01-05T09:00"}, []),
        ({"since_text": "2026-01-05T09:00:00Z", "statuses": [Status.WAITING]}, [2]),
        ({"statuses": [Status.REPLAYED]}, [5]),
        ({"statuses": [Status.DISCARDED]}, []),
        ({"dataset": "storefront.events"}, []),
        ({"ids": ["3aaaaaaa", SECOND]}, [1, 2, 3]),
        ({"ids": ["3aaaaaaa"], "file": SECOND}, []),
    ],
)
def test_refused_rows_are_those_that_were_selected(
    redshift: Redshift, options: dict[str, Any], rows: list[int]
) -> None:
    condition = on_rows(selection(**options))
    sql = f"SELECT row_number FROM lake_quarantine.rows WHERE {condition.sql} ORDER BY row_number"
    assert [number for (number,) in redshift.query(sql, condition.parameters).rows] == rows


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ({}, [PAGE]),
        ({"reasons": ["country_missing", "html_page"], "since_text": "2026-01-06", "file": PAGE[:9]}, [PAGE]),
        ({"ids": [PAGE[:8], FIRST]}, [PAGE]),
        ({"reasons": ["country_missing"]}, []),
        ({"statuses": [Status.WAITING]}, []),
        ({"until_text": "2026-01-05"}, []),
        ({"statuses": [Status.DISCARDED]}, ["5" * 32]),
        ({"statuses": [Status.REPLAYED]}, []),
        ({"file": ODD}, []),
    ],
)
def test_refused_files_are_those_that_were_selected(
    redshift: Redshift, options: dict[str, Any], files: list[str]
) -> None:
    condition = on_files(selection(**options))
    sql = f"SELECT file_id FROM lake_ops.files WHERE {condition.sql}"
    assert [file_id for (file_id,) in redshift.query(sql, condition.parameters).rows] == files


@pytest.mark.parametrize(
    ("arguments", "rules", "files"),
    [
        ([], {"email_pattern_mismatch": 2, "country_missing": 2, "wrong_field_count": 1}, ["html_page"]),
        # Row 3 breaks another rule too, which was not asked for.
        (["--reason", "country_missing", "--file", FIRST], {"country_missing": 1}, []),
    ],
)
def test_what_was_refused_is_listed_by_reason_and_rule(
    say: Say, arguments: list[str], rules: dict[str, int], files: list[str]
) -> None:
    listed = told(say, "quarantine", "list", *arguments)
    assert {row["rule"]: row["row_count"] for row in listed["rows"]} == rules
    assert [entry["reason"] for entry in listed["files"]] == files


def test_a_sample_has_rows_of_every_rule_from_several_files(say: Say) -> None:
    rows = told(say, "quarantine", "sample", "--limit", "1")
    assert [(row["rule"], row["row_count"], row["row_number"]) for row in rows] == [
        ("country_missing", 2, 3),
        ("email_pattern_mismatch", 2, 3),
        ("wrong_field_count", 1, 4),
    ]
    assert json.loads(rows[0]["raw"]) == REFUSED_RAW
    rows = told(say, "quarantine", "sample", "--reason", "email_pattern_mismatch")
    assert [row["file_id"] for row in rows] == [FIRST, SECOND]
    ended, text = say("quarantine", "sample", "--reason", "email_pattern_mismatch")
    assert ended == 0
    assert f"{ODD}, row 3" in text
    assert "storefront.users · email_pattern_mismatch, 2 rows" in text


def test_a_file_with_many_refused_rows_shows_some(say: Say) -> None:
    ended, text = say("quarantine", "show", FIRST, "--limit", "1")
    assert ended == 0
    assert "1 of 3 refused rows; more with --limit" in text
