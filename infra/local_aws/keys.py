"""The access keys that the local AWS knows."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CACHED_SIGNING_KEYS = 256


class NoKeyError(Exception):
    """The environment names no key."""


@dataclass(frozen=True)
class Key:
    """An access key: its public id, its secret, and the session token that goes with it, if it has one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Key:
        """The key of AWS's own variables. Raises NoKeyError."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if missing := [name for name in names if not environment.get(name)]:
            raise NoKeyError(f"{' and '.join(missing)} must be set: the local AWS answers only who signs with a key")
        return cls(*(environment[name] for name in names))

    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to sign with this key."""
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}

    def client_arguments(self) -> dict[str, Any]:
        """What a boto3 client is given to sign with this key, whatever the environment says."""
        return {name.lower(): value for name, value in self.environment().items()}


class Keyring:
    """Keys by their id. A key for signing is derived once for each day, region and service, and then remembered."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.access_key_id: key for key in keys}
        self._derived = functools.lru_cache(CACHED_SIGNING_KEYS)(self._derive)

    def find(self, access_key_id: str) -> Key | None:
        """The key with this id, None when there is none."""
        return self._keys.get(access_key_id)

    def signing_key(self, key: Key, date: str, region: str, service: str) -> bytes:
        """SigV4's key for one day (``YYYYMMDD``), region and service."""
        return self._derived(key.access_key_id, date, region, service)

    def _derive(self, access_key_id: str, *scope: str) -> bytes:
        derived = f"AWS4{self._keys[access_key_id].secret_access_key}".encode()
        for part in (*scope, "aws4_request"):
            derived = hmac.digest(derived, part.encode(), hashlib.sha256)
        return derived
