"""The retailer's truth: whole in itself, the same every time, of the size asked for, and shaped like a shop."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from datagen.defects import shares_of
from datagen.generate import Order, generate
from datagen.people import COUNTRIES, EURO_RATES
from datagen.retail import DATASETS, Retail
from datagen.sinks import Folder
from lakehouse.contract import load_registry

FIRST_DAY = date(2026, 1, 1)
ROWS, DAYS, SEED = 20_000, 45, 7
KEYS = {dataset: ", ".join(load_registry().sources[f"retail.{dataset}"].key) for dataset in DATASETS}


def _world(rows: int = ROWS, days: int = DAYS, seed: int = SEED, rows_per_slice: int = 1_000) -> Retail:
    return Retail(rows, days, seed, FIRST_DAY, rows_per_slice)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Views of the truth by the datasets' names, and of all delivered versions as `all_<dataset>`; `countries` and
    `currencies` hold what is known of them."""
    out = tmp_path_factory.mktemp("retail")
    order = Order("retail", ROWS, DAYS, SEED, shares_of("none"), FIRST_DAY, (".csv",), file_bytes=200_000)
    list(generate(order, Folder(out), out / "_truth"))
    shop = duckdb.connect()
    shop.execute("set timezone = 'UTC'")
    for dataset in DATASETS:
        truth = f"read_parquet('{out}/_truth/silver/{dataset}/*.parquet')"
        types = shop.execute(f"describe from {truth}").fetchall()
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name, *_ in types)
        cast = ", ".join(f"nullif({name}, '')::{type_} {name}" for name, type_, *_ in types)
        shop.execute(f"create view {dataset} as from {truth}")
        shop.execute(
            f"create table all_{dataset} as select {cast}, regexp_extract(filename, '\\d{{4}}-\\d\\d-\\d\\d')::date as "
            f"delivered_on from read_csv('{out}/{dataset}/*.csv', header=true, columns={{{columns}}}, filename=true)"
        )
    shop.execute(f"create view told as from read_parquet('{out}/_truth/expected_rows/*.parquet')")
    shop.execute("create table countries(country varchar, currency varchar, dialling_code varchar)")
    shop.executemany(
        "insert into countries values (?, ?, ?)",
        [(country.code, country.currency, country.dialling_code) for country in COUNTRIES],
    )
    shop.execute("create table currencies(currency varchar, units_for_a_euro decimal(18, 6))")
    shop.executemany(
        "insert into currencies values (?, ?)",
        [(code, Decimal(micros) / 1_000_000) for code, micros in EURO_RATES.items()],
    )
    yield shop
    shop.close()


def _one(shop: duckdb.DuckDBPyConnection, query: str) -> Any:
    found = shop.execute(query).fetchone()
    assert found is not None
    return found[0] if len(found) == 1 else found


PRICED = """order_items line join orders using (order_id) join lateral (
    select price, updated_at as priced_at from all_products
    where product_id = line.product_id and updated_at <= ordered_at order by updated_at desc limit 1) on true"""


@pytest.mark.parametrize(
    ("rows", "is_wrong"),
    [
        ("categories child left join categories parent on child.parent_category_id = parent.category_id",
         "(child.parent_category_id is null) <> (parent.category_id is null) or parent.parent_category_id is not null"),
        ("products left join brands using (brand_id)", "brand_name is null"),
        ("products left join categories using (category_id)", "parent_category_id is null"),
        ("orders left join customers using (customer_id)", "signed_up_at is null or signed_up_at >= ordered_at"),
        ("orders o left join customers c using (customer_id) left join countries k on c.country = k.country",
         "o.currency is distinct from k.currency"),
        ("order_items left join orders using (order_id)", "customer_id is null"),
        ("order_items left join products using (product_id)", "product_name is null or is_active is false"),
        ("orders left join (select order_id, sum(line_total) total from order_items group by 1) using (order_id)",
         "total is distinct from order_total"),
        ("order_items",
         "line_total <> round(quantity * unit_price * (1 - coalesce(discount_rate, 0)), 2) or discount_rate <= 0"),
        ("(select list(line_number order by line_number) lines, list(distinct product_id) products from order_items "
         "group by order_id)", "lines <> range(1, len(lines) + 1) or len(products) <> len(lines)"),
        (PRICED, "currency = 'EUR' and unit_price <> price"),
        (f"{PRICED} join currencies using (currency)",
         "unit_price / units_for_a_euro not between price * 0.9 - 0.5 and price * 1.1 + 0.5"),
        ("order_items line join orders using (order_id)", "line.updated_at <> ordered_at"),
        ("orders", "order_status = 'Placed' and updated_at <> ordered_at"),
        ("orders", "order_status <> 'Placed' and not updated_at between ordered_at + interval 1 second "
                   "and ordered_at::date + interval 11 days"),
        ("all_orders", "order_status = 'Cancelled' and hour(ordered_at) >= 22 and updated_at::date = ordered_at::date"),
        ("customers join countries using (country)", "not starts_with(phone, '+' || dialling_code)"),
        ("customers", "date_diff('year', birth_date, signed_up_at) not between 15 and 75"),
    ],
)  # fmt: skip
def test_the_shop_is_whole(shop: duckdb.DuckDBPyConnection, rows: str, is_wrong: str) -> None:
    checked, wrong = _one(shop, f"select count(*), count(*) filter ({is_wrong}) from {rows}")
    assert checked > 30
    assert wrong == 0


