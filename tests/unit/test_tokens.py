"""A token is the HMAC-SHA256 of a value, and the key shows itself nowhere."""

from __future__ import annotations

import pickle
from typing import Any

import boto3
import pyarrow as pa
import pytest
from moto import mock_aws

from lakehouse.tokens import TokenKey, TokenKeyError, read_key

KEY = bytes(range(32))
# printf %s VALUE | openssl dgst -sha256 -mac HMAC -macopt hexkey:00010203…1f  (OpenSSL 3)
TOKENS = [
    ("ada@example.com", "5c820b4a5aac8f31eb6741825bfecb8e97f00488d5edaed1ae2908c29d0b7e38"),
    ("Čeněk Ünal", "8d974df07e3e6b76e361987649cc873e27849a19ee81b798a832a94ff260f1d7"),
    ("", "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb"),
    (None, None),
]


@pytest.mark.parametrize(("value", "token"), TOKENS)
def test_a_token_is_the_keyed_hash_of_the_values_bytes(value: str | None, token: str | None) -> None:
    assert TokenKey(KEY).token(value) == token


def test_a_column_of_text_becomes_a_column_of_tokens() -> None:
    values, tokens = zip(*TOKENS, strict=True)
    for kind in (pa.string(), pa.large_string()):
        made = TokenKey(KEY).tokens(pa.array(values, kind))
        assert (made.type, made.to_pylist()) == (pa.string(), list(tokens))
    assert TokenKey(KEY).tokens(pa.array([None], pa.null())).to_pylist() == [None]


def test_another_key_gives_other_tokens() -> None:
    assert TokenKey(b"x" * 32).token("ada@example.com") != TokenKey(KEY).token("ada@example.com")


def test_the_key_is_not_shown_and_reaches_tasks_whole() -> None:
    key = TokenKey(b"s3cr3t-key-of-32-bytes-in-all-...")
    assert "s3cr3t" not in f"{key!r} {key} {key.__class__!r}"
    assert pickle.loads(pickle.dumps(key)).token("a") == key.token("a")  # noqa: S301 - as Spark does


@pytest.fixture
def secrets_manager(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def test_the_key_is_read_from_its_secret(secrets_manager: Any) -> None:
    secrets_manager.create_secret(Name="prod/token-key", SecretBinary=KEY)
    assert read_key("prod/token-key", secrets_manager).token("a") == TokenKey(KEY).token("a")


def test_what_is_no_key_is_refused_without_showing_it(secrets_manager: Any) -> None:
    with pytest.raises(TokenKeyError, match="secret prod/token-key, cannot be read"):
        read_key("prod/token-key", secrets_manager)
    secrets_manager.create_secret(Name="prod/short", SecretBinary=b"too short")
    secrets_manager.create_secret(Name="prod/text", SecretString="x" * 32)
    for name in ("prod/short", "prod/text"):
        with pytest.raises(TokenKeyError) as caught:
            read_key(name, secrets_manager)
        assert f"secret {name}, has to be 32 bytes" in str(caught.value)
        assert "too short" not in str(caught.value)
        assert "xxx" not in str(caught.value)
