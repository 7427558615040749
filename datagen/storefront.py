"""The truth about a shop, day by day: who signed up, what visitors did, what was sold.

Users sign up before they buy; few products make most of the sales; visits follow the hours of the day; every purchase
event stands beside its transactions; amounts are quantity times price in the user's currency.
"""

from __future__ import annotations

import itertools
import random
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

FIRST_DAY = date(2026, 1, 1)

# Share of the shop's users, locale of their names, currency.
COUNTRIES: Mapping[str, tuple[float, str, str]] = {
    "DE": (0.26, "de_DE", "EUR"),
    "GB": (0.15, "en_GB", "GBP"),
    "FR": (0.13, "fr_FR", "EUR"),
    "PL": (0.10, "pl_PL", "PLN"),
    "SE": (0.07, "sv_SE", "SEK"),
    "IT": (0.07, "it_IT", "EUR"),
    "US": (0.06, "en_GB", "USD"),
    "CH": (0.05, "de_DE", "CHF"),
    "AT": (0.05, "de_DE", "EUR"),
    "NL": (0.04, "de_DE", "EUR"),
    "JP": (0.02, "ja_JP", "JPY"),
}
# Units of a currency for one euro, about; prices of each are rounded to what shops there print.
EURO_RATES = {
    "EUR": Decimal("1"),
    "USD": Decimal("1.1"),
    "GBP": Decimal("0.85"),
    "PLN": Decimal("4.3"),
    "SEK": Decimal("11.2"),
    "CHF": Decimal("0.95"),
    "JPY": Decimal("162"),
}
CATEGORIES: Mapping[str, tuple[int, int]] = {
    "Books": (8, 45),
    "Kitchen": (12, 160),
    "Garden": (10, 220),
    "Toys": (9, 80),
    "Sports": (15, 260),
    "Audio": (25, 450),
}
_ADJECTIVES = ("Quiet", "Bright", "Folding", "Classic", "Tiny", "Nordic", "Everyday", "Sturdy", "Café", "Travel")
_NOUNS = ("Lamp", "Kettle", "Rake", "Puzzle", "Racket", "Speaker", "Notebook", "Pan", "Kite", "Chair", "Radio", "Mug")
_STATUSES = {"completed": 0.90, "refunded": 0.04, "cancelled": 0.03, "pending": 0.03}
_PAYMENT_METHODS = {"card": 0.48, "paypal": 0.25, "klarna": 0.13, "bank_transfer": 0.09, "gift_card": 0.05}
_DEVICES = {"mobile": 0.58, "desktop": 0.35, "tablet": 0.07}
# Visits by hour of the day in UTC.
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 13, 16, 19, 20, 16, 10, 5)
_NAMES_PER_LOCALE = 120
_PRODUCTS = 300
_ZIPF_EXPONENT = 1.1
_USERS_PER_ROW = 0.05
_SIGNED_UP_BEFORE = 0.6
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Product:
    """A product; `price` is in euro."""

    product_id: str
    name: str
    category: str
    price: Decimal


@dataclass(frozen=True)
class User:
    """An account. Instants are UTC without zone."""

    user_id: str
    email: str
    full_name: str
    country: str
    signed_up_at: datetime
    is_marketing_opt_in: bool | None
    updated_at: datetime


@dataclass(frozen=True)
class Transaction:
    """One product sold in one payment."""

    transaction_id: str
    user_id: str
    product_id: str
    product_name: str
    category: str
    quantity: int
    unit_price: Decimal
    amount: Decimal
    currency: str
    status: str
    payment_method: str
    occurred_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Event:
    """One thing that a visitor did."""

    event_id: str
    user_id: str | None
    session_id: str
    event_type: str
    product_id: str | None
    page_url: str
    device: str
    occurred_at: datetime
    received_at: datetime


@dataclass
class Day:
    """What happened on one day, in order of time."""

    day: date
    users: list[User] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.users) + len(self.transactions) + len(self.events)

    def datasets(self) -> dict[str, list[dict[str, Any]]]:
        """The day's rows by dataset of the storefront, columns in the contract's order."""
        return {
            "users": [asdict(row) for row in self.users],
            "transactions": [asdict(row) for row in sorted(self.transactions, key=lambda row: row.occurred_at)],
            "events": [asdict(row) for row in sorted(self.events, key=lambda row: row.occurred_at)],
        }


