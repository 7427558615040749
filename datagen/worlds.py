"""The domains that can be generated, by name. This imports nothing: a command line or a form offers them for free."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from datagen.world import World

WORLDS: Mapping[str, str] = {
    "storefront": "datagen.storefront:Storefront",
    "retail": "datagen.retail:Retail",
}
"""Domain → module and class of its truth."""
MOST_ROWS = 500_000_000
"""Of more, customers' numbers would not fit into an integer."""
MOST_SEED = 2**31 - 1
"""With a longer one, ids would be longer than their columns."""


def world_of(domain: str) -> Callable[..., World]:
    """What makes a domain's truth: called with rows, days, seed, first_day and rows_per_slice."""
    make: Callable[..., World] = pkgutil.resolve_name(WORLDS[domain])
    return make
