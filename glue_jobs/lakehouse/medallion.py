"""The layers of the lake: each is made from the one before."""

from __future__ import annotations

from typing import Literal, get_args

Source = Literal["raw", "bronze", "silver"]
"""What other layers are made from."""
Layer = Literal["bronze", "silver", "gold"]
_IN_ORDER = (*get_args(Source), "gold")


def is_made_from(layer: Layer, source: Source) -> bool:
    """Whether a layer is made from another, be it by way of those between."""
    return _IN_ORDER.index(source) < _IN_ORDER.index(layer)
