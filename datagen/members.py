"""Who has an account, in any world that people sign up to: known by their numbers alone, from 0 in order of sign-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from datagen.chance import Chance, Indices, Weights, picked, scaled, traits
from datagen.columns import DAY_SECONDS, epoch_seconds
from datagen.world import Slice, day_weights, share_of, spread

_AT_ONCE = 0.1
"""Share of visits made by somebody who signed up on the same day, while the world has few members."""
_AT_ONCE_SECONDS = 30
_BLOCK_BITS = 6
_BLOCK_WEIGHTS = Weights([2**32 // (rank * rank.bit_length()) for rank in range(1, (1 << _BLOCK_BITS) + 1)])


@dataclass(frozen=True)
class Members:
    """`counts` says how many there are when each day begins, and at the end. The first of them signed up within
    `early_days` before the first day. `regulars` is the share of visits made by those who come often; anybody makes
    the others."""

    seed: int
    first_day: date
    early_days: int
    counts: Sequence[int]
    regulars: float = 1.0

    @classmethod
    def of(
        cls, seed: int, first_day: date, days: int, early: int, early_days: int, new: int, regulars: float = 1.0
    ) -> Members:
        """`early` of them before the first day, and `new` over the days, more when there is more trade."""
        counts = [early]
        for joining in spread(new, day_weights(first_day, days)):
            counts.append(counts[-1] + joining)
        return cls(seed, first_day, early_days, counts, regulars)

    @cached_property
    def _starts(self) -> Indices:
        return np.array(self.counts)

    def joining(self, part: Slice) -> Indices:
        """Who signs up in a slice; on the first day also those of before."""
        start = 0 if part.day_number == 0 else self.counts[part.day_number]
        first, last = share_of(self.counts[part.day_number + 1] - start, part)
        return np.arange(start + first, start + last)

    def day_of(self, members: Indices) -> Indices:
        """The number of the day on which each signs up, -1 for any before the first."""
        days: Indices = np.searchsorted(self._starts, members, side="right") - 1
        return days

    def signed_up_at(self, members: Indices) -> Indices:
        """Seconds since 1970: spread over the days before the first, or over the member's own day."""
        jitter = (traits(members, self.seed, "signed up") >> np.uint64(48)).astype(np.int64)
        opening, early = epoch_seconds(self.first_day), self.counts[0]
        steps = np.minimum(members, early) * 65_536 + jitter
        before = opening - self.early_days * DAY_SECONDS + steps * self.early_days * 1_318 // early // 1_000
        day = np.clip(self.day_of(members), 0, len(self.counts) - 2)
        counts = np.maximum(self._starts[day + 1] - self._starts[day], 1)
        place = np.clip(members - self._starts[day], 0, counts - 1)
        second = ((place << 16) + jitter) * DAY_SECONDS // (counts << 16)
        seconds: Indices = np.where(members < early, before, opening + day * DAY_SECONDS + second)
        return seconds

    def visitors(self, chance: Chance, part: Slice, start: Indices) -> tuple[Indices, Indices]:
        """Who comes, and when: members of earlier days, some much more often than others, and some of this day's.

        `start` are seconds since 1970 at which somebody comes; whoever signs up later than that comes right after.
        """
        known, coming = self.counts[part.day_number], self.counts[part.day_number + 1]
        members = _regulars(chance, len(start), known, self.seed)
        if self.regulars < 1:
            others = np.flatnonzero(~chance.happens(len(start), self.regulars))
            members[others] = chance.below(len(others), known)
        if coming == known:
            return members, start
        places = np.flatnonzero(chance.happens(len(start), _AT_ONCE * 1_000 / (1_000 + known)))
        new = known + chance.below(len(places), coming - known)
        soon = np.maximum(start[places], self.signed_up_at(new) + _AT_ONCE_SECONDS)
        # Who signs up within the day's last seconds does not come on this day.
        in_time = soon < epoch_seconds(part.day) + DAY_SECONDS
        members[places[in_time]] = new[in_time]
        start = start.copy()
        start[places[in_time]] = soon[in_time]
        return members, start


def _regulars(chance: Chance, count: int, known: int, seed: int) -> Indices:
    """So many visitors out of `known` people, of whom some come much more often than others: numbers from 0."""

    def candidates() -> Indices:
        word = chance.words(count)
        block = scaled(word, -(-known >> _BLOCK_BITS))
        # In every block of people the ranks stand at places of their own.
        rank = picked(word << np.uint64(32), _BLOCK_WEIGHTS)
        turn = (traits(block, seed, "rank") >> np.uint64(40)).astype(np.int64)
        people: Indices = ((block << _BLOCK_BITS) + (rank * 37 + turn) % (1 << _BLOCK_BITS)) % known
        return people

    # The eagerness of each smooths the steps between the ranks.
    people = candidates()
    stays_away = traits(people, seed, "eagerness") < chance.words(count)
    people[stays_away] = candidates()[stays_away]
    return people
