"""A month of Online Retail (UCI Machine Learning Repository, CC BY 4.0) through the real jobs, held to figures that
DuckDB reads from the files by itself."""

from __future__ import annotations

import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakehouse import tables
from lakehouse.contract import load_registry
from tests.support.lake import TestLake

ARCHIVE = Path(__file__).parents[3] / "shared/data/online-retail/by-day.tar.gz"
REGISTRY = load_registry()
pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"there is no {ARCHIVE}")

# What a sale is, and that a line which comes twice counts once, is said again here, in SQL.
SALES = """
    CREATE TABLE sales AS
    SELECT DISTINCT
        trim(InvoiceNo) AS invoice, trim(StockCode) AS code, trim(Description) AS description,
        Quantity::INTEGER AS quantity, InvoiceDate::TIMESTAMP AS sold_at, UnitPrice::DECIMAL(12, 3) AS price,
        CustomerID::DOUBLE::INTEGER AS customer, trim(Country) AS country
    FROM read_csv('{folder}/*.csv', all_varchar = true, header = true)
    WHERE CustomerID IS NOT NULL AND Quantity::INTEGER > 0 AND UnitPrice::DECIMAL(12, 3) >= 0
"""
# (gold table, question to it, the same question to the files)
QUESTIONS = {
    "top ten customers": (
        "customer_analytics",
        "SELECT customer_id, total_spend, order_count, first_purchase_at, last_purchase_at FROM t "
        "ORDER BY total_spend DESC, customer_id LIMIT 10",
        "SELECT customer, sum(quantity * price), count(DISTINCT invoice), min(sold_at), max(sold_at) FROM sales "
        "GROUP BY customer ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    "top ten products": (
        "product_performance",
        "SELECT stock_code, revenue, quantity, order_count, customer_count FROM t "
        "ORDER BY revenue DESC, stock_code LIMIT 10",
        "SELECT code, sum(quantity * price), sum(quantity), count(DISTINCT invoice), count(DISTINCT customer) "
        "FROM sales GROUP BY code ORDER BY 2 DESC, 1 LIMIT 10",
    ),
    "revenue by country": (
        "sales_trends",
        "SELECT country, sum(revenue), sum(order_count) FROM t GROUP BY country ORDER BY country",
        "SELECT coalesce(country, '(unknown)'), sum(quantity * price), count(DISTINCT (invoice, country)) FROM sales "
        "GROUP BY 1 ORDER BY 1",
    ),
    "revenue by day": (
        "sales_trends",
        "SELECT sales_date, sum(revenue), sum(line_count) FROM t GROUP BY sales_date ORDER BY sales_date",
        "SELECT sold_at::DATE, sum(quantity * price), count(*) FROM sales GROUP BY 1 ORDER BY 1",
    ),
    "where a customer lives": (
        "customer_analytics",
        "SELECT customer_id, country FROM t ORDER BY customer_id",
        "SELECT DISTINCT ON (customer) customer, country FROM sales "
        "ORDER BY customer, country IS NULL, sold_at DESC, country",
    ),
    "what a customer spends": (
        "customer_analytics",
        "SELECT count(*), sum(total_spend), sum(order_count), sum(product_count), sum(active_day_count) FROM t",
        "SELECT count(DISTINCT customer), sum(quantity * price), count(DISTINCT (customer, invoice)), "
        "count(DISTINCT (customer, code)), count(DISTINCT (customer, sold_at::DATE)) FROM sales",
    ),
}
# The latest country of a customer is not known, is one of two at the same time, or never was.
BY_HAND = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
600001,85123A,LANTERN,1,2010-12-31 10:00:00,2.55,17850,
600002,85123A,LANTERN,1,2010-12-31 10:00:00,2.55,13047,Norway
600003,85123A,LANTERN,1,2010-12-31 10:00:00,2.55,13047,France
600004,85123A,LANTERN,1,2010-12-31 10:00:00,2.55,99999,
"""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of December 2010, one a day, and one by hand."""
    folder = tmp_path_factory.mktemp("online-retail")
    with tarfile.open(ARCHIVE) as archive:
        members = [member for member in archive.getmembers() if Path(member.name).name.startswith("2010-12-")]
        archive.extractall(folder, members, filter="data")
    real = sorted(folder.rglob("*.csv"))
    by_hand = real[0].with_name("by-hand.csv")
    by_hand.write_text(BY_HAND)
    return [*real, by_hand]


@pytest.fixture(scope="module")
def sales(month: list[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as database:
        database.execute(SALES.format(folder=month[0].parent))
        yield database


def test_real_sales_give_the_figures_of_the_files(
    lake: TestLake, month: list[Path], sales: duckdb.DuckDBPyConnection
) -> None:
    files = random.Random(11).sample(month, len(month))
    for batch in (files[:7], files[7:]):
        for file in batch:
            lake.land("online_retail.invoice_lines", file.name, file.read_bytes())
        lake.run_all()
    assert len(month) == 20 + 1
    for name, (table, in_gold, in_files) in QUESTIONS.items():
        lake.read(tables.gold_table(REGISTRY.gold[f"online_retail.{table}"])).createOrReplaceTempView("t")
        found: list[tuple[Any, ...]] = [tuple(row) for row in lake.spark.sql(in_gold).collect()]
        assert found == sales.execute(in_files).fetchall(), name
        assert found
