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
        }
    )


def sales_trends(inputs: Inputs) -> DataFrame:
    """Grain: sales_date, country."""
    country = F.coalesce("country", F.lit(UNKNOWN))
    return (
        inputs[INVOICE_LINES]
        .groupBy(F.to_date("invoiced_at").alias("sales_date"), country.alias("country"))
        .agg(
            F.sum("total_price").alias("revenue"),
            F.sum("quantity").alias("quantity"),
            F.count_distinct("invoice_no").alias("order_count"),
            F.count("*").alias("line_count"),
            F.count_distinct("customer_id").alias("customer_count"),
        )
    )


def customer_analytics(inputs: Inputs) -> DataFrame:
    """Grain: customer_id."""
    spent, orders = F.sum("total_price"), F.count_distinct("invoice_no")
    days = F.date_diff(F.max("invoiced_at"), F.min("invoiced_at"))
    return (
        inputs[INVOICE_LINES]
        .groupBy("customer_id")
        .agg(
            # The greatest (time, country) is the last invoice; of two countries at one time the first by name counts.
            F.expr(
                "min_by(country, struct(-unix_micros(cast(invoiced_at as timestamp)), country)) "
                "FILTER (WHERE country IS NOT NULL)"
            ).alias("country"),
            spent.alias("total_spend"),
            F.sum("quantity").alias("quantity"),
            orders.alias("order_count"),
            F.count("*").alias("line_count"),
            F.count_distinct("stock_code").alias("product_count"),
            F.count_distinct(F.to_date("invoiced_at")).alias("active_day_count"),
            F.min("invoiced_at").alias("first_purchase_at"),
            F.max("invoiced_at").alias("last_purchase_at"),
            F.round(spent.cast("decimal(28,3)") / orders, 2).alias("average_order_amount"),
            F.round(F.when(orders > 1, days / (orders - 1)), 2).alias("average_days_between_orders"),
        )
    )


def product_performance(inputs: Inputs) -> DataFrame:
    """Grain: stock_code."""
    lines = inputs[INVOICE_LINES]
    names = lines.where("description IS NOT NULL").groupBy("stock_code", "description").agg(F.count("*").alias("times"))
    usual = names.groupBy("stock_code").agg(
        F.expr("min_by(description, struct(-times, description))").alias("description")
    )
    revenue, pieces = F.sum("total_price"), F.sum("quantity")
    sold = lines.groupBy("stock_code").agg(
        pieces.alias("quantity"),
        revenue.alias("revenue"),
        F.count_distinct("invoice_no").alias("order_count"),
        F.count("*").alias("line_count"),
        F.count_distinct("customer_id").alias("customer_count"),
        F.count_distinct("country").alias("country_count"),
        F.min("invoiced_at").alias("first_sold_at"),
        F.max("invoiced_at").alias("last_sold_at"),
        F.round(revenue.cast("decimal(28,3)") / pieces, 3).alias("average_unit_price"),
    )
    return sold.join(usual, "stock_code", "left")
