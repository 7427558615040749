"""The truth about a retailer: what it sells and for how much, who its customers are, what they order and send back.

Customers sign up before they order; a few of them order much; few products make most of the sales; orders follow the
hours of the day, the days of the week and the seasons, and the trade grows. Every order is the sum of its lines, at the
prices of its day. Customers move, prices change, orders are called off or sent back: what was told before arrives again
in its new state, on the day on which it becomes so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa

from datagen.chance import Chance, Flags, Indices, Weights, picked, traits
from datagen.columns import DAY_SECONDS, chosen, epoch_seconds, instants, money
from datagen.members import Members
from datagen.people import COUNTRY_CODES, COUNTRY_CURRENCY, COUNTRY_WEIGHTS, CURRENCY_CODES, EURO_RATES
from datagen.retail_catalogue import SHELF, Catalogue, product_ids
from datagen.retail_customers import CHANGED_PER_1000_A_DAY, Customers
from datagen.world import Births, Slice, day_weights, make_slices, seconds_of_day, share_of, spread

DOMAIN = "retail"
DATASETS = ("brands", "categories", "products", "customers", "orders", "order_items")

_PRODUCTS_PER_1000_ROWS = 12
_FEWEST_PRODUCTS, _MOST_PRODUCTS = 48, 24_000
_CUSTOMER_ROWS_PER_MILLE = 290
"""Of all rows but those of the catalogue, changes of customers included."""
_SIGNED_UP_BEFORE_PER_MILLE = 700
_EARLY_DAYS = 1_000
_BY_REGULARS = 0.35
"""Share of orders by customers who order often."""
# Lines of an order; no order has more than a shelf has places.
_LINES = np.array([1, 2, 3, 4, 5, SHELF])
_LINE_SHARES = (550, 250, 110, 50, 25, 15)
_LINE_WEIGHTS = Weights(_LINE_SHARES)
_LINES_PER_ORDER_MILLI = int((_LINES * _LINE_SHARES).sum())
_CHANGED_ORDERS_MILLI = 140
"""About as many orders per 1,000 arrive a second time."""
_SHELF_PLACE_WEIGHTS = Weights([30, 20, 14, 10, 8, 7, 6, 5])
_QUANTITIES = np.array([1, 2, 3, 4, 6])
_QUANTITY_WEIGHTS = Weights([800, 130, 40, 20, 10])
# Parts of 10,000 that are taken off the price, none first: on ordinary days and when there is a sale. Steps of 5 %
# leave whole yen whole.
_DISCOUNTS = np.array([0, 500, 1_000, 1_500, 2_000, 3_000, 5_000])
_DISCOUNT_WEIGHTS = (Weights([780, 60, 80, 30, 30, 15, 5]), Weights([430, 40, 120, 80, 160, 120, 50]))
# Month and day of the first and last day of each sale.
_SALES = (((1, 2), (1, 17)), ((6, 22), (7, 12)), ((11, 20), (11, 30)))
# Means of payment: their share, and how many of 1,000 orders paid so are called off.
_PAYMENTS = {
    "Credit Card": (330, 22),
    "PayPal": (270, 24),
    "Debit Card": (180, 18),
    "Bank Transfer": (110, 85),
    "Cash on Delivery": (70, 140),
    "Gift Card": (40, 6),
}
_PAYMENT_WEIGHTS = Weights([share for share, _ in _PAYMENTS.values()])
_CANCELLED = np.array([cancelled for _, cancelled in _PAYMENTS.values()])
_PAYS_AS_ALWAYS = 0.75
_PAYMENT_UNSAID = 0.004
_SENT_ELSEWHERE = 0.02
_DEAR_EURO_CENTS = 25_000
_DEAR_CANCELLED_PERCENT = 170
"""Orders of more are called off so much more often."""
_PLACED, _CANCELLED_STATUS, _RETURNED_STATUS = range(3)
_CANCEL_DAYS = Weights([520, 300, 130, 50])
_RETURN_DAYS_FROM, _RETURN_DAYS_TO = 3, 10
_LATE_HOURS = 2
"""Whoever orders in the day's last hours does not call it off on the same day."""
# Order numbers say the seed, the day and the order's place in it, and stay below 2**53.
_SEED_STEP, _DAY_STEP, _SEEDS = 10**14, 10**8, 90


