"""What a visitor does from page to page: a few hundred journeys, each a list of steps, of which every visit takes one.

Steps of all journeys stand one after another in flat arrays, so that the events of a hundred thousand visits are a
look-up and not a hundred thousand loops.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from datagen.chance import Flags, Indices, Weights

EVENT_TYPE_NAMES = ("page_view", "search", "add_to_cart", "remove_from_cart", "checkout", "purchase")
EVENT_TYPES = pa.array(EVENT_TYPE_NAMES)
# The page on which an event without a product happens, by the event's type.
PAGE_NAMES = ("/", "/search", "/cart", "/cart", "/checkout", "/thank-you")
PAGES = len(PAGE_NAMES)
PAGE = np.arange(PAGES)
PRODUCT_SLOTS = 4
"""A visit looks at so many products at most."""

_JOURNEYS = 300
_NO_PRODUCT = -1
_VIEW, _SEARCH, _ADD, _REMOVE, _CHECKOUT, _PURCHASE = range(len(EVENT_TYPE_NAMES))


def _journey(chance: random.Random) -> tuple[list[tuple[int, int]], list[int]]:
    """(event type, product slot) of each step, and the slots of what is bought."""
    steps = [(_VIEW, _NO_PRODUCT)]
    looks = chance.choices((0, 1, 2, 3, 4), (15, 30, 27, 18, 10))[0]
    for slot in range(looks):
        if chance.random() < 0.3:
            steps.append((_SEARCH, _NO_PRODUCT))
        steps.append((_VIEW, slot))
        if chance.random() < 0.2:
            steps.append((_VIEW, slot))
    if not looks or chance.random() > 0.6:
        return steps, []
    cart = list(range(chance.choices(range(1, looks + 1), [2.0**-place for place in range(looks)])[0]))
    steps += [(_ADD, slot) for slot in cart]
    if len(cart) > 1 and chance.random() < 0.2:
        steps.append((_REMOVE, cart.pop()))
    if chance.random() < 0.28:
        return steps, []
    steps.append((_CHECKOUT, _NO_PRODUCT))
    if chance.random() < 0.15:
        return steps, []
    steps.append((_PURCHASE, _NO_PRODUCT))
    return steps, cart


def _all() -> Sequence[tuple[list[tuple[int, int]], list[int]]]:
    chance = random.Random("journeys")  # noqa: S311 - a simulation, not a secret
    return [_journey(chance) for _ in range(_JOURNEYS)]


def _flat(values: Sequence[Sequence[int]]) -> Indices:
    return np.array([value for part in values for value in part], dtype=np.int64)


def _clock() -> Indices:
    """Seconds, for a visitor of a middling pace, from the beginning of its journey to each step."""
    chance = random.Random("clock")  # noqa: S311 - a simulation, not a secret
    seconds: list[int] = []
    for steps, _ in _JOURNEY_LIST:
        now = 0
        for _ in steps:
            seconds.append(now)
            now += chance.randint(4, 60)
    return np.array(seconds)


_JOURNEY_LIST = _all()
_LENGTHS = np.array([len(steps) for steps, _ in _JOURNEY_LIST])
_STARTS = np.cumsum(_LENGTHS) - _LENGTHS
EVENT_TYPE = _flat([[event for event, _ in steps] for steps, _ in _JOURNEY_LIST])
_SLOT = _flat([[slot for _, slot in steps] for steps, _ in _JOURNEY_LIST])
CLOCK = _clock()
# What is sold in a journey: for each product the step at which it was put into the cart.
_SOLD = [
    [int(start) + steps.index((_ADD, slot)) for slot in cart]
    for start, (steps, cart) in zip(_STARTS, _JOURNEY_LIST, strict=True)
]
_SOLD_LENGTHS = np.array([len(places) for places in _SOLD])
_SOLD_STARTS = np.cumsum(_SOLD_LENGTHS) - _SOLD_LENGTHS
_SOLD_FLAT = _flat(_SOLD)
_LAST_STEP = np.repeat(_STARTS + _LENGTHS - 1, _LENGTHS)
BUYS: Flags = _SOLD_LENGTHS > 0
WEIGHTS = Weights([1] * _JOURNEYS)
ROWS_PER_VISIT_MILLI = int((_LENGTHS.sum() + _SOLD_LENGTHS.sum()) * 1_000 // _JOURNEYS)
"""Events and transactions of an average visit, in thousandths, before any transaction arrives again."""


def steps(journey: Indices) -> tuple[Indices, Indices]:
    """Every step of these journeys, and the place of the journey that it belongs to."""
    return _expanded(_STARTS[journey], _LENGTHS[journey])


def sold(journey: Indices) -> tuple[Indices, Indices]:
    """The steps at which what is bought in these journeys was put into the cart, and the places of the journeys."""
    places, visit = _expanded(_SOLD_STARTS[journey], _SOLD_LENGTHS[journey])
    return _SOLD_FLAT[places], visit


def purchase_of(steps: Indices) -> Indices:
    """The last step of the journey that each step belongs to."""
    last: Indices = _LAST_STEP[steps]
    return last


def products(steps: Indices, chosen: Indices, visit: Indices) -> Indices:
    """The product that each step is about, -1 for none; `chosen` has a row for each slot."""
    slot = _SLOT[steps]
    product: Indices = np.where(slot < 0, _NO_PRODUCT, chosen[slot, visit])
    return product


def _expanded(starts: Indices, lengths: Indices) -> tuple[Indices, Indices]:
    owner = np.repeat(np.arange(len(starts)), lengths)
    first = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) - (first - starts)[owner], owner
