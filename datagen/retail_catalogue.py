"""The retailer's brands, categories and products, and what each product costs on any day.

All of it is the same whatever the seed: two worlds with different customers are two pictures of one shop.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen import people
from datagen.chance import Indices, Weights, picked, scaled, traits, zipf
from datagen.columns import DAY_SECONDS, chosen, epoch_seconds, groups, instants, money
from datagen.people import COUNTRY_CODES, COUNTRY_WEIGHTS, CURRENCIES, CURRENCY_CODES, EURO_RATES
from datagen.retail_assortment import DEPARTMENTS

SHELF = 8
"""Products stand on shelves of so many, which share their popularity: the lines of an order are on different places of
shelves, and so no two of them are of the same product."""

_NAME = "retail catalogue"
_BRANDS_PER_DEPARTMENT = 7
# What brands take for the same thing, in per mille of an ordinary brand.
_LEVELS = np.array([620, 780, 900, 1_000, 1_120, 1_400, 2_100])
_CATCH_PHRASES = 80
_CALLED_BY_PHRASE_PER_MILLE = 80
_ACTIVE_PER_MILLE = 960
_UNSAID_PER_MILLE = 30
# Prices hold for three weeks to three months and then go up or down in turn, in per mille of the usual price.
_SHORTEST_PRICE_DAYS, _PRICE_DAYS_SPREAD = 21, 70
_USUAL = np.array([1_000, 1_000, 1_020, 1_050])
_REDUCED = np.array([800, 850, 900, 940])
_LOWEST_CENTS = 500
# What prices end in: the price list of a currency has steps of so many hundredths, less a little. 19.99 EUR, 3,180 JPY.
_STEPS = {"EUR": (10, 1), "USD": (10, 1), "GBP": (10, 1), "PLN": (100, 1), "SEK": (1_000, 100), "CHF": (10, 5)}
_YEN_STEP = (10_000, 2_000)
_MICRO = 1_000_000


@dataclass(frozen=True)
class Catalogue:
    """`count` products, numbered from 0, the most popular first; the last few have been taken off sale."""

    count: int

    # --- what is asked of many products at once

    @cached_property
    def shelves(self) -> Weights:
        """How often something is taken from each shelf of products that are on sale."""
        return zipf(self._active // SHELF)

    @cached_property
    def returned_per_mille(self) -> Indices:
        """Of 1,000 orders of each product, those that are sent back."""
        rates: Indices = _RETURNED[self._category]
        return rates

    def minor_units(self, products: Indices, currency: Indices, day: date) -> Indices:
        """The price of products on a day in hundredths of a currency; `currency` is a place in CURRENCIES."""
        return _listed(self._euro_cents_on(day)[products], currency)

    def changed_on(self, day: date) -> Indices:
        """Products that have a new price from the beginning of the day."""
        return np.flatnonzero(self._since(day) == day.toordinal())

    def next_change(self, day: date) -> Indices:
        """The ordinal of the day after this one on which each product has its next price."""
        ordinals: Indices = self._since(day) + self._period
        return ordinals

    def rows_until(self, first_day: date, days: int) -> int:
        """How many rows the catalogue has from the first day on, new prices included."""
        changes = sum(len(self.changed_on(first_day + timedelta(days=number))) for number in range(1, days))
        return len(_brand_names()) + len(DEPARTMENTS) + len(_CATEGORY_IDS) + self.count + changes

    # --- the rows

    def brands(self, first_day: date) -> pa.Table:
        """All brands, last changed some time before the first day."""
        numbers = np.arange(len(_brand_names()))
        country = picked(traits(numbers, _NAME, "brand country"), COUNTRY_WEIGHTS)
        return pa.table(
            {
                "brand_id": pa.array(numbers + 1, pa.int32()),
                "brand_name": _brand_names(),
                "country": chosen(COUNTRY_CODES, country),
                "updated_at": _before(first_day, numbers, "brand"),
            }
        )

    def categories(self, first_day: date) -> pa.Table:
        """All departments and the categories in them, last changed some time before the first day."""
        tops = (np.arange(len(DEPARTMENTS)) + 1) * 100
        ids = np.concatenate([tops, _CATEGORY_IDS])
        parents = pa.array(np.concatenate([tops, _CATEGORY_IDS // 100 * 100]), pa.int32(), mask=ids % 100 == 0)
        names = [*DEPARTMENTS, *(category.name for top in DEPARTMENTS.values() for category in top.categories)]
        return pa.table(
            {
                "category_id": pa.array(ids, pa.int32()),
                "category_name": pa.array(names, pa.string()),
                "parent_category_id": parents,
                "updated_at": _before(first_day, ids, "category"),
            }
        )

    def products(self, products: Indices, day: date) -> pa.Table:
        """Products as they are on a day."""
        since = self._since(day)[products] - date(1970, 1, 1).toordinal()
        euro = np.zeros(len(products), np.int64)
        unsaid = scaled(traits(products, _NAME, "unsaid"), 1_000) < _UNSAID_PER_MILLE
        return pa.table(
            {
                "product_id": product_ids(products),
                "product_name": self._names(products),
                "brand_id": pa.array(self._brand[products] + 1, pa.int32()),
                "category_id": pa.array(_CATEGORY_IDS[self._category[products]], pa.int32()),
                "price": money(self.minor_units(products, euro, day), 12),
                "currency": chosen(CURRENCY_CODES, euro),
                "is_active": pa.array(products < self._active, pa.bool_(), mask=unsaid),
                "updated_at": instants(since * DAY_SECONDS),
            }
        )

    # --- traits

    @cached_property
    def _all(self) -> Indices:
        return np.arange(self.count)

    @cached_property
    def _active(self) -> int:
        return max(1, self.count * _ACTIVE_PER_MILLE // 1_000 // SHELF) * SHELF

    @cached_property
    def _category(self) -> Indices:
        return scaled(traits(self._all, _NAME, "category"), len(_CATEGORY_IDS))

    @cached_property
    def _brand(self) -> Indices:
        own = scaled(traits(self._all, _NAME, "brand"), _BRANDS_PER_DEPARTMENT)
        brands: Indices = own + (_CATEGORY_IDS[self._category] // 100 - 1) * _BRANDS_PER_DEPARTMENT
        return brands

    @cached_property
    def _usual_cents(self) -> Indices:
        """Price in euro before it goes up and down. Most of a category's products are among its cheaper ones."""
        word = traits(self._all, _NAME, "price")
        low, high = (_PRICES[self._category, place] * 100 for place in (0, 1))
        place = np.minimum(scaled(word, high - low), scaled(word << np.uint64(32), high - low))
        level = _LEVELS[self._brand % _BRANDS_PER_DEPARTMENT]
        cents: Indices = np.maximum((low + place) * level // 1_000, _LOWEST_CENTS)
        return cents

    @cached_property
    def _period(self) -> Indices:
        return _SHORTEST_PRICE_DAYS + scaled(traits(self._all, _NAME, "price days"), _PRICE_DAYS_SPREAD)

    @cached_property
    def _phase(self) -> Indices:
        return scaled(traits(self._all, _NAME, "price phase"), self._period)

    def _since(self, day: date) -> Indices:
        """The ordinal of the day from which on each product has had its price."""
        today = day.toordinal()
        since: Indices = today - (today + self._phase) % self._period
        return since

    def _euro_cents_on(self, day: date) -> Indices:
        turn = (day.toordinal() + self._phase) // self._period
        step = scaled(traits(self._all + (turn << 32), _NAME, "price change"), len(_USUAL))
        cents: Indices = self._usual_cents * np.where(turn % 2 == 0, _USUAL[step], _REDUCED[step]) // 1_000
        return cents

    def _names(self, products: Indices) -> pa.Array:
        """Such as `Ergonomic Rain Jacket, navy` or `Rain Jacket "Ergonomic zero-defect hub", navy`."""
        word, category = traits(products, _NAME, "name"), self._category[products]
        first, count = _ARTICLE_PLACES[category].T
        article = _ARTICLES.take(pa.array(first + scaled(word, count)))
        first, count = _VARIANT_PLACES[_CATEGORY_IDS[category] // 100 - 1].T
        variant = _VARIANTS.take(pa.array(first + scaled(word << np.uint64(32), count)))
        phrase = scaled(traits(products, _NAME, "phrase"), _CATCH_PHRASES)
        is_called = scaled(traits(products, _NAME, "called"), 1_000) < _CALLED_BY_PHRASE_PER_MILLE
        first_words, in_quotes = _phrases()
        before = first_words.take(pa.array(np.where(is_called, _CATCH_PHRASES, phrase)))
        after = in_quotes.take(pa.array(np.where(is_called, phrase, _CATCH_PHRASES)))
        return pc.binary_join_element_wise(before, article, after, ", ", variant, "")


def product_ids(products: Indices) -> pa.Array:
    """Their numbers as rows have them."""
    return pa.array(products + 1, pa.int32())


def _listed(euro_cents: Indices, currency: Indices) -> Indices:
    """Prices as the price list of a currency has them, in hundredths."""
    exact = (euro_cents * _RATES[currency] + _MICRO // 2) // _MICRO
    step, less = _STEP_AND_LESS[currency].T
    listed: Indices = np.maximum((exact + step // 2) // step, 1) * step - less
    return listed


def _before(first_day: date, numbers: Indices, what: str) -> pa.Array:
    seconds = 30 * DAY_SECONDS + scaled(traits(numbers, _NAME, what, "updated"), 1_000 * DAY_SECONDS)
    return instants(epoch_seconds(first_day) - seconds)


@cache
def _brand_names() -> pa.Array:
    """Companies; each department has some of its own, one after another."""
    wanted = len(DEPARTMENTS) * _BRANDS_PER_DEPARTMENT
    return pa.array(list(dict.fromkeys(people.companies(0, 2 * wanted)))[:wanted], pa.string())


@cache
def _phrases() -> tuple[pa.Array, pa.Array]:
    """Catch phrases as they stand before an article (the first word of them) and after it (in quotes); the last is
    empty."""
    phrases = people.phrases(0, _CATCH_PHRASES)
    return (
        pa.array([*(f"{phrase.split()[0]} " for phrase in phrases), ""]),
        pa.array([*(f' "{phrase}"' for phrase in phrases), ""]),
    )


_CATEGORIES = [category for department in DEPARTMENTS.values() for category in department.categories]
_CATEGORY_IDS = np.array(
    [
        top * 100 + place
        for top, department in enumerate(DEPARTMENTS.values(), 1)
        for place in range(1, len(department.categories) + 1)
    ]
)
_PRICES = np.array([(category.low, category.high) for category in _CATEGORIES])
_RETURNED = np.array([category.returned_per_mille for category in _CATEGORIES])
_ARTICLES = pa.array([article for category in _CATEGORIES for article in category.articles])
_ARTICLE_PLACES = groups([category.articles for category in _CATEGORIES])
_VARIANTS = pa.array([variant for department in DEPARTMENTS.values() for variant in department.variants])
_VARIANT_PLACES = groups([department.variants for department in DEPARTMENTS.values()])
_RATES = np.array([EURO_RATES[currency] for currency in CURRENCIES])
_STEP_AND_LESS = np.array([_STEPS.get(currency, _YEN_STEP) for currency in CURRENCIES])
