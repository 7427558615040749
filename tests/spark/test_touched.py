"""Which keys a batch's changes touch: those for which a column that the table is computed from says something else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from lakehouse import gold, tables, touched
from lakehouse.contract import GoldContract, load_registry
from lakehouse.extents import Ends, Extent

REGISTRY = load_registry()
EVENTS, USERS = "storefront.events", "storefront.users"
NOON = datetime(2026, 3, 1, 12)
EVENT = {"event_id": "e-1", "user_id": "u-1", "event_type": "search", "occurred_at": NOON, "device": "mobile"}
USER = {"user_id": "u-1", "email": "a@example.com", "country": "DE", "signed_up_at": NOON}


def frame(spark: SparkSession, dataset: str, rows: Sequence[Mapping[str, Any]], changes: bool = False) -> DataFrame:
    """Silver rows of a dataset, or changes of it; what is not given is null."""
    source = REGISTRY.sources[dataset]
    shape = tables.changes_table(source).columns if changes else tables.silver_table(source).columns
    values = [tuple(row.get(name) for name, _ in shape) for row in rows]
    return spark.createDataFrame(values, ", ".join(f"`{name}` {kind}" for name, kind in shape))


def change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A change of one row: it was so, as an earlier file said, and is so."""
    return [
        {"_key": "k", "_change": kind, "_changed_by": 7, "_file_id": kind, "_row": 1, **row}
        for kind, row in ((tables.OLD, before), (tables.NEW, after))
        if row is not None
    ]


def keys(
    spark: SparkSession, table: str, dataset: str, changes: Sequence[Mapping[str, Any]], *, is_compared: bool = True
) -> set[Any]:
    contract = REGISTRY.gold[f"storefront.{table}"]
    silver = {name: frame(spark, name, []) for name in contract.datasets}
    silver[EVENTS] = frame(spark, EVENTS, [{"_key": "k", **EVENT}])
    moved = {dataset: frame(spark, dataset, changes, changes=True)}
    found = touched.touched(contract, moved, silver, compared=moved if is_compared else ())
    return {tuple(row) for row in found.collect()} if found is not None else set()


@pytest.mark.parametrize("contract", REGISTRY.gold.values(), ids=list(REGISTRY.gold))
def test_a_table_is_computed_from_no_other_columns_than_its_contract_names(
    spark: SparkSession, contract: GoldContract
) -> None:
    """But of versions a function sees no others, so that one that needs more fails here."""
    silver = {name: frame(spark, name, []) for name in contract.datasets}
    silver |= {gold.versions_of(name): rows for name, rows in silver.items()}
    for dataset in contract.datasets:
        named = contract.columns_of(dataset)
        assert named is not None
        assert named <= set(silver[dataset].columns), dataset
    keys = touched.measured(contract, silver_keys(spark, contract))
    for found in (gold.compute(contract, None, silver), gold.compute(contract, keys, silver)):
        assert found.columns == list(contract.column_names)


def silver_keys(spark: SparkSession, contract: GoldContract) -> DataFrame:
    """Some key, of the right types."""
    value = {"date": NOON.date(), "timestamp": NOON, "varchar": "x"}
    row = tuple(value.get(contract.column(name).type.kind, 1) for name in contract.recompute_by)
    shape = ", ".join(f"{name} {contract.column(name).type.spark}" for name in contract.recompute_by)
    return spark.createDataFrame([row], shape)


def test_a_column_of_which_the_table_knows_nothing_touches_nothing(spark: SparkSession) -> None:
    changes = change(EVENT, {**EVENT, "event_type": "purchase"})
    assert keys(spark, "dim_device", EVENTS, changes) == set()
    assert keys(spark, "dim_date", EVENTS, changes) == set()
    assert keys(spark, "fact_event", EVENTS, changes) == {("e-1",)}
    assert keys(spark, "user_activity", EVENTS, changes) == {(NOON.date(), "u-1")}


