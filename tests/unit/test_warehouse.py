"""The export is linted before COPY, and the load's SQL replaces the touched keys once, whoever runs it again."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot

from lakehouse import parquet_object, warehouse
from lakehouse.contract import GoldContract, Registry, load_registry
from lakehouse.warehouse import ExportedFile, ExportedTable, LintError
from tests.support.exports import SAMPLES
from tests.unit.conftest import BUCKET

REGISTRY = load_registry()
TRENDS = REGISTRY.gold["online_retail.sales_trends"]
FACTS = REGISTRY.gold["storefront.fact_transaction"]
ROLE = "arn:aws:iam::123456789012:role/copy"
KEY = "export/0000000007/rows.parquet"


def sample(contract: GoldContract, names: Sequence[str] = ()) -> pa.Table:
    """One row that fits the contract's table."""
    columns = [contract.column(name) for name in names or contract.column_names]
    return pa.table(
        [pa.array([SAMPLES[column.type.kind]], warehouse.arrow_field(column).type) for column in columns],
        schema=pa.schema([warehouse.arrow_field(column) for column in columns]),
    )


def put(s3: Any, table: pa.Table, key: str = KEY, **options: Any) -> ExportedFile:
    body = io.BytesIO()
    pq.write_table(table, body, **options)
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
    longest = {
        field.name: max((len((value or "").encode()) for value in table.column(field.name).to_pylist()), default=0)
        for field in table.schema
        if field.type == pa.string()
    }
    return ExportedFile(key, len(body.getvalue()), table.num_rows, longest)


def problems(s3: Any, contract: GoldContract, *files: ExportedFile, part: str = "rows") -> str:
    exported = ExportedTable(contract.dataset, **{"keys": (), "rows": (), part: files})
    with pytest.raises(LintError) as caught:
        warehouse.lint(s3, BUCKET, [exported], REGISTRY)
    return str(caught.value)


@pytest.mark.parametrize("contract", REGISTRY.gold.values(), ids=lambda contract: contract.dataset)
def test_what_fits_passes(s3: Any, contract: GoldContract) -> None:
    rows = put(s3, sample(contract))
    keys = put(s3, sample(contract, contract.recompute_by), "export/0000000007/keys.parquet")
    warehouse.lint(s3, BUCKET, [ExportedTable(contract.dataset, keys=(keys,), rows=(rows, rows))], REGISTRY)


def without(table: pa.Table, name: str) -> pa.Table:
    return table.drop_columns([name])


def retyped(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    position = table.schema.get_field_index(name)
    return table.set_column(position, name, table.column(name).cast(kind))


def refilled(table: pa.Table, name: str, value: Any) -> pa.Table:
    position = table.schema.get_field_index(name)
    return table.set_column(position, name, pa.array([value], table.schema.field(name).type))


def swapped(table: pa.Table, first: str, second: str) -> pa.Table:
    names = [{first: second, second: first}.get(name, name) for name in table.schema.names]
    return table.select(names)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (swapped(sample(TRENDS), "order_count", "line_count"), "columns are .*line_count, order_count.*; should be"),
        (without(sample(TRENDS), "country"), "columns are sales_date, revenue.*; should be sales_date, country"),
        (sample(TRENDS).append_column("more", pa.array([1])), "columns are .*, more; should be"),
        (retyped(sample(TRENDS), "quantity", pa.int32()), "quantity is int32; should be int64"),
        (
            retyped(sample(TRENDS), "revenue", pa.decimal128(20, 2)),
            r"revenue is decimal128\(20, 2\); should be decimal128\(38, 3\)",
        ),
        (retyped(sample(TRENDS), "sales_date", pa.timestamp("us")), "sales_date is timestamp.*; should be date32"),
        (retyped(sample(TRENDS), "country", pa.large_string()), "country is large_string; should be string"),
        (refilled(sample(TRENDS), "country", "é" * 31), r"country holds 62 bytes; VARCHAR\(60\) is too short"),
        (refilled(sample(TRENDS), "revenue", None), "revenue holds nulls; the column is NOT NULL"),
    ],
)
def test_what_copy_would_refuse_is_named_by_file_and_column(s3: Any, table: pa.Table, expected: str) -> None:
    assert re.search(f"{re.escape(KEY)}: {expected}", problems(s3, TRENDS, put(s3, table)))