def days(rows: int, day_count: int, seed: int, first_day: date = FIRST_DAY) -> Iterator[Day]:
    """About `rows` rows in all, spread over the days. Two seeds share no user, transaction or event."""
    shop = _Shop(rows, day_count, seed, first_day)
    for number in range(day_count):
        yield shop.open(number)


class _Shop:
    """The shop as it grows: its products and the users who have signed up so far."""

    def __init__(self, rows: int, day_count: int, seed: int, first_day: date) -> None:
        self._seed, self._first_day = seed, first_day
        self._rows_per_day = max(1, rows // day_count)
        self._new_users = max(1, round(self._rows_per_day * _USERS_PER_ROW * (1 - _SIGNED_UP_BEFORE)))
        self._old_users = max(1, round(rows * _USERS_PER_ROW * _SIGNED_UP_BEFORE))
        self._names = _names(seed)
        self._products = _products()  # of the shop, whatever the seed
        self._popularity = list(
            itertools.accumulate(1 / (rank + 1) ** _ZIPF_EXPONENT for rank in range(len(self._products)))
        )
        self._users: list[User] = []

    def open(self, number: int) -> Day:
        """The day of that number; days are asked for in order."""
        chance = random.Random(f"{self._seed}/day/{number}")  # noqa: S311 - a simulation, not a secret
        day = Day(self._first_day + timedelta(days=number))
        if number == 0:
            day.users += self._sign_up(
                chance, self._old_users, datetime.combine(day.day, time()) - timedelta(days=90), 90
            )
        day.users += self._sign_up(chance, self._new_users, datetime.combine(day.day, time()), 1)
        while day.rows < self._rows_per_day:
            self._visit(chance, day)
        return day

    def _sign_up(self, chance: random.Random, count: int, since: datetime, days_long: int) -> list[User]:
        begin, seconds = len(self._users), days_long * 86_400
        signed_up = sorted(since + timedelta(seconds=chance.randrange(seconds)) for _ in range(count))
        for position, instant in enumerate(signed_up, start=begin + 1):
            country = _pick(chance, {code: share for code, (share, _, _) in COUNTRIES.items()})
            first, last = (chance.choice(pool) for pool in self._names[COUNTRIES[country][1]])
            self._users.append(
                User(
                    user_id=f"u{self._seed:04d}-{position:07d}",
                    email=f"{_slug(first)}.{_slug(last)}{position}@example.com",
                    full_name=f"{first} {last}",
                    country=country,
                    signed_up_at=instant,
                    is_marketing_opt_in=chance.choices((True, False, None), (0.45, 0.4, 0.15))[0],
                    updated_at=instant,
                )
            )
        return self._users[begin:]

    def _visit(self, chance: random.Random, day: Day) -> None:
        """One session: pages, perhaps a search, a cart, a checkout, a purchase with its transactions."""
        start = datetime.combine(day.day, time()) + timedelta(
            hours=chance.choices(range(24), _HOURS)[0], seconds=chance.randrange(3_600)
        )
        user = self._visitor(chance, start)
        session = _Session(self._seed, chance, day, start, user)
        session.do("page_view", None)
        for _ in range(chance.choices((0, 1, 2, 4), (0.3, 0.35, 0.25, 0.1))[0]):
            if chance.random() < 0.3:
                session.do("search", None)
            session.do("page_view", self._product(chance))
        if user is None or chance.random() > 0.42:
            return
        cart = [self._product(chance) for _ in range(chance.choices((1, 2, 3), (0.7, 0.2, 0.1))[0])]
        for product in cart:
            session.do("add_to_cart", product)
        if len(cart) > 1 and chance.random() < 0.2:
            session.do("remove_from_cart", cart.pop())
        session.do("checkout", None)
        if chance.random() < 0.85:
            instant = session.do("purchase", None)
            day.transactions += [self._sell(chance, day, user, product, instant) for product in cart]

    def _visitor(self, chance: random.Random, instant: datetime) -> User | None:
        """One who had signed up by then, or nobody in particular."""
        if chance.random() < 0.25:
            return None
        user = chance.choice(self._users)
        return user if user.signed_up_at < instant else None

    def _product(self, chance: random.Random) -> Product:
        return chance.choices(self._products, cum_weights=self._popularity)[0]

    def _sell(self, chance: random.Random, day: Day, user: User, product: Product, instant: datetime) -> Transaction:
        currency = COUNTRIES[user.country][2]
        step = Decimal(1) if currency == "JPY" else _CENT
        price = (product.price * EURO_RATES[currency]).quantize(step, ROUND_HALF_UP).quantize(_CENT)
        quantity = chance.choices((1, 2, 3, 5), (0.72, 0.18, 0.07, 0.03))[0]
        status = _pick(chance, _STATUSES)
        later = timedelta(days=chance.randint(1, 10), seconds=chance.randrange(86_400))
        return Transaction(
            transaction_id=f"t{self._seed:04d}-{day.day:%y%m%d}-{chance.randrange(1 << 64):016x}",
            user_id=user.user_id,
            product_id=product.product_id,
            product_name=product.name,
            category=product.category,
            quantity=quantity,
            unit_price=price,
            amount=price * quantity,
            currency=currency,
            status=status,
            payment_method=_pick(chance, _PAYMENT_METHODS),
            occurred_at=instant,
            updated_at=instant + later if status == "refunded" else instant + timedelta(seconds=chance.randrange(60)),
        )


class _Session:
    """A visit in progress: each thing done takes a little time."""

    def __init__(self, seed: int, chance: random.Random, day: Day, start: datetime, user: User | None) -> None:
        self._chance, self._day, self._now = chance, day, start
        self._user_id = user.user_id if user else None
        self._device = _pick(chance, _DEVICES)
        self._prefix = f"{seed:04d}-{day.day:%y%m%d}"
        self._session_id = f"s{self._prefix}-{chance.randrange(1 << 48):012x}"

    def do(self, event_type: str, product: Product | None) -> datetime:
        """Record one thing; returns when it was done."""
        self._now += timedelta(seconds=self._chance.randint(3, 90))
        page = {"search": "/search", "checkout": "/checkout", "purchase": "/thank-you"}.get(event_type, "/")
        number = len(self._day.events) + 1
        self._day.events.append(
            Event(
                event_id=f"e{self._prefix}-{number:07d}-{self._chance.randrange(1 << 32):08x}",
                user_id=self._user_id,
                session_id=self._session_id,
                event_type=event_type,
                product_id=product.product_id if product else None,
                page_url=f"/p/{product.product_id}" if product else page,
                device=self._device,
                occurred_at=self._now,
                received_at=self._now + timedelta(seconds=self._chance.randint(0, 5)),
            )
        )
        return self._now


def _products() -> list[Product]:
    """The catalogue, most popular first."""
    chance = random.Random("catalogue")  # noqa: S311 - a simulation, not a secret
    products = []
    for number in range(1, _PRODUCTS + 1):
        category = chance.choice(list(CATEGORIES))
        low, high = CATEGORIES[category]
        price = Decimal(chance.randint(low, high)) - Decimal("0.05")
        name = f"{chance.choice(_ADJECTIVES)} {chance.choice(_NOUNS)} {number}"
        products.append(Product(f"p-{number:04d}", name, category, price))
    return products


@lru_cache(maxsize=4)
def _names(seed: int) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """First and last names by locale, drawn once: Faker is slow, and far too slow to be asked for every row."""
    from faker import Faker

    pools: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
    for locale in sorted({locale for _, locale, _ in COUNTRIES.values()}):
        faker = Faker(locale)
        faker.seed_instance(f"{seed}/{locale}")
        pools[locale] = (
            [faker.first_name() for _ in range(_NAMES_PER_LOCALE)],
            [faker.last_name() for _ in range(_NAMES_PER_LOCALE)],
        )
    return pools


def _pick(chance: random.Random, shares: Mapping[str, float]) -> str:
    return chance.choices(list(shares), list(shares.values()))[0]


def _slug(name: str) -> str:
    """A name as it stands in an e-mail address."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ł", "l").replace("Ł", "L"))
    return "".join(character for character in plain.lower() if character.isascii() and character.isalnum()) or "user"
