"""What the local stack keeps from everybody else on the machine: made at random, once, in files of mode 0600."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

KEY_ID, SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_ID_PREFIX = "LAKE"
_ID_CHARACTERS = string.ascii_uppercase + "234567"


def access_key(known: Mapping[str, str]) -> dict[str, str]:
    """The access key of an environment; a new one where it holds none, or the words that stood for one before."""
    key_id, secret = known.get(KEY_ID, ""), known.get(SECRET, "")
    if key_id.startswith(_ID_PREFIX) and secret:
        return {KEY_ID: key_id, SECRET: secret}
    made = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(16))
    return {KEY_ID: f"{_ID_PREFIX}{made}", SECRET: secrets.token_urlsafe(30)}


def write(path: Path, text: str) -> None:
    """Replace a file in one step by one that nobody else could read at any moment."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # left behind by a process that was killed, with whatever permissions
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
