"""Who can read a person's e-mail address in the warehouse, asked of every schema and table as every role."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from infra.local_aws import provision as provisioning
from infra.local_aws.provision import provision
from infra.local_aws.redshift import system_views
from lakehouse import road, roles, tables, tokens, warehouse
from lakehouse.cli import stack
from lakehouse.cli.main import app
from lakehouse.contract import Registry, load_registry
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.settings import Settings
from lakehouse.warehouse import ExportedFile, ExportedTable
from tests.support.iceberg import catalog_of
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry()
USERS = REGISTRY.gold["storefront.dim_user"]
PEOPLE = {"u-1": "ada@example.com", "u-2": "bo@example.com"}
TABLES = "SELECT schema_name, table_name FROM svv_all_tables WHERE schema_name NOT IN ('pg_catalog') ORDER BY 1, 2"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    """Made before there was personal data in the contracts, then made again; two people are in every layer."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("personal") / "state")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment(process.endpoint, CREDENTIALS).items():
            patch.setenv(name, value)
        with pytest.MonkeyPatch.context() as before:
            before.setattr(provisioning, "load_registry", _without_personal_data)
            provision(Settings.from_environment(), ROOT)
        Redshift(Settings.from_environment()).query(
            "INSERT INTO storefront.dim_user (user_key, user_id) VALUES (9, '9')"
        )
        told: list[str] = []
        provision(Settings.from_environment(), ROOT, told.append)
        assert told == []
        _fill_the_lake(process)
        _export(Settings.from_environment(), 7)
        road.load_warehouse(Settings.from_environment(), 7)
        yield process
        process.stop()


def _without_personal_data() -> Registry:
    gold = {
        name: replace(contract, columns=tuple(column for column in contract.columns if not column.is_personal))
        for name, contract in REGISTRY.gold.items()
    }
    return replace(REGISTRY, gold=gold)


def _fill_the_lake(process: LocalAwsProcess) -> None:
    """The people in clear in silver, in gold, and in a refused row."""
    catalog = catalog_of(process)
    rows = [{"user_id": user, "email": email} for user, email in PEOPLE.items()]
    for table in (tables.silver_table(REGISTRY.sources["storefront.users"]), tables.gold_table(USERS)):
        made = catalog.create_table((table.database, table.name), pa.Table.from_pylist(rows).schema)
        made.append(pa.Table.from_pylist(rows))
    refused = pa.Table.from_pylist([{"quarantine_id": "q", "raw": str(PEOPLE)}])
    catalog.create_table(("quarantine", "rows"), refused.schema).append(refused)


def _export(settings: Settings, batch_id: int) -> None:
    """An export of both people, and of the unknown member."""
    key = tokens.read_key(settings.token_key)
    rows: list[dict[str, Any]] = [
        {"user_key": number, "user_id": user, "email": email} for number, (user, email) in enumerate(PEOPLE.items(), 1)
    ]
    unknown = {"user_key": 0, "user_id": "(unknown)", "email": None}
    parts = {
        "keys": ([{"user_id": row["user_id"]} for row in (*rows, unknown)], [USERS.column("user_id")]),
        "rows": ([{**row, "email": key.token(row["email"])} for row in (*rows, unknown)], USERS.served),
        "private": (rows, USERS.private),
    }
    files = {}
    for part, (content, columns) in parts.items():
        schema = pa.schema([warehouse.arrow_field(column) for column in columns])
        body, longest = io.BytesIO(), dict.fromkeys(schema.names, 64 if part == "rows" else 20) | {"user_id": 9}
        pq.write_table(pa.Table.from_pylist(content, schema), body)
        name = f"{warehouse.folder(batch_id)}{part}.parquet"
        boto3.client("s3").put_object(Bucket=settings.bucket, Key=name, Body=body.getvalue())
        files[part] = (ExportedFile(name, len(body.getvalue()), len(content), longest | {"country": 2}),)
    exported = ExportedTable(USERS.dataset, **files)
    warehouse.publish(boto3.client("s3"), settings.bucket, batch_id, [exported])


def as_user(role: str | None = None) -> Redshift:
    settings = Settings.from_environment()
    return Redshift(settings, secret_arn=settings.user_secret(role) if role else None)


