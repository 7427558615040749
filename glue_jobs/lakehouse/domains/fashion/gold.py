"""Gold tables of the fashion shop: one pure function each, from silver rows under touched keys to the table's rows.

A member whom the current snapshot does not name is a row of the last snapshot that did. What "current" is, only the
whole can say: views tell it, so that a snapshot touches no more than the members it names.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, GroupedData
from pyspark.sql import functions as F  # noqa: N812

from lakehouse.gold import Inputs

MEMBERS = "fashion.members"


def dim_member(inputs: Inputs) -> DataFrame:
    """Grain: member_key."""
    seen = F.to_date("snapshot_at")
    return inputs[MEMBERS].withColumns(
        {
            "member_key": F.col("_key"),
            "app": _app(),
            "registration_date": F.date_sub(seen, "seniority_days"),
            "last_login_date": F.date_sub(seen, "days_since_last_login"),
            "last_seen_at": F.col("snapshot_at"),
        }
    )


def member_activity(inputs: Inputs) -> DataFrame:
    """Grain: snapshot_at, country_code, gender, language, app."""
    last_login = F.col("days_since_last_login")
    return _by_group(inputs).agg(
        F.count("*").alias("member_count"),
        F.count_if(last_login <= 30).alias("active_30_days_count"),
        F.count_if(last_login <= 365).alias("active_365_days_count"),
        F.count_if("has_profile_picture").alias("profile_picture_count"),
        F.sum("follower_count").alias("follower_total"),
        F.sum("followed_count").alias("followed_total"),
        F.sum("products_liked").alias("products_liked_total"),
        F.sum("products_wished").alias("products_wished_total"),
        F.sum(last_login).alias("days_since_last_login_total"),
        F.sum("seniority_days").alias("seniority_days_total"),
    )


def member_trade(inputs: Inputs) -> DataFrame:
    """Grain: snapshot_at, country_code, gender, language, app."""
    has_sold, has_bought = F.col("products_sold") > 0, F.col("products_bought") > 0
    is_seller = has_sold | (F.col("products_listed") > 0)
    return _by_group(inputs).agg(
        F.count("*").alias("member_count"),
        F.count_if(is_seller).alias("seller_count"),
        F.count_if(has_bought).alias("buyer_count"),
        F.count_if(is_seller & has_bought).alias("seller_and_buyer_count"),
        F.sum("products_listed").alias("products_listed_total"),
        F.sum("products_sold").alias("products_sold_total"),
        F.sum("products_bought").alias("products_bought_total"),
        F.count_if(has_sold).alias("inspected_seller_count"),
        F.coalesce(F.sum(F.when(has_sold, F.col("pass_rate"))), F.lit(0)).alias("pass_rate_total"),
    )


def _by_group(inputs: Inputs) -> GroupedData:
    return inputs[MEMBERS].groupBy("snapshot_at", "country_code", "gender", "language", _app().alias("app"))


def _app() -> Column:
    android, ios = F.col("has_android_app"), F.col("has_ios_app")
    return (
        F.when(android & ios, "both")
        .when(android, "android")
        .when(ios, "ios")
        .when(F.col("has_any_app"), "other")
        .otherwise("none")
    )
