"""Gold tables of shopping habits: one pure function each, from silver rows under touched keys to the table's rows."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.gold import Inputs

PURCHASES = "shopping_habits.purchases"
UNKNOWN = "Unknown"
PURCHASES_PER_YEAR = {"Weekly": 52, "Fortnightly": 26, "Monthly": 12, "Quarterly": 4, "Annually": 1}


def fact_purchase(inputs: Inputs) -> DataFrame:
    """Grain: customer_id, for there is one purchase of each customer."""
    return inputs[PURCHASES].withColumns({**_classes(), "purchases_per_year": _purchases_per_year()})


def demographic_insights(inputs: Inputs) -> DataFrame:
    """Grain: age_band, gender, location."""
    return _insights(inputs, "age_band", "gender", "location")


def product_insights(inputs: Inputs) -> DataFrame:
    """Grain: category, item, size, color."""
    return _insights(inputs, "category", "item", "size", "color")


def purchase_insights(inputs: Inputs) -> DataFrame:
    """Grain: season, payment_method, discount, subscription."""
    return _insights(inputs, "season", "payment_method", "discount", "subscription")


def _insights(inputs: Inputs, *by: str) -> DataFrame:
    classes = _classes()
    purchases = inputs[PURCHASES].groupBy(*(classes.get(name, F.col(name)).alias(name) for name in by))
    amount, frequency = F.col("purchase_amount"), _purchases_per_year()
    return purchases.agg(
        F.count("*").alias("purchase_count"),
        F.sum(amount).alias("revenue"),
        F.round(F.sum(amount) / F.count("*"), 2).alias("average_amount"),
        F.count("review_rating").alias("rated_count"),
        F.coalesce(F.sum("review_rating"), F.lit(0)).alias("rating_total"),
        F.count_if("is_discounted").alias("discounted_count"),
        F.count_if("is_subscribed").alias("subscriber_count"),
        F.coalesce(F.sum("previous_purchases"), F.lit(0)).alias("previous_purchase_count"),
        F.count(frequency).alias("frequency_known_count"),
        F.coalesce(F.sum(frequency), F.lit(0)).alias("purchases_per_year"),
    )


def _classes() -> Mapping[str, Column]:
    """What purchases are told apart by, besides silver's columns as they are."""
    return {
        "age_band": F.coalesce("age_band", F.lit(UNKNOWN)),
        "category": F.coalesce("category", F.lit(UNKNOWN)),
        "discount": _yes_or_no("is_discounted"),
        "subscription": _yes_or_no("is_subscribed"),
    }


def _yes_or_no(flag: str) -> Column:
    return F.when(F.col(flag), "Yes").when(~F.col(flag), "No").otherwise(UNKNOWN)


def _purchases_per_year() -> Column:
    """How often a customer buys, as a number; null where nobody knows."""
    pairs = F.create_map(*(F.lit(item) for pair in PURCHASES_PER_YEAR.items() for item in pair))
    return F.try_element_at(pairs, F.col("purchase_frequency"))
