"""Secrets Manager: moto answers, and what it knows outlives the server.

A change is in the store before it is answered. Kept are the secrets of the server's own region, without replicas. A
stored secret goes only by a DeleteSecret that names it; one that moto has forgotten is given back to it: among them is
the key of the warehouse's tokens, which nothing can make anew.
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
        self._remind()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        with self._lock:
            self._remind()
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if operation.startswith(READING):
            return self._moto(environ, start_response)
        with self._lock:
            held: list[Callable[[], object]] = []

            def hold(*answer: Any) -> Callable[[bytes], object]:
                held.append(lambda: start_response(*answer))
                return lambda _: None

            body = list(self._moto(environ, hold))
            self._save(_name(body) if operation == "DeleteSecret" else None)
        for answer in held:
            answer()
        return body

    def _remind(self) -> None:
        """Give moto back what is stored and it has forgotten, or never knew: nobody may make another under its name."""
        known = self._secrets()
        for row in self._store.query("SELECT name, content FROM secrets"):
            if row["name"] not in known:
                secret = FakeSecret.__new__(FakeSecret)  # its constructor would give it another ARN
                vars(secret).update(json.loads(row["content"]))
                known[row["name"]] = secret

    def _save(self, deleted: str | None) -> None:
        known = self._secrets()
        rows = [
            (name, json.dumps({**vars(secret), "replicas": []}))
            for name, secret in known.items()
            if isinstance(secret, FakeSecret)
        ]
        with self._store.transaction() as cursor:
            cursor.executemany("INSERT OR REPLACE INTO secrets VALUES (?, ?)", rows)
            if deleted is not None and deleted not in {name for name, _ in rows}:
                cursor.execute("DELETE FROM secrets WHERE name = ?", (deleted,))

    @staticmethod
    def _secrets() -> Any:
        return secretsmanager_backends[ACCOUNT_ID][REGION].secrets


def _name(answer: list[bytes]) -> str | None:
    """The name in the answer to DeleteSecret; None when that was refused."""
    said = json.loads(b"".join(answer))
    name: str | None = said.get("Name")
    return name
