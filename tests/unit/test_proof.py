"""The proof finds every row that is lost, doubled or wrongly booked, and says in which file and table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import duckdb
import pytest
import sqlglot

from lakehouse import proof, tables
from lakehouse.contract import Registry, load_registry
from lakehouse.redshift import Redshift, Result

SOURCE = load_registry().sources["online_retail.invoice_lines"]
FACT = load_registry().gold["online_retail.fact_invoice_line"]
TRENDS = load_registry().gold["online_retail.sales_trends"]
REGISTRY = Registry(sources={SOURCE.dataset: SOURCE}, gold={FACT.dataset: FACT, TRENDS.dataset: TRENDS})

LAKE_TABLES = (
    *tables.LEDGER,
    tables.silver_table(SOURCE),
    tables.history_table(SOURCE),
    *(tables.gold_table(contract) for contract in REGISTRY.gold.values()),
)
SILVER = "lake_silver_online_retail.invoice_lines"
_DUCKDB = {"string": "VARCHAR", "timestamp_ntz": "TIMESTAMP"}


class Warehouse:
    """Lake and warehouse side by side on DuckDB, asked in Redshift's SQL."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.asked: list[str] = []
        for table in LAKE_TABLES:
            columns = ", ".join(f"{name} {_DUCKDB.get(kind, kind)}" for name, kind in table.columns)
            self.db.execute(f"CREATE SCHEMA IF NOT EXISTS lake_{table.database}")
            self.db.execute(f"CREATE TABLE lake_{table.database}.{table.name} ({columns})")
        self.db.execute("CREATE SCHEMA online_retail")
        for contract in REGISTRY.gold.values():
            self.db.execute(f"CREATE TABLE {contract.dataset} AS FROM lake_gold_{contract.dataset}")

    def insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            marks = ", ".join("?" * len(row))
            self.db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def query(self, sql: str, parameters: Mapping[str, str] | None = None) -> Result:
        self.asked.append(sql)
        (statement,) = sqlglot.transpile(sql, read="redshift", write="duckdb")
        found = self.db.execute(statement, dict(parameters or {}))
        names = tuple(column[0] for column in found.description or ())
        # The Data API gives decimals and times as text.
        rows = tuple(tuple(v if v is None or isinstance(v, int) else str(v) for v in row) for row in found.fetchall())
        return Result(names, ("",) * len(names), rows)

    def checks(self) -> list[proof.Check]:
        return proof.prove(cast(Redshift, self), REGISTRY, [SOURCE.dataset])

    def problems(self) -> list[str]:
        """Lines of the ProofError, without its first; empty when every sum closes."""
        try:
            proof.require(self.checks())
        except proof.ProofError as error:
            return str(error).splitlines()[1:]
        return []


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """Two files of 4 and 2 rows: 3 in silver, 1 refused, 1 duplicate, 1 superseded; and the star made from them."""
    made = Warehouse()
    for name, parsed in (("first", 4), ("second", 2)):
        made.insert(
            "lake_ops.files",
            {
                "file_id": name,
                "dataset": SOURCE.dataset,
                "key": f"online_retail/invoice_lines/{name}.csv",
                "verdict": "accepted",
                "rows_parsed": parsed,
            },
        )
    refused = {"file_id": "page", "dataset": SOURCE.dataset, "key": "page", "verdict": "quarantined"}
    other = {"file_id": "other", "dataset": "storefront.users", "key": "other", "verdict": "accepted"}
    made.insert("lake_ops.files", {**refused, "rows_parsed": 0}, {**other, "rows_parsed": 9})
    made.insert(
        SILVER, *({"_key": key, "_file_id": file} for key, file in (("k1", "first"), ("k2", "first"), ("k3", "second")))
    )
    made.insert(f"{SILVER}_history", {"_key": "k1", "_file_id": "first", "_fate": "duplicate"})
    made.insert(f"{SILVER}_history", {"_key": "k2", "_file_id": "second", "_fate": "superseded"})
    made.insert(
        "lake_quarantine.rows",
        {"dataset": SOURCE.dataset, "file_id": "first", "status": "open"},
        {"dataset": SOURCE.dataset, "file_id": "first", "status": "replayed"},
        {"dataset": "storefront.users", "file_id": "first", "status": "open"},
    )
    accounts = {"dataset": SOURCE.dataset, "quarantined": 0, "duplicate": 0, "superseded": 0}
    made.insert(
        "lake_ops.row_accounts",
        {**accounts, "file_id": "first", "parsed": 4, "silver": 2, "quarantined": 1, "duplicate": 1},
        {**accounts, "file_id": "second", "parsed": 2, "silver": 1, "superseded": 1},
    )
    fact = {"stock_code": "S", "customer_id": 1, "country": "FR", "quantity": 2, "invoice_date": date(2026, 11, 20)}
    trend = {"sales_date": date(2026, 11, 20), "country": "FR", "revenue": Decimal("7.500"), "line_count": 3}
    for schema in ("lake_gold_online_retail", "online_retail"):
        for key in ("k1", "k2", "k3"):
            made.insert(
                f"{schema}.fact_invoice_line",
                {
                    **fact,
                    "invoice_line_key": key,
                    "invoice_no": key,
                    "invoiced_at": datetime(2026, 11, 20, 8),
                    "unit_price": Decimal("1.250"),
                },
            )
        made.insert(f"{schema}.sales_trends", trend)
    yield made
    made.db.close()


