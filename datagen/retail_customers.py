"""The retailer's customers: who they are, where they live, and on which days that changes.

Time is cut into turns of ten days. In every turn each customer has one day of their own on which something about them
may change, and mostly nothing does; so who changes on a day is known without asking everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datagen import people
from datagen.chance import Flags, Indices, Weights, Words, picked, scaled, traits
from datagen.columns import DAY_SECONDS, chosen, digits, epoch_seconds, groups, instants, texts
from datagen.members import Members
from datagen.people import COUNTRIES, COUNTRY_CODES, COUNTRY_WEIGHTS, MAIL_DOMAINS, POOL_SIZE
from datagen.world import Births, Slice, share_of

CHANGED_PER_1000_A_DAY = 4
"""About."""

_TURN_DAYS = 10
# What changes in a turn, in per mille: nothing, the address, the e-mail address, the last name (and the e-mail address
# with it), the telephone number.
_CHANGE_WEIGHTS = Weights([960, 22, 9, 3, 6])
_NOTHING, _ADDRESS, _MAIL, _NAME, _PHONE = range(5)
_CHANGES = _PHONE + 1
_GENDERS = ("female", "male", "diverse", "unknown")
_GENDER_WEIGHTS = Weights([530, 400, 8, 32, 30])
"""The last are those who have not said."""
_UNSAID = len(_GENDERS)
# Ages from 18 on, in steps of three years.
_AGE_STEP_YEARS = 3
_AGE_WEIGHTS = Weights([30, 58, 78, 90, 94, 90, 84, 78, 72, 66, 60, 54, 46, 38, 28, 18, 10, 6])
_NULL_PER_MILLE = {"email": 15, "phone": 140, "birth_date": 110}
_HOUSES = 140
# Where the house number stands before the street.
_NUMBER_FIRST = np.array([country.code in ("GB", "FR", "US") for country in COUNTRIES])
# How mobile numbers begin by country; seven digits follow.
_MOBILES = {
    "DE": ("1512", "1577", "1603", "170", "176"),
    "GB": ("742", "774", "780", "791"),
    "FR": ("61", "62", "66", "75"),
    "PL": ("50", "60", "69", "79"),
    "SE": ("70", "72", "73", "76"),
    "IT": ("320", "339", "347", "351"),
    "US": ("212", "312", "415", "617"),
    "CH": ("76", "78", "79"),
    "AT": ("664", "676", "699"),
    "NL": ("61", "62", "64", "65"),
    "JP": ("702", "803", "901"),
}
_FIRST_MOBILE, _MOBILE_NUMBERS = 2_000_000, 8_000_000
_IDS_PER_SEED, _SEEDS = 10_000_000, 200


@dataclass(frozen=True)
class Customers:
    """Customers of a world that goes on for so many days; numbered from 0 in order of sign-up."""

    members: Members
    days: int

    @property
    def _seed(self) -> int:
        return self.members.seed

    def births(self, part: Slice) -> Births:
        """Those who sign up in a slice, and those who change."""
        new, changed = self.members.joining(part), self.changing(part)
        everybody = np.concatenate([new, changed])
        is_changed = np.arange(len(everybody)) >= len(new)
        counts = np.zeros((_CHANGES, len(everybody)), np.int64)
        counts[:, len(new) :] = self._changes_until(changed, part.day_number)
        moment = scaled(traits(everybody + (part.day_number << 40), self._seed, "changed at"), DAY_SECONDS)
        signed_up = self.members.signed_up_at(everybody)
        updated = np.where(is_changed, epoch_seconds(part.day) + moment, signed_up)
        return Births(
            self._table(everybody, counts, signed_up, updated),
            superseded=np.flatnonzero(self._changes_after(everybody, part.day_number)),
            final=np.flatnonzero(is_changed),
        )

    def changing(self, part: Slice) -> Indices:
        """Those about whom something changes in a slice; they have signed up on an earlier day."""
        turn, day = divmod(part.day_number, _TURN_DAYS)
        first = (day - self._start_of(turn)) % _TURN_DAYS
        candidates = range(first, self.members.counts[part.day_number] if part.day_number else 0, _TURN_DAYS)
        begin, end = share_of(len(candidates), part)
        customers = first + np.arange(begin, end) * _TURN_DAYS
        changing: Indices = customers[self._change(customers, turn) != _NOTHING]
        return changing

    def country(self, customers: Indices) -> Indices:
        """The place of each customer's country in COUNTRIES; nobody moves abroad."""
        return picked(traits(customers, self._seed, "country"), COUNTRY_WEIGHTS)

    def ids(self, customers: Indices) -> pa.Array:
        """Their numbers as rows have them."""
        return pa.array(customers + self._seed % _SEEDS * _IDS_PER_SEED + 1, pa.int32())

    # --- what changes when

    def _start_of(self, turn: int) -> int:
        return int(scaled(traits(np.array([turn]), self._seed, "turn"), _TURN_DAYS)[0])

    def _change(self, customers: Indices, turn: int) -> Indices:
        """What changes in a turn."""
        return picked(traits(customers + (turn << 40), self._seed, "change"), _CHANGE_WEIGHTS)

    def _day_in(self, customers: Indices, turn: int) -> Indices:
        """The number of the day of a turn on which it changes."""
        return turn * _TURN_DAYS + (customers + self._start_of(turn)) % _TURN_DAYS

    def _changes_until(self, customers: Indices, day_number: int) -> Indices:
        """How often each thing has changed by the end of a day: a row for each kind of change."""
        signed_up = np.maximum(self.members.day_of(customers), 0)
        counts = np.zeros((_CHANGES, len(customers)), np.int64)
        for turn in range(day_number // _TURN_DAYS + 1):
            day = self._day_in(customers, turn)
            change = np.where((day > signed_up) & (day <= day_number), self._change(customers, turn), _NOTHING)
            counts[change, np.arange(len(customers))] += 1
        return counts

    def _changes_after(self, customers: Indices, day_number: int) -> Flags:
        """Whether anything changes after a day and within the world's days."""
        changes = np.zeros(len(customers), np.bool_)
        for turn in range(day_number // _TURN_DAYS, (self.days - 1) // _TURN_DAYS + 1):
            day = self._day_in(customers, turn)
            changes |= (day > day_number) & (day < self.days) & (self._change(customers, turn) != _NOTHING)
        return changes

    # --- what they are like

    def _table(self, customers: Indices, counts: Indices, signed_up: Indices, updated: Indices) -> pa.Table:
        country = self.country(customers)
        gender = picked(traits(customers, self._seed, "gender"), _GENDER_WEIGHTS)
        name = scaled(traits(customers, self._seed, "first name"), 2 * POOL_SIZE)
        # Women's names stand in the first half of the pool; whoever is neither woman nor man has any.
        is_woman = np.where(gender < 2, gender == 0, name < POOL_SIZE)
        first = (country + np.where(is_woman, 0, len(COUNTRIES))) * POOL_SIZE + name % POOL_SIZE
        last = country * POOL_SIZE + scaled(self._version("last name", customers, counts[_NAME]), POOL_SIZE)
        address = self._version("address", customers, counts[_ADDRESS])
        place = country * POOL_SIZE + scaled(address, POOL_SIZE)
        return pa.table(
            {
                "customer_id": self.ids(customers),
                "first_name": chosen(_first_names(self._seed, False), first),
                "last_name": chosen(people.pool(self._seed, "last_name"), last),
                "email": self._emails(customers, first, last, counts[_MAIL]),
                "phone": self._phones(customers, country, counts[_PHONE]),
                "gender": chosen(_GENDER_NAMES, gender % _UNSAID, gender == _UNSAID),
                "birth_date": self._birth_dates(customers),
                "street": self._streets(address, country),
                # A city keeps its postal code.
                "city": chosen(people.pool(self._seed, "city"), place),
                "postal_code": chosen(people.pool(self._seed, "postcode"), place),
                "country": chosen(COUNTRY_CODES, country),
                "signed_up_at": instants(signed_up),
                "updated_at": instants(updated),
            }
        )

    def _version(self, what: str, customers: Indices, count: Indices) -> Words:
        """Random bits that belong to a customer until the thing changes."""
        return traits(customers + (count << 40), self._seed, what)

    def _is_null(self, column: str, customers: Indices) -> Flags:
        flags: Flags = scaled(traits(customers, self._seed, "no", column), 1_000) < _NULL_PER_MILLE[column]
        return flags

    def _emails(self, customers: Indices, first: Indices, last: Indices, count: Indices) -> pa.Array:
        domain = (scaled(traits(customers, self._seed, "mail"), len(MAIL_DOMAINS)) + count) % len(MAIL_DOMAINS)
        return pc.binary_join_element_wise(
            _first_names(self._seed, True).take(pa.array(first)),
            ".",
            people.slugs(self._seed, "last_name").take(pa.array(last)),
            pa.array(customers + 1).cast(pa.string()),
            _MAIL_ENDS.take(pa.array(domain, mask=self._is_null("email", customers))),
            "",
        )

    def _phones(self, customers: Indices, country: Indices, count: Indices) -> pa.Array:
        word = self._version("phone", customers, count)
        first, starts = _MOBILE_PLACES[country].T
        start = pa.array(first + scaled(word, starts), mask=self._is_null("phone", customers))
        number = texts(digits(_FIRST_MOBILE + scaled(word << np.uint64(32), _MOBILE_NUMBERS), 7))
        return pc.binary_join_element_wise(_MOBILE_STARTS.take(start), number, "")

    def _streets(self, address: Words, country: Indices) -> pa.Array:
        street = people.pool(self._seed, "street_name").take(
            pa.array(country * POOL_SIZE + scaled(address << np.uint64(16), POOL_SIZE))
        )
        # Low numbers are in more streets than high ones.
        low = np.minimum(scaled(address << np.uint64(24), _HOUSES), scaled(address << np.uint64(32), _HOUSES)) + 1
        before = _NUMBERS_BEFORE.take(pa.array(np.where(_NUMBER_FIRST[country], low, 0)))
        after = _NUMBERS_AFTER.take(pa.array(np.where(_NUMBER_FIRST[country], 0, low)))
        return pc.binary_join_element_wise(before, street, after, "")

    def _birth_dates(self, customers: Indices) -> pa.Array:
        word = traits(customers, self._seed, "age")
        steps = picked(word, _AGE_WEIGHTS)
        # 365.25 days a year.
        age_days = (18 + steps * _AGE_STEP_YEARS) * 1_461 // 4 + scaled(word << np.uint64(20), _AGE_STEP_YEARS * 365)
        born = self.members.first_day.toordinal() - _EPOCH - age_days
        return pa.array(born.astype(np.int32), pa.int32(), mask=self._is_null("birth_date", customers)).cast(
            pa.date32()
        )


@cache
def _first_names(seed: int, is_slug: bool) -> pa.Array:
    """Women's names of every country, then men's; as they stand in an e-mail address or as they are written."""
    pool = people.slugs if is_slug else people.pool
    return pa.concat_arrays([pool(seed, "first_name_female"), pool(seed, "first_name_male")])


_EPOCH = date(1970, 1, 1).toordinal()
_GENDER_NAMES = pa.array(_GENDERS)
_MAIL_ENDS = pa.array([f"@{domain}" for domain in MAIL_DOMAINS])
_MOBILE_STARTS = pa.array(
    [f"+{country.dialling_code}{start}" for country in COUNTRIES for start in _MOBILES[country.code]]
)
_MOBILE_PLACES = groups([_MOBILES[country.code] for country in COUNTRIES])
_NUMBERS_BEFORE = pa.array(["", *(f"{number} " for number in range(1, _HOUSES + 1))])
_NUMBERS_AFTER = pa.array(["", *(f" {number}" for number in range(1, _HOUSES + 1))])
