"""The warehouse after the server was killed: what was committed, all of it, and nothing else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData

DEADLINE_SECONDS = 30
LONG_QUERY = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 100000000) SELECT max(n) FROM r"


@pytest.fixture
def own_aws(tmp_path: Path) -> Iterator[LocalAwsProcess]:
    """A server that the test may kill."""
    process = LocalAwsProcess(tmp_path / "state")
    serverless = process.client("redshift-serverless")
    serverless.create_namespace(namespaceName="durable")
    serverless.create_workgroup(workgroupName="durable", namespaceName="durable", baseCapacity=8)
    yield process
    process.stop()


def connect(process: LocalAwsProcess) -> RedshiftData:
    return RedshiftData(process.client("redshift-data"), "durable")


def test_everything_committed_survives_a_kill(own_aws: LocalAwsProcess) -> None:
    redshift = connect(own_aws)
    redshift.run("CREATE SCHEMA shop")
    redshift.run("CREATE TABLE shop.t (id BIGINT IDENTITY(1, 1), name VARCHAR(5) NOT NULL, PRIMARY KEY (id))")
    redshift.run("COMMENT ON COLUMN shop.t.name IS 'a name'")
    redshift.run("CREATE VIEW shop.v AS SELECT upper(name) AS loud FROM shop.t")
    redshift.run("CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'ops' IAM_ROLE default")
    redshift.run("CREATE ROLE reader")
    redshift.run("CREATE USER ann PASSWORD 'Abcd1234'")
    redshift.run("GRANT ROLE reader TO ann")
    redshift.run("GRANT USAGE ON SCHEMA shop TO ROLE reader")
    redshift.run("GRANT SELECT ON shop.t TO ROLE reader")
    redshift.run("INSERT INTO shop.t (name) VALUES ('a'), ('b')")
    own_aws.kill()
    own_aws.restart()
    redshift = connect(own_aws)
    redshift.run("INSERT INTO shop.t (name) VALUES ('c')")
    assert redshift.run("SELECT count(*), count(DISTINCT id) FROM shop.t") == [(3, 3)]
    assert redshift.run("SELECT loud FROM shop.v ORDER BY 1") == [("A",), ("B",), ("C",)]
    columns = "SELECT character_maximum_length, is_nullable, remarks FROM svv_columns WHERE column_name = 'name'"
    assert redshift.run(columns) == [(5, "NO", "a name")]
    assert redshift.run("SELECT databasename FROM svv_external_schemas") == [("ops",)]
    assert redshift.run("SELECT role_name FROM svv_roles") == [("reader",)]
    rights = "has_table_privilege('ann', 'shop.t', 'select'), has_schema_privilege('ann', 'shop', 'create')"
    assert redshift.run(f"SELECT {rights}") == [(True, False)]
    workgroup = own_aws.client("redshift-serverless").get_workgroup(workgroupName="durable")["workgroup"]
    assert workgroup["baseCapacity"] == 8


def test_a_batch_that_was_running_is_undone_as_a_whole(own_aws: LocalAwsProcess) -> None:
    redshift = connect(own_aws)
    redshift.run("CREATE TABLE t (id BIGINT)")
    redshift.run("INSERT INTO t VALUES (1)")
    sqls = ["DELETE FROM t", "INSERT INTO t VALUES (2), (3)", "CREATE TABLE u (id BIGINT)", LONG_QUERY]
    batch = redshift.client.batch_execute_statement(Sqls=sqls, WorkgroupName="durable")["Id"]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while redshift.client.describe_statement(Id=batch)["SubStatements"][3]["Status"] != "STARTED":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    own_aws.kill()
    own_aws.restart()
    redshift = connect(own_aws)
    assert redshift.run("SELECT id FROM t") == [(1,)]
    assert redshift.run("SELECT count(*) FROM svv_tables WHERE table_name = 'u'") == [(0,)]


def test_statement_that_committed_is_known_by_its_token_after_a_kill(own_aws: LocalAwsProcess) -> None:
    redshift = connect(own_aws)
    redshift.run("CREATE TABLE t (id BIGINT)")
    token = str(uuid.uuid4())
    first = redshift.start("INSERT INTO t VALUES (1)", ClientToken=token)
    redshift.finish(first)
    own_aws.kill()
    own_aws.restart()
    redshift = connect(own_aws)
    described = redshift.client.describe_statement(Id=first)
    assert (described["Status"], described["ResultRows"]) == ("FINISHED", 1)
    assert redshift.start("INSERT INTO t VALUES (1)", ClientToken=token) == first
    assert redshift.run("SELECT count(*) FROM t") == [(1,)]


def test_server_stops_in_good_order_while_a_statement_runs(own_aws: LocalAwsProcess) -> None:
    redshift = connect(own_aws)
    redshift.run("CREATE TABLE t (id BIGINT)")
    redshift.start(LONG_QUERY)
    assert own_aws.stop() == 0
    own_aws.restart()
    assert connect(own_aws).run("SELECT count(*) FROM t") == [(0,)]
