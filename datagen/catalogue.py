"""What the shop sells, in which currencies, on which devices and by which means of payment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from datagen.chance import Indices, Weights, round_half_up, zipf
from datagen.columns import money
from datagen.journeys import PAGE_NAMES
from datagen.people import CURRENCIES, EURO_RATES

PRODUCTS = 400
DEVICES = (("mobile", 580), ("desktop", 350), ("tablet", 70))
PAYMENT_METHODS = (("card", 480), ("paypal", 250), ("klarna", 130), ("bank_transfer", 90), ("gift_card", 50))

# Lowest and highest price of a category in euro.
_CATEGORIES: Mapping[str, tuple[int, int]] = {
    "Books": (8, 45),
    "Kitchen": (12, 160),
    "Garden": (10, 220),
    "Toys": (9, 80),
    "Sports": (15, 260),
    "Audio": (25, 450),
    "Café & Bar": (6, 120),
}
_ADJECTIVES = (
    "Quiet",
    "Bright",
    "Folding",
    "Classic",
    "Tiny",
    "Nordic",
    "Everyday",
    "Sturdy",
    "Café",
    "Crème",
    "Señor",
)
_NOUNS = ("Lamp", "Kettle", "Rake", "Puzzle", "Racket", "Speaker", "Notebook", "Pan", "Kite", "Chair", "Radio", "Mug")
_MICRO = 1_000_000


@dataclass(frozen=True)
class Catalogue:
    """Products, the most popular first. Prices stand by product and currency, in that order."""

    ids: pa.Array
    names: pa.Array
    categories: pa.Array
    category: Indices
    """Place of each product's category."""
    minor_units: Indices
    """Price of each product in each currency, in hundredths."""
    unit_prices: pa.Array
    pages: pa.Array
    """Addresses of the shop's own pages, then those of the products."""
    popularity: Weights
    euro_rates: Mapping[str, int]

    @staticmethod
    @cache
    def of_shop() -> Catalogue:
        """The shop's catalogue, the same whatever the seed."""
        chance = random.Random("catalogue")  # noqa: S311 - a simulation, not a secret
        names, categories, cents = [], [], []
        for number in range(1, PRODUCTS + 1):
            category = chance.randrange(len(_CATEGORIES))
            low, high = list(_CATEGORIES.values())[category]
            names.append(f"{chance.choice(_ADJECTIVES)} {chance.choice(_NOUNS)} {number}")
            categories.append(category)
            cents.append(chance.randint(low, high) * 100 - 5)
        ids = [f"p-{number:04d}" for number in range(1, PRODUCTS + 1)]
        prices = np.array([_price(price, currency) for price in cents for currency in CURRENCIES])
        return Catalogue(
            ids=pa.array(ids),
            names=pa.array(names),
            categories=pa.array(list(_CATEGORIES)),
            category=np.array(categories),
            minor_units=prices,
            unit_prices=money(prices, 12),
            pages=pa.array([*PAGE_NAMES, *(f"/p/{product}" for product in ids)]),
            popularity=zipf(PRODUCTS),
            euro_rates=EURO_RATES,
        )


def _price(cents: int, currency: str) -> int:
    """Hundredths of a currency's unit; yen have no hundredths in use."""
    units = round_half_up(cents * EURO_RATES[currency], _MICRO)
    return round_half_up(units, 100) * 100 if currency == "JPY" else units