def test_a_row_that_moves_touches_where_it_was_and_where_it_is(spark: SparkSession) -> None:
    changes = change(EVENT, {**EVENT, "occurred_at": datetime(2027, 1, 2, 3)})
    assert keys(spark, "dim_date", EVENTS, changes) == {(2026,), (2027,)}
    assert keys(spark, "user_activity", EVENTS, changes) == {(NOON.date(), "u-1"), (date(2027, 1, 2), "u-1")}
    assert keys(spark, "fact_event", EVENTS, changes) == {("e-1",)}


@pytest.mark.parametrize(("before", "after"), [(EVENT, None), (None, EVENT)], ids=["leaves", "comes"])
def test_a_row_that_comes_or_leaves_touches_every_table(spark: SparkSession, before: Any, after: Any) -> None:
    assert keys(spark, "dim_device", EVENTS, change(before, after)) == {("mobile",)}


def test_null_is_a_value_like_others(spark: SparkSession) -> None:
    assert keys(spark, "dim_device", EVENTS, change({**EVENT, "device": None}, EVENT)) == {("mobile",), ("unknown",)}
    nameless = {**EVENT, "device": None}
    assert keys(spark, "dim_device", EVENTS, change(nameless, {**nameless, "event_type": "purchase"})) == set()


def test_facts_ask_of_their_user_only_whether_there_is_one(spark: SparkSession) -> None:
    moved = change(USER, {**USER, "country": "FR"})
    assert keys(spark, "fact_event", USERS, moved) == set()
    assert keys(spark, "dim_user", USERS, moved) == {("u-1",)}
    assert keys(spark, "fact_event", USERS, change(None, USER)) == {("e-1",)}
    assert keys(spark, "fact_event", USERS, change(USER, None)) == {("e-1",)}


def test_of_a_narrowed_batch_every_change_counts(spark: SparkSession) -> None:
    """What left with a part of the batch may have come back, and gold may have been computed between."""
    changes = change(EVENT, EVENT)
    assert keys(spark, "fact_event", EVENTS, changes) == set()
    assert keys(spark, "fact_event", EVENTS, changes, is_compared=False) == {("e-1",)}


def test_a_version_that_one_try_let_in_and_the_next_replaced_counts(spark: SparkSession) -> None:
    """The row is new with the batch, although a version of it left and another came."""
    first = {**EVENT, "_file_id": "f-1", "_row": 1}
    second = {**EVENT, "_file_id": "f-1", "_row": 2}
    tries = [*change(None, first), *change(first, second)]
    assert keys(spark, "fact_event", EVENTS, tries) == {("e-1",)}
    again = change(first, second)
    assert keys(spark, "fact_event", EVENTS, [*again, *again]) == set()


def test_keys_know_their_days(spark: SparkSession) -> None:
    contract = REGISTRY.gold["storefront.user_activity"]
    rows = spark.sql("SELECT explode(array(DATE'1970-01-03', DATE'1969-12-31')) AS activity_date, 'u' AS user_id")
    found = touched.measured(contract, rows)
    assert found is not None
    assert found.extent == Extent(2, {"activity_date": Ends("date", -1, 2)})
    assert touched.measured(contract, rows.where("false")) is None


@pytest.fixture(params=["UTC", "America/New_York"])
def zone_of_python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone_of_python")
@pytest.mark.parametrize(
    "instant",
    [
        "0000-05-05 00:00:00",
        "0001-01-01 00:00:00",
        "0202-03-01 23:59:59",
        "1500-02-28 12:00:00",
        "1890-01-01 00:00:00",
        "2026-03-29 02:30:00",
        "+10000-01-01 04:59:59",
    ],
)
def test_a_row_of_any_day_is_found_under_its_key(spark: SparkSession, instant: str) -> None:
    """Of years that Python's dates or Java's old calendar do not know too, wherever Python runs."""
    contract = REGISTRY.gold["storefront.user_activity"]
    rows = frame(spark, EVENTS, [EVENT]).withColumn("occurred_at", F.lit(instant).cast("timestamp_ntz"))
    found = touched.touched(contract, {EVENTS: rows.withColumn("_change", F.lit(tables.NEW))}, {EVENTS: rows})
    assert found is not None
    keys = touched.measured(contract, found)
    assert keys is not None
    assert touched.under_keys(contract, rows, contract.source(EVENTS), keys).count() == 1
    assert touched.under(keys, found, contract).count() == 1