@dataclass(frozen=True)
class Retail:
    """About `rows` rows over `days` days. Two seeds share one catalogue, and no customer and no order
    unless they differ by a multiple of 200 or 90: there are no more ids (for customers, of worlds below 30 million
    rows)."""

    rows: int
    days: int
    seed: int
    first_day: date
    rows_per_slice: int

    domain = DOMAIN
    datasets = DATASETS

    @cached_property
    def slices(self) -> Sequence[Slice]:
        """The catalogue and all earlier customers come on the first day."""
        by_day = [orders * (1_000 + _LINES_PER_ORDER_MILLI) // 1_000 for orders in self._orders_by_day]
        counts = self._customers.members.counts
        by_day = [rows + counts[day + 1] - counts[day] for day, rows in enumerate(by_day)]
        by_day[0] += counts[0] + self._catalogue.count
        return make_slices(by_day, self.first_day, self.rows_per_slice)

    def datasets_in(self, part: Slice) -> Sequence[str]:
        """Those that have rows; products on the first slice of a day with new prices."""
        first, last = self._orders_of(part)
        has_rows = {
            "brands": part.number == 0,
            "categories": part.number == 0,
            "products": part.part == 0 and len(self._products_in(part)) > 0,
            "customers": len(self._customers.members.joining(part)) > 0 or len(self._customers.changing(part)) > 0,
            "orders": first < last,
            "order_items": first < last,
        }
        return [dataset for dataset in DATASETS if has_rows[dataset]]

    def births(self, part: Slice) -> Mapping[str, Births]:
        """What comes up in a slice."""
        baskets = self.baskets(part)
        found = {
            "brands": lambda: Births(self._catalogue.brands(self.first_day)),
            "categories": lambda: Births(self._catalogue.categories(self.first_day)),
            "products": lambda: self.products(part),
            "customers": lambda: self._customers.births(part),
            "orders": lambda: self.orders(part, baskets),
            "order_items": lambda: Births(self.order_items(baskets)),
        }
        return {dataset: found[dataset]() for dataset in self.datasets_in(part)}

    # --- catalogue and customers

    @cached_property
    def _catalogue(self) -> Catalogue:
        wanted = self.rows * _PRODUCTS_PER_1000_ROWS // 1_000
        return Catalogue(min(max(wanted, _FEWEST_PRODUCTS), _MOST_PRODUCTS))

    @cached_property
    def _trade_rows(self) -> int:
        """What the catalogue leaves for customers and their orders."""
        return max(1, self.rows - self._catalogue.rows_until(self.first_day, self.days))

    @cached_property
    def _customers(self) -> Customers:
        # Those who change come again: every customer is more than one row.
        rows_per_1000 = 1_000 + CHANGED_PER_1000_A_DAY * (self.days - 1) * 85 // 100
        customers = self._trade_rows * _CUSTOMER_ROWS_PER_MILLE // rows_per_1000
        early = max(1, customers * _SIGNED_UP_BEFORE_PER_MILLE // 1_000)
        new = max(self.days, customers - early)
        members = Members.of(self.seed, self.first_day, self.days, early, _EARLY_DAYS, new, _BY_REGULARS)
        return Customers(members, self.days)

    @cached_property
    def _orders_by_day(self) -> Sequence[int]:
        rows_per_order = 1_000 + _CHANGED_ORDERS_MILLI + _LINES_PER_ORDER_MILLI
        orders = max(self.days, self._trade_rows * (1_000 - _CUSTOMER_ROWS_PER_MILLE) // rows_per_order)
        return spread(orders, day_weights(self.first_day, self.days))

    def _products_in(self, part: Slice) -> Indices:
        """All on the first day, then those that have a new price."""
        return np.arange(self._catalogue.count) if part.day_number == 0 else self._catalogue.changed_on(part.day)

    def products(self, part: Slice) -> Births:
        """Products as they are from the beginning of the day."""
        products = self._products_in(part)
        end = (self.first_day + timedelta(days=self.days)).toordinal()
        return Births(
            self._catalogue.products(products, part.day),
            superseded=np.flatnonzero(self._catalogue.next_change(part.day)[products] < end),
            final=np.arange(len(products) if part.day_number else 0),
        )

    # --- orders

    def _orders_of(self, part: Slice) -> tuple[int, int]:
        return share_of(self._orders_by_day[part.day_number], part)

    def baskets(self, part: Slice) -> Baskets:
        """What is ordered in a slice, by whom and at which prices."""
        chance = Chance(self.seed, DOMAIN, "orders", part.day, part.part)
        of_day = self._orders_by_day[part.day_number]
        numbers = np.arange(*self._orders_of(part))
        jitter = (chance.words(len(numbers)) >> np.uint64(48)).astype(np.int64)
        at = epoch_seconds(part.day) + seconds_of_day(numbers, of_day, jitter)
        customers, at = self._customers.members.visitors(chance, part, at)
        country = self._customers.country(customers)
        currency = COUNTRY_CURRENCY[country]
        lines = _LINES[chance.pick(len(numbers), _LINE_WEIGHTS)]
        order = np.repeat(np.arange(len(numbers)), lines)
        line = np.arange(len(order)) - (np.cumsum(lines) - lines)[order]
        shelf = chance.pick(len(order), self._catalogue.shelves)
        product = shelf * SHELF + (chance.pick(len(numbers), _SHELF_PLACE_WEIGHTS)[order] + line) % SHELF
        quantity = _QUANTITIES[chance.pick(len(order), _QUANTITY_WEIGHTS)]
        unit_price = self._catalogue.minor_units(product, currency[order], part.day)
        discount = chance.pick(len(order), _DISCOUNT_WEIGHTS[_is_sale(part.day)])
        return Baskets(
            number=self.seed % _SEEDS * _SEED_STEP + int(f"{part.day:%y%m%d}") * _DAY_STEP + numbers + 1,
            customer=customers,
            country=country,
            currency=currency,
            ordered_at=at,
            order=order,
            line=line,
            product=product,
            quantity=quantity,
            unit_price=unit_price,
            discount=discount,
            # Half a cent goes up.
            line_total=(quantity * unit_price * (10_000 - _DISCOUNTS[discount]) + 5_000) // 10_000,
        )

    def order_items(self, baskets: Baskets) -> pa.Table:
        """The lines of the orders."""
        return pa.table(
            {
                "order_id": pa.array(baskets.number[baskets.order]),
                "line_number": pa.array(baskets.line + 1, pa.int16()),
                "product_id": product_ids(baskets.product),
                "quantity": pa.array(baskets.quantity, pa.int32()),
                "unit_price": money(baskets.unit_price, 12),
                "discount_rate": chosen(_DISCOUNT_RATES, baskets.discount, baskets.discount == 0),
                "line_total": money(baskets.line_total, 14),
                "updated_at": instants(baskets.ordered_at[baskets.order]),
            }
        )

    def orders(self, part: Slice, baskets: Baskets) -> Births:
        """The orders, and those of them again that are called off or sent back."""
        chance = Chance(self.seed, DOMAIN, "fates", part.day, part.part)
        count, ordered_at = len(baskets.number), instants(baskets.ordered_at)
        first_line = np.flatnonzero(baskets.line == 0)
        total = np.add.reduceat(baskets.line_total, first_line) if count else baskets.line_total
        payment = picked(traits(baskets.customer, self.seed, "payment"), _PAYMENT_WEIGHTS)
        payment = np.where(chance.happens(count, _PAYS_AS_ALWAYS), payment, chance.pick(count, _PAYMENT_WEIGHTS))
        elsewhere = chance.happens(count, _SENT_ELSEWHERE)
        table = pa.table(
            {
                "order_id": pa.array(baskets.number),
                "customer_id": self._customers.ids(baskets.customer),
                "order_status": chosen(_STATUSES, np.full(count, _PLACED)),
                "payment_method": chosen(_PAYMENT_NAMES, payment, chance.happens(count, _PAYMENT_UNSAID)),
                "order_total": money(total, 14),
                "currency": chosen(CURRENCY_CODES, baskets.currency),
                "shipping_country": chosen(
                    COUNTRY_CODES, np.where(elsewhere, chance.pick(count, COUNTRY_WEIGHTS), baskets.country)
                ),
                "ordered_at": ordered_at,
                "updated_at": ordered_at,
            }
        )
        is_dear = total > _DEAR_EURO_CENTS * _RATES[baskets.currency] // _MICRO
        cancelled = _CANCELLED[payment] * np.where(is_dear, _DEAR_CANCELLED_PERCENT, 100) // 100
        returned = self._catalogue.returned_per_mille[baskets.product[first_line]]
        drawn = chance.below(count, 1_000)
        status = np.where(
            drawn < cancelled, _CANCELLED_STATUS, np.where(drawn < cancelled + returned, _RETURNED_STATUS, _PLACED)
        )
        places = np.flatnonzero(status != _PLACED)
        days, at = _later(chance, part, baskets.ordered_at[places], status[places] == _RETURNED_STATUS)
        changed = table.take(pa.array(places))
        for name, column in (("order_status", chosen(_STATUSES, status[places])), ("updated_at", instants(at))):
            changed = changed.set_column(changed.column_names.index(name), name, column)
        return Births(table, changed.combine_chunks(), places, days)


@dataclass(frozen=True)
class Baskets:
    """Orders of a slice, and their lines: `order` says for each line the place of its order, `line` its place in it
    from 0. Money is in hundredths of the order's currency."""

    number: Indices
    customer: Indices
    country: Indices
    currency: Indices
    ordered_at: Indices

    order: Indices
    line: Indices
    product: Indices
    quantity: Indices
    unit_price: Indices
    discount: Indices
    """Place in the list of discounts."""
    line_total: Indices


def _later(chance: Chance, part: Slice, ordered_at: Indices, is_returned: Flags) -> tuple[Indices, Indices]:
    """How many days after it was placed an order changes, and the second since 1970 at which it does."""
    count = len(ordered_at)
    days = np.where(
        is_returned,
        chance.between(count, _RETURN_DAYS_FROM, _RETURN_DAYS_TO),
        chance.pick(count, _CANCEL_DAYS),
    )
    midnight = epoch_seconds(part.day) + DAY_SECONDS
    days[(days == 0) & (ordered_at >= midnight - _LATE_HOURS * 3_600)] = 1
    left = np.where(days == 0, midnight - 1 - ordered_at, DAY_SECONDS)
    first = np.where(days == 0, ordered_at + 1, midnight + (days - 1) * DAY_SECONDS)
    return days, first + chance.below(count, left)


def _is_sale(day: date) -> bool:
    return any(first <= (day.month, day.day) <= last for first, last in _SALES)


_STATUSES = pa.array(["Placed", "Cancelled", "Returned"])
_PAYMENT_NAMES = pa.array(list(_PAYMENTS))
_DISCOUNT_RATES = money(_DISCOUNTS, 5, 4)
_RATES = np.array(list(EURO_RATES.values()))
_MICRO = 1_000_000
