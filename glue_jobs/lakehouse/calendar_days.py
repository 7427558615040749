"""Calendar dimensions, shared by the domains."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

SATURDAY = 6


def days_of(years: DataFrame) -> DataFrame:
    """Every day of the given years (column `year`), null years aside. Weeks and weekdays are ISO 8601: Monday is 1.

    Columns: calendar_date, year, quarter, month, month_name, iso_week, day_of_week, is_weekend.
    """
    first, last = F.make_date("year", F.lit(1), F.lit(1)), F.make_date("year", F.lit(12), F.lit(31))
    days = years.where("year IS NOT NULL").select("year", F.explode(F.sequence(first, last)).alias("calendar_date"))
    day = F.col("calendar_date")
    return days.withColumns(
        {
            "quarter": F.quarter(day),
            "month": F.month(day),
            "month_name": F.date_format(day, "MMMM"),
            "iso_week": F.weekofyear(day),
            "day_of_week": F.weekday(day) + 1,
            "is_weekend": F.weekday(day) + 1 >= SATURDAY,
        }
    )
