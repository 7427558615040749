"""Tokens of personal values: what a domain's schema in the warehouse holds in their place.

A token is the HMAC-SHA256 of the value's UTF-8 bytes, in 64 lower-case hexadecimal digits. Equal values have equal
tokens, so that tables are joined and people counted by them; without the key nobody can tell a value from its token,
nor try all addresses there are. The key is in Secrets Manager and nowhere else: it is read by the driver of a job, and
goes to its tasks with the function that makes the tokens.
"""

from __future__ import annotations

import hmac
from typing import Any

import boto3
import pyarrow as pa
from botocore.exceptions import ClientError

KEY_BYTES = 32


class TokenKeyError(Exception):
    """The secret of the key is missing or holds something else; the message names the secret, and no byte of it."""


class TokenKey:
    """The key, which shows itself nowhere."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "TokenKey(…)"

    def token(self, value: str | None) -> str | None:
        """The token of a value; null stays null."""
        return None if value is None else hmac.digest(self._key, value.encode(), "sha256").hex()

    def tokens(self, values: pa.Array) -> pa.Array:
        """The tokens of a column of text."""
        return pa.array([self.token(value) for value in values.to_pylist()], pa.string())


def read_key(secret_id: str, secrets_manager: Any = None) -> TokenKey:
    """The key that a secret holds as bytes. Raises TokenKeyError."""
    client = secrets_manager or boto3.client("secretsmanager")
    try:
        key = client.get_secret_value(SecretId=secret_id).get("SecretBinary", b"")
    except ClientError as error:
        raise TokenKeyError(f"the key of the tokens, secret {secret_id}, cannot be read: {error}") from None
    if len(key) != KEY_BYTES:
        raise TokenKeyError(f"the key of the tokens, secret {secret_id}, has to be {KEY_BYTES} bytes of SecretBinary")
    return TokenKey(key)