def test_bytes_are_counted_not_characters(s3: Any) -> None:
    fits = put(s3, refilled(sample(TRENDS), "country", "é" * 30))
    warehouse.lint(s3, BUCKET, [ExportedTable(TRENDS.dataset, keys=(), rows=(fits,))], REGISTRY)


def test_every_problem_of_every_file_is_listed(s3: Any) -> None:
    first = put(s3, retyped(retyped(sample(TRENDS), "quantity", pa.int32()), "revenue", pa.float64()), "a.parquet")
    second = put(s3, refilled(sample(TRENDS), "sales_date", None), "b.parquet")
    found = problems(s3, TRENDS, first, second)
    assert found.count("a.parquet: ") == 2
    assert "b.parquet: sales_date holds nulls" in found


def test_key_files_are_held_against_the_recompute_columns(s3: Any) -> None:
    assert "columns are sales_date, country" in problems(s3, TRENDS, put(s3, sample(TRENDS)), part="keys")


def test_a_file_of_another_length_is_refused(s3: Any) -> None:
    file = put(s3, sample(TRENDS))
    assert f"holds {file.bytes:,} bytes, the manifest says 5" in problems(s3, TRENDS, replace(file, bytes=5))


def test_a_file_that_is_missing_or_no_parquet_is_refused(s3: Any) -> None:
    for key, body in (("text", b"not Parquet at all"), ("empty", b"")):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    found = problems(s3, TRENDS, *(ExportedFile(key, 18, 1, {}) for key in ("text", "empty", "missing")))
    assert found.count("cannot be read") == 3


@pytest.mark.parametrize("told", [{}, {"country": 3}], ids=["nothing", "a lie"])
def test_texts_are_measured_whatever_the_index_says(s3: Any, told: dict[str, int]) -> None:
    file = put(s3, refilled(sample(TRENDS), "country", "x" * 61))
    assert "country holds 61 bytes" in problems(s3, TRENDS, replace(file, longest=told))
    assert "country holds 99 bytes" in problems(s3, TRENDS, replace(file, longest={"country": 99}))
    fits = put(s3, refilled(sample(TRENDS), "country", "x" * 60))
    warehouse.lint(s3, BUCKET, [ExportedTable(TRENDS.dataset, (), (replace(fits, longest=told),))], REGISTRY)


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None])
def test_one_long_text_among_many_is_found_however_it_is_encoded(s3: Any, encoding: str | None) -> None:
    # With differences to the value before, 60 and 61 equal letters take few bytes.
    days = pa.concat_tables([refilled(sample(TRENDS), "country", "x" * length) for length in (*[60] * 40, 61, 3)])
    options = {"use_dictionary": False, "column_encoding": {"country": encoding}} if encoding else {}
    file = put(s3, days, row_group_size=7, **options)
    assert "country holds 61 bytes" in problems(s3, TRENDS, replace(file, longest={}))


def test_nulls_that_no_statistics_rule_out_are_not_passed(s3: Any) -> None:
    assert "revenue holds nulls" in problems(s3, TRENDS, put(s3, sample(TRENDS), write_statistics=False))


def test_a_file_longer_than_one_look_is_read(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_object, "_END_BYTES", 16)
    texts = [refilled(sample(TRENDS), "country", "x" * length) for length in (5, 61, 7)]
    table = pa.concat_tables([*[sample(TRENDS)] * 50, *texts, refilled(sample(TRENDS), "revenue", None)])
    found = problems(s3, TRENDS, replace(put(s3, table, row_group_size=1), longest={}))
    assert "revenue holds nulls" in found
    assert "country holds 61 bytes" in found