def readable(redshift: Redshift) -> tuple[dict[str, str], dict[str, str]]:
    """By `schema.table`, of every table there is and every system view: all its rows as text, or the refusal."""
    names = [f"{schema}.{table}" for schema, table in as_user().query(TABLES).rows]
    names += [f"{view.schema}.{view.name}" for view in system_views.VIEWS]
    read, refused = {}, {}
    for name in names:
        try:
            read[name] = str(redshift.query(f"SELECT * FROM {name}").rows)
        except RedshiftError as error:
            refused[name] = str(error)
    return read, refused


def test_an_analyst_reads_no_clear_address_anywhere(aws: LocalAwsProcess) -> None:
    as_user(roles.STEWARD).query(f"SELECT * FROM private_storefront.dim_user WHERE email = '{PEOPLE['u-1']}'")
    read, refused = readable(as_user(roles.ANALYST))
    assert not [name for name, rows in read.items() if any(email in rows for email in PEOPLE.values())]
    assert {name.partition(".")[0] for name in read} == {
        *REGISTRY.domains, "ops", "pg_catalog", "information_schema",
    }  # fmt: skip
    assert {*REGISTRY.gold, *REGISTRY.views, "ops.loads"} <= read.keys()
    for name, error in refused.items():
        assert name.startswith(("private_", "lake_")), name
        assert error == f"ERROR: permission denied for schema {name.partition('.')[0]}"
    everything, _ = readable(as_user())
    holding = {name for name, rows in everything.items() if PEOPLE["u-1"] in rows}
    assert holding >= {
        "lake_gold_storefront.dim_user", "lake_quarantine.rows", "lake_silver_storefront.users",
        "private_storefront.dim_user", "pg_catalog.sys_query_history",
    }, "nobody is kept from what is nowhere"  # fmt: skip


def test_an_analyst_counts_and_joins_by_tokens(aws: LocalAwsProcess) -> None:
    key = boto3.client("secretsmanager").get_secret_value(SecretId="lakehouse/token-key")["SecretBinary"]
    expected = tuple(
        (user, hmac.new(key, email.encode(), hashlib.sha256).hexdigest()) for user, email in PEOPLE.items()
    )
    sql = "SELECT user_id, email FROM storefront.dim_user WHERE user_id <> '9' ORDER BY user_key"
    assert as_user(roles.ANALYST).query(sql).rows == (("(unknown)", None), *expected)
    both = (
        "SELECT COUNT(DISTINCT u.email) AS customers_of_both FROM storefront.dim_user u "
        "JOIN retail.dim_customer c USING (email)"
    )
    insert = "INSERT INTO retail.dim_customer (customer_key, customer_id, email, valid_from, valid_to, is_current)"
    as_user().query(
        f"{insert} SELECT 1, 1, email, GETDATE(), GETDATE(), TRUE FROM storefront.dim_user WHERE user_key = 1"
    )
    assert as_user(roles.ANALYST).query(both).rows == ((1,),)


def test_a_steward_joins_the_clear_values(aws: LocalAwsProcess) -> None:
    found = as_user(roles.STEWARD).query(
        "SELECT u.user_id, p.email FROM storefront.dim_user u JOIN private_storefront.dim_user p USING (user_key) "
        "ORDER BY user_key"
    )
    assert found.rows == tuple(PEOPLE.items()), "who has no address is not there"
    assert as_user(roles.STEWARD).query("SELECT COUNT(*) FROM lake_silver_storefront.users").rows == ((2,),)


@pytest.mark.parametrize(
    ("role", "statement", "problem"),
    [
        (roles.LOADER, "CREATE USER eve PASSWORD DISABLE", "permission denied to create user"),
        (roles.LOADER, "GRANT SELECT ON private_storefront.dim_user TO lakehouse_analyst", "permission denied"),
        (roles.LOADER, "SELECT * FROM lake_silver_storefront.users", "permission denied for schema"),
        (roles.LOADER, "SELECT * FROM lake_quarantine.rows", "permission denied for schema"),
        (roles.LOADER, "DROP TABLE storefront.dim_user", "must be owner of relation dim_user"),
        (roles.LOADER, "UPDATE storefront.dim_user SET country = 'DE'", "permission denied for relation dim_user"),
        (roles.LOADER, "CREATE TABLE storefront.mine (a INT)", "permission denied for schema storefront"),
        (roles.ANALYST, "DELETE FROM storefront.dim_user", "permission denied for relation dim_user"),
        (roles.ANALYST, "LOCK ops.loads", "permission denied for relation loads"),
        (roles.ANALYST, "CREATE VIEW storefront.mine AS SELECT 1 AS a", "permission denied for schema storefront"),
        (roles.ANALYST, "GRANT ROLE steward TO lakehouse_analyst", "permission denied to grant role"),
        (roles.ANALYST, "SET SESSION AUTHORIZATION lakehouse_steward", "permission denied to set session"),
        (roles.STEWARD, "DELETE FROM private_storefront.dim_user", "permission denied for relation dim_user"),
    ],
)
def test_a_role_may_not(aws: LocalAwsProcess, role: str, statement: str, problem: str) -> None:
    with pytest.raises(RedshiftError, match=problem):
        as_user(role).query(statement)