def test_sums_that_close_are_proved_with_their_figures(warehouse: Warehouse) -> None:
    assert warehouse.problems() == []
    checks = {(check.name, check.subject): check.figures for check in warehouse.checks()}
    assert checks == {
        ("rows of every file", "online_retail.invoice_lines"): {
            "files": 2,
            "parsed": 6,
            "silver": 3,
            "quarantined": 1,
            "duplicate": 1,
            "superseded": 1,
        },
        ("one row per key", "silver_online_retail.invoice_lines"): {"keys held twice": 0},
        ("lake against warehouse", "online_retail.fact_invoice_line"): {"rows": 3},
        ("silver against gold", "online_retail.fact_invoice_line"): {"silver": 3, "gold": 3},
        ("lake against warehouse", "online_retail.sales_trends"): {"rows": 1},
    }


def test_an_empty_lake_is_proved(warehouse: Warehouse) -> None:
    empty = Warehouse()
    assert empty.problems() == []


# The first file of the fixture as the proof names it.
FIRST = "file online_retail/invoice_lines/first.csv (file_id first): "
BOOKED = f"{FIRST}ops.row_accounts says "
IN_SILVER, IN_HISTORY = (
    f"counted in silver_online_retail.{name}" for name in ("invoice_lines", "invoice_lines_history")
)
FACT_IN_LAKE, FACT_IN_WAREHOUSE = "lake_gold_online_retail.fact_invoice_line", "online_retail.fact_invoice_line"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            f"DELETE FROM {SILVER} WHERE _key = 'k1'",
            [
                f"online_retail.invoice_lines: {FIRST}4 rows parsed, 3 found (silver 1 in silver_online_",
                f"online_retail.invoice_lines: {BOOKED}silver 2 (1 {IN_SILVER})",
                "online_retail.fact_invoice_line: 3 rows from 2 silver rows",
            ],
        ),
        (
            f"INSERT INTO {SILVER} BY NAME SELECT 'k3' AS _key, 'first' AS _file_id",
            [
                f"{FIRST}4 rows parsed, 5 found (silver 3 in silver_online_",
                f"{BOOKED}silver 2 (3 {IN_SILVER})",
                "silver_online_retail.invoice_lines: 1 keys have more than one row",
                "3 rows from 4 silver rows",
            ],
        ),
        (
            "DELETE FROM lake_quarantine.rows WHERE status = 'open'",
            [
                f"{FIRST}4 rows parsed, 3 found",
                f"{BOOKED}quarantined 1 (0 counted in quarantine.rows)",
            ],
        ),
        (
            f"DELETE FROM {SILVER}_history WHERE _fate = 'duplicate'",
            [
                f"{FIRST}4 rows parsed, 3 found",
                f"{BOOKED}duplicate 1 (0 {IN_HISTORY})",
            ],
        ),
        (
            f"UPDATE {SILVER}_history SET _fate = 'superseded'",
            [f"{BOOKED}duplicate 1 (0 {IN_HISTORY}), superseded 0 (1 {IN_HISTORY})"],
        ),
        (
            "UPDATE lake_ops.row_accounts SET silver = 1, duplicate = 2 WHERE file_id = 'first'",
            [f"{BOOKED}silver 1 (2 {IN_SILVER}), duplicate 2 (1 {IN_HISTORY})"],
        ),
        (
            "UPDATE lake_ops.row_accounts SET parsed = 5 WHERE file_id = 'first'",
            [f"{BOOKED}parsed 5 (4 counted in ops.files)"],
        ),
        (
            "DELETE FROM lake_ops.row_accounts WHERE file_id = 'first'",
            [f"{BOOKED}parsed 0 (4 counted in ops.files), silver 0 (2 {IN_SILVER}), quarantined 0 (1 "],
        ),
        (
            "DELETE FROM lake_ops.files WHERE file_id = 'first'",
            ["file unknown to ops.files (file_id first): 0 rows parsed, 4 found"],
        ),
        (
            f"DELETE FROM {FACT_IN_WAREHOUSE} WHERE invoice_no = 'k1'",
            ["online_retail.fact_invoice_line: row_count is 3 in the lake and 2 in the warehouse"],
        ),
        (
            f"DELETE FROM {FACT_IN_LAKE} WHERE invoice_no = 'k1'",
            ["row_count is 2 in the lake and 3 in the warehouse", "2 rows from 3 silver rows"],
        ),
        (
            f"UPDATE {FACT_IN_WAREHOUSE} SET unit_price = 1.251 WHERE invoice_no = 'k1'",
            ["fact_invoice_line: unit_price is 3.750 in the lake and 3.751 in the warehouse"],
        ),
        (
            f"UPDATE {FACT_IN_WAREHOUSE} SET country = 'France' WHERE invoice_no = 'k1'",
            ["country_length is 6 in the lake and 10 in the warehouse"],
        ),
        (
            f"UPDATE {FACT_IN_WAREHOUSE} SET invoiced_at = TIMESTAMP '2026-11-20 07:00:00' WHERE invoice_no = 'k1'",
            ["invoiced_at_least is 2026-11-20 08:00:00 in the lake and 2026-11-20 07:00:00 in the warehouse"],
        ),
        (
            f"UPDATE {FACT_IN_WAREHOUSE} SET invoice_date = NULL WHERE invoice_no = 'k1'",
            ["invoice_date_count is 3 in the lake and 2 in the warehouse"],
        ),
        (
            "UPDATE online_retail.sales_trends SET revenue = 7.501",
            ["online_retail.sales_trends: revenue is 7.500 in the lake and 7.501 in the warehouse"],
        ),
    ],
)
def test_damage_is_found_and_named(warehouse: Warehouse, damage: str, expected: list[str]) -> None:
    warehouse.db.execute(damage)
    found = warehouse.problems()
    for text in expected:
        assert any(text in problem for problem in found), found


