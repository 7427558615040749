"""The questions of `sql/analytics` and the views of the domains, run on the local Redshift."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift
from lakehouse.warehouse_changes import applying
from tests.support.declared import declared_warehouse
from tests.support.local_aws_process import LocalAwsProcess

QUESTIONS = sorted((Path(__file__).parents[2] / "sql" / "analytics").glob("*.sql"))
REGISTRY = load_registry()
# As a reader calls them, and as the Data API does.
TYPES = {"bigint": "int8", "integer": "int4", "varchar": "varchar", "numeric": "numeric", "date": "date"}
TYPES["timestamp"] = "timestamp"


@pytest.fixture(scope="module")
def redshift(local_aws: LocalAwsProcess) -> Iterator[Redshift]:
    """A warehouse with every table and view, and a few rows."""
    with declared_warehouse(local_aws, REGISTRY, lambda _: True) as settings:
        made = Redshift(settings)
        applying.apply(made, REGISTRY, ("add",))
        for sql in ROWS:
            made.query(sql)
        yield made


ROWS = (
    """INSERT INTO online_retail.product_performance (stock_code, description, quantity, revenue, order_count,
        line_count, customer_count, country_count, first_sold_at, last_sold_at, average_unit_price) VALUES
        ('A', 'LANTERN', 10, 70, 3, 4, 2, 1, '2011-01-01', '2011-02-01', 7),
        ('B', 'HOLDER', 10, 20, 2, 2, 2, 1, '2011-01-01', '2011-02-01', 2),
        ('C', 'WARMER', 10, 10, 1, 1, 1, 1, '2011-01-01', '2011-02-01', 1)""",
    """INSERT INTO online_retail.sales_trends (sales_date, country, revenue, quantity, order_count, line_count,
        customer_count) VALUES ('2011-01-03', 'France', 10, 1, 1, 1, 1), ('2011-01-20', 'France', 30, 1, 1, 1, 1),
        ('2011-02-01', 'France', 50, 1, 1, 1, 1)""",
    """INSERT INTO retail.dim_product (product_key, product_id, product_name, price, currency, valid_from, valid_to,
        is_current, brand_name) VALUES
        (1, 3, 'Thing', 10, 'EUR', '1900-01-01', '2026-02-01', false, 'Acme'),
        (2, 3, 'Thing', 12, 'EUR', '2026-02-01', '9999-12-31', true, 'Acme')""",
    """INSERT INTO retail.dim_customer (customer_key, customer_id, gender, country, valid_from, valid_to, is_current)
        VALUES (0, 0, NULL, NULL, '1900-01-01', '9999-12-31', true),
        (7, 7, 'female', 'DE', '1900-01-01', '9999-12-31', true)""",
    "INSERT INTO retail.dim_payment_method VALUES (5, 'PayPal', true)",
    """INSERT INTO retail.fact_order_line (order_id, line_number, product_key, customer_key, payment_method_key,
        order_date, ordered_at, product_id, customer_id, order_status, currency, quantity, unit_price, line_total,
        revenue, cancelled_amount, returned_amount) VALUES
        (1, 1, 1, 7, 5, '2026-01-10', '2026-01-10', 3, 7, 'Placed', 'EUR', 4, 10, 40, 40, 0, 0),
        (2, 1, 2, 0, 5, '2026-02-10', '2026-02-10', 3, 8, 'Cancelled', 'EUR', 1, 12, 12, 0, 12, 0),
        (3, 1, 2, 7, 5, '2026-02-11', '2026-02-11', 3, 7, 'Placed', 'EUR', 1, 12, 12, 12, 0, 0)""",
    """INSERT INTO fashion.dim_member (member_key, identifier_hash, country_code, gender, language, app,
        has_profile_picture, registration_date, last_login_date, follower_count, followed_count, products_liked,
        products_wished, products_listed, products_sold, products_bought, pass_rate, last_seen_at) VALUES
        ('a', '-1.0979E+18', 'fr', 'F', 'fr', 'none', true, '2020-01-01', '2025-01-01', 1, 1, 1, 1, 1, 1, 1, 50,
         '2026-01-01'),
        ('b', '2347567364561867620', 'fr', 'M', 'fr', 'ios', true, '2020-01-01', '2025-01-01', 1, 1, 1, 1, 1, 1, 1, 50,
         '2026-02-01')""",
    """INSERT INTO fashion.member_activity (snapshot_at, country_code, gender, language, app, member_count,
        active_30_days_count, active_365_days_count, profile_picture_count, follower_total, followed_total,
        products_liked_total, products_wished_total, days_since_last_login_total, seniority_days_total) VALUES
        ('2026-01-01', 'fr', 'F', 'fr', 'none', 9, 9, 9, 9, 9, 9, 9, 9, 9, 9),
        ('2026-02-01', 'fr', 'F', 'fr', 'none', 3, 1, 2, 3, 7, 5, 6, 4, 10, 1000)""",
    """INSERT INTO fashion.member_trade (snapshot_at, country_code, gender, language, app, member_count, seller_count,
        buyer_count, seller_and_buyer_count, products_listed_total, products_sold_total, products_bought_total,
        inspected_seller_count, pass_rate_total) VALUES
        ('2026-01-01', 'fr', 'F', 'fr', 'none', 9, 9, 9, 9, 9, 9, 9, 9, 9),
        ('2026-02-01', 'fr', 'F', 'fr', 'none', 3, 2, 2, 1, 8, 7, 6, 2, 150.5),
        ('2026-02-01', 'it', 'F', 'it', 'none', 1, 0, 0, 0, 0, 0, 0, 0, 0)""",
    # A week that lies in two months.
    """INSERT INTO storefront.user_activity (activity_date, user_id, event_count, page_view_count, add_to_cart_count,
        purchase_event_count, transaction_count) VALUES
        ('2026-01-31', 'a', 1, 1, 0, 0, 0), ('2026-02-01', 'a', 1, 1, 0, 0, 0), ('2026-01-31', 'b', 1, 1, 0, 0, 0),
        ('2026-02-01', 'c', 1, 1, 0, 0, 0), ('2026-02-01', '(anonymous)', 9, 9, 0, 0, 0)""",
    """INSERT INTO storefront.fact_session (session_key, visitor_id, user_key, user_id, device_key, session_date,
        started_at, ended_at, duration_seconds, event_count, page_view_count, search_count, add_to_cart_count,
        checkout_count, purchase_count, is_converted) VALUES
        (1, 'user:a', 1, 'a', 1, '2026-02-01', '2026-02-01', '2026-02-01', 61, 2, 1, 0, 0, 0, 1, true),
        (2, 'visit:s', 0, NULL, 1, '2026-02-01', '2026-02-01', '2026-02-01', 100, 3, 2, 0, 1, 0, 0, false),
        (3, 'visit:t', 0, NULL, 1, '2026-02-01', '2026-02-01', '2026-02-01', 0, 1, 0, 1, 0, 0, 0, false),
        (4, 'visit:t', 0, NULL, 1, '2026-02-01', '2026-02-01', '2026-02-01', 0, 1, 0, 0, 0, 0, 0, false)""",
    """INSERT INTO storefront.user_value (user_id, order_count, gross_eur, net_eur, unconverted_count,
        first_transaction_at, last_transaction_at, average_order_eur, active_until_date, lapsing_until_date,
        frequency_score, monetary_score) VALUES
        ('champion', 2, 1000, 1000, 0, '2026-01-01', '2026-06-30 23:00', 500, '2026-07-30', '2026-09-28', 2, 3),
        ('new', 1, 9, 9, 0, '2026-05-31', '2026-05-31 10:00', 9, '2026-06-30', '2026-08-29', 1, 1),
        ('loyal', 2, 18, 18, 0, '2026-01-01', '2026-06-01 10:00', 9, '2026-07-01', '2026-08-30', 2, 1),
        ('rich', 1, 200, 200, 0, '2026-01-01', '2026-05-30 10:00', 200, '2026-06-29', '2026-08-28', 1, 2),
        ('drifting', 1, 9, 9, 0, '2026-04-01', '2026-04-01 10:00', 9, '2026-05-01', '2026-06-30', 1, 1),
        ('lost', 9, 9000, 9000, 0, '2026-03-31', '2026-03-31 10:00', 1000, '2026-04-30', '2026-06-29', 3, 3)""",
)


@pytest.mark.parametrize("path", QUESTIONS, ids=[path.stem for path in QUESTIONS])
def test_a_question_is_answered_in_the_shape_that_it_says(redshift: Redshift, path: Path) -> None:
    text = path.read_text()
    comment = " ".join(line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--"))
    question, _, rest = comment.partition(" Answer: ")
    assert question.endswith("?")
    described = re.match(r"((?:\w+ \w+, )*\w+ \w+) ", rest)
    assert described, rest
    result = redshift.query(text.rstrip().removesuffix(";"))
    expected = [tuple(pair.split()) for pair in described[1].split(", ")]
    assert list(zip(result.columns, result.types, strict=True)) == [(name, TYPES[kind]) for name, kind in expected]


def test_there_are_a_dozen_questions_about_every_domain() -> None:
    assert len(QUESTIONS) >= 12
    for domain in REGISTRY.domains:
        assert [path for path in QUESTIONS if path.stem.startswith(f"{domain}_")], domain


@pytest.mark.parametrize("name", sorted(REGISTRY.views))
def test_every_view_can_be_read(redshift: Redshift, name: str) -> None:
    assert redshift.query(f"SELECT * FROM {name} LIMIT 1").columns


def test_shares_are_of_the_whole(redshift: Redshift) -> None:
    found = redshift.query(
        "SELECT stock_code, revenue_share, revenue_rank FROM online_retail.product_revenue_share ORDER BY 1"
    )
    assert [(code, Decimal(share), rank) for code, share, rank in found.rows] == [
        ("A", Decimal("0.7"), 1),
        ("B", Decimal("0.2"), 2),
        ("C", Decimal("0.1"), 3),
    ]


def test_growth_compares_a_month_with_the_one_before(redshift: Redshift) -> None:
    text = (QUESTIONS[0].parent / "online_retail_monthly_growth.sql").read_text().rstrip().removesuffix(";")
    assert [(str(row[0]), Decimal(row[2]), row[4] and Decimal(row[4])) for row in redshift.query(text).rows] == [
        ("2011-01-01", Decimal(40), None),
        ("2011-02-01", Decimal(50), Decimal("0.25")),
    ]


def test_cancellations_are_counted_by_order_and_by_what_the_customer_is(redshift: Redshift) -> None:
    columns = "order_count, revenue, cancelled_amount, cancelled_order_count, cancellation_rate"
    (row,) = redshift.query(f"SELECT payment_method, {columns} FROM retail.revenue_by_payment_method").rows
    assert (row[0], row[1], *map(Decimal, row[2:4]), row[4], Decimal(row[5])) == (
        *("PayPal", 3, 52, 12, 1),
        Decimal("0.333333"),
    )
    by_gender = redshift.query(f"SELECT gender, {columns} FROM retail.revenue_by_gender ORDER BY 1").rows
    assert [(gender, orders, Decimal(rate)) for gender, orders, *_, rate in by_gender] == [
        ("(unknown)", 1, 1),
        ("female", 2, 0),
    ]


def test_a_member_whom_the_current_snapshot_lacks_is_inactive(redshift: Redshift) -> None:
    found = redshift.query("SELECT member_key, is_active FROM fashion.member_status ORDER BY 1").rows
    assert [tuple(row) for row in found] == [("a", False), ("b", True)]


def test_activity_and_trade_of_now_are_those_of_the_current_snapshot(redshift: Redshift) -> None:
    (activity,) = redshift.query(
        "SELECT member_count, active_365_days_count, average_days_since_last_login, average_seniority_days "
        "FROM fashion.current_activity"
    ).rows
    assert [Decimal(cell) for cell in activity] == [3, 2, Decimal("3.33"), Decimal("333.33")]
    trade = redshift.query(
        "SELECT country_code, seller_count, products_sold_total, average_pass_rate FROM fashion.current_trade "
        "ORDER BY country_code"
    ).rows
    assert [(country, sellers, sold, rate and Decimal(rate)) for country, sellers, sold, rate in trade] == [
        ("fr", 2, 7, Decimal("75.25")),
        ("it", 0, 0, None),
    ]


def test_users_are_counted_once_in_each_day_week_and_month(redshift: Redshift) -> None:
    found = redshift.query("SELECT granularity, period_start, active_user_count FROM storefront.active_users")
    assert sorted((kind, str(start), count) for kind, start, count in found.rows) == [
        ("day", "2026-01-31", 2),
        ("day", "2026-02-01", 2),
        ("month", "2026-01-01", 2),
        ("month", "2026-02-01", 2),
        ("week", "2026-01-26", 3),
    ]


def test_users_of_a_month_are_followed_through_the_next_ones(redshift: Redshift) -> None:
    found = redshift.query("SELECT * FROM storefront.retention_cohorts ORDER BY cohort_month, months_later").rows
    assert [(str(month), later, size, active, Decimal(rate)) for month, later, size, active, rate in found] == [
        ("2026-01-01", 0, 2, 2, 1),
        ("2026-01-01", 1, 2, 1, Decimal("0.5")),
        ("2026-02-01", 0, 1, 1, 1),
    ]


def test_a_visit_that_skips_a_step_has_done_it(redshift: Redshift) -> None:
    columns = "session_count, looked_count, cart_count, checkout_count, purchase_count"
    (row,) = redshift.query(f"SELECT {columns} FROM storefront.conversion_funnel").rows
    assert tuple(row) == (4, 3, 2, 1, 1)


def test_visits_of_a_day_are_summed_up(redshift: Redshift) -> None:
    (row,) = redshift.query("SELECT * FROM storefront.daily_sessions").rows
    _, sessions, visitors, users, events, seconds, bounces, converted, rate = row
    assert (sessions, visitors, users, int(events), bounces, converted) == (4, 3, 1, 7, 2, 1)
    assert (Decimal(seconds), Decimal(rate)) == (Decimal("40.25"), Decimal("0.25"))


def test_users_have_a_segment_as_of_the_latest_sale(redshift: Redshift) -> None:
    columns = "user_id, as_of, days_since_last_transaction, recency, segment"
    found = redshift.query(f"SELECT {columns} FROM storefront.user_segments ORDER BY days_since_last_transaction").rows
    assert {str(row[1]) for row in found} == {"2026-06-30"}
    assert [(user, days, recency, segment) for user, _, days, recency, segment in found] == [
        ("champion", 0, "active", "champion"),
        ("loyal", 29, "active", "loyal"),
        ("new", 30, "active", "new"),
        ("rich", 31, "lapsing", "at risk"),
        ("drifting", 90, "lapsing", "drifting"),
        ("lost", 91, "lost", "lost"),
    ]
