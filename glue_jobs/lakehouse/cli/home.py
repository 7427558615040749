"""Where the checkout is and where the state of its local stack lies."""

from __future__ import annotations

import os
from pathlib import Path


class NoCheckoutError(Exception):
    """The package is installed without the checkout that the local stack runs from."""


def checkout() -> Path:
    """The root of the checkout. Raises NoCheckoutError when the library was installed from a wheel."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "infra" / "local_aws").is_dir():
        raise NoCheckoutError(
            "the local stack runs from a checkout of the project; install it there with `pip install -e .`"
        )
    return root


def state_dir() -> Path:
    """`LAKEHOUSE_STATE`, or `.lakehouse` in the checkout."""
    chosen = os.environ.get("LAKEHOUSE_STATE")
    return Path(chosen).resolve() if chosen else checkout() / ".lakehouse"