def test_a_file_whose_pages_are_broken_is_refused(s3: Any) -> None:
    file = put(s3, refilled(sample(TRENDS), "country", "x" * 60))
    body = bytearray(s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())
    start = body.index(b"x" * 20)  # past the page's header
    body[4 : start + 60] = bytes(start + 56)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(body))
    assert f"{KEY}: cannot be read" in problems(s3, TRENDS, file)


def test_an_export_is_read_as_it_was_published(s3: Any) -> None:
    file = put(s3, sample(TRENDS))
    tables = [ExportedTable(TRENDS.dataset, (file,), (file, file)), ExportedTable(FACTS.dataset, (), ())]
    warehouse.publish(s3, BUCKET, 7, tables)
    assert warehouse.read_export(s3, BUCKET, 7) == (tables[0],), "a table without touched keys has nothing to load"
    body = s3.get_object(Bucket=BUCKET, Key="export/0000000007/online_retail.sales_trends/rows.manifest")["Body"].read()
    entry = {"url": f"s3://{BUCKET}/{KEY}", "mandatory": True, "meta": {"content_length": file.bytes}}
    assert json.loads(body) == {"entries": [entry, entry]}


# Statements


FILE = ExportedFile("k", 1, 1, {})


def exported(contract: GoldContract, rows: int = 1) -> ExportedTable:
    file = replace(FILE, rows=rows)
    return ExportedTable(contract.dataset, (file,), (file,) if rows else ())


ALL = [exported(contract) for contract in REGISTRY.gold.values()]


def test_every_identifier_comes_from_a_contract() -> None:
    known = {"ops", "loads", "domain", "batch_id", "loaded_at", "table_count", "row_count", "gold_committed_at"}
    known |= {
        "domain_name",
        "tables_loaded",
        "committed_at",
        "loaded",
    }  # what the record of the load calls its constants
    for contract in REGISTRY.gold.values():
        known |= {contract.domain, contract.name, *contract.column_names}
        known |= {f"private_{contract.domain}"} if contract.personal else set()
        known |= {f"stage_{contract.domain}_{contract.name}_{part}" for part in warehouse.PARTS}
    for statement in [sql for sqls in warehouse.load_transactions(7, ALL, REGISTRY) for sql in sqls]:
        if not statement.startswith("LOCK "):
            tree = sqlglot.parse_one(statement, read="redshift")
            assert {found.name for found in tree.find_all(sqlglot.exp.Identifier)} <= known


def test_staging_copies_by_manifest_into_tables_like_the_target() -> None:
    statements = warehouse.stage_statements(BUCKET, ROLE, 7, [exported(TRENDS, rows=0)], REGISTRY)
    assert [" ".join(statement.split()) for statement in statements] == [
        "CREATE TEMP TABLE stage_online_retail_sales_trends_keys ( sales_date DATE NOT NULL )",
        f"COPY stage_online_retail_sales_trends_keys FROM 's3://{BUCKET}/export/0000000007/online_retail.sales_trends/"
        f"keys.manifest' IAM_ROLE '{ROLE}' FORMAT AS PARQUET MANIFEST",
        "CREATE TEMP TABLE stage_online_retail_sales_trends_rows ( sales_date DATE NOT NULL, "
        "country VARCHAR(60) NOT NULL, revenue DECIMAL(38, 3) NOT NULL, quantity BIGINT NOT NULL, "
        "order_count BIGINT NOT NULL, line_count BIGINT NOT NULL, customer_count BIGINT NOT NULL )",
    ], "keys that were left empty have no rows to copy"


def test_one_transaction_per_domain_begins_with_the_lock_and_ends_with_the_record() -> None:
    transactions = warehouse.load_transactions(7, ALL, REGISTRY)
    domains = [domain for domain in REGISTRY.domains if REGISTRY.gold_of(domain)]
    for domain, statements in zip(domains, transactions, strict=True):
        assert statements[0] == "LOCK ops.loads"
        assert statements[-1].startswith("INSERT INTO ops.loads ")
        tables = REGISTRY.gold_of(domain)
        assert len(statements) == 3 + 2 * (len(tables) + sum(bool(table.personal) for table in tables))
        for statement in statements[1:]:
            assert f"loaded.domain = '{domain}' AND ( loaded.batch_id > 7 OR" in " ".join(statement.split())


