"""Secrets Manager: moto answers, and what it knows outlives the server.

A change is in the store before it is answered. Kept are the secrets of the server's own region, without replicas.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from infra.local_aws.context import ACCOUNT_ID, REGION, Context
from infra.local_aws.persistence import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

READING = ("Get", "List", "Describe", "BatchGet", "Validate")


def install(context: Context) -> None:
    """Answer ``secretsmanager`` with moto, and give it back what it knew."""
    context.services["secretsmanager"] = Secrets(context.store, context.moto)


class Secrets:
    """The WSGI application; its constructor hands the stored secrets to moto."""

    def __init__(self, store: Store, moto: WSGIApplication) -> None:
        self._store, self._moto = store, moto
        self._lock = threading.Lock()
        store.create("CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, content TEXT NOT NULL)")
        known = self._secrets()
        for row in store.query("SELECT name, content FROM secrets"):
            secret = FakeSecret.__new__(FakeSecret)  # its constructor would give it another ARN
            vars(secret).update(json.loads(row["content"]))
            known[row["name"]] = secret

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if operation.startswith(READING):
            return self._moto(environ, start_response)
        with self._lock:
            held: list[Callable[[], object]] = []

            def hold(*answer: Any) -> Callable[[bytes], object]:
                held.append(lambda: start_response(*answer))
                return lambda _: None

            body = list(self._moto(environ, hold))
            self._save()
        for answer in held:
            answer()
        return body

    def _save(self) -> None:
        rows = [
            (name, json.dumps({**vars(secret), "replicas": []}))
            for name, secret in self._secrets().items()
            if isinstance(secret, FakeSecret)
        ]
        with self._store.transaction() as cursor:
            cursor.execute("DELETE FROM secrets")
            cursor.executemany("INSERT INTO secrets VALUES (?, ?)", rows)

    @staticmethod
    def _secrets() -> Any:
        return secretsmanager_backends[ACCOUNT_ID][REGION].secrets
