"""`lakehouse sql` on the local Redshift: at a prompt in a real terminal, from files, as another user, into files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lakehouse.cli import stack
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess
from tests.support.redshift_data import RedshiftData
from tests.support.terminal import Terminal

WORKGROUP = "analysts"
PROMPT = "lakehouse=>"
COMMAND = [sys.executable, "-c", "from lakehouse.cli.main import main; main()"]


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalAwsProcess) -> Iterator[RedshiftData]:
    """A warehouse with one small table, and one of many rows."""
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName=WORKGROUP, dbName="lakehouse")
    serverless.create_workgroup(workgroupName=WORKGROUP, namespaceName=WORKGROUP, baseCapacity=4)
    made = RedshiftData(local_aws.client("redshift-data"), WORKGROUP, "lakehouse")
    made.run("CREATE SCHEMA shop")
    made.run(
        "CREATE TABLE shop.sales (id BIGINT NOT NULL, amount DECIMAL(12,2), day DATE, note VARCHAR(20)) SORTKEY (day)"
    )
    made.run("COMMENT ON COLUMN shop.sales.amount IS 'What was paid.'")
    made.run("INSERT INTO shop.sales VALUES (1, 10.50, '2026-01-31', 'a,b'), (2, NULL, NULL, NULL)")
    made.run("CREATE TABLE shop.many (n INTEGER)")
    made.run("INSERT INTO shop.many VALUES " + ", ".join(f"({number})" for number in range(50)))
    yield made
    made.run("DROP SCHEMA shop CASCADE")


@pytest.fixture
def environment(local_aws: LocalAwsProcess, warehouse: RedshiftData, tmp_path: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        **stack.environment(local_aws.endpoint, CREDENTIALS),
        "LAKEHOUSE_WORKGROUP": WORKGROUP,
        "LAKEHOUSE_SQL_HISTORY": str(tmp_path / "kept" / "history"),
    }


def lakehouse(environment: Mapping[str, str], *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "sql", *arguments],
        check=False,
        env=environment,
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
    )


def started(warehouse: RedshiftData) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = warehouse.client.list_statements(Status="STARTED")["Statements"]
    return statements


def test_a_prompt_runs_statements_and_no_error_ends_it(environment: Mapping[str, str], tmp_path: Path) -> None:
    with Terminal([*COMMAND, "sql"], environment) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("select id, amount\r")
        terminal.read_until("->")
        terminal.type("from shop.sales order by id;\r")
        shown = terminal.read_until("2 rows")
        assert "10.50" in shown
        assert "null" in shown
        terminal.type("select nothing from shop.sales;\r")
        terminal.read_until('column "nothing" does not exist in sales')
        terminal.type("create temp table mine (a int); insert into mine values (7); select a from mine;\r")
        assert "7" in terminal.read_until("1 row")
        terminal.type("\\timing\r")
        terminal.read_until("timing is on")
        terminal.type("\\x\r")
        terminal.read_until("one line per value is on")
        terminal.type("select 1 as one, 'b' as two;\r")
        assert "one  1\ntwo  b\n" in terminal.read_until(" s\n")
        terminal.type("\\nonsense\r")
        terminal.read_until("there is no command \\nonsense")
        terminal.type("alter user x password 'Secret1';\r")
        terminal.read_until("✗")
        terminal.type("\\q\r")
        assert terminal.wait() == 0
    history = tmp_path / "kept" / "history"
    kept = history.read_text(encoding="utf-8")
    assert "+select id, amount\n+from shop.sales order by id;\n" in kept
    assert "Secret1" not in kept
    assert history.stat().st_mode & 0o077 == 0


def test_a_prompt_looks_around_and_completes(environment: Mapping[str, str]) -> None:
    with Terminal([*COMMAND, "sql"], environment) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("\\dn\r")
        assert "local" in terminal.read_until(" rows")
        terminal.type("\\d shop\r")
        shown = terminal.read_until("2 rows")
        assert "many" in shown
        assert "sales" in shown
        terminal.type("\\d shop.sales\r")
        shown = terminal.read_until("4 rows")
        assert "numeric(12,2)" in shown
        assert "What was paid." in shown
        assert "sortkey 1" in shown
        terminal.type("\\d shop.nothing\r")
        terminal.read_until("there is no table shop.nothing")
        terminal.read_until(PROMPT)
        terminal.type("select count(*) from shop.ma\t")
        terminal.read_until("shop.many")
        terminal.type(";\r")
        assert "50" in terminal.read_until("1 row")
        terminal.read_until(PROMPT)
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_ctrl_c_cancels_the_statement_and_leaves_the_prompt(
    environment: Mapping[str, str], warehouse: RedshiftData
) -> None:
    with Terminal([*COMMAND, "sql"], environment) as terminal:
        terminal.read_until(PROMPT)
        terminal.type("select never finished\x03")
        terminal.read_until(PROMPT)
        crossed = ", ".join(f"shop.many {name}" for name in "abcdefgh")
        terminal.type(f"select count(*) from {crossed} where a.n + b.n + c.n + d.n + e.n + f.n + g.n > h.n;\r")
        # The prompt reads names for its completion at the same time.
        while not (running := [s for s in started(warehouse) if "shop.many a" in s["QueryString"]]):
            time.sleep(0.05)
        terminal.type("\x03")
        terminal.read_until("cancelled")
        assert warehouse.wait(running[0]["Id"])["Status"] == "ABORTED"
        terminal.read_until(PROMPT)
        terminal.type("select 'still here' as said;\r")
        terminal.read_until("1 row")
        terminal.type("\\q\r")
        assert terminal.wait() == 0


def test_an_interrupt_before_the_answer_to_the_start_cancels_too(
    local_aws: LocalAwsProcess, warehouse: RedshiftData
) -> None:
    client = local_aws.client("redshift-data")
    # The server has started the statement, and its caller does not know the id yet.
    client.meta.events.register(
        "after-call.redshift-data.ExecuteStatement", lambda **_: os.kill(os.getpid(), signal.SIGINT)
    )
    crossed = ", ".join(f"shop.many {name}" for name in "abcdefgh")
    query = f"SELECT COUNT(*) FROM {crossed} WHERE a.n + b.n + c.n + d.n + e.n + f.n + g.n > h.n -- early"
    redshift = Redshift(Settings("unused", "unused", WORKGROUP, "lakehouse", "unused", "unused"), client)
    # Spark leaves a handler of its own behind in a process that has used it.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            redshift.run(query)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert not [statement for statement in started(warehouse) if "-- early" in statement["QueryString"]]


def test_a_file_stops_at_its_first_error_and_names_it(environment: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "report.sql"
    file.write_text(
        "-- What was sold.\nCREATE TEMP TABLE found AS SELECT * FROM shop.sales;\n\n"
        "SELECT COUNT(*) AS n FROM found;\nSELECT\n  wrong FROM found;\nSELECT 'never' AS said;\n"
    )
    done = lakehouse(environment, "--file", str(file), "--format", "csv")
    assert done.returncode == 1
    assert done.stdout == "n\n2\n"
    assert f'{file}:5: statement 3 failed: ERROR: column "wrong" does not exist' in done.stderr
    assert "Traceback" not in done.stderr
    piped = lakehouse(environment, "--format", "csv", typed="select 1 as a; select true as b;")
    assert (piped.returncode, piped.stdout) == (0, "a\n1\nb\ntrue\n")


def test_rows_go_into_files_with_their_types(environment: Mapping[str, str], tmp_path: Path) -> None:
    query = (
        "SELECT id, amount, day, note, id > 1 AS is_late, amount * 2 AS twice, id / 2.0::float AS half, "
        "CAST('2026-01-31 10:20:30.25' AS TIMESTAMP) AS at, 3::smallint AS small FROM shop.sales ORDER BY id"
    )
    parquet = tmp_path / "sales.parquet"
    done = lakehouse(environment, query, "--output", str(parquet))
    assert (done.returncode, done.stdout) == (0, f"✓ 2 rows in {parquet}\n")
    table = pq.read_table(parquet)
    assert [str(kind) for kind in table.schema.types] == [
        *("int64", "decimal128(12, 2)", "date32[day]", "string", "bool"),
        *(str(table.schema.field("twice").type), "double", "timestamp[us]", "int16"),
    ]
    assert str(table.schema.field("twice").type).startswith("decimal128(")
    first, second = table.to_pylist()
    assert (first["amount"], first["day"], first["note"]) == (Decimal("10.50"), date(2026, 1, 31), "a,b")
    assert (first["twice"], first["at"]) == (Decimal("21.00"), datetime(2026, 1, 31, 10, 20, 30, 250_000))
    assert (second["amount"], second["day"], second["is_late"], second["small"]) == (None, None, True, 3)

    comma = tmp_path / "sales.csv"
    assert lakehouse(environment, query, "-o", str(comma)).returncode == 0
    assert (
        comma.read_text().splitlines()[1].startswith('1,10.50,2026-01-31,"a,b",false,21.00,0.5,2026-01-31 10:20:30.25')
    )


def test_many_rows_come_page_by_page(environment: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "many.parquet"
    query = (
        "SELECT a.n * 2500 + b.n * 50 + c.n AS n FROM shop.many a, shop.many b, shop.many c WHERE a.n < 2 ORDER BY 1"
    )
    assert lakehouse(environment, query, "--output", str(file)).returncode == 0
    assert pq.read_table(file)["n"].to_pylist() == list(range(5_000))


def test_what_breaks_off_leaves_the_file_as_it_was(environment: Mapping[str, str], tmp_path: Path) -> None:
    file = tmp_path / "kept.parquet"
    file.write_bytes(b"before")
    for wrong in ("SELECT nothing", "CREATE TEMP TABLE t (a INT)"):
        assert lakehouse(environment, wrong, "--output", str(file)).returncode == 1
    assert lakehouse(environment, "SELECT 1", "--output", str(tmp_path / "kept.xlsx")).returncode == 2
    assert lakehouse(environment, "SELECT 1", "--output", str(tmp_path / "none" / "kept.csv")).returncode == 2
    assert lakehouse(environment, "--output", str(file), typed="SELECT 1").returncode == 2
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("kept.parquet", b"before")]


def test_a_user_is_named_by_the_secret_that_goes_with_the_call(
    environment: Mapping[str, str], local_aws: LocalAwsProcess, warehouse: RedshiftData
) -> None:
    refused = lakehouse(environment, "SELECT 1", "--as", "nobody")
    assert refused.returncode == 1
    assert "there is no secret lakehouse/redshift/nobody" in refused.stderr
    secret = json.dumps({"username": "admin", "password": "Abcdefg1"})
    arn = local_aws.client("secretsmanager").create_secret(Name="lakehouse/redshift/carl", SecretString=secret)["ARN"]
    done = lakehouse(environment, "SELECT 1 AS a", "--as", "carl", "--format", "csv")
    assert (done.returncode, done.stdout) == (0, "a\n1\n")
    latest = warehouse.client.list_statements()["Statements"][0]
    assert latest["SecretArn"] == arn


def test_awswrangler_reads_the_warehouse_as_it_would_in_the_cloud(
    environment: Mapping[str, str], local_aws: LocalAwsProcess, warehouse: RedshiftData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an analyst's notebook does; decision record 14 says why `--output` does not."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    import awswrangler as wr

    secret = json.dumps({"username": "admin", "password": "Abcdefg1"})
    arn = local_aws.client("secretsmanager").create_secret(Name="lakehouse/redshift/dora", SecretString=secret)["ARN"]
    for credentials in ({}, {"secret_arn": arn}):
        connection = wr.data_api.redshift.connect(workgroup_name=WORKGROUP, database="lakehouse", **credentials)
        frame = wr.data_api.redshift.read_sql_query(
            "SELECT id, amount, day FROM shop.sales WHERE id = :id",
            connection,
            parameters=[{"name": "id", "value": "1"}],
        )
        # Decimals and dates come as text: the Data API sends them so, and awswrangler drops the types beside them.
        assert frame.to_dict("records") == [{"id": 1, "amount": "10.50", "day": "2026-01-31"}]
