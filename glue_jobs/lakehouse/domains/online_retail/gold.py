"""Gold tables of Online Retail: one pure function each, from silver rows under the touched keys to the table's rows."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.gold import Inputs

INVOICE_LINES = "online_retail.invoice_lines"
UNKNOWN = "(unknown)"


def fact_invoice_line(inputs: Inputs) -> DataFrame:
    """Grain: invoice_line_key, one distinct line of an invoice."""
    return inputs[INVOICE_LINES].withColumns(
        {
            "invoice_line_key": F.col("_key"),
            "invoice_date": F.to_date("invoiced_at"),
            "total_price": F.col("quantity") * F.col("unit_price"),
        }
    )


def sales_trends(inputs: Inputs) -> DataFrame:
    """Grain: sales_date, country."""
    country = F.coalesce("country", F.lit(UNKNOWN))
    return (
        inputs[INVOICE_LINES]
        .groupBy(F.to_date("invoiced_at").alias("sales_date"), country.alias("country"))
        .agg(
            F.sum(F.col("quantity") * F.col("unit_price")).alias("revenue"),
            F.sum("quantity").alias("quantity"),
            F.count_distinct("invoice_no").alias("order_count"),
            F.count("*").alias("line_count"),
            F.count_distinct("customer_id").alias("customer_count"),
        )
    )
