"""The Redshift Data API as boto3 sees it."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData, StatementFailedError

LONG_QUERY = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 100000000) SELECT max(n) FROM r"
_names = itertools.count(1)


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> RedshiftData:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="data-api")
    serverless.create_workgroup(workgroupName="data-api", namespaceName="data-api", baseCapacity=8)
    return RedshiftData(local_aws.client("redshift-data", retries={"total_max_attempts": 1}), "data-api")


@pytest.fixture
def table(redshift: RedshiftData) -> Iterator[str]:
    """A new table of one BIGINT column ``id`` that may not be NULL."""
    name = f"table_{next(_names)}"
    redshift.run(f"CREATE TABLE {name} (id BIGINT NOT NULL)")
    yield name
    redshift.run(f"DROP TABLE {name}")


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    """Code and message of the error that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_fields_have_the_types_of_the_service(redshift: RedshiftData) -> None:
    statement = redshift.finish(
        redshift.start(
            "SELECT 1::smallint AS small, 2 AS whole, 3::bigint AS big, 1.50::decimal(10,2) AS price, "
            " 2.5::float AS weight, true AS is_so, 'x'::varchar(7) AS name, 'y'::char(3) AS code,"
            " '2026-01-02'::date AS day, '2026-01-02 03:04:05.60'::timestamp AS at, NULL AS nothing"
        )
    )
    result = redshift.client.get_statement_result(Id=statement["Id"])
    assert result["Records"] == [
        [
            {"longValue": 1},
            {"longValue": 2},
            {"longValue": 3},
            {"stringValue": "1.50"},
            {"doubleValue": 2.5},
            {"booleanValue": True},
            {"stringValue": "x"},
            {"stringValue": "y  "},
            {"stringValue": "2026-01-02"},
            {"stringValue": "2026-01-02 03:04:05.6"},
            {"isNull": True},
        ]
    ]
    metadata = {column["name"]: column for column in result["ColumnMetadata"]}
    assert [column["typeName"] for column in result["ColumnMetadata"]] == [
        "int2", "int4", "int8", "numeric", "float8", "bool", "varchar", "bpchar", "date", "timestamp", "varchar",
    ]  # fmt: skip
    assert (metadata["price"]["precision"], metadata["price"]["scale"]) == (10, 2)
    assert metadata["name"]["length"] == 7
    assert result["TotalNumRows"] == 1


def test_years_that_python_does_not_know(redshift: RedshiftData) -> None:
    """Redshift's dates go from 4713 BC to 294276 AD, its timestamps too."""
    sql = (
        "SELECT DATEADD(day, days, '0001-01-01'::date)::date AS day,"
        " DATEADD(day, days, '0001-01-01 03:04:05.60') AS at,"
        " DATEADD(day, days, '0001-01-01 03:04:05.60')::timestamptz AS instant"
        " FROM (SELECT -1 AS days UNION ALL SELECT 0 UNION ALL SELECT 3652059 UNION ALL SELECT NULL) ORDER BY days"
    )
    result = redshift.client.get_statement_result(Id=redshift.finish(redshift.start(sql))["Id"])
    assert [[field.get("stringValue") for field in record] for record in result["Records"]] == [
        ["0001-12-31 BC", "0001-12-31 03:04:05.6 BC", "0001-12-31 03:04:05.6+00 BC"],
        ["0001-01-01", "0001-01-01 03:04:05.6", "0001-01-01 03:04:05.6+00"],
        ["10000-01-01", "10000-01-01 03:04:05.6", "10000-01-01 03:04:05.6+00"],
        [None, None, None],
    ]


def test_result_comes_in_pages(redshift: RedshiftData) -> None:
    query = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2500) SELECT n FROM r ORDER BY n"
    statement = redshift.finish(redshift.start(query))
    first = redshift.client.get_statement_result(Id=statement["Id"])
    assert len(first["Records"]) < 2500
    assert first["TotalNumRows"] == statement["ResultRows"] == 2500
    assert redshift.rows(statement) == [(number,) for number in range(1, 2501)]


