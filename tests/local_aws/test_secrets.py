"""Secrets outlive the server, and whatever it forgets: only DeleteSecret deletes one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.secretsmanager.models import secretsmanager_backends

from infra.local_aws.context import ACCOUNT_ID, REGION
from infra.local_aws.moto_server import Moto
from infra.local_aws.persistence import Store
from infra.local_aws.secrets import Secrets


class Manager:
    """Secrets Manager in this process, on a store that can be opened again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open()

    def _open(self) -> None:
        secretsmanager_backends[ACCOUNT_ID][REGION].secrets.clear()
        self._store = Store(self._directory)
        self._secrets = Secrets(self._store, Moto())

    def restart(self) -> None:
        """Lose what is in memory, and begin again from the store."""
        self.close()
        self._open()

    def close(self) -> None:
        self._store.close()
        secretsmanager_backends[ACCOUNT_ID][REGION].secrets.clear()

    def forget(self) -> None:
        """What a reset of moto does."""
        secretsmanager_backends[ACCOUNT_ID][REGION].secrets.clear()

    def call(self, operation: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        body = json.dumps(arguments).encode()
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/", "RAW_URI": "/", "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "4566", "HTTP_HOST": "127.0.0.1:4566", "wsgi.url_scheme": "http",
            "CONTENT_TYPE": "application/x-amz-json-1.1", "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_AMZ_TARGET": f"secretsmanager.{operation}", "wsgi.input": io.BytesIO(body),
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=AK/20260101/{REGION}/secretsmanager/aws4_request, "
            "SignedHeaders=host, Signature=0",
        }  # fmt: skip
        started: list[str] = []
        answer = b"".join(self._secrets(environ, lambda status, *_: started.append(status) or (lambda _: None)))
        return int(started[0][:3]), json.loads(answer)

    def value(self, name: str) -> str | None:
        return self.call("GetSecretValue", SecretId=name)[1].get("SecretString")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path)
    assert made.call("CreateSecret", Name="token-key", SecretString="irreplaceable")[0] == 200
    yield made
    made.close()


def test_a_stored_secret_is_still_there_when_another_is_written_after_memory_was_lost(manager: Manager) -> None:
    manager.forget()
    assert manager.call("CreateSecret", Name="steward", SecretString="password")[0] == 200
    assert manager.value("token-key") == "irreplaceable"
    manager.restart()
    assert (manager.value("token-key"), manager.value("steward")) == ("irreplaceable", "password")


def test_nobody_makes_another_under_the_name_of_one_that_was_forgotten(manager: Manager) -> None:
    manager.forget()
    status, answer = manager.call("CreateSecret", Name="token-key", SecretString="another")
    assert (status, answer["__type"]) == (400, "ResourceExistsException")
    manager.restart()
    assert manager.value("token-key") == "irreplaceable"


@pytest.mark.parametrize("is_forgotten", [False, True])
@pytest.mark.parametrize("by", ["Name", "ARN"])
def test_delete_secret_deletes_the_one_it_names(manager: Manager, is_forgotten: bool, by: str) -> None:
    manager.call("CreateSecret", Name="steward", SecretString="password")
    secret_id = manager.call("DescribeSecret", SecretId="steward")[1][by]
    if is_forgotten:
        manager.forget()
    assert manager.call("DeleteSecret", SecretId=secret_id, ForceDeleteWithoutRecovery=True)[0] == 200
    manager.restart()
    assert (manager.value("token-key"), manager.value("steward")) == ("irreplaceable", None)


def test_deletion_that_is_refused_or_has_a_term_keeps_the_secret(manager: Manager) -> None:
    assert manager.call("DeleteSecret", SecretId="nobody's")[0] in (400, 404)
    assert manager.call("DeleteSecret", SecretId="token-key", RecoveryWindowInDays=7)[0] == 200
    manager.restart()
    assert manager.call("RestoreSecret", SecretId="token-key")[0] == 200
    assert manager.value("token-key") == "irreplaceable"