def test_the_clear_values_are_replaced_by_the_same_keys_in_the_same_transaction() -> None:
    users = REGISTRY.gold["storefront.dim_user"]
    export = replace(exported(users), private=(FILE,))
    staged = [" ".join(sql.split()) for sql in warehouse.stage_statements(BUCKET, ROLE, 7, [export], REGISTRY)]
    stage = "stage_storefront_dim_user"
    assert f"CREATE TEMP TABLE {stage}_private ( user_key BIGINT NOT NULL, user_id VARCHAR(32) NOT NULL, " in staged[4]
    assert f"COPY {stage}_private FROM 's3://{BUCKET}/export/0000000007/storefront.dim_user/private.manif" in staged[5]
    assert " email VARCHAR(64), full_name VARCHAR(64), " in staged[2], "the domain's table has tokens"
    (transaction,) = warehouse.load_transactions(7, [exported(users)], REGISTRY)
    statements = [" ".join(sql.split()) for sql in transaction]
    assert statements[3].startswith(
        f"DELETE FROM private_storefront.dim_user USING {stage}_keys "
        f"WHERE private_storefront.dim_user.user_id = {stage}_keys.user_id AND "
    )
    assert statements[4].startswith(
        "INSERT INTO private_storefront.dim_user ( user_key, user_id, email, full_name ) "
        f"SELECT user_key, user_id, email, full_name FROM {stage}_private WHERE "
    )


def test_a_private_file_is_linted_against_the_private_table(s3: Any) -> None:
    users = REGISTRY.gold["storefront.dim_user"]
    fits = sample(users, [column.name for column in users.private])
    warehouse.lint(s3, BUCKET, [ExportedTable(users.dataset, (), (), (put(s3, fits),))], REGISTRY)
    assert "user_key holds nulls" in problems(s3, users, put(s3, refilled(fits, "user_key", None)), part="private")
    clear = refilled(sample(users), "email", "a@" + "b" * 63)
    assert "email holds 65 bytes; VARCHAR(64) is too short" in problems(s3, users, put(s3, clear))


def test_a_domain_of_too_many_tables_is_refused_by_name() -> None:
    many = {f"big.t{number}": replace(TRENDS, domain="big", name=f"t{number}") for number in range(19)}
    registry = Registry(sources={}, gold=many)
    with pytest.raises(LintError, match="more than 40 statements in one transaction: big"):
        warehouse.load_transactions(7, [exported(contract) for contract in many.values()], registry)
    fewer = dict(list(many.items())[:18])
    (statements,) = warehouse.load_transactions(
        7, [exported(contract) for contract in fewer.values()], Registry(sources={}, gold=fewer)
    )
    assert len(statements) == 39


def test_keys_that_a_load_deletes_are_never_null() -> None:
    """`=` does not match nulls: rows under a null key would stay, and come a second time."""
    for contract in REGISTRY.gold.values():
        assert all(contract.column(name).required for name in contract.recompute_by), contract.dataset