def test_describe_tells_what_ran(redshift: RedshiftData) -> None:
    statement = redshift.finish(redshift.start("SELECT 1 AS one", StatementName="the-one", DbUser="ann"))
    assert statement["QueryString"] == "SELECT 1 AS one"
    assert statement["HasResultSet"]
    assert (statement["ResultRows"], statement["DbUser"], statement["Database"]) == (1, "ann", "dev")
    assert statement["Duration"] > 0
    assert statement["CreatedAt"] <= statement["UpdatedAt"]
    listed = redshift.client.list_statements(StatementName="the-one")["Statements"]
    assert [(item["Id"], item["Status"]) for item in listed] == [(statement["Id"], "FINISHED")]


def test_statement_is_asynchronous(redshift: RedshiftData) -> None:
    statement_id = redshift.start(LONG_QUERY)
    assert redshift.client.describe_statement(Id=statement_id)["Status"] in ("SUBMITTED", "PICKED", "STARTED")
    redshift.client.cancel_statement(Id=statement_id)
    statement = redshift.wait(statement_id)
    assert (statement["Status"], statement["Error"]) == ("ABORTED", "ERROR: Query canceled on user's request")
    code, message = refusal(redshift.client.cancel_statement, Id=statement_id)
    assert (code, message) == ("ValidationException", "Could not cancel a query that is already in ABORTED state")


def test_wait_time_holds_the_answer_until_the_end(redshift: RedshiftData) -> None:
    answer = redshift.client.execute_statement(Sql="SELECT 1", WorkgroupName="data-api", WaitTimeSeconds=30)
    assert answer["Status"] == "FINISHED"


def test_failure_is_described(redshift: RedshiftData, table: str) -> None:
    statement = redshift.wait(redshift.start(f"INSERT INTO {table} VALUES (NULL)"))
    assert statement["Status"] == "FAILED"
    assert statement["Error"] == "ERROR: Cannot insert a NULL value into column id"
    code, _ = refusal(redshift.client.get_statement_result, Id=statement["Id"])
    assert code == "ResourceNotFoundException"


