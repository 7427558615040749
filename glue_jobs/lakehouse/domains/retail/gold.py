"""Gold tables of the retailer: one pure function each, from silver rows under touched keys to the table's rows."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.calendar_days import days_of
from lakehouse.gold import Inputs, surrogate, surrogate_or_unknown, versions_of
from lakehouse.versions import held_at, intervals

BRANDS, CATEGORIES, PRODUCTS, CUSTOMERS, ORDERS, ORDER_ITEMS = (
    f"retail.{name}" for name in ("brands", "categories", "products", "customers", "orders", "order_items")
)
UNKNOWN = "Unknown"
PLACED, CANCELLED, RETURNED = "Placed", "Cancelled", "Returned"


def dim_product(inputs: Inputs) -> DataFrame:
    """Grain: product_id, valid_from. Type 2 by price; the rest is as it is now."""
    brands = inputs[BRANDS].select("brand_id", "brand_name")
    categories = inputs[CATEGORIES].select("category_id", "category_name")
    now = (
        inputs[PRODUCTS]
        .select("product_id", "product_name", "brand_id", "category_id", "is_active")
        .join(brands, "brand_id", "left")
        .join(categories, "category_id", "left")
    )
    return _products_in_time(inputs).join(now, "product_id")


def dim_customer(inputs: Inputs) -> DataFrame:
    """Grain: customer_id, valid_from. Type 2 by address; the rest is as it is now."""
    now = inputs[CUSTOMERS].select(
        *("customer_id", "first_name", "last_name", "email", "phone", "gender"),
        F.to_date("signed_up_at").alias("signed_up_date"),
    )
    return _customers_in_time(inputs).join(now, "customer_id")


def dim_payment_method(inputs: Inputs) -> DataFrame:
    """Grain: payment_method."""
    methods = inputs[ORDERS].select(_payment_method().alias("payment_method")).distinct()
    return methods.withColumns(
        {"payment_method_key": surrogate("payment_method"), "is_known": F.col("payment_method") != UNKNOWN}
    )


def dim_date(inputs: Inputs) -> DataFrame:
    """Grain: calendar_date. Every day of every year in which something happened."""
    years = inputs[ORDERS].select(F.year("ordered_at").alias("year"))
    return days_of(years.unionByName(inputs[CUSTOMERS].select(F.year("signed_up_at").alias("year"))).distinct())


def fact_order_line(inputs: Inputs) -> DataFrame:
    """Grain: order_id, line_number. Products and customers are those of the order's time."""
    orders = inputs[ORDERS].select(
        *("order_id", "customer_id", "order_status", "shipping_country", "currency", "ordered_at"),
        F.xxhash64(_payment_method()).alias("payment_method_key"),
    )
    lines = inputs[ORDER_ITEMS].join(orders, "order_id")
    lines = _at_its_time(lines, _products_in_time(inputs), "product")
    lines = _at_its_time(lines, _customers_in_time(inputs), "customer")
    return lines.withColumns(
        {
            "order_date": F.to_date("ordered_at"),
            "revenue": _total_where(PLACED),
            "cancelled_amount": _total_where(CANCELLED),
            "returned_amount": _total_where(RETURNED),
        }
    )


def _products_in_time(inputs: Inputs) -> DataFrame:
    rows = intervals(inputs[versions_of(PRODUCTS)], ["product_id"], ["price", "currency"], "updated_at")
    return rows.select(
        surrogate("product_id", "valid_from").alias("product_key"),
        *("product_id", "price", "currency", "valid_from", "valid_to", "is_current"),
    )


def _customers_in_time(inputs: Inputs) -> DataFrame:
    address = ["street", "city", "postal_code", "country"]
    rows = intervals(inputs[versions_of(CUSTOMERS)], ["customer_id"], address, "updated_at")
    return rows.select(
        surrogate("customer_id", "valid_from").alias("customer_key"),
        *("customer_id", *address, "valid_from", "valid_to", "is_current"),
    )


def _at_its_time(lines: DataFrame, dimension: DataFrame, name: str) -> DataFrame:
    """The lines with the key of the dimension's row that held when they were ordered, or of the unknown member."""
    rows = dimension.select(
        F.col(f"{name}_key").alias("_key_then"), F.col(f"{name}_id").alias("_id"), "valid_from", "valid_to"
    )
    held = (F.col(f"{name}_id") == F.col("_id")) & held_at(F.col("ordered_at"), F.col("valid_from"), F.col("valid_to"))
    key = surrogate_or_unknown(F.col("_key_then"), F.col("_id").isNotNull())
    return lines.join(rows, held, "left").withColumn(f"{name}_key", key).drop(*rows.columns)


def _payment_method() -> Column:
    return F.coalesce("payment_method", F.lit(UNKNOWN))


def _total_where(status: str) -> Column:
    return F.when(F.col("order_status") == status, F.col("line_total")).otherwise(F.lit(0))