def test_many_broken_files_are_counted_and_some_shown(warehouse: Warehouse) -> None:
    warehouse.db.execute(
        "INSERT INTO lake_ops.files BY NAME SELECT 'f' || i AS file_id, 'k' || i AS key, 'accepted' AS verdict, "
        f"1 AS rows_parsed, '{SOURCE.dataset}' AS dataset FROM range(30) r(i)"
    )
    found = warehouse.problems()
    assert len(found) == proof.SHOWN_FILES + 1
    assert found[-1].endswith("and 50 more"), "two problems of each file"


def test_the_proof_asks_in_sql_that_redshift_reads_and_pastes_no_value(warehouse: Warehouse) -> None:
    warehouse.checks()
    for sql in warehouse.asked:
        tree = sqlglot.parse_one(sql, read="redshift", error_level=sqlglot.ErrorLevel.RAISE)
        literals = {literal.this for literal in tree.find_all(sqlglot.exp.Literal) if literal.is_string}
        assert literals <= {"accepted", "replayed", "duplicate", "superseded", "unknown to ops.files"}


def test_the_sum_of_a_single_file_closes_whatever_its_verdict(warehouse: Warehouse) -> None:
    checks = proof.prove_files(cast(Redshift, warehouse), SOURCE, {"first": "first.csv", "page": "page.csv"})
    nothing = dict.fromkeys(("parsed", *proof.FATES), 0)
    assert {file_id: (check.figures, check.problems) for file_id, check in checks.items()} == {
        "first": ({"parsed": 4, "silver": 2, "quarantined": 1, "duplicate": 1, "superseded": 0}, ()),
        "page": (nothing, ()),
    }