def test_batch_is_one_transaction(redshift: RedshiftData, table: str) -> None:
    statement = redshift.batch(f"INSERT INTO {table} VALUES (1), (2)", f"SELECT count(*) FROM {table}")
    assert statement["Status"] == "FINISHED"
    first, second = statement["SubStatements"]
    assert (first["Id"], second["Id"]) == (f"{statement['Id']}:1", f"{statement['Id']}:2")
    assert (first["HasResultSet"], first["ResultRows"]) == (False, 2)
    assert redshift.client.get_statement_result(Id=second["Id"])["Records"] == [[{"longValue": 2}]]
    assert redshift.client.describe_statement(Id=first["Id"])["QueryString"] == f"INSERT INTO {table} VALUES (1), (2)"

    failed = redshift.batch(f"DELETE FROM {table}", f"INSERT INTO {table} VALUES (NULL)", f"SELECT 1 FROM {table}")
    assert failed["Status"] == "FAILED"
    assert failed["Error"] == "Query #2 failed with ERROR: Cannot insert a NULL value into column id"
    assert [part["Status"] for part in failed["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert redshift.run(f"SELECT count(*) FROM {table}") == [(2,)]


def test_auto_commit_mode_keeps_what_succeeded(redshift: RedshiftData, table: str) -> None:
    statement = redshift.batch(
        f"INSERT INTO {table} VALUES (1)",
        "SELECT nothing",
        f"INSERT INTO {table} VALUES (2)",
        ExecutionMode="AUTO_COMMIT",
    )
    assert statement["Status"] == "FAILED"
    assert [part["Status"] for part in statement["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
    assert redshift.run(f"SELECT count(*) FROM {table}") == [(2,)]


def test_batch_takes_forty_statements_and_no_more(redshift: RedshiftData) -> None:
    assert redshift.batch(*["SELECT 1"] * 40)["Status"] == "FINISHED"
    arguments = {"Sqls": ["SELECT 1"] * 41, "WorkgroupName": "data-api"}
    assert refusal(redshift.client.batch_execute_statement, **arguments)[0] == "ValidationException"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
        (f"SELECT '{'x' * 100_000}'", "longer than the limit of 100 KB"),
        ("   ", "must not be empty"),
    ],
)
def test_statement_that_the_service_does_not_accept(redshift: RedshiftData, sql: str, message: str) -> None:
    code, text = refusal(redshift.client.execute_statement, Sql=sql, WorkgroupName="data-api")
    assert code == "ValidationException"
    assert message in text


def test_semicolons_in_strings_and_at_the_end_are_no_second_statement(redshift: RedshiftData) -> None:
    assert redshift.run("SELECT 'a;b' -- c;d\n;") == [("a;b",)]


def test_parameters_are_bound_by_name(redshift: RedshiftData, table: str) -> None:
    parameters = [{"name": "first", "value": "1"}, {"name": "second", "value": "1); DROP TABLE x; --"}]
    redshift.run(f"INSERT INTO {table} VALUES (:first)", Parameters=parameters[:1])
    query = f"SELECT id + :first, :second, ':first', id::varchar FROM {table} WHERE id = :first"
    assert redshift.run(query, Parameters=parameters) == [(2, "1); DROP TABLE x; --", ":first", "1")]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1", "Parameters list contains unused parameters. Unused parameters: [a]"),
        ("SELECT :a, :b", "Cannot find parameter: b"),
        ("SELECT ':a'::varchar", "Parameters list contains unused parameters. Unused parameters: [a]"),
    ],
)
def test_parameters_must_match_the_statement(redshift: RedshiftData, sql: str, message: str) -> None:
    arguments = {"Sql": sql, "WorkgroupName": "data-api", "Parameters": [{"name": "a", "value": "1"}]}
    assert refusal(redshift.client.execute_statement, **arguments) == ("ValidationException", message)


def test_many_statements_at_once(redshift: RedshiftData, table: str) -> None:
    writing = [redshift.start(f"INSERT INTO {table} VALUES ({number})") for number in range(30)]
    reading = [redshift.start(f"SELECT count(*) FROM {table}") for _ in range(10)]
    counts = [redshift.rows(redshift.finish(statement))[0][0] for statement in reading]
    assert all(0 <= count <= 30 for count in counts)
    for statement in writing:
        redshift.finish(statement)
    assert redshift.run(f"SELECT count(*), count(DISTINCT id) FROM {table}") == [(30, 30)]


def test_client_token_runs_a_statement_once(redshift: RedshiftData, table: str) -> None:
    token = str(uuid.uuid4())
    first = redshift.start(f"INSERT INTO {table} VALUES (1)", ClientToken=token)
    assert redshift.start(f"INSERT INTO {table} VALUES (1)", ClientToken=token) == first
    redshift.finish(first)
    assert redshift.start(f"INSERT INTO {table} VALUES (1)", ClientToken=token) == first
    assert redshift.run(f"SELECT count(*) FROM {table}") == [(1,)]
    arguments = {"Sql": "SELECT 1", "WorkgroupName": "data-api", "ClientToken": token}
    assert refusal(redshift.client.execute_statement, **arguments)[0] == "ValidationException"


