"""The Redshift DDL that contracts become."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlfluff.core import FluffConfig, Linter

from lakehouse import ddl
from lakehouse.contract import Registry, load_registry

REPOSITORY = Path(__file__).parents[2]
COMMITTED = REPOSITORY / "sql/ddl"
REGISTRY = load_registry()
FILES = ddl.files(REGISTRY)


def test_the_committed_files_say_what_the_contracts_say() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in COMMITTED.glob("*.sql")}
    assert committed == dict(FILES), "run: lakehouse contract ddl --write"


def test_files_and_statements_say_the_same() -> None:
    written = [
        statement.strip()
        for name in (f"{schema}.sql" for schema in ddl.schemas(REGISTRY))
        for statement in re.split(r";\n", re.sub(r"^--.*\n", "", FILES[name]))
    ]
    assert [statement for statement in written if statement] == ddl.statements(REGISTRY)


def test_a_table_has_its_types_keys_layout_and_comments() -> None:
    revenue = REGISTRY.gold["storefront.daily_revenue"]
    table = replace(
        revenue,
        description="It's revenue.",
        columns=tuple(
            column for column in revenue.columns if column.name in ("revenue_date", "currency", "net_amount")
        ),
        dist_style="key",
        dist_key="currency",
        sort_keys=("revenue_date", "currency"),
    )
    statements = ddl.statements(Registry(sources={}, gold={table.dataset: table}))
    assert "CREATE SCHEMA IF NOT EXISTS storefront" in statements
    assert (
        "CREATE TABLE IF NOT EXISTS storefront.daily_revenue (\n"
        "    revenue_date DATE NOT NULL,\n"
        "    currency VARCHAR(3) NOT NULL,\n"
        "    net_amount DECIMAL(20, 2) NOT NULL,\n"
        "    PRIMARY KEY (revenue_date, currency)\n"
        ")\n"
        "DISTSTYLE KEY\n"
        "DISTKEY (currency)\n"
        "SORTKEY (revenue_date, currency)"
    ) in statements
    assert "COMMENT ON TABLE storefront.daily_revenue IS 'It''s revenue.'" in statements
    assert any(
        statement.startswith("COMMENT ON COLUMN storefront.daily_revenue.net_amount IS '")
        and statement.endswith(" Unit: units of currency.'")
        for statement in statements
    )


def test_every_layer_of_the_lake_can_be_queried() -> None:
    external = [statement for statement in ddl.statements(REGISTRY) if statement.startswith("CREATE EXTERNAL SCHEMA")]
    databases = ["ops", "quarantine"]
    databases += [f"{layer}_{domain}" for domain in REGISTRY.domains for layer in ("silver", "gold")]
    assert external == [
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_{name}\nFROM DATA CATALOG DATABASE '{name}'\nIAM_ROLE DEFAULT"
        for name in databases
    ]


def test_each_statement_is_one_that_the_data_api_takes() -> None:
    for statement in ddl.statements(REGISTRY):
        assert ";" not in [token.text for token in sqlglot.tokenize(statement, read="redshift")]
        assert len(statement.encode()) < 100_000


@pytest.mark.parametrize("name", FILES)
def test_files_are_clean_redshift_sql(name: str) -> None:
    path = COMMITTED / name
    config = FluffConfig.from_path(str(path))
    assert config.get("dialect") == "redshift"
    linted = Linter(config=config).lint_string(FILES[name], fname=str(path))
    assert [violation.desc() for violation in linted.get_violations()] == []


def test_an_engine_makes_the_tables_with_the_declared_types() -> None:
    database = duckdb.connect()
    for statement in ddl.statements(REGISTRY):
        if statement.startswith(("CREATE SCHEMA", "CREATE TABLE")):
            for _ in range(2):  # each statement is safe to run again
                database.execute(sqlglot.transpile(statement, read="redshift", write="duckdb")[0])
    in_duckdb = {"varchar": "VARCHAR", "double": "DOUBLE"}
    for table in ddl.tables(REGISTRY):
        columns = database.execute(
            "SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns "
            "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
            table.name.split("."),
        ).fetchall()
        assert columns == [
            (column.name, in_duckdb.get(column.type.kind, column.type.redshift), column.required)
            for column in table.columns
        ]


def test_personal_data_is_a_token_in_its_domain_and_clear_in_a_schema_of_its_own() -> None:
    statements = ddl.statements(REGISTRY)
    dim_user = next(sql for sql in statements if sql.startswith("CREATE TABLE IF NOT EXISTS storefront.dim_user "))
    assert "email VARCHAR(64)" in dim_user
    assert next(sql for sql in statements if "storefront.dim_user.email IS" in sql).endswith(
        "private_storefront.dim_user has the clear value.'"
    )
    assert (
        "CREATE TABLE IF NOT EXISTS private_storefront.dim_user (\n"
        "    user_key BIGINT NOT NULL,\n"
        "    user_id VARCHAR(32) NOT NULL,\n"
        "    email VARCHAR(254),\n"
        "    full_name VARCHAR(200),\n"
        "    PRIMARY KEY (user_key)\n"
        ")\n"
        "DISTSTYLE KEY\n"
        "DISTKEY (user_key)"
    ) in statements
