"""A domain made again from its raw files, from bronze or from silver: the tables that came of many increments.

`LAKEHOUSE_REBUILDS=all` takes every domain; without it the two whose tables depend most on what came before.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse import rebuilds, silver, tables
from lakehouse.contract import load_registry
from lakehouse.medallion import Source
from tests.crash.deliveries import FIRST, SECOND, Delivery, files_of_all_kinds, ndjson
from tests.spark.test_retail_star import customer, product
from tests.support.everything import Content, differences, lake_tables
from tests.support.lake import BUCKET, LANDING, TestLake
from tests.support.local_aws_process import LocalAwsProcess

DATA = Path(__file__).parents[3] / "shared" / "data"
REGISTRY = load_registry()
ALL = os.environ.get("LAKEHOUSE_REBUILDS") == "all"
DOMAINS = REGISTRY.domains if ALL else ("retail", "storefront")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")


def lines(name: str, start: int, end: int) -> bytes:
    """The header and some rows of a real file."""
    header, *rows = (DATA / name).read_bytes().splitlines(keepends=True)[: end + 1]
    return b"".join((header, *rows[start:end]))


def increments() -> list[Delivery]:
    """Three deliveries that together bring rows to every dataset, in which rows change, come late, twice or broken."""
    many = files_of_all_kinds(45, seed=5)
    names = random.Random(5).sample(sorted(many), len(many))
    parts = [{name: many[name] for name in names[start::3]} for start in range(3)]
    return [
        {**FIRST, **parts[0], "fashion/members/1.csv": lines("c2c_fashion_users.csv", 0, 60)},
        {
            **SECOND,
            **parts[1],
            "shopping_habits/purchases/1.csv": lines("shopping_trends.csv", 0, 60),
            "fashion/members/2.csv": lines("c2c_fashion_users.csv", 30, 90),
            "retail/products/1.ndjson": ndjson(product(3, "9.00", "2026-01-01"), product(1, "x", "2026-01-01")),
            "retail/customers/1.ndjson": ndjson(customer(7, "Bonn", "2026-01-01"), customer(7, "Ulm", "2026-03-01")),
        },
        {
            **parts[2],
            "shopping_habits/purchases/2.csv": lines("shopping_trends.csv", 40, 100),
            "retail/products/2.ndjson": ndjson(product(3, "8.00", "2026-02-01")),
            "retail/brands/1.ndjson": ndjson({"brand_id": 1, "brand_name": "Acme", "country": "DE"}),
        },
    ]


def content(lake: TestLake, aws: LocalAwsProcess) -> Content:
    """Every table, but for what says which batch did what; warnings by file and rule, those aside that a parent has
    silenced which came since."""
    found = dict(lake_tables(aws, frozenset({"resolved_by", "resolution", "batch_id"})))
    warned = lake.spark.sql(
        "SELECT file_id, rule, sum(rows) FROM lake.ops.warnings WHERE rule NOT LIKE '%orphan' GROUP BY ALL"
    )
    found["ops.warnings"] = sorted(str(tuple(row)) for row in warned.collect())
    return {name: rows for name, rows in found.items() if name != "ops.batches" and not name.endswith("_changes")}


def rebuild(lake: TestLake, domain: str, source: Source) -> None:
    rebuilds.submit(lake.s3, BUCKET, REGISTRY, domain, source, "a test asks", NOW, "test")
    (batch,) = lake.run_all()
    assert (batch.kind, batch.rebuild_from) == ("rebuild", source)
    assert not batch.given_up


@pytest.mark.timeout(1200)
def test_a_rebuild_ends_in_the_tables_that_increments_made(lake: TestLake, aws: LocalAwsProcess) -> None:
    for delivery in increments():
        for key, body in _of(delivery):
            lake.s3.put_object(Bucket=LANDING, Key=key, Body=body)
        lake.run_all()
    # What people decide about refused rows outlives a rebuild, and so does that a row was judged again in vain.
    refused = lake.read(tables.quarantined_rows).orderBy("quarantine_id").limit(6).collect()
    lake.request("discard", refused[:3])
    lake.request("replay", refused[3:])
    lake.run_all()
    made = content(lake, aws)
    for contract in (contract for domain in DOMAINS for contract in REGISTRY.gold_of(domain)):
        assert made[f"gold_{contract.dataset}"], f"{contract.dataset} is empty: nothing would be compared"
    for domain in DOMAINS:
        rebuild(lake, domain, "raw")
    assert not differences(content(lake, aws), made)
    # From tables that somebody spoilt, each rebuild takes what it reads and puts the rest right.
    spoil(lake, "gold_storefront.fact_transaction", "gold_storefront.user_value")
    rebuild(lake, "storefront", "silver")
    spoil(lake, "silver_retail.orders", "silver_retail.order_items_history", "gold_retail.fact_order_line")
    lake.spark.sql("UPDATE lake.silver_retail.order_items SET quantity = 77")
    rebuild(lake, "retail", "bronze")
    assert not differences(content(lake, aws), made)
    statuses = {row.quarantine_id: row.status for row in lake.read(tables.quarantined_rows).collect()}
    assert {statuses[row.quarantine_id] for row in refused[:3]} == {silver.DISCARDED}


def _of(delivery: Delivery) -> list[tuple[str, bytes]]:
    """The files of these domains."""
    return [(key, body) for key, body in delivery.items() if key.startswith(tuple(f"{name}/" for name in DOMAINS))]


def spoil(lake: TestLake, *names: str) -> None:
    """Empty tables."""
    for name in names:
        lake.spark.sql(f"DELETE FROM lake.{name}")
