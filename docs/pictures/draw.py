"""Draws the generator's shop: `make pictures` writes docs/pictures/*.svg from a year of a messy storefront."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from datagen.defects import DEFECTS, shares_of
from datagen.generate import TRUTH, Order, generate
from datagen.sinks import Folder

FOLDER = Path(__file__).parent
ROWS, DAYS, SEED = 400_000, 365, 7
_INK, _ACCENT, _SOFT = "#1f2933", "#0b7285", "#99c1cb"
_COLOURS = {
    "value": "#0b7285",
    "row": "#5f3dc4",
    "line": "#c2255c",
    "drift": "#e67700",
    "dialect": "#2b8a3e",
    "file": "#862e9c",
    "delivery": "#495057",
}


def revenue_by_day(axes: Axes, truth: Path) -> None:
    """Completed sales of each day in euro, at the day's rate, with a week's average."""
    rows = duckdb.sql(f"""
        WITH sales AS (
            SELECT CAST(occurred_at AS DATE) AS day, SUM(amount / euro_rate) AS revenue
            FROM '{truth}/silver/transactions/*.parquet' AS t
            JOIN '{truth}/silver/exchange_rates/*.parquet' AS r
              ON r.currency = t.currency AND r.rate_date = CAST(t.occurred_at AS DATE)
            WHERE status = 'completed'
            GROUP BY ALL
        )
        SELECT day, revenue, AVG(revenue) OVER (ORDER BY day ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING)
        FROM sales ORDER BY day
    """).fetchall()
    days, revenue, average = zip(*rows, strict=True)
    axes.bar(days, [value / 1_000 for value in revenue], width=1.0, color=_SOFT)
    axes.plot(days, [value / 1_000 for value in average], color=_ACCENT, linewidth=2)
    axes.set_title("Revenue by day, thousands of euro, with the average of seven days")
    axes.margins(x=0)


def orders_per_user(axes: Axes, truth: Path) -> None:
    """How many users bought how often."""
    rows = duckdb.sql(f"""
        SELECT orders, COUNT(*)
        FROM (
            SELECT user_id, COUNT(DISTINCT occurred_at) AS orders
            FROM '{truth}/silver/transactions/*.parquet' GROUP BY user_id
        )
        GROUP BY orders ORDER BY orders
    """).fetchall()
    orders, users = zip(*rows, strict=True)
    axes.scatter(orders, users, color=_ACCENT, s=18)
    axes.set(xscale="log", yscale="log", xlabel="orders of a user", ylabel="users")
    axes.set_title("A few buy much: users by the number of their orders")


def defects_by_kind(axes: Axes, truth: Path) -> None:
    """How often each defect was put in, rows and files alike."""
    rows = duckdb.sql(f"""
        SELECT defect, COUNT(*) AS instances
        FROM (
            SELECT UNNEST(defects) AS defect FROM '{truth}/expected_rows/*.parquet'
            UNION ALL
            SELECT UNNEST(defects) FROM '{truth}/expected_files/*.parquet'
        )
        GROUP BY defect ORDER BY instances, defect
    """).fetchall()
    names, counts = zip(*rows, strict=True)
    levels = [DEFECTS[name].level for name in names]
    axes.barh(names, counts, color=[_COLOURS[level] for level in levels])
    axes.set(xscale="log", xlabel="instances")
    axes.set_title("What goes wrong, and how often")
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.005)
    for level in dict.fromkeys(levels):
        axes.barh([0], [0], color=_COLOURS[level], label=level)
    axes.legend(frameon=False, loc="lower right")


_PICTURES: dict[str, tuple[Callable[[Axes, Path], None], tuple[float, float]]] = {
    "revenue-by-day": (revenue_by_day, (10, 3.6)),
    "orders-per-user": (orders_per_user, (6, 4)),
    "defects-by-kind": (defects_by_kind, (8, 11)),
}


def main() -> None:
    # The same picture gives the same bytes.
    mpl.rcParams.update(
        {
            "svg.hashsalt": "shop",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": _INK,
            "axes.titlelocation": "left",
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        order = Order("storefront", ROWS, DAYS, SEED, shares_of("messy"))
        for _ in generate(order, Folder(out), out / TRUTH):
            pass
        for name, (draw, size) in _PICTURES.items():
            figure, axes = plt.subplots(figsize=size, layout="constrained")
            draw(axes, out / TRUTH)
            figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)


if __name__ == "__main__":
    main()