class Load:
    """The load's statements on DuckDB: a warehouse with one table, and what a batch brings to it."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute("CREATE SCHEMA ops; CREATE SCHEMA online_retail")
        self.db.execute(
            "CREATE TABLE ops.loads "
            "(domain VARCHAR, batch_id BIGINT, loaded_at TIMESTAMP, table_count INT, row_count BIGINT, "
            "gold_committed_at TIMESTAMP)"
        )
        columns = ", ".join(f"{column.name} {column.type.redshift}" for column in TRENDS.columns)
        self.db.execute(f"CREATE TABLE {TRENDS.dataset} ({columns})")

    def run(
        self, batch_id: int, days: Sequence[int] | None, rows: Sequence[tuple[int, str]], committed_second: int = 0
    ) -> list[tuple[int, str]]:
        """Load a batch that touched some days of a month, or rebuilt the table; the table's (day, country) after it."""
        table = replace(
            exported(TRENDS),
            rows=(ExportedFile("k", 1, len(rows), {}),),
            is_whole=days is None,
            committed_at=f"2026-11-01 00:00:{committed_second:02d}.000",
        )
        for statement in warehouse.stage_statements(BUCKET, ROLE, batch_id, [table], REGISTRY):
            if statement.startswith("CREATE"):
                self.db.execute(statement.replace("CREATE TEMP", "CREATE OR REPLACE TEMP"))
        stage = "stage_online_retail_sales_trends"
        for day in days or ():
            self.db.execute(f"INSERT INTO {stage}_keys VALUES (?)", [date(2026, 11, day)])
        for day, country in rows:
            self.db.execute(f"INSERT INTO {stage}_rows VALUES (?, ?, 1, 1, 1, 1, 1)", [date(2026, 11, day), country])
        self.db.begin()
        (statements,) = warehouse.load_transactions(batch_id, [table], REGISTRY)
        for statement in statements[1:]:  # DuckDB knows no LOCK
            self.db.execute(sqlglot.transpile(statement, read="redshift", write="duckdb")[0])
        self.db.commit()
        found = self.db.execute(f"SELECT day(sales_date), country FROM {TRENDS.dataset} ORDER BY ALL").fetchall()
        return [(day, country) for day, country in found]

    def loads(self) -> list[tuple[Any, ...]]:
        return self.db.execute("SELECT domain, batch_id, table_count, row_count FROM ops.loads ORDER BY 2").fetchall()


def test_a_load_replaces_the_touched_keys_and_only_them() -> None:
    load = Load()
    assert load.run(1, [1, 2], [(1, "FR"), (1, "DE"), (2, "FR")]) == [(1, "DE"), (1, "FR"), (2, "FR")]
    assert load.run(2, [1, 3], [(1, "IT"), (3, "FR")]) == [(1, "IT"), (2, "FR"), (3, "FR")]
    assert load.run(3, [2], []) == [(1, "IT"), (3, "FR")], "a key that was left empty is deleted"
    assert load.loads() == [("online_retail", 1, 1, 3), ("online_retail", 2, 1, 2), ("online_retail", 3, 1, 0)]


def test_a_load_of_a_whole_table_leaves_nothing_else_there() -> None:
    load = Load()
    load.run(1, [1, 2], [(1, "FR"), (2, "FR")])
    assert load.run(2, None, [(2, "DE"), (3, "DE")]) == [(2, "DE"), (3, "DE")]
    assert load.run(1, None, [(9, "XX")]) == [(2, "DE"), (3, "DE")], "an old one that wakes up late changes nothing"


@pytest.mark.parametrize("late", [1, 2])
def test_a_load_that_comes_again_or_late_changes_nothing(late: int) -> None:
    load = Load()
    load.run(1, [1], [(1, "FR")])
    load.run(2, [1], [(1, "DE")])
    assert load.run(late, [1, 9], [(1, "XX"), (9, "XX")]) == [(1, "DE")]
    assert [batch_id for _, batch_id, _, _ in load.loads()] == [1, 2]


def test_a_batch_is_loaded_again_when_gold_has_changed_since_and_never_with_what_it_was_before() -> None:
    load = Load()
    load.run(1, [1, 2], [(1, "XX"), (2, "FR")], committed_second=3)
    assert load.run(1, [1, 2], [(1, "FR")], committed_second=3) == [(1, "XX"), (2, "FR")], "no commit came between"
    assert load.run(1, [1, 2], [(1, "FR")], committed_second=4) == [(1, "FR")]
    assert load.run(1, [1, 2], [(1, "XX"), (2, "FR")], committed_second=3) == [(1, "FR")], "an export of before"
    assert load.loads() == [("online_retail", 1, 1, 1)]
    load.run(2, [3], [(3, "FR")], committed_second=5)
    assert load.run(1, [1], [(1, "YY")], committed_second=9) == [(1, "FR"), (3, "FR")]