def test_prices_change_while_products_are_sold(shop: duckdb.DuckDBPyConnection) -> None:
    """Without that, the prices of the day would be any day's."""
    prices = f"select count(distinct unit_price) prices from {PRICED} where currency = 'EUR' group by product_id"
    assert _one(shop, f"select count(*) filter (prices > 1) from ({prices})") > 50


@pytest.mark.parametrize("dataset", ["products", "customers", "orders"])
def test_every_later_version_is_later_and_the_last_one_is_the_truth(
    shop: duckdb.DuckDBPyConnection, dataset: str
) -> None:
    key = KEYS[dataset]
    versions = f"""select *, lag(updated_at) over versions as before, lead(updated_at) over versions as after
        from all_{dataset} window versions as (partition by {key} order by delivered_on, updated_at)"""
    later, not_later, misdated, last = _one(
        shop,
        f"""select count(before), count(*) filter (updated_at <= before),
            count(*) filter (before is not null and updated_at::date <> delivered_on), count(*) filter (after is null)
            from ({versions})""",
    )
    assert later > 100
    assert (not_later, misdated) == (0, 0)
    shared = f"select * exclude (delivered_on, before, after) from ({versions}) where after is null"
    assert _one(shop, f"select count(*) from (from {dataset} intersect all ({shared}))") == last
    assert _one(shop, f"select count(*) from {dataset}") == last
    superseded = f"select count(*) from told where dataset = 'retail.{dataset}' and outcome = 'superseded'"
    assert _one(shop, superseded) == later


def test_one_thing_changes_about_a_customer_at_a_time(shop: duckdb.DuckDBPyConnection) -> None:
    """The address, the e-mail address, the last name and with it the e-mail address, or the telephone number."""
    stays = ("first_name", "gender", "birth_date", "country", "signed_up_at")
    before, now = (f"({', '.join(f'{side}.{column}' for column in stays)})" for side in ("before", "now"))
    shop.execute(f"""create view changes as select {before} is distinct from {now} is_other_person,
        (now.street, now.city, now.postal_code) <> (before.street, before.city, before.postal_code) has_moved,
        now.last_name <> before.last_name has_married, now.email <> before.email has_other_mail,
        now.phone <> before.phone has_other_phone
        from all_customers now asof join all_customers before
        on now.customer_id = before.customer_id and before.updated_at < now.updated_at""")
    assert _one(shop, "select count(*) filter (is_other_person) from changes") == 0
    seen = "from changes where has_other_mail is not null and has_other_phone is not null"
    things = f"select has_moved::int + has_other_mail::int + has_other_phone::int things {seen}"
    counts = dict(shop.execute(f"select things, count(*) from ({things}) group by things").fetchall())
    assert set(counts) <= {0, 1}
    assert counts.get(0, 0) < counts[1] / 50  # somebody's new name is the old one
    for kind in (
        "has_moved",
        "has_married and has_other_mail",
        "not has_married and has_other_mail",
        "has_other_phone",
    ):
        assert _one(shop, f"select count(*) filter ({kind}) {seen}") > 10, kind
    assert _one(shop, f"select count(*) filter (has_married and not has_other_mail) {seen}") == 0


