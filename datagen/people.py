"""Names and places to draw from: Faker fills pools once, for it is far too slow to be asked for every row."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from datagen.chance import Weights

POOL_SIZE = 150


@dataclass(frozen=True)
class Country:
    """A market: its share of a shop's customers in per mille, the locale of its names, its currency and where its
    telephone numbers begin."""

    code: str
    share: int
    locale: str
    currency: str
    dialling_code: str


COUNTRIES = (
    Country("DE", 260, "de_DE", "EUR", "49"),
    Country("GB", 150, "en_GB", "GBP", "44"),
    Country("FR", 130, "fr_FR", "EUR", "33"),
    Country("PL", 100, "pl_PL", "PLN", "48"),
    Country("SE", 70, "sv_SE", "SEK", "46"),
    Country("IT", 70, "it_IT", "EUR", "39"),
    Country("US", 60, "en_US", "USD", "1"),
    Country("CH", 50, "de_CH", "CHF", "41"),
    Country("AT", 50, "de_AT", "EUR", "43"),
    Country("NL", 40, "nl_NL", "EUR", "31"),
    Country("JP", 20, "ja_JP", "JPY", "81"),
)
# Units of each currency for one euro, in millionths, about.
EURO_RATES: Mapping[str, int] = {
    "EUR": 1_000_000,
    "USD": 1_100_000,
    "GBP": 850_000,
    "PLN": 4_300_000,
    "SEK": 11_200_000,
    "CHF": 950_000,
    "JPY": 162_000_000,
}
CURRENCIES = tuple(EURO_RATES)
COUNTRY_WEIGHTS = Weights([country.share for country in COUNTRIES])
COUNTRY_CODES = pa.array([country.code for country in COUNTRIES])
COUNTRY_CURRENCY = np.array([CURRENCIES.index(country.currency) for country in COUNTRIES])
"""Place of each country's currency in CURRENCIES."""
CURRENCY_CODES = pa.array(CURRENCIES)
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example", "web.example")


@cache
def pool(seed: int, what: str) -> pa.StringArray:
    """Texts of every country, one after another: those of country i are at i * POOL_SIZE to (i + 1) * POOL_SIZE - 1.

    `what` is the name of a Faker method: first_name, last_name, street_name, city, postcode.
    """
    return pa.array(_drawn(seed, what), pa.string())


@cache
def slugs(seed: int, what: str) -> pa.StringArray:
    """The pool's names as they stand in an e-mail address."""
    return pa.array([_slug(name) for name in _drawn(seed, what)], pa.string())


def phrases(seed: int, count: int) -> list[str]:
    """Catch phrases, such as products carry."""
    faker = _faker(seed, "en_US")
    return [faker.catch_phrase() for _ in range(count)]


def companies(seed: int, count: int) -> list[str]:
    """Company names."""
    faker = _faker(seed, "en_GB")
    return [faker.company() for _ in range(count)]


@cache
def _drawn(seed: int, what: str) -> list[str]:
    by_locale: Mapping[str, list[str]] = {
        locale: _draw(_faker(f"{seed}/{what}", locale), what) for locale in {country.locale for country in COUNTRIES}
    }
    return [text for country in COUNTRIES for text in by_locale[country.locale]]


def _draw(faker: Any, what: str) -> list[str]:
    # Faker's Italian cities come from a set: their order, and what is drawn from it, differs from process to process.
    cities = sorted({city for provider in faker.get_providers() for city in getattr(provider, "cities", ())})
    if what == "city" and cities:
        return [faker.random.choice(cities) for _ in range(POOL_SIZE)]
    make: Callable[[], str] = getattr(faker, what)
    return [make() for _ in range(POOL_SIZE)]


def _faker(seed: object, locale: str) -> Any:
    from faker import Faker

    faker = Faker(locale)
    faker.seed_instance(f"{seed}/{locale}")
    return faker


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ł", "l").replace("Ł", "L"))
    return "".join(character for character in plain.lower() if character.isascii() and character.isalnum()) or "user"
