"""Gold tables of the storefront: one pure function each, from silver rows under touched keys to the table's rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.calendar_days import days_of
from lakehouse.gold import Inputs, surrogate, surrogate_or_unknown

USERS, TRANSACTIONS, EVENTS = "storefront.users", "storefront.transactions", "storefront.events"
EXCHANGE_RATES = "storefront.exchange_rates"
ANONYMOUS = "(anonymous)"
UNKNOWN_DEVICE = "unknown"


def dim_user(inputs: Inputs) -> DataFrame:
    """Grain: user_id."""
    return inputs[USERS].select(
        surrogate("user_id").alias("user_key"),
        *("user_id", "email", "full_name", "country"),
        F.to_date("signed_up_at").alias("signed_up_date"),
        "is_marketing_opt_in",
    )


def dim_product(inputs: Inputs) -> DataFrame:
    """Grain: product_id. Named as in the latest sale that names it; without a name as long as none does."""
    sold = (
        inputs[TRANSACTIONS]
        .groupBy("product_id")
        .agg(
            _latest_said("product_name").alias("product_name"),
            _latest_said("category").alias("category"),
            F.min("occurred_at").alias("first_sold_at"),
        )
    )
    seen = inputs[EVENTS].where("product_id is not null").select("product_id").distinct()
    return sold.join(seen, "product_id", "full_outer").withColumn("product_key", surrogate("product_id"))


def dim_device(inputs: Inputs) -> DataFrame:
    """Grain: device."""
    devices = inputs[EVENTS].select(_device().alias("device")).distinct()
    return devices.withColumns({"device_key": surrogate("device"), "is_known": F.col("device") != UNKNOWN_DEVICE})


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
    facts = _with_user_key(inputs[TRANSACTIONS], inputs[USERS])
    return facts.withColumns({"product_key": surrogate("product_id"), "transaction_date": F.to_date("occurred_at")})


def fact_event(inputs: Inputs) -> DataFrame:
    """Grain: event_id."""
    return _with_user_key(inputs[EVENTS], inputs[USERS]).withColumns(
        {
            "product_key": surrogate_or_unknown(surrogate("product_id"), F.col("product_id").isNotNull()),
            "device_key": F.xxhash64(_device()),
            "event_date": F.to_date("occurred_at"),
        }
    )


def fact_session(inputs: Inputs) -> DataFrame:
    """Grain: visitor_id, started_at. Whoever is silent for longer than the contract says begins another session."""
    sessions = inputs.contract.sessions
    assert sessions is not None  # noqa: S101 - the contract says what a session is
    in_order = Window.partitionBy("visitor_id").orderBy("occurred_at", "event_id")
    silence = F.col("occurred_at") - F.lag("occurred_at").over(in_order)
    goes_on = silence <= F.expr(f"INTERVAL {sessions.silence_minutes} MINUTES")
    did = F.col("event_type")
    events = (
        _with_user_key(inputs[EVENTS], inputs[USERS])
        .withColumn("visitor_id", F.expr(inputs.contract.source(EVENTS).keys["visitor_id"]))
        .withColumn("_begins", ~F.coalesce(goes_on, F.lit(False)))
        .withColumn("_number", F.count_if("_begins").over(in_order))
    )
    found = events.groupBy("visitor_id", "_number").agg(
        F.first("user_id").alias("user_id"),
        F.first("user_key").alias("user_key"),
        # A visitor keeps the device for a session, but for events that do not name it.
        F.min_by("device", F.when(F.col("device").isNotNull(), F.struct("occurred_at", "event_id"))).alias("device"),
        F.min("occurred_at").alias("started_at"),
        F.max("occurred_at").alias("ended_at"),
        F.count("*").alias("event_count"),
        *(F.count_if(did == kind).alias(f"{kind}_count") for kind in ("page_view", "search", "add_to_cart")),
        *(F.count_if(did == kind).alias(f"{kind}_count") for kind in ("checkout", "purchase")),
    )
    return found.withColumns(
        {
            "session_key": surrogate("visitor_id", "started_at"),
            "device_key": F.xxhash64(_device()),
            "session_date": F.to_date("started_at"),
            "duration_seconds": F.expr("timestampdiff(SECOND, started_at, ended_at)"),
            "is_converted": F.col("purchase_count") > 0,
        }
    )


def daily_revenue(inputs: Inputs) -> DataFrame:
    """Grain: revenue_date, currency. Pending and cancelled transactions earn nothing."""
    return (
        _with_euros(inputs)
        .groupBy(F.to_date("occurred_at").alias("revenue_date"), "currency")
        .agg(
            _gross().alias("gross_amount"),
            _refunded().alias("refunded_amount"),
            (_gross() - _refunded()).alias("net_amount"),
            _sum_where(_is_sale(), "euros").alias("gross_eur"),
            _sum_where(_is_refund(), "euros").alias("refunded_eur"),
            _net_euros().alias("net_eur"),
            _unconverted().alias("unconverted_count"),
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


def user_value(inputs: Inputs) -> DataFrame:
    """Grain: user_id. To date, over all currencies; users who bought nothing have no row."""
    thresholds = inputs.contract.thresholds
    active, lapsing = (F.lit(int(days)) for days in thresholds["recency_days"])
    latest = F.to_date("last_transaction_at")
    return (
        _with_euros(inputs)
        .where(_is_sale())
        .groupBy("user_id")
        .agg(
            F.count("*").alias("order_count"),
            _sum_where(_is_sale(), "euros").alias("gross_eur"),
            _net_euros().alias("net_eur"),
            _unconverted().alias("unconverted_count"),
            F.min("occurred_at").alias("first_transaction_at"),
            F.max("occurred_at").alias("last_transaction_at"),
        )
        .withColumns(
            {
                "average_order_eur": F.round(
                    F.try_divide("gross_eur", F.col("order_count") - F.col("unconverted_count")), 2
                ),
                "active_until_date": F.date_add(latest, active),
                "lapsing_until_date": F.date_add(latest, lapsing),
                "frequency_score": _score("order_count", thresholds["frequency"]),
                "monetary_score": _score("net_eur", thresholds["monetary_eur"]),
            }
        )
    )


def _with_euros(inputs: Inputs) -> DataFrame:
    """Transactions with what each is worth in `euros` by the rate of its day, to the cent; null without a rate."""
    rate = F.coalesce("euro_rate", F.when(F.col("currency") == "EUR", F.lit(1)))  # whatever has arrived of the others
    return inputs.looked_up(EXCHANGE_RATES).withColumn("euros", F.round(F.col("amount") / rate, 2))


def _score(measure: str, thresholds: Sequence[Decimal]) -> Column:
    """1, and one more for every threshold that is reached."""
    return sum((F.when(F.col(measure) >= F.lit(step), 1).otherwise(0) for step in thresholds), F.lit(1))


def _net_euros() -> Column:
    return _sum_where(_is_sale(), "euros") - _sum_where(_is_refund(), "euros")


def _unconverted() -> Column:
    return F.count_if(_is_sale() & F.col("euros").isNull())


def _latest_said(column: str) -> Column:
    """Its value in the latest sale that has one."""
    return F.max_by(column, F.when(F.col(column).isNotNull(), F.struct("occurred_at", "transaction_id")))


def _device() -> Column:
    return F.coalesce("device", F.lit(UNKNOWN_DEVICE))


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
    return _sum_where(_is_sale(), "amount")


def _refunded() -> Column:
    return _sum_where(_is_refund(), "amount")


def _sum_where(condition: Column, measure: str) -> Column:
    return F.coalesce(F.sum(F.when(condition, F.col(measure))), F.lit(0).cast("decimal(24,2)"))