def test_births_tell_of_every_row_whether_a_later_version_follows() -> None:
    """A customer may change several times: every version but the last is superseded, every one but the first final."""
    world, found = _world(), {"customers": [], "products": []}  # type: ignore[var-annotated]
    for part in world.slices:
        for dataset, births in world.births(part).items():
            if dataset in found:
                superseded, final = set(births.superseded.tolist()), set(births.final.tolist())
                keys = births.table.column(0).to_pylist()
                found[dataset] += [(key, place in superseded, place in final) for place, key in enumerate(keys)]
    for dataset, rows in found.items():
        versions: dict[int, list[tuple[bool, bool]]] = {}
        for key, is_superseded, is_final in rows:
            versions.setdefault(key, []).append((is_superseded, is_final))
        assert max(map(len, versions.values())) >= 3, dataset
        for told in versions.values():
            assert told == [(place < len(told) - 1, place > 0) for place in range(len(told))], dataset


def test_an_order_that_is_refused_makes_orphans_of_exactly_its_lines(tmp_path: Path) -> None:
    shares = shares_of("missing_key=0.02,missing_required=0.03")
    order = Order("retail", ROWS, 14, SEED, shares, FIRST_DAY, (".csv",), file_bytes=200_000)
    list(generate(order, Folder(tmp_path), tmp_path / "_truth"))
    world = order.plan.world
    births = [world.births(part) for part in world.slices]
    shop = duckdb.connect()
    ordered, lines = (pa.concat_tables([found[name].table for found in births]) for name in ("orders", "order_items"))
    shop.register("ordered", ordered.select(["order_id"]))
    shop.register("lines", lines.select(["order_id", "line_number"]))
    for dataset in ("orders", "order_items"):
        shop.execute(f"create view {dataset} as from read_parquet('{tmp_path}/_truth/silver/{dataset}/*.parquet')")
    shop.execute("create view lost as from ordered anti join orders using (order_id)")
    assert _one(shop, "select count(*) from lost") > 20
    assert _one(shop, "select count(*) from order_items semi join lost using (order_id)") == 0
    told = f"read_parquet('{tmp_path}/_truth/expected_rows/*.parquet') where dataset = 'retail.order_items'"
    orphans = f"select count(*) from {told} and violations = ['order_id_orphan'] and len(defects) = 0"
    assert _one(shop, orphans) == _one(shop, "select count(*) from lines semi join lost using (order_id)")
    # Every other line that is not in silver has a defect of its own.
    others = "lines anti join lost using (order_id) anti join order_items using (order_id, line_number)"
    own = f"select count(*) from {told} and outcome = 'quarantined' and len(defects) > 0"
    assert _one(shop, own) == _one(shop, f"select count(*) from {others}") > 0


# --- the same every time, of the size that was asked for


def test_a_slice_is_the_same_whoever_makes_it_and_when() -> None:
    one, other = _world(), _world()
    backwards = {part.number: other.births(part) for part in reversed(other.slices)}
    for part in one.slices:
        for dataset, births in one.births(part).items():
            again = backwards[part.number][dataset]
            assert births.table.equals(again.table), (part, dataset)
            assert births.changed is None or births.changed.equals(again.changed)


def test_two_seeds_share_the_catalogue_and_nothing_else() -> None:
    one, other = (world.births(world.slices[0]) for world in (_world(), _world(seed=8)))
    for dataset in ("brands", "categories", "products"):
        assert one[dataset].table.equals(other[dataset].table)
    for dataset in ("customers", "orders"):
        ids = [set(found[dataset].table.column(0).to_pylist()) for found in (one, other)]
        assert not ids[0] & ids[1]


def _rows(world: Retail) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in world.slices:
        for dataset, births in world.births(part).items():
            due = births.delay_days + part.day_number < world.days
            counts[dataset] += births.table.num_rows + int(due.sum())
    return counts


@pytest.mark.parametrize("days", [1, 14, 90])
@pytest.mark.parametrize("rows", [20_000, 200_000])
def test_there_are_about_as_many_rows_as_were_asked_for(rows: int, days: int) -> None:
    counts = _rows(_world(rows, days, rows_per_slice=50_000))
    assert sum(counts.values()) == pytest.approx(rows, rel=0.1)
    assert counts["order_items"] / rows == pytest.approx(0.43, abs=0.05)
    assert counts["orders"] / rows == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(("rows", "days", "rows_per_slice"), [(1, 1, 1), (60, 30, 5), (500, 3, 20), (900, 60, 100_000)])
def test_no_file_of_a_tiny_world_is_empty(rows: int, days: int, rows_per_slice: int) -> None:
    world = _world(rows, days, rows_per_slice=rows_per_slice)
    for part in world.slices:
        births = world.births(part)
        assert list(births) == list(world.datasets_in(part))
        assert all(found.table.num_rows for found in births.values())