@pytest.mark.parametrize(
    ("damage", "file", "problem"),
    [
        (f"DELETE FROM {SILVER} WHERE _key = 'k1'", "first", "file k (file_id first): 4 rows parsed, 3 found"),
        (
            f"UPDATE {SILVER} SET _file_id = 'page' WHERE _key = 'k3'",
            "page",
            "file k (file_id page): 0 rows parsed, 1 ",
        ),
        ("DELETE FROM lake_ops.row_accounts WHERE file_id = 'first'", "first", "ops.row_accounts says parsed 0 (4 "),
    ],
)
def test_damage_to_a_single_file_is_named(warehouse: Warehouse, damage: str, file: str, problem: str) -> None:
    warehouse.db.execute(damage)
    found = proof.prove_files(cast(Redshift, warehouse), SOURCE, {file: "k"})[file].problems
    assert any(problem in text for text in found), found


def test_many_files_are_proved_in_portions(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "FILES_PER_QUERY", 1)
    checks = proof.prove_files(cast(Redshift, warehouse), SOURCE, {"first": "a", "second": "b"})
    assert {file_id: check.figures["parsed"] for file_id, check in checks.items()} == {"first": 4, "second": 2}


def test_only_gold_made_from_the_datasets_is_compared(warehouse: Warehouse) -> None:
    everything = load_registry()
    registry = Registry(
        sources=everything.sources,
        gold={
            **REGISTRY.gold,
            **{name: contract for name, contract in everything.gold.items() if contract.domain == "storefront"},
        },
    )
    checks = proof.prove(cast(Redshift, warehouse), registry, [SOURCE.dataset, SOURCE.dataset])
    assert {check.subject.split(".")[0] for check in checks} == {"online_retail", "silver_online_retail"}
    assert len(checks) == 5


USERS, DIM_USER = load_registry().sources["storefront.users"], load_registry().gold["storefront.dim_user"]


@pytest.fixture
def users() -> Iterator[Warehouse]:
    """Two users with an address and one without, in the lake in clear, and as they should be in the warehouse."""
    made = Warehouse()
    for table in (tables.silver_table(USERS), tables.history_table(USERS), tables.gold_table(DIM_USER)):
        columns = ", ".join(f"{name} {_DUCKDB.get(kind, kind)}" for name, kind in table.columns)
        made.db.execute(f"CREATE SCHEMA IF NOT EXISTS lake_{table.database}")
        made.db.execute(f"CREATE TABLE lake_{table.database}.{table.name} ({columns})")
    for schema in ("storefront", "private_storefront"):
        made.db.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.dim_user AS FROM lake_gold_storefront.dim_user")
    for key, email in ((1, "ada@example.com"), (2, "bo@example.com"), (3, None)):
        row = {"user_key": key, "user_id": f"u-{key}"}
        made.insert("lake_gold_storefront.dim_user", {**row, "email": email})
        made.insert("storefront.dim_user", {**row, "email": email and f"{key:064x}"})
        if email:
            made.insert("private_storefront.dim_user", {**row, "email": email})
    yield made
    made.db.close()


def test_tokens_and_clear_values_are_proved_against_the_lake(users: Warehouse) -> None:
    registry = Registry(sources={USERS.dataset: USERS}, gold={DIM_USER.dataset: DIM_USER})
    checks = proof.prove(cast(Redshift, users), registry, [USERS.dataset])
    proof.require(checks)
    counted = {check.subject: check.figures for check in checks if check.name == "lake against warehouse"}
    assert counted == {"storefront.dim_user": {"rows": 3}, "private_storefront.dim_user": {"rows": 2}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "UPDATE storefront.dim_user SET email = 'ada@example.com' WHERE user_key = 1",
            "email_length is 128 in the lake",
        ),
        ("UPDATE storefront.dim_user SET email = repeat('a', 64)", "email_different is 2 in the lake and 1"),
        ("UPDATE storefront.dim_user SET email = NULL", "email_length is 128 in the lake and 0 in the warehouse"),
        ("DELETE FROM private_storefront.dim_user WHERE user_key = 2", "private_storefront.dim_user: row_count is 2"),
        ("UPDATE private_storefront.dim_user SET email = 'x' WHERE user_key = 2", "email_length is 29 in the lake"),
    ],
)
def test_a_wrong_token_or_clear_value_is_found(users: Warehouse, change: str, told: str) -> None:
    users.db.execute(change)
    registry = Registry(sources={USERS.dataset: USERS}, gold={DIM_USER.dataset: DIM_USER})
    with pytest.raises(proof.ProofError) as caught:
        proof.require(proof.prove(cast(Redshift, users), registry, [USERS.dataset]))
    assert told in str(caught.value)
