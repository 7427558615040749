"""What goes wrong on the way: a registry, one entry a defect.

A new defect is one function and its entry in the module of its level.
"""

from __future__ import annotations

from collections.abc import Mapping

from datagen.defects.dates import DATES
from datagen.defects.deliveries import DELIVERIES
from datagen.defects.dialects import DIALECTS
from datagen.defects.drift import DRIFT
from datagen.defects.enums import ENUMS
from datagen.defects.files import FILES
from datagen.defects.keys import KEYS
from datagen.defects.lines import LINES
from datagen.defects.model import AnyDefect, registry
from datagen.defects.numbers import NUMBERS
from datagen.defects.rows import ROWS
from datagen.defects.texts import TEXTS

DEFECTS: Mapping[str, AnyDefect] = registry(
    NUMBERS, DATES, ENUMS, TEXTS, KEYS, ROWS, LINES, DELIVERIES, DRIFT, DIALECTS, FILES
)
LEVELS = ("none", "light", "messy", "hostile")
_TIERS = ("light", "messy", "hostile")
_FACTORS = {"light": 0.5, "messy": 1.0, "hostile": 2.0}


def shares_of(text: str) -> Mapping[str, float]:
    """The share of every defect in `none`, `light`, `messy`, `hostile` or a list such as `messy,resent=0.2`.

    A level that is milder than a defect's own tier is without it. ValueError for a name that is none, or a share that
    is not from 0 to 1.
    """
    shares = dict.fromkeys(DEFECTS, 0.0)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, share = part.partition("=")
        if not equals and name in LEVELS:
            shares |= {defect.name: _share(defect, name) for defect in DEFECTS.values()}
            continue
        if name not in DEFECTS:
            raise ValueError(f'"{name}" is no defect; known are {", ".join(LEVELS)} and {", ".join(DEFECTS)}')
        shares[name] = _number(name, share) if equals else DEFECTS[name].share
    return shares


def _share(defect: AnyDefect, level: str) -> float:
    if level == "none" or _TIERS.index(level) < _TIERS.index(defect.tier):
        return 0.0
    return min(1.0, defect.share * _FACTORS[level])


def _number(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f'{name}="{text}": a share is a number from 0 to 1, such as {name}=0.05')
    return share
