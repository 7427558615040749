"""Two real datasets through the real jobs, held to figures that DuckDB reads from the files by itself."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from datagen.defects import DEFECTS
from datagen.defects.model import ValueDefect
from lakehouse import tables
from lakehouse.bronze import utc_instant
from lakehouse.contract import load_registry
from tests.support.lake import TestLake

DATA = Path(__file__).parents[3] / "shared" / "data"
MEMBERS_FILE, PURCHASES_FILE = DATA / "c2c_fashion_users.csv", DATA / "shopping_trends.csv"
REGISTRY = load_registry()
MEMBERS, PURCHASES = "fashion.members", "shopping_habits.purchases"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def files() -> Iterator[duckdb.DuckDBPyConnection]:
    """`members` and `purchases`, every column as text."""
    with duckdb.connect() as database:
        for name, file in (("members", MEMBERS_FILE), ("purchases", PURCHASES_FILE)):
            database.execute(f"CREATE TABLE {name} AS FROM read_csv('{file}', all_varchar = true)")
        yield database


def gold_rows(lake: TestLake, dataset: str, sql: str) -> Rows:
    """What a query finds in a gold table, which it calls `t`."""
    lake.read(tables.gold_table(REGISTRY.gold[dataset])).createOrReplaceTempView("t")
    return sorted(tuple(row) for row in lake.spark.sql(sql).collect())


def file_rows(files: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    return sorted(files.execute(sql).fetchall())


# --- shopping habits


BY_DIMENSIONS = "SELECT {by}, sum(purchase_count), sum(revenue) FROM t GROUP BY ALL"
IN_FILE = 'SELECT {by}, count(*), sum("Purchase_Amount(USD)"::decimal(10,2)) FROM purchases GROUP BY ALL'


def test_purchases_give_the_figures_of_the_file(lake: TestLake, files: duckdb.DuckDBPyConnection) -> None:
    lake.land(PURCHASES, PURCHASES_FILE.name, PURCHASES_FILE.read_bytes())
    lake.run_all()
    (account,) = lake.read(tables.row_accounts).collect()
    assert (account.parsed, account.silver, account.quarantined) == (3_900, 3_900, 0)
    for table, by, in_file in (
        ("demographic_insights", "age_band", "category_age"),
        ("demographic_insights", "gender", "Gender"),
        ("demographic_insights", "location", "Location"),
        ("product_insights", "category", "Category"),
        ("product_insights", "item", "Item_Purchased"),
        ("product_insights", "size, color", "Size, Color"),
        ("purchase_insights", "season", "Season"),
        ("purchase_insights", "payment_method", "Payment_Method"),
        ("purchase_insights", "discount, subscription", "Discount_Applied, Subscription_Status"),
    ):
        found = gold_rows(lake, f"shopping_habits.{table}", BY_DIMENSIONS.format(by=by))
        assert found == file_rows(files, IN_FILE.format(by=in_file)), (table, by)
    per_year = {"Weekly": 52, "Bi-Weekly": 26, "Fortnightly": 26, "Monthly": 12, "Every 3 Months": 4, "Quarterly": 4}
    often = " ".join(f"WHEN '{said}' THEN {times}" for said, times in (per_year | {"Annually": 1}).items())
    assert gold_rows(
        lake,
        "shopping_habits.demographic_insights",
        "SELECT age_band, sum(purchases_per_year), sum(rating_total), sum(previous_purchase_count) FROM t GROUP BY 1",
    ) == file_rows(
        files,
        f"SELECT category_age, sum(CASE Frequency_of_Purchases {often} END), sum(Review_Rating::decimal(2,1)), "
        "sum(Previous_Purchases::int) FROM purchases GROUP BY 1",
    )


# What the contract knows better than the file, and what it calls unknown.
KNOWN_BETTER = {"category_age": "age_band", "Category": "category"}
CALLED_UNKNOWN = {"Gender": "gender", "Season": "season", "Size": "size", "Color": "color", "Location": "location"}
SPOILT_OTHERWISE = {"Item_Purchased": "item", "Payment_Method": "payment_method", "Purchase_Amount(USD)": None}


def damaged(seed: int) -> tuple[bytes, dict[str, set[int]]]:
    """The file with values left out as the generator leaves them out, and blanks and letter case spoilt; and which
    customers have lost which column."""
    chance, contract = random.Random(seed), REGISTRY.sources[PURCHASES]
    left_out, others = DEFECTS["missing_required"], [DEFECTS["padding"], DEFECTS["enum_case"]]
    assert isinstance(left_out, ValueDefect)
    rows = list(csv.DictReader(io.StringIO(PURCHASES_FILE.read_text())))
    lost: dict[str, set[int]] = {}
    for row in rows:
        for title, name in (*KNOWN_BETTER.items(), *CALLED_UNKNOWN.items()):
            column = contract.column(name)
            if chance.random() < 0.2 and (cell := left_out.spoil(chance, column, row[title])):
                lost.setdefault(title, set()).add(int(row["Customer_ID"]))
                row[title] = cell.delivered or ""
        for title, name in SPOILT_OTHERWISE.items():
            for defect in others if name else ():
                assert isinstance(defect, ValueDefect)
                if chance.random() < 0.3 and (cell := defect.spoil(chance, contract.column(name or ""), row[title])):
                    row[title] = cell.delivered or ""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(), lost


def test_what_is_missing_in_a_damaged_file_is_filled_by_the_contract(
    lake: TestLake, files: duckdb.DuckDBPyConnection
) -> None:
    content, lost = damaged(seed=7)
    assert all(len(lost[title]) > 500 for title in (*KNOWN_BETTER, *CALLED_UNKNOWN))
    lake.land(PURCHASES, "damaged.csv", content)
    lake.run_all()
    (account,) = lake.read(tables.row_accounts).collect()
    assert (account.parsed, account.silver, account.quarantined) == (3_900, 3_900, 0)
    # The band follows from the age and the category from the item: as if nothing had happened.
    for table, by, title in (
        ("demographic_insights", "age_band", "category_age"),
        ("product_insights", "category, item", "Category, Item_Purchased"),
        ("purchase_insights", "payment_method", "Payment_Method"),
    ):
        found = gold_rows(lake, f"shopping_habits.{table}", BY_DIMENSIONS.format(by=by))
        assert found == file_rows(files, IN_FILE.format(by=title)), by
    for title, name in CALLED_UNKNOWN.items():
        without = ", ".join(map(str, sorted(lost[title])))
        kept = f"CASE WHEN Customer_ID::int IN ({without}) THEN 'Unknown' ELSE {title} END"
        found = gold_rows(lake, "shopping_habits.fact_purchase", f"SELECT {name}, count(*) FROM t GROUP BY 1")
        assert found == file_rows(files, f"SELECT {kept}, count(*) FROM purchases GROUP BY 1"), name
    counted = {row.rule: row.rows for row in lake.read(tables.warnings).collect()}
    named = {**KNOWN_BETTER, **CALLED_UNKNOWN}
    assert counted == {f"{name}_filled": len(lost[title]) for title, name in named.items()}


# --- fashion


def test_members_stay_and_are_known_by_their_last_snapshot(lake: TestLake, files: duckdb.DuckDBPyConnection) -> None:
    header, *lines = MEMBERS_FILE.read_text().splitlines(keepends=True)
    lake.land(MEMBERS, "snapshot_date=2026-01-01/members.csv", "".join((header, *lines)))
    lake.run_all()
    assert lake.read(tables.silver_table(REGISTRY.sources[MEMBERS])).count() == 8_546
    by = "country_code, gender"
    assert gold_rows(
        lake, "fashion.member_activity", f"SELECT {by}, sum(member_count) FROM t GROUP BY ALL"
    ) == file_rows(files, "SELECT countryCode, gender, count(*) FROM members GROUP BY ALL")
    trade = gold_rows(
        lake,
        "fashion.member_trade",
        "SELECT language, app, sum(seller_count), sum(buyer_count), sum(products_sold_total), sum(pass_rate_total) "
        "FROM t GROUP BY ALL",
    )
    app = (
        "CASE WHEN hasAndroidApp = 'TRUE' AND hasIosApp = 'TRUE' THEN 'both' "
        "WHEN hasAndroidApp = 'TRUE' THEN 'android' "
        "WHEN hasIosApp = 'TRUE' THEN 'ios' WHEN hasAnyApp = 'TRUE' THEN 'other' ELSE 'none' END"
    )
    sold = "productsSold::int > 0"
    assert trade == file_rows(
        files,
        f"SELECT language, {app}, count(*) FILTER ({sold} OR productsListed::int > 0), "
        "count(*) FILTER (productsBought::int > 0), sum(productsSold::int), "
        f"coalesce(sum(productsPassRate::decimal(5,2)) FILTER ({sold}), 0) FROM members GROUP BY ALL",
    )
    # The next snapshot lacks a hundred members and has one who sold more; an older one comes late.
    changed = lines[200].split(",")
    changed[8] = "77"
    later = [header, *lines[100:200], ",".join(changed), *lines[201:]]
    lake.land(MEMBERS, "snapshot_date=2026-02-01/members.csv", "".join(later))
    lake.land(MEMBERS, "snapshot_date=2025-12-01/members.csv", "".join((header, *lines[:300])))
    lake.run_all()
    seen = gold_rows(lake, "fashion.dim_member", "SELECT cast(last_seen_at as date), count(*) FROM t GROUP BY 1")
    assert [(str(day), count) for day, count in seen] == [("2026-01-01", 100), ("2026-02-01", 8_446)]
    (total,) = gold_rows(lake, "fashion.member_trade", "SELECT sum(member_count), sum(products_sold_total) FROM t")
    (before,) = file_rows(files, "SELECT count(*), sum(productsSold::int) FROM members")
    assert total == (before[0], before[1] + 77 - int(lines[200].split(",")[8]))


def test_a_snapshot_without_a_date_is_that_of_its_arrival(lake: TestLake) -> None:
    header, first, *_ = MEMBERS_FILE.read_text().splitlines(keepends=True)
    lake.land(MEMBERS, "members.csv", header + first)
    (batch,) = lake.run_all()
    (row,) = lake.read(tables.silver_table(REGISTRY.sources[MEMBERS])).collect()
    assert row.snapshot_at == utc_instant(batch.files[0].arrived_at) < utc_instant(batch.planned_at)
    assert row.identifier_hash == "-1.0979E+18"
    assert isinstance(row.pass_rate, Decimal)
