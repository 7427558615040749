"""PIVOT, UNPIVOT and averages beyond what their pages show."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

import pytest

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from tests.support.warehouse import Sql

SALES = "SELECT 'a' AS shop, 'x' AS part, 1 AS qty UNION ALL SELECT 'b', 'x', 2 UNION ALL SELECT 'b', 'y', 5"
SETUP = (
    f"CREATE TABLE sales AS {SALES}",
    "CREATE TABLE wide (quality VARCHAR(6), red INT, green INT)",
    "INSERT INTO wide VALUES ('high', 15, 20), ('low', 10, NULL)",
)


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    warehouse = Warehouse(tmp_path_factory.mktemp("pivots"), lambda: None, lambda: "")
    session = Sql(warehouse.session("admin"))
    for statement in SETUP:
        session(statement)
    yield session
    warehouse.close()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        # The source's own names of columns stay inside.
        (
            "SELECT b, x FROM (SELECT * FROM sales) AS s (b, p, q) PIVOT (sum(q) FOR p IN ('x')) ORDER BY b",
            [("a", 1), ("b", 2)],
        ),
        (
            "SELECT s.n, s.v FROM wide AS s (q, r, g) UNPIVOT (v FOR n IN (r, g)) WHERE q = 'high' ORDER BY n",
            [("g", 20), ("r", 15)],
        ),
        (
            "SELECT p.one, p.two FROM sales PIVOT (sum(qty) FOR part IN ('x')) AS p (one, two) ORDER BY 1",
            [("a", 1), ("b", 2)],
        ),
        # The source is read once.
        ("SELECT count(DISTINCT k) FROM (SELECT 1 AS a, 2 AS b, random() AS k) UNPIVOT (v FOR c IN (a, b))", [(1,)]),
        # The value has the type that all its columns can be.
        (
            "SELECT avg(v) FROM (SELECT 1.25::DECIMAL(8, 2) AS d, 1.123456::DECIMAL(10, 6) AS e FROM sales LIMIT 1) "
            "UNPIVOT (v FOR c IN (d, e))",
            [("1.186728",)],
        ),
        # Beside what is recursive.
        (
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2) "
            "SELECT n, v FROM r, wide UNPIVOT (v FOR c IN (red)) ORDER BY 1, 2",
            [(1, 10), (1, 15), (2, 10), (2, 15)],
        ),
        # Of a pivot, and joined.
        (
            "SELECT shop, c, v, red FROM (SELECT * FROM sales PIVOT (sum(qty) FOR part IN ('x', 'y'))) "
            "UNPIVOT (v FOR c IN (x, y)) JOIN wide ON red = 15 ORDER BY 1, 2",
            [("a", "x", 1, 15), ("b", "x", 2, 15), ("b", "y", 5, 15)],
        ),
        ("SELECT * FROM sales PIVOT (count(DISTINCT qty) AS n FOR part IN ('x')) ORDER BY 1", [("a", 1), ("b", 1)]),
    ],
)
def test_pivots(sql: Sql, query: str, rows: list[tuple[Any, ...]]) -> None:
    assert sql(query) == rows


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM sales PIVOT (sum(qty * (SELECT count(*) FROM wide)) FOR part IN ('x'))", "not emulated"),
        ("SELECT * FROM sales PIVOT (sum(qty) FOR part IN ('x') shop IN ('a'))", "syntax error"),
        ("SELECT * FROM sales PIVOT (sum(qty) FOR part IN ('x') GROUP BY shop)", "syntax error"),
        ("SELECT * FROM sales PIVOT (sum(qty), max(qty) FOR part IN ('x'))", "syntax error"),
        ("SELECT * FROM sales PIVOT (sum(qty) FOR upper(part) IN ('x'))", "syntax error"),
        ("SELECT * FROM sales PIVOT (sum(qty) FOR part IN part)", "syntax error"),
        ("SELECT * FROM (sales JOIN wide ON true) AS j PIVOT (sum(qty) FOR part IN ('x'))", "a JOIN"),
        ("SELECT * FROM sales PIVOT (sum(qty) FOR part IN ('x', 'X'))", 'column "x" specified more than once'),
        ("SELECT * FROM wide UNPIVOT (quality FOR c IN (red))", 'column "quality" specified more than once'),
        ("SELECT * FROM wide UNPIVOT (v FOR c IN ())", "syntax error"),
        ("SELECT * FROM sales PIVOT (count() FOR part IN ('x'))", "PIVOT takes one call"),
        ("SELECT * FROM (PIVOT sales ON part USING sum(qty))", "syntax error"),
        ("INSERT INTO sales PIVOT (sum(qty) FOR part IN ('x')) SELECT * FROM sales", "syntax error"),
        (
            "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2) "
            "SELECT * FROM r UNPIVOT (v FOR c IN (n))",
            "recursive",
        ),
    ],
)
def test_what_is_no_pivot_is_refused(sql: Sql, query: str, message: str) -> None:
    with pytest.raises(RedshiftError, match=message):
        sql(query)


def test_a_view_over_a_pivot_keeps_its_columns_and_its_groups(sql: Sql) -> None:
    sql(f"CREATE TABLE growing AS {SALES}")
    sql("CREATE VIEW pivoted AS SELECT * FROM growing PIVOT (sum(qty) FOR part IN ('x'))")
    sql("ALTER TABLE growing ADD COLUMN extra INT")
    sql("INSERT INTO growing VALUES ('a', 'x', 5, 9)")
    assert sql("SELECT * FROM pivoted ORDER BY 1") == [("a", 6), ("b", 2)]


@pytest.mark.parametrize(
    "expression",
    [
        "v::DECIMAL(38, 16)",
        "v::DECIMAL(18, 2) * 1.1::DECIMAL(18, 9) * 1.2::DECIMAL(18, 9)",
        "-v / 3::DECIMAL(8, 2)",
        "(v * 1000000000000000000000000000000)::DECIMAL(38, 6)",
        "CASE WHEN v > 1 THEN -v::DECIMAL(8, 2) / 7 END",
    ],
)
def test_averages_of_decimals_are_exact_and_cut_off(sql: Sql, expression: str) -> None:
    values = "(SELECT 1 AS v UNION ALL SELECT 2 UNION ALL SELECT 4)"
    ((found, total, count),) = sql(f"SELECT avg(x), sum(x), count(x) FROM (SELECT {expression} AS x FROM {values})")
    with localcontext(prec=80):
        assert Decimal(found) == (Decimal(total) / count).quantize(Decimal(found), rounding=ROUND_DOWN)