def test_tables_that_are_made_later_have_the_grants(aws: LocalAwsProcess) -> None:
    for schema in ("storefront", "private_storefront"):
        as_user().query(f"CREATE TABLE {schema}.later__new (a INT)")
        as_user().query(f"ALTER TABLE {schema}.later__new RENAME TO later")  # as a rebuild does
    try:
        as_user(roles.LOADER).query("INSERT INTO private_storefront.later VALUES (1)")
        assert as_user(roles.ANALYST).query("SELECT * FROM storefront.later").rows == ()
        assert as_user(roles.STEWARD).query("SELECT * FROM private_storefront.later").rows == ((1,),)
        with pytest.raises(RedshiftError, match="permission denied for schema private_storefront"):
            as_user(roles.ANALYST).query("SELECT * FROM private_storefront.later")
    finally:
        for schema in ("storefront", "private_storefront"):
            as_user().query(f"DROP TABLE {schema}.later")


def test_a_command_runs_as_the_analyst(aws: LocalAwsProcess) -> None:
    done = CliRunner().invoke(app, ["sql", "SELECT current_user AS me", "--as", "analyst", "--format", "csv"])
    assert (done.exit_code, done.stdout) == (0, "me\nlakehouse_analyst\n")
    assert CliRunner().invoke(app, ["sql", "SELECT * FROM private_retail.dim_customer", "--as", "analyst"]).exit_code


def test_key_and_passwords_are_in_secrets_alone(aws: LocalAwsProcess) -> None:
    """Not in the history of statements, nor in what the local AWS logs."""
    client = boto3.client("secretsmanager")
    names = [f"lakehouse/redshift/{role}" for role in roles.ROLES]
    passwords = [json.loads(client.get_secret_value(SecretId=name)["SecretString"])["password"] for name in names]
    assert len(set(passwords)) == len(roles.ROLES)
    key = client.get_secret_value(SecretId="lakehouse/token-key")["SecretBinary"]
    assert len(key) == tokens.KEY_BYTES
    written = aws.log() + str(as_user().query("SELECT * FROM sys_query_history").rows)
    assert "CREATE USER lakehouse_analyst PASSWORD 'md5" in written
    for form in (key.hex(), str(key), base64.b64encode(key).decode()):
        assert form not in written
    assert not [password for password in passwords if password in written]


def test_all_of_it_outlives_the_local_aws(aws: LocalAwsProcess) -> None:
    """What `lakehouse up` does after a restart gives nobody another password, and nothing another token."""
    client = boto3.client("secretsmanager")
    names = ["lakehouse/token-key", *(f"lakehouse/redshift/{role}" for role in roles.ROLES)]

    def secrets() -> list[Any]:
        return [client.get_secret_value(SecretId=name)["VersionId"] for name in names]

    before, (read, _) = secrets(), readable(as_user(roles.ANALYST))
    aws.kill()
    aws.restart()
    assert secrets() == before
    provision(Settings.from_environment(), ROOT)
    assert secrets() == before
    assert readable(as_user(roles.ANALYST))[0]["storefront.dim_user"] == read["storefront.dim_user"]


def test_a_user_whose_secret_was_lost_gets_another(aws: LocalAwsProcess) -> None:
    client = boto3.client("secretsmanager")
    client.delete_secret(SecretId="lakehouse/redshift/analyst", ForceDeleteWithoutRecovery=True)
    with pytest.raises(ClientError):
        as_user(roles.ANALYST).query("SELECT 1")
    provision(Settings.from_environment(), ROOT)
    assert as_user(roles.ANALYST).query("SELECT current_user").rows == (("lakehouse_analyst",),)
