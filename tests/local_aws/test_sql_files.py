"""`sql/load/` and `sql/checks/` on the local Redshift: the scripts load, and the checks find what is planted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local_aws.redshift import tokens
from lakehouse import checks, ddl
from lakehouse.checks import Check
from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift, Session
from lakehouse.settings import Settings
from tests.support.declared import declared_warehouse
from tests.support.exports import Exports, sample_row
from tests.support.local_aws_process import LocalAwsProcess

SQL = Path(__file__).parents[2] / "sql"
REGISTRY = load_registry()
DOMAINS = [domain for domain in REGISTRY.domains if REGISTRY.gold_of(domain)]
CHECKS = [check for domain in DOMAINS for check in checks.of_domain(REGISTRY, domain)]
TIMES = [check for check in CHECKS if check.title.startswith("Times of")]
OTHERS = [check for check in CHECKS if check not in TIMES]
TABLES = {table.name: table for table in ddl.tables(REGISTRY)}
BATCH = 7


@pytest.fixture(scope="module")
def settings(local_aws: LocalAwsProcess) -> Iterator[Settings]:
    """Every table, with the one row that `sql/load/` has brought it."""
    with declared_warehouse(local_aws, REGISTRY, lambda _: True) as made:
        exports = Exports(boto3.client("s3"), made.bucket)
        exports.publish(BATCH, *(exports.write(BATCH, gold, [sample_row(gold)]) for gold in REGISTRY.gold.values()))
        for domain in DOMAINS:
            load_by_hand(made, domain)
        yield made


def statements_of(path: Path) -> list[str]:
    return tokens.split(path.read_text(encoding="utf-8"))


def load_by_hand(settings: Settings, domain: str) -> None:
    """Run a domain's script as its header says, in a session of its own."""
    values = {
        "bucket": settings.bucket,
        "iam_role": settings.redshift_role,
        "batch_id": f"{BATCH:010d}",
        "row_count": str(len(REGISTRY.gold_of(domain))),
        "committed_at": "2026-11-01 00:00:00.000",
    }
    session = Redshift(settings).session(60)
    for sql in statements_of(SQL / "load" / f"{domain}.sql"):
        for name, value in values.items():
            sql = sql.replace(f":{name}", value)  # noqa: PLW2901 - placeholder by placeholder
        session.run(sql)


def answer(session: Session, sql: str) -> Sequence[tuple[Any, ...]]:
    return session.run(sql).result().rows


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_script_loads_a_batch_once(settings: Settings, domain: str) -> None:
    session, count = Redshift(settings).session(60), len(REGISTRY.gold_of(domain))
    load_by_hand(settings, domain)  # once more than the fixture
    for contract in REGISTRY.gold_of(domain):
        assert answer(session, f"SELECT COUNT(*) FROM {contract.dataset}") == ((1,),), contract.dataset
    ledger = f"SELECT batch_id, table_count, row_count FROM ops.loads WHERE domain = '{domain}'"
    assert answer(session, ledger) == ((BATCH, count, count),)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_checks_of_a_good_warehouse_return_nothing(settings: Settings, domain: str) -> None:
    session = Redshift(settings).session(60)
    written = statements_of(SQL / "checks" / f"{domain}.sql")
    assert len(written) == len(checks.of_domain(REGISTRY, domain))
    for sql in written:
        assert answer(session, sql) == (), sql


def planted(check: Check) -> list[str]:
    """Statements that make a warehouse of good rows break a check."""
    words = check.title.split()
    if check.title.startswith("Keys of"):
        return [f"INSERT INTO {words[2]} SELECT * FROM {words[2]}"]
    if check.title.startswith("Values of"):
        return [f"DELETE FROM {words[-1]}"]
    assert check.title.startswith("Rows of"), "every kind of check has its plant here, or is among TIMES"
    table = TABLES[words[2]]
    lines = [ddl.ColumnLine(line.name, line.type, required=False) for line in ddl.lines(table)]
    last = [column.name for column in table.columns if column.required][-1]
    others = ", ".join(column.name for column in table.columns if column.name != last)
    # As after ADD COLUMN on a table with rows: required, and not yet NOT NULL.
    return [
        f"ALTER TABLE {table.name} RENAME TO enforced",
        ddl.create_table(table.name, lines, (), ""),
        f"INSERT INTO {table.name} ({others}) SELECT {others} FROM {table.schema}.enforced",
    ]


@pytest.mark.parametrize("check", OTHERS, ids=[check.title for check in OTHERS])
def test_a_check_finds_what_is_planted(settings: Settings, check: Check) -> None:
    session = Redshift(settings).session(60)
    session.run("BEGIN")
    for sql in planted(check):
        session.run(sql)
    assert len(answer(session, check.sql)) == 1
    session.run("ROLLBACK")


FOLLOWS = "UPDATE {table} SET valid_to = '2026-01-01', is_current = false WHERE valid_to = '9999-12-31'"


@pytest.mark.parametrize("check", TIMES, ids=[check.title.split()[2] for check in TIMES])
@pytest.mark.parametrize(
    ("valid_from", "is_current", "change", "is_wrong"),
    [
        ("2026-01-01", True, FOLLOWS, False),
        ("2025-12-31", True, FOLLOWS, True),
        ("2026-01-02", True, FOLLOWS, True),
        ("2026-01-01", False, FOLLOWS, True),
        ("2026-01-01", True, FOLLOWS.replace("false", "true"), True),
        ("2026-01-01", True, "UPDATE {table} SET valid_to = valid_from WHERE is_current", True),
    ],
    ids=["follows", "overlap", "gap", "none current", "two current", "empty"],
)
def test_times_that_do_not_follow_each_other_are_found(
    settings: Settings, check: Check, valid_from: str, is_current: bool, change: str, is_wrong: bool
) -> None:
    table = TABLES[check.title.split()[2]]
    names = ", ".join(column.name for column in table.columns)
    new = {"valid_from": f"CAST('{valid_from}' AS TIMESTAMP)", "is_current": str(is_current), table.key[0]: "2"}
    values = ", ".join(new.get(column.name, column.name) for column in table.columns)
    session = Redshift(settings).session(60)
    session.run("BEGIN")
    session.run(f"CREATE TEMP TABLE latest (LIKE {table.name})")
    session.run(f"INSERT INTO latest ({names}) SELECT {values} FROM {table.name}")
    session.run(change.format(table=table.name))
    session.run(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM latest")
    assert bool(answer(session, check.sql)) == is_wrong
    session.run("ROLLBACK")