def test_session_keeps_temporary_tables_and_transactions(redshift: RedshiftData, table: str) -> None:
    opened = redshift.finish(redshift.start("CREATE TEMP TABLE stage (x INT)", SessionKeepAliveSeconds=60))
    session = opened["SessionId"]
    redshift.run("INSERT INTO stage VALUES (5)", SessionId=session)
    assert redshift.run("SELECT x FROM stage", SessionId=session) == [(5,)]
    with pytest.raises(StatementFailedError, match='relation "stage" does not exist'):
        redshift.run("SELECT x FROM stage")

    redshift.run("BEGIN", SessionId=session)
    redshift.run(f"INSERT INTO {table} VALUES (1)", SessionId=session)
    assert redshift.run(f"SELECT count(*) FROM {table}") == [(0,)]
    with pytest.raises(StatementFailedError):
        redshift.run("SELECT nothing", SessionId=session)
    with pytest.raises(StatementFailedError, match="current transaction is aborted"):
        redshift.run("SELECT 1", SessionId=session)
    redshift.run("ROLLBACK", SessionId=session)
    assert redshift.run("SELECT 1", SessionId=session) == [(1,)]


def test_session_runs_one_statement_at_a_time(redshift: RedshiftData) -> None:
    session = redshift.finish(redshift.start("SELECT 1", SessionKeepAliveSeconds=60))["SessionId"]
    running = redshift.start(LONG_QUERY, SessionId=session)
    code, message = refusal(redshift.client.execute_statement, Sql="SELECT 1", SessionId=session)
    assert code == "ValidationException"
    assert "busy" in message
    redshift.client.cancel_statement(Id=running)
    assert redshift.run("SELECT 2", SessionId=session) == [(2,)]


def test_session_expires(redshift: RedshiftData) -> None:
    session = redshift.finish(redshift.start("SELECT 1", SessionKeepAliveSeconds=1))["SessionId"]
    deadline = time.monotonic() + 10
    while session in {item["SessionId"] for item in redshift.client.list_sessions()["Sessions"]}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    code, message = refusal(redshift.client.execute_statement, Sql="SELECT 1", SessionId=session)
    assert code == "ValidationException"
    assert "expired" in message


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"WorkgroupName": "nobody"}, "Redshift endpoint doesn't exist in this region."),
        ({"ClusterIdentifier": "nobody"}, "Redshift endpoint doesn't exist in this region."),
        ({"WorkgroupName": "data-api", "Database": "other"}, 'FATAL: database "other" does not exist'),
        ({}, "Either WorkgroupName or ClusterIdentifier is required, and not both"),
    ],
)
def test_target_must_exist(redshift: RedshiftData, target: dict[str, str], message: str) -> None:
    assert refusal(redshift.client.execute_statement, Sql="SELECT 1", **target) == ("ValidationException", message)


def test_unknown_statement(redshift: RedshiftData) -> None:
    code, message = refusal(redshift.client.describe_statement, Id=str(uuid.uuid4()))
    assert (code, message) == ("ResourceNotFoundException", "Query does not exist.")


def test_browsing(redshift: RedshiftData, table: str) -> None:
    target = {"WorkgroupName": "data-api", "Database": "dev"}
    assert redshift.client.list_databases(**target)["Databases"] == ["dev"]
    assert "public" in redshift.client.list_schemas(**target)["Schemas"]
    tables = redshift.client.list_tables(**target, SchemaPattern="pub%", TablePattern=table)["Tables"]
    assert tables == [{"name": table, "schema": "public", "type": "TABLE"}]
    (column,) = redshift.client.describe_table(**target, Schema="public", Table=table)["ColumnList"]
    assert (column["name"], column["typeName"], column["nullable"]) == ("id", "int8", 0)


def test_history_of_queries(redshift: RedshiftData) -> None:
    marker = str(uuid.uuid4())
    redshift.run(f"SELECT '{marker}'")
    with pytest.raises(StatementFailedError):
        redshift.run(f"SELECT nothing, '{marker}'")
    query = f"SELECT status, error_message FROM sys_query_history WHERE query_text LIKE '%{marker}%'"
    assert sorted(redshift.run(query)) == [("failed", 'ERROR: column "nothing" does not exist'), ("success", "")]
