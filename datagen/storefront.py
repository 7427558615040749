"""The truth about a web shop: who signed up, what visitors did, what was sold, what a euro was worth.

Users sign up before they buy; a few of them buy much; few products make most of the sales; visits follow the hours of
the day, the days of the week and the seasons, and the shop grows. Every purchase event stands beside its transactions.
What is paid back or stays open for a day arrives a second time in its new state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen import journeys, people
from datagen.catalogue import DEVICES, PAYMENT_METHODS, Catalogue
from datagen.chance import Chance, Flags, Indices, Weights, Words, picked, scaled, traits
from datagen.columns import DAY_SECONDS, chosen, digits, epoch_seconds, hexadecimal, instants, money, texts, with_nulls
from datagen.members import Members
from datagen.people import COUNTRY_CODES, COUNTRY_CURRENCY, COUNTRY_WEIGHTS, CURRENCIES, CURRENCY_CODES, POOL_SIZE
from datagen.world import Births, Slice, day_weights, make_slices, seconds_of_day, share_of, spread

DOMAIN = "storefront"
DATASETS = ("users", "exchange_rates", "transactions", "events")

_USERS_PER_1000_ROWS = 30
_SIGNED_UP_BEFORE_PER_MILLE = 600
"""Of all users, those who had signed up before the first day, in the quarter before it."""
_QUARTER_DAYS = 90
_ANONYMOUS = 0.25
_VOUCHER = 0.12
_VOUCHER_PERCENT = 10
_STATUS_NAMES = ("completed", "refunded", "cancelled", "pending")
# How a sale begins and ends: (first status, last status, share in per mille).
_FATES = ((0, 0, 895), (2, 2, 30), (0, 1, 40), (3, 0, 25), (3, 2, 10))
_FATE_WEIGHTS = Weights([share for _, _, share in _FATES])
_FATE_FIRST = np.array([first for first, _, _ in _FATES])
_FATE_LAST = np.array([last for _, last, _ in _FATES])
_QUANTITIES = (1, 2, 3, 5)
_QUANTITY_WEIGHTS = Weights([720, 180, 70, 30])
_DEVICE_WEIGHTS = Weights([share for _, share in DEVICES])
_PAYMENT_WEIGHTS = Weights([share for _, share in PAYMENT_METHODS])
_OPT_IN_WEIGHTS = Weights([450, 400, 150])
_MICRO = 1_000_000
_RATE_MEMORY_DAYS = 120
_DAILY_RATE_NOISE_PPM = 4_000


@dataclass(frozen=True)
class Storefront:
    """About `rows` rows over `days` days. Two seeds share no user, transaction or event."""

    rows: int
    days: int
    seed: int
    first_day: date
    rows_per_slice: int

    domain = DOMAIN
    datasets = DATASETS

    @cached_property
    def slices(self) -> Sequence[Slice]:
        by_day = [visits * journeys.ROWS_PER_VISIT_MILLI // 1_000 for visits in self._visits_by_day]
        by_day[0] += self._users_before
        return make_slices(by_day, self.first_day, self.rows_per_slice)

    def datasets_in(self, part: Slice) -> Sequence[str]:
        """Rates are published once a day."""
        return [dataset for dataset in DATASETS if dataset != "exchange_rates" or part.part == 0]

    def births(self, part: Slice) -> Mapping[str, Births]:
        """What comes up in a slice: users, rates (on a day's first slice), transactions, events."""
        visits = self.visits(part)
        found = {
            "users": Births(self.sign_ups(part)),
            "transactions": self.sales(part, visits),
            "events": Births(self.events(part, visits)),
        }
        if part.part == 0:
            found["exchange_rates"] = Births(self.rates(part.day))
        return found

    # --- users

    @cached_property
    def _users_before(self) -> int:
        return max(1, self.rows * _USERS_PER_1000_ROWS * _SIGNED_UP_BEFORE_PER_MILLE // 1_000_000)

    @cached_property
    def _users(self) -> Members:
        new = max(self.days, self.rows * _USERS_PER_1000_ROWS // 1_000 - self._users_before)
        return Members.of(self.seed, self.first_day, self.days, self._users_before, _QUARTER_DAYS, new)

    @cached_property
    def _visits_by_day(self) -> Sequence[int]:
        """Visits by day."""
        left = self.rows - self._users.counts[-1] - len(CURRENCIES) * self.days
        total = max(self.days, left * 1_000 // journeys.ROWS_PER_VISIT_MILLI)
        return spread(total, day_weights(self.first_day, self.days))

    def sign_ups(self, part: Slice) -> pa.Table:
        """Users who sign up; on the first day also those of the quarter before."""
        users = self._users.joining(part)
        country = self._country(users)
        trait = traits(users, self.seed, "user")
        first_name = scaled(trait, POOL_SIZE) + country * POOL_SIZE
        last_name = scaled(trait << np.uint64(32), POOL_SIZE) + country * POOL_SIZE
        opt_in = picked(traits(users, self.seed, "opt-in"), _OPT_IN_WEIGHTS)
        signed_up = instants(self._users.signed_up_at(users))
        names = [people.pool(self.seed, what) for what in ("first_name", "last_name")]
        slugs = [people.slugs(self.seed, what) for what in ("first_name", "last_name")]
        mail = pa.array([f"@{domain}" for domain in people.MAIL_DOMAINS])
        number = pc.utf8_ltrim(texts(digits(users + 1, 8)), "0")
        return pa.table(
            {
                "user_id": self._user_ids(users),
                "email": pc.binary_join_element_wise(
                    slugs[0].take(pa.array(first_name)),
                    ".",
                    slugs[1].take(pa.array(last_name)),
                    number,
                    mail.take(pa.array(scaled(trait << np.uint64(16), len(people.MAIL_DOMAINS)))),
                    "",
                ),
                "full_name": pc.binary_join_element_wise(
                    names[0].take(pa.array(first_name)), names[1].take(pa.array(last_name)), " "
                ),
                "country": chosen(COUNTRY_CODES, country),
                "signed_up_at": signed_up,
                "is_marketing_opt_in": chosen(_FLAGS, np.minimum(opt_in, 1), opt_in == 2),
                "updated_at": signed_up,
            }
        )

    def _user_ids(self, users: Indices, is_null: Flags | None = None) -> pa.StringArray:
        return with_nulls(texts(f"u{self.seed:04d}-", digits(users + 1, 8)), is_null)

    def _country(self, users: Indices) -> Indices:
        return picked(traits(users, self.seed, "country"), COUNTRY_WEIGHTS)

    # --- visits

    def visits(self, part: Slice) -> Visits:
        """Who comes when, to do what."""
        of_day = self._visits_by_day[part.day_number]
        first, last = share_of(of_day, part)
        places = np.arange(first, last)
        chance = Chance(self.seed, DOMAIN, "visits", part.day, part.part)
        midnight = epoch_seconds(part.day)
        jitter = (chance.words(len(places)) >> np.uint64(48)).astype(np.int64)
        start = midnight + seconds_of_day(places, of_day, jitter)
        users, start = self._users.visitors(chance, part, start)
        journey = chance.pick(len(places), journeys.WEIGHTS)
        anonymous = chance.happens(len(places), _ANONYMOUS) & ~journeys.BUYS[journey]
        return Visits(
            number=places,
            users=users,
            is_anonymous=anonymous,
            start=start,
            journey=journey,
            device=chance.pick(len(places), _DEVICE_WEIGHTS),
            products=np.stack(
                [chance.pick(len(places), self._catalogue.popularity) for _ in range(journeys.PRODUCT_SLOTS)]
            ),
            words=chance.words(len(places)),
        )

    # --- events and transactions

    def events(self, part: Slice, visits: Visits) -> pa.Table:
        """What is done in these visits."""
        steps, visit = journeys.steps(visits.journey)
        product = journeys.products(steps, visits.products, visit)
        chance = Chance(self.seed, DOMAIN, "events", part.day, part.part)
        occurred = visits.times(steps, visit)
        event_type = journeys.EVENT_TYPE[steps]
        no_product = product < 0
        number = traits(_numbered(part, len(steps)), self.seed, "event", part.day)
        return pa.table(
            {
                "event_id": texts(f"e{self.seed:04d}-{part.day:%y%m%d}-", hexadecimal(number, 16)),
                "user_id": self._user_ids(visits.users[visit], visits.is_anonymous[visit]),
                "session_id": texts(
                    f"s{self.seed:04d}-{part.day:%y%m%d}-",
                    hexadecimal(traits(visits.number[visit], self.seed, "session", part.day), 16),
                ),
                "event_type": chosen(journeys.EVENT_TYPES, event_type),
                "product_id": chosen(self._catalogue.ids, np.maximum(product, 0), no_product),
                "page_url": chosen(
                    self._catalogue.pages, np.where(no_product, journeys.PAGE[event_type], product + journeys.PAGES)
                ),
                "device": chosen(_DEVICE_NAMES, visits.device[visit]),
                "occurred_at": instants(occurred),
                "received_at": instants(occurred + chance.below(len(steps), 6)),
            }
        )

    def sales(self, part: Slice, visits: Visits) -> Births:
        """What is bought in these visits, and what is paid back or settled later."""
        steps, visit = journeys.sold(visits.journey)
        product = journeys.products(steps, visits.products, visit)
        chance = Chance(self.seed, DOMAIN, "sales", part.day, part.part)
        count = len(steps)
        currency = COUNTRY_CURRENCY[self._country(visits.users[visit])]
        quantity = chance.pick(count, _QUANTITY_WEIGHTS)
        price = product * len(CURRENCIES) + currency
        voucher = chance.happens(count, _VOUCHER).astype(np.int64)
        fate = chance.pick(count, _FATE_WEIGHTS)
        occurred = visits.times(journeys.purchase_of(steps), visit)
        known = occurred + chance.below(count, 60)
        number = traits(_numbered(part, count), self.seed, "transaction", part.day)
        columns = {
            "transaction_id": texts(f"t{self.seed:04d}-{part.day:%y%m%d}-", hexadecimal(number, 16)),
            "user_id": self._user_ids(visits.users[visit]),
            "product_id": chosen(self._catalogue.ids, product),
            "product_name": chosen(self._catalogue.names, product),
            "category": chosen(self._catalogue.categories, self._catalogue.category[product]),
            "quantity": chosen(_QUANTITY_VALUES, quantity),
            "unit_price": chosen(self._catalogue.unit_prices, price),
            "amount": chosen(self._amounts, (price * len(_QUANTITIES) + quantity) * 2 + voucher),
            "currency": chosen(CURRENCY_CODES, currency),
            "status": chosen(_STATUSES, _FATE_FIRST[fate]),
            "payment_method": chosen(_PAYMENT_NAMES, picked(visits.words[visit], _PAYMENT_WEIGHTS)),
            "occurred_at": instants(occurred),
            "updated_at": instants(known),
        }
        table = pa.table(columns)
        changes = np.flatnonzero(_FATE_FIRST[fate] != _FATE_LAST[fate])
        days_later = np.where(_FATE_LAST[fate[changes]] == 1, chance.between(len(changes), 1, 10), 1)
        later = known[changes] + days_later * DAY_SECONDS - chance.below(len(changes), DAY_SECONDS // 2)
        changed = table.take(pa.array(changes))
        for name, column in (
            ("status", chosen(_STATUSES, _FATE_LAST[fate[changes]])),
            ("updated_at", instants(later)),
        ):
            changed = changed.set_column(changed.column_names.index(name), name, column)
        return Births(table, changed.combine_chunks(), changes, days_later)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.of_shop()

    @cached_property
    def _amounts(self) -> pa.Array:
        """What is charged, by price, quantity and whether there is a voucher: vouchers take 10 % off."""
        prices = self._catalogue.minor_units
        full = prices[:, None] * np.array(_QUANTITIES)
        less = (full * (100 - _VOUCHER_PERCENT) + 50) // 100
        yen = np.arange(len(prices)) % len(CURRENCIES) == CURRENCIES.index("JPY")
        less[yen] = (less[yen] + 50) // 100 * 100
        return money(np.stack([full, less], axis=2).reshape(-1), 14)

    # --- exchange rates

    def rates(self, day: date) -> pa.Table:
        """What a euro is worth in every currency."""
        number = day.toordinal()
        days = np.arange(number - _RATE_MEMORY_DAYS, number)
        micros = []
        for currency, base in self._catalogue.euro_rates.items():
            # A rate is what the noise of the last months has made of its level, whatever the world's seed.
            noise = scaled(traits(days, "rate", currency), 2 * _DAILY_RATE_NOISE_PPM + 1) - _DAILY_RATE_NOISE_PPM
            micros.append(base if currency == "EUR" else base + base * int(noise.sum()) // _MICRO // 2)
        count = len(micros)
        published = np.full(count, epoch_seconds(day) + 15 * 3_600)
        return pa.table(
            {
                "rate_date": pa.array([day] * count, pa.date32()),
                "currency": pa.array(list(self._catalogue.euro_rates)),
                "euro_rate": money(micros, 18, 6),
                "published_at": instants(published),
            }
        )


@dataclass(frozen=True)
class Visits:
    """Visits of a slice, one place each; `products` has a row for each slot of a journey."""

    number: Indices
    users: Indices
    is_anonymous: Flags
    start: Indices
    journey: Indices
    device: Indices
    products: Indices
    words: Words

    def times(self, steps: Indices, visit: Indices) -> Indices:
        """When each step is taken: every visitor has a pace of his own."""
        pace = (self.words >> np.uint64(61)).astype(np.int64) + 3
        times: Indices = self.start[visit] + journeys.CLOCK[steps] * pace[visit] // 4
        return times


def _numbered(part: Slice, count: int) -> Indices:
    """Numbers that no other slice of the day gives."""
    numbers: Indices = (np.int64(part.part) << 40) + np.arange(count)
    return numbers


_FLAGS = pa.array([True, False])
_STATUSES = pa.array(_STATUS_NAMES)
_QUANTITY_VALUES = pa.array(_QUANTITIES, pa.int32())
_DEVICE_NAMES = pa.array([name for name, _ in DEVICES])
_PAYMENT_NAMES = pa.array([name for name, _ in PAYMENT_METHODS])
