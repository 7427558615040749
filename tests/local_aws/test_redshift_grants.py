"""Who may do what: ownership, grants, roles, groups, PUBLIC and views, as Redshift enforces them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from tests.support.local_aws_process import LocalAwsProcess
from tests.support.redshift_data import RedshiftData, StatementFailedError
from tests.support.warehouse import Sql

SETUP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id INT, amount INT)",
    "INSERT INTO shop.orders VALUES (1, 10)",
    "CREATE TABLE shop.changes (id INT, amount INT)",
    "CREATE VIEW shop.totals AS SELECT sum(amount) AS total FROM shop.orders",
    "CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'ops' IAM_ROLE default",
    "CREATE USER ann PASSWORD 'Abcd1234'",
    "CREATE USER bob PASSWORD 'Abcd1234'",
    "CREATE ROLE reader",
    "CREATE ROLE analyst",
    "CREATE GROUP staff WITH USER ann",
)
READ = "SELECT amount FROM shop.orders"
NO_SCHEMA = "permission denied for schema shop"
NO_ORDERS = "permission denied for relation orders"
USAGE = "GRANT USAGE ON SCHEMA shop TO PUBLIC"
MERGE = (
    "MERGE INTO shop.orders USING shop.changes ON orders.id = changes.id WHEN MATCHED THEN {}"
    " WHEN NOT MATCHED THEN INSERT VALUES (changes.id, changes.amount)"
)
As = Callable[[str], Sql]


@pytest.fixture
def as_user(tmp_path: Path) -> Iterator[As]:
    """A session of any user, over one warehouse in which ``SETUP`` was run by the admin."""
    warehouse = Warehouse(tmp_path, lambda: None, lambda: "")
    sessions: dict[str, Sql] = {}

    def session(user: str) -> Sql:
        return sessions.setdefault(user, Sql(warehouse.session(user)))

    for statement in SETUP:
        session("admin")(statement)
    yield session
    warehouse.close()


ALLOWED: tuple[tuple[tuple[str, ...], str], ...] = (
    ((USAGE, "GRANT SELECT ON shop.orders TO ann"), READ),
    ((USAGE, "GRANT SELECT ON TABLE shop.orders TO PUBLIC"), READ),
    ((USAGE, "GRANT SELECT ON shop.orders TO GROUP staff"), READ),
    ((USAGE, "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ann"), READ),
    ((USAGE, "GRANT ALL PRIVILEGES ON shop.orders TO ann"), "DELETE FROM shop.orders WHERE id = 1"),
    (("GRANT USAGE ON SCHEMA shop TO ROLE reader", "GRANT SELECT ON shop.orders TO ROLE reader",
      "GRANT ROLE reader TO ann"), READ),
    ((USAGE, "GRANT SELECT ON shop.orders TO ROLE reader", "GRANT ROLE reader TO ROLE analyst",
      "GRANT ROLE analyst TO ann"), READ),
    ((USAGE, "GRANT SELECT ON shop.totals TO ann"), "SELECT total FROM shop.totals"),
    ((USAGE, "GRANT INSERT ON shop.orders TO ann"), "INSERT INTO shop.orders VALUES (2, 20)"),
    ((USAGE, "GRANT UPDATE, SELECT ON shop.orders TO ann"), "UPDATE shop.orders SET amount = amount + 1"),
    ((USAGE, "GRANT SELECT, INSERT, DELETE ON shop.orders TO ann", "GRANT SELECT ON shop.changes TO ann"),
     MERGE.format("DELETE")),
    (("GRANT USAGE, CREATE ON SCHEMA shop TO ann",), "CREATE TABLE shop.mine (id INT)"),
    (("ALTER TABLE shop.orders OWNER TO ann", USAGE), "DROP TABLE shop.orders CASCADE"),
    (("ALTER TABLE shop.orders OWNER TO ann", USAGE), "TRUNCATE shop.orders"),
    ((USAGE, "GRANT DROP ON shop.changes TO ann"), "DROP TABLE shop.changes"),
    (("ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO ann", USAGE,
      "CREATE TABLE shop.later (id INT)"), "SELECT * FROM shop.later"),
    (("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ROLE reader", "GRANT ROLE reader TO ann", USAGE,
      "CREATE VIEW shop.later AS SELECT 1 AS one"), "SELECT * FROM shop.later"),
    ((USAGE, "GRANT SELECT ON shop.totals TO ann", "CREATE OR REPLACE VIEW shop.totals AS SELECT 1::bigint AS total"),
     "SELECT total FROM shop.totals"),
    (("ALTER USER ann CREATEUSER",), READ),
    (("CREATE SCHEMA own AUTHORIZATION ann",), "CREATE TABLE own.t (id INT)"),
    ((), "CREATE TABLE mine (id INT)"),
    ((), "CREATE TEMP TABLE mine (id INT)"),
    ((USAGE, "GRANT DELETE ON shop.orders TO ann"), "LOCK shop.orders"),
    ((USAGE, "GRANT UPDATE ON shop.orders TO ann"), "LOCK shop.orders"),
    ((), "SELECT count(*) FROM svv_columns"),
)  # fmt: skip

DENIED: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((), READ, NO_SCHEMA),
    ((USAGE,), READ, NO_ORDERS),
    (("GRANT SELECT ON shop.orders TO ann",), READ, NO_SCHEMA),
    ((USAGE, "GRANT SELECT ON shop.orders TO bob"), READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann", "REVOKE SELECT ON shop.orders FROM ann"), READ, NO_ORDERS),
    ((USAGE, "GRANT ALL ON shop.orders TO ann", "REVOKE ALL ON ALL TABLES IN SCHEMA shop FROM ann"), READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO ROLE reader", "GRANT ROLE reader TO ann", "REVOKE ROLE reader FROM ann"),
     READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO GROUP staff", "ALTER GROUP staff DROP USER ann"), READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann", "DROP TABLE shop.orders CASCADE",
      "CREATE TABLE shop.orders (id INT, amount INT)"), READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.totals TO ann"), READ, NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann"), "SELECT total FROM shop.totals",
     "permission denied for relation totals"),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann"), "INSERT INTO shop.orders VALUES (2, 20)", NO_ORDERS),
    ((USAGE, "GRANT INSERT ON shop.orders TO ann"), "INSERT INTO shop.orders SELECT * FROM shop.changes",
     "permission denied for relation changes"),
    ((USAGE, "GRANT UPDATE ON shop.orders TO ann"), "UPDATE shop.orders SET amount = 1", NO_ORDERS),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann"), "DELETE FROM shop.orders", NO_ORDERS),
    ((USAGE, "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ann", "GRANT INSERT ON shop.orders TO ann"),
     MERGE.format("UPDATE SET amount = changes.amount"), NO_ORDERS),
    ((USAGE,), "COPY shop.orders FROM 's3://b/k' IAM_ROLE default FORMAT PARQUET", NO_ORDERS),
    ((USAGE, "GRANT SELECT, INSERT ON shop.orders TO ann"), "LOCK shop.orders", NO_ORDERS),
    ((USAGE,), "CREATE TABLE shop.mine (id INT)", NO_SCHEMA),
    ((USAGE,), "CREATE VIEW shop.mine AS SELECT 1 AS one", NO_SCHEMA),
    ((USAGE,), "CREATE VIEW mine AS SELECT amount FROM shop.orders", NO_ORDERS),
    ((USAGE,), "CREATE TEMP TABLE mine AS SELECT amount FROM shop.orders", NO_ORDERS),
    (("REVOKE CREATE ON SCHEMA public FROM PUBLIC",), "CREATE TABLE mine (id INT)",
     "permission denied for schema public"),
    ((USAGE, "GRANT ALL ON shop.orders TO ann"), "ALTER TABLE shop.orders ADD COLUMN note INT",
     "must be owner of relation orders"),
    ((USAGE,), "DROP TABLE shop.orders CASCADE", "must be owner of relation orders"),
    ((USAGE,), "TRUNCATE shop.orders", "must be owner of relation orders"),
    ((USAGE,), "COMMENT ON TABLE shop.orders IS 'x'", "must be owner of relation orders"),
    ((), "DROP SCHEMA shop CASCADE", "must be owner of schema shop"),
    ((), "CREATE SCHEMA mine", "permission denied for database dev"),
    ((), "CREATE USER eve PASSWORD DISABLE", "permission denied to create user"),
    ((), "CREATE ROLE own", "permission denied to create role"),
    ((), "GRANT ROLE reader TO ann", "permission denied to grant role"),
    ((USAGE, "GRANT SELECT ON shop.orders TO ann"), "GRANT SELECT ON shop.orders TO bob", NO_ORDERS),
    ((), "GRANT USAGE ON SCHEMA shop TO ann", NO_SCHEMA),
    ((), "SELECT * FROM lake.events", "permission denied for schema lake"),
    ((), "SET SESSION AUTHORIZATION bob", "permission denied to set session authorization"),
)  # fmt: skip


@pytest.mark.parametrize(("granted", "statement"), ALLOWED, ids=[f"{g[-1:]} {s}"[:90] for g, s in ALLOWED])
def test_user_may(as_user: As, granted: tuple[str, ...], statement: str) -> None:
    for grant in granted:
        as_user("admin")(grant)
    as_user("ann")(statement)


@pytest.mark.parametrize(("granted", "statement", "problem"), DENIED, ids=[f"{g[-1:]} {s}"[:90] for g, s, _ in DENIED])
def test_user_may_not(as_user: As, granted: tuple[str, ...], statement: str, problem: str) -> None:
    for grant in granted:
        as_user("admin")(grant)
    with pytest.raises(RedshiftError) as caught:
        as_user("ann")(statement)
    assert problem in str(caught.value)


def test_owner_may_do_anything_with_a_table_and_grants_it(as_user: As) -> None:
    as_user("ann")("CREATE TABLE mine (id INT)")
    as_user("ann")("INSERT INTO mine VALUES (1)")
    with pytest.raises(RedshiftError, match="permission denied for relation mine"):
        as_user("bob")("SELECT id FROM mine")
    as_user("ann")("GRANT SELECT ON mine TO bob WITH GRANT OPTION")
    assert as_user("bob")("SELECT id FROM mine") == [(1,)]
    as_user("bob")("GRANT SELECT ON mine TO GROUP staff")
    as_user("admin")("REVOKE GRANT OPTION FOR SELECT ON mine FROM bob")
    with pytest.raises(RedshiftError, match="permission denied for relation mine"):
        as_user("bob")("GRANT SELECT ON mine TO PUBLIC")


def test_view_reads_with_the_rights_of_its_owner(as_user: As) -> None:
    for statement in (USAGE, "GRANT SELECT ON shop.orders TO ann"):
        as_user("admin")(statement)
    as_user("ann")("CREATE VIEW mine AS SELECT amount FROM shop.orders")
    as_user("ann")("GRANT SELECT ON mine TO bob")
    assert as_user("bob")("SELECT amount FROM mine") == [(10,)]
    as_user("admin")("REVOKE SELECT ON shop.orders FROM ann")
    with pytest.raises(RedshiftError, match=NO_ORDERS):
        as_user("bob")("SELECT amount FROM mine")


def test_session_authorization_changes_the_user_and_its_rights(as_user: As) -> None:
    sql = as_user("admin")
    sql("SET SESSION AUTHORIZATION 'ann'")
    assert sql("SELECT current_user, session_user") == [("ann", "admin")]
    assert sql("SELECT has_table_privilege('shop.orders', 'select'), has_schema_privilege('shop', 'usage')") == [
        (False, False)
    ]
    with pytest.raises(RedshiftError, match=NO_SCHEMA):
        sql(READ)
    sql("RESET SESSION AUTHORIZATION")
    assert sql("SELECT has_table_privilege('ann', 'shop.orders', 'select'), current_user") == [(False, "admin")]
    assert sql(READ) == [(10,)]


def test_grant_that_is_rolled_back_gives_nothing(as_user: As) -> None:
    for statement in (USAGE, "BEGIN", "GRANT SELECT ON shop.orders TO ann", "ROLLBACK"):
        as_user("admin")(statement)
    with pytest.raises(RedshiftError, match=NO_ORDERS):
        as_user("ann")(READ)


@pytest.mark.parametrize(("statement", "problem"), [
    ("GRANT SELECT ON shop.orders TO eve", 'user "eve" does not exist'),
    ("GRANT ROLE writer TO ann", 'role "writer" does not exist'),
    ("GRANT USAGE ON shop.orders TO ann", "invalid privilege type USAGE for relation"),
    ("GRANT SELECT ON SCHEMA shop TO ann", "invalid privilege type SELECT for schema"),
    ("GRANT CREATE ON SCHEMA lake TO ann", 'CREATE privilege is not supported on external schema "lake"'),
    ("GRANT SELECT ON lake.events TO ann", "Operation not supported on external tables"),
    ("GRANT SELECT ON shop.orders TO PUBLIC WITH GRANT OPTION", "WITH GRANT OPTION is not supported"),
    ("GRANT SELECT (id) ON shop.orders TO ann", "GRANT on columns is not emulated"),
    ("GRANT CREATE TABLE TO ROLE reader", "is not emulated"),
    ("GRANT SELECT ON shop.orders", "syntax error at end of input"),
    ("GRANT ROLE reader TO ROLE reader", 'role "reader" is a member of itself'),
    ("CREATE USER ann PASSWORD DISABLE", 'user "ann" already exists'),
    ("CREATE USER reader PASSWORD DISABLE", 'user "reader" cannot have the name of a role'),
    ("CREATE ROLE ann", 'role "ann" cannot have the name of a user'),
    ("CREATE USER eve PASSWORD 'sha256|aa|salt'", "is not emulated"),
])  # fmt: skip
def test_grant_is_refused(as_user: As, statement: str, problem: str) -> None:
    with pytest.raises(RedshiftError) as caught:
        as_user("admin")(statement)
    assert problem in str(caught.value)


def test_user_that_holds_privileges_is_not_dropped(as_user: As) -> None:
    as_user("admin")("GRANT SELECT ON shop.orders TO bob")
    with pytest.raises(RedshiftError, match='user "bob" cannot be dropped because some objects depend on it'):
        as_user("admin")("DROP USER bob")
    as_user("admin")("REVOKE SELECT ON shop.orders FROM bob")
    as_user("admin")("DROP USER bob")


# --- through the Data API
_names = itertools.count(1)


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> RedshiftData:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="grants")
    serverless.create_workgroup(workgroupName="grants", namespaceName="grants")
    data = RedshiftData(local_aws.client("redshift-data", retries={"total_max_attempts": 1}), "grants")
    for statement in (
        "CREATE SCHEMA depot",
        "CREATE TABLE depot.stock (id INT)",
        "CREATE TABLE depot.prices (id INT)",
        "CREATE USER carl PASSWORD 'Abcd1234'",
        "GRANT USAGE ON SCHEMA depot TO carl",
        "GRANT SELECT ON depot.stock TO carl",
    ):
        data.run(statement)
    return data


@pytest.fixture
def secret(local_aws: LocalAwsProcess) -> Callable[..., str]:
    """Makes a secret; its ARN."""
    client = local_aws.client("secretsmanager")

    def make(**content: Any) -> str:
        made = client.create_secret(Name=f"redshift-{next(_names)}", SecretString=json.dumps(content))
        return str(made["ARN"])

    return make


def test_call_runs_as_the_user_of_its_secret(redshift: RedshiftData, secret: Callable[..., str]) -> None:
    arn = secret(username="carl", password="Abcd1234")
    assert redshift.run("SELECT current_user, count(*) FROM depot.stock", SecretArn=arn) == [("carl", 0)]
    with pytest.raises(StatementFailedError, match="permission denied for relation prices"):
        redshift.run("SELECT * FROM depot.prices", SecretArn=arn)
    described = redshift.finish(redshift.start("SELECT 1", SecretArn=arn))
    assert (described["DbUser"], described["SecretArn"]) == ("carl", arn)


def test_call_with_the_secret_of_the_admin_or_with_none_may_do_anything(
    redshift: RedshiftData, secret: Callable[..., str]
) -> None:
    arn = secret(username="admin", password="any")
    for options in ({}, {"SecretArn": arn}):
        assert redshift.run("SELECT current_user, count(*) FROM depot.prices", **options) == [("admin", 0)]


def test_password_may_be_given_as_the_md5_of_password_and_name(
    redshift: RedshiftData, secret: Callable[..., str]
) -> None:
    # printf %s Abcd1234dave | md5sum
    redshift.run("CREATE USER dave PASSWORD 'md5bebc4f4e37e12bc199635e22bbccb545'")
    assert redshift.run("SELECT current_user", SecretArn=secret(username="dave", password="Abcd1234")) == [("dave",)]
    with pytest.raises(ClientError, match="password authentication failed"):
        redshift.start("SELECT 1", SecretArn=secret(username="dave", password="md5bebc4f4e37e12bc199635e22bbccb545"))


def test_history_shows_users_their_own_statements_and_superusers_all(
    redshift: RedshiftData, secret: Callable[..., str]
) -> None:
    arn = secret(username="carl", password="Abcd1234")
    redshift.run("SELECT 'of the admin alone'")
    redshift.run("SELECT 'of carl'", SecretArn=arn)
    history = "SELECT DISTINCT username FROM sys_query_history WHERE query_text LIKE 'SELECT ''of %' ORDER BY 1"
    assert redshift.run(history, SecretArn=arn) == [("carl",)]
    assert redshift.run(history) == [("admin",), ("carl",)]


@pytest.mark.parametrize(("content", "problem"), [
    ({"username": "carl", "password": "other"}, 'password authentication failed for user "carl"'),
    ({"username": "nobody", "password": "Abcd1234"}, 'password authentication failed for user "nobody"'),
    ({"user": "carl"}, "must be JSON with a username and a password"),
])  # fmt: skip
def test_call_with_a_wrong_secret_is_refused(
    redshift: RedshiftData, secret: Callable[..., str], content: dict[str, str], problem: str
) -> None:
    with pytest.raises(ClientError) as caught:
        redshift.start("SELECT 1", SecretArn=secret(**content))
    assert problem in caught.value.response["Error"]["Message"]


def test_session_stays_with_its_user(redshift: RedshiftData, secret: Callable[..., str]) -> None:
    arn = secret(username="carl", password="Abcd1234")
    first = redshift.finish(redshift.start("SELECT 1", SecretArn=arn, SessionKeepAliveSeconds=60))
    assert redshift.run("SELECT current_user", SessionId=first["SessionId"]) == [("carl",)]


def test_listing_shows_what_the_user_may_use(redshift: RedshiftData, secret: Callable[..., str]) -> None:
    arn = secret(username="carl", password="Abcd1234")

    def tables(**options: str) -> list[str]:
        found = redshift.client.list_tables(**redshift.target, SchemaPattern="depot", **options)["Tables"]
        return [table["name"] for table in found]

    assert tables(SecretArn=arn) == ["stock"]
    assert tables() == ["prices", "stock"]
    columns = redshift.client.describe_table(**redshift.target, Schema="depot", Table="prices", SecretArn=arn)
    assert columns["ColumnList"] == []
