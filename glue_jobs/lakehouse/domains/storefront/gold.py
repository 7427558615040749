"""Gold tables of the storefront: one pure function each, from silver rows under touched keys to the table's rows."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.calendar_days import days_of
from lakehouse.gold import Inputs, surrogate, surrogate_or_unknown

USERS, TRANSACTIONS, EVENTS = "storefront.users", "storefront.transactions", "storefront.events"
ANONYMOUS = "(anonymous)"


def dim_user(inputs: Inputs) -> DataFrame:
    """Grain: user_id."""
    return inputs[USERS].select(
        surrogate("user_id").alias("user_key"),
        *("user_id", "email", "full_name", "country"),
        F.to_date("signed_up_at").alias("signed_up_date"),
        "is_marketing_opt_in",
    )


def dim_date(inputs: Inputs) -> DataFrame:
    """Grain: calendar_date. Every day of every year in which something happened."""
    instants = (
        inputs[TRANSACTIONS]
        .select("occurred_at")
        .unionByName(inputs[EVENTS].select("occurred_at"))
        .unionByName(inputs[USERS].select(F.col("signed_up_at").alias("occurred_at")))
    )
    return days_of(instants.select(F.year("occurred_at").alias("year")).distinct())


def fact_transaction(inputs: Inputs) -> DataFrame:
    """Grain: transaction_id."""
    return _with_user_key(inputs[TRANSACTIONS], inputs[USERS]).withColumn("transaction_date", F.to_date("occurred_at"))


def fact_event(inputs: Inputs) -> DataFrame:
    """Grain: event_id."""
    return _with_user_key(inputs[EVENTS], inputs[USERS]).withColumn("event_date", F.to_date("occurred_at"))


def daily_revenue(inputs: Inputs) -> DataFrame:
    """Grain: revenue_date, currency. Pending and cancelled transactions earn nothing."""
    return (
        inputs[TRANSACTIONS]
        .groupBy(F.to_date("occurred_at").alias("revenue_date"), "currency")
        .agg(
            _gross().alias("gross_amount"),
            _refunded().alias("refunded_amount"),
            (_gross() - _refunded()).alias("net_amount"),
            F.count_if(_is_sale()).alias("transaction_count"),
            F.count_if(_is_refund()).alias("refund_count"),
            F.count_distinct(F.when(_is_sale(), F.col("user_id"))).alias("customer_count"),
        )
    )


def user_activity(inputs: Inputs) -> DataFrame:
    """Grain: activity_date, user_id. Visitors who were not signed in count as one user."""
    did = F.col("event_type")
    nothing = F.lit(False)
    events = inputs[EVENTS].select(
        F.to_date("occurred_at").alias("activity_date"),
        F.coalesce("user_id", F.lit(ANONYMOUS)).alias("user_id"),
        F.lit(True).alias("is_event"),
        (did == "page_view").alias("is_page_view"),
        (did == "add_to_cart").alias("is_add_to_cart"),
        (did == "purchase").alias("is_purchase"),
    )
    transactions = inputs[TRANSACTIONS].select(
        F.to_date("occurred_at").alias("activity_date"),
        "user_id",
        *(nothing.alias(name) for name in ("is_event", "is_page_view", "is_add_to_cart", "is_purchase")),
    )
    return (
        events.unionByName(transactions)
        .groupBy("activity_date", "user_id")
        .agg(
            F.count_if("is_event").alias("event_count"),
            F.count_if("is_page_view").alias("page_view_count"),
            F.count_if("is_add_to_cart").alias("add_to_cart_count"),
            F.count_if("is_purchase").alias("purchase_event_count"),
            F.count_if(~F.col("is_event")).alias("transaction_count"),
        )
    )


def user_lifetime_value(inputs: Inputs) -> DataFrame:
    """Grain: user_id, currency. To date; users who bought nothing have no row."""
    return (
        inputs[TRANSACTIONS]
        .where(_is_sale())
        .groupBy("user_id", "currency")
        .agg(
            F.count("*").alias("order_count"),
            _gross().alias("gross_amount"),
            _refunded().alias("refunded_amount"),
            (_gross() - _refunded()).alias("net_amount"),
            F.round(F.try_divide(_gross(), F.count("*")), 2).alias("average_order_amount"),
            F.min("occurred_at").alias("first_transaction_at"),
            F.max("occurred_at").alias("last_transaction_at"),
        )
    )


def _with_user_key(facts: DataFrame, users: DataFrame) -> DataFrame:
    known = users.select(F.col("user_id").alias("known_user_id"))
    return facts.join(known, F.col("user_id") == F.col("known_user_id"), "left").withColumn(
        "user_key", surrogate_or_unknown(surrogate("user_id"), F.col("known_user_id").isNotNull())
    )


def _is_sale() -> Column:
    """Money came in, whether or not it went back later."""
    return F.col("status").isin("completed", "refunded")


def _is_refund() -> Column:
    return F.col("status") == "refunded"


def _gross() -> Column:
    return _sum_where(_is_sale())


def _refunded() -> Column:
    return _sum_where(_is_refund())


def _sum_where(condition: Column) -> Column:
    return F.coalesce(F.sum(F.when(condition, F.col("amount"))), F.lit(0).cast("decimal(24,2)"))