def test_a_slice_takes_no_more_memory_in_a_world_a_hundred_times_as_large() -> None:
    def peak(rows: int) -> int:
        world = _world(rows, 30, rows_per_slice=5_000)
        part = world.slices[len(world.slices) // 2]
        world.births(part)
        tracemalloc.start()
        held = pa.total_allocated_bytes()
        births = world.births(part)
        arrow = pa.total_allocated_bytes() - held
        found = tracemalloc.get_traced_memory()[1] + int(arrow)
        tracemalloc.stop()
        assert sum(found.table.num_rows for found in births.values()) < 10_000
        return found

    peak(2_000_000)  # what is made once for all
    assert peak(200_000_000) < 1.3 * peak(2_000_000)


# --- as shops are


@pytest.fixture(scope="module")
def trade() -> Iterator[duckdb.DuckDBPyConnection]:
    """Orders with their last known status, lines and products of a larger world, `fate` being that status."""
    world = _world(200_000, 60, rows_per_slice=50_000)
    tables: dict[str, list[pa.Table]] = {}
    for part in world.slices:
        for dataset, births in world.births(part).items():
            tables.setdefault(dataset, []).append(births.table)
            if births.changed is not None:
                tables.setdefault("fates", []).append(births.changed)
    trade = duckdb.connect()
    for dataset, parts in tables.items():
        trade.register(dataset, pa.concat_tables(parts, promote_options="permissive"))
    trade.execute(
        "create view fated as select o.*, coalesce(f.order_status, o.order_status) fate "
        "from orders o left join fates f using (order_id)"
    )
    yield trade
    trade.close()


def _share_of_top_tenth(trade: duckdb.DuckDBPyConnection, counts: str, of: str) -> float:
    whole = _one(trade, f"select count(*) from {of}")
    top = f"select sum(n) from (select n from ({counts}) order by n desc limit {whole // 10})"
    return float(_one(trade, top)) / float(_one(trade, f"select sum(n) from ({counts})"))


def test_few_customers_order_much_and_few_products_sell_well(trade: duckdb.DuckDBPyConnection) -> None:
    customers = "(select distinct customer_id from customers)"
    orders = "select count(*) n from orders group by customer_id"
    assert 0.3 < _share_of_top_tenth(trade, orders, customers) < 0.8
    sold = "select sum(quantity) n from order_items group by product_id"
    assert _share_of_top_tenth(trade, sold, "(select distinct product_id from products)") > 0.4


@pytest.mark.parametrize(
    ("more", "less", "share"),
    [
        ("payment_method = 'Cash on Delivery'", "payment_method = 'Credit Card'", "fate = 'Cancelled'"),
        ("payment_method = 'Bank Transfer'", "payment_method = 'PayPal'", "fate = 'Cancelled'"),
        ("order_total > 300 and currency = 'EUR'", "order_total < 200 and currency = 'EUR'", "fate = 'Cancelled'"),
        ("dayofweek(ordered_at) in (0, 6)", "dayofweek(ordered_at) in (1, 2)", "true"),
        ("hour(ordered_at) between 18 and 20", "hour(ordered_at) between 1 and 3", "true"),
        ("shipping_country = 'DE'", "shipping_country = 'JP'", "true"),
    ],
)
def test_some_orders_are_more_frequent(trade: duckdb.DuckDBPyConnection, more: str, less: str, share: str) -> None:
    def count(which: str) -> float:
        kept, all_ = _one(trade, f"select count(*) filter ({share}), count(*) from fated where {which}")
        return float(kept if share == "true" else kept / all_)

    assert count(more) > 1.3 * count(less)


def test_clothes_are_sent_back_more_often_than_pans(trade: duckdb.DuckDBPyConnection) -> None:
    rate = """select avg((fate = 'Returned')::int) from fated join order_items using (order_id)
        join (select distinct product_id, category_id from products) using (product_id)
        where line_number = 1 and category_id // 100 = """
    assert _one(trade, f"{rate} 1") > 3 * _one(trade, f"{rate} 3")


def test_brands_have_price_levels_of_their_own(trade: duckdb.DuckDBPyConnection) -> None:
    levels = "select median(price) level from products where category_id // 100 = 1 group by brand_id"
    cheap, dear = _one(trade, f"select min(level), max(level) from ({levels})")
    assert dear > 2 * cheap
