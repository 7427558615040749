"""Moto's own bucket objects beside ours: they hold each bucket's settings and send its notifications.

Policies, encryption, life cycles, notifications and the like are parsed and answered by moto. What moto accepted is
kept in the store as the request that set it, and set again by the same request when the server starts anew.
"""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.s3.models import FakeBucket, s3_backends
from moto.s3.notifications import S3NotificationEvent, send_event
from werkzeug.test import create_environ

from infra.local_aws.context import ACCOUNT_ID, Context
from infra.local_aws.s3.index import Bucket, ObjectVersion
from infra.local_aws.s3.wire import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

SETTINGS = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "lifecycle",
        "logging", "metrics", "notification", "ownershipControls", "policy", "policyStatus", "publicAccessBlock",
        "replication", "requestPayment", "tagging", "website",
    }
)  # fmt: skip
"""The sub-resources of a bucket that moto answers."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_bucket_settings (
    bucket TEXT NOT NULL, query TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (bucket, query)
);
"""
LARGEST_SETTING = 1 << 20
KEPT_HEADERS = ("CONTENT_TYPE", "HTTP_X_AMZ_ACL", "HTTP_X_AMZ_GRANT_READ", "HTTP_X_AMZ_GRANT_FULL_CONTROL")


class Mirror:
    """The settings and the notifications of buckets, through moto."""

    def __init__(self, context: Context) -> None:
        self._store, self._moto, self._endpoint = context.store, context.moto, context.endpoint
        self._lock = threading.RLock()
        context.store.create(SCHEMA)

    def ensure(self, bucket: Bucket) -> FakeBucket:
        """Moto's bucket, made with the settings from the store where moto has none (at start, or after its reset)."""
        backend = s3_backends[ACCOUNT_ID]["aws"]
        found = backend.buckets.get(bucket.name)
        if found is not None:
            return found
        with self._lock:
            if bucket.name not in backend.buckets:
                backend.create_bucket(bucket.name, bucket.region)
                self._restore(bucket.name)
            return backend.buckets[bucket.name]

    def forget(self, bucket: str) -> None:
        """Drop a deleted bucket and its settings."""
        with self._lock:
            s3_backends[ACCOUNT_ID]["aws"].buckets.pop(bucket, None)
            s3_backends.bucket_accounts.pop(bucket, None)

    def answer(self, bucket: Bucket, request: Request, start_response: StartResponse) -> Iterable[bytes]:
        """Let moto answer a request for a setting, and keep what it accepted before the answer goes out."""
        self.ensure(bucket)
        body = request.body.read(LARGEST_SETTING)
        environ = {**request.environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        started = _Started()
        with self._lock:
            content = list(self._moto(environ, started))
            if started.is_success and request.method == "PUT":
                headers = {name: request.environ[name] for name in KEPT_HEADERS if name in request.environ}
                self._keep(bucket.name, request, headers, body)
            elif started.is_success and request.method == "DELETE":
                query = request.environ["QUERY_STRING"]
                with self._store.transaction() as cursor:
                    cursor.execute(
                        "DELETE FROM s3_bucket_settings WHERE bucket = ? AND query = ?", (bucket.name, query)
                    )
        start_response(started.status, started.headers)
        return content

    def notify(self, event: S3NotificationEvent, bucket: Bucket, version: ObjectVersion) -> None:
        """Send the event wherever the bucket's notifications say; a target that is missing gets nothing."""
        mirrored = self.ensure(bucket)
        if mirrored.notification_configuration is not None:
            send_event(ACCOUNT_ID, event, mirrored, _Notified(version))

    def _keep(self, bucket: str, request: Request, headers: dict[str, str], body: bytes) -> None:
        query: str = request.environ["QUERY_STRING"]
        if "notification" in request.query:
            # Moto invents the ids that the client left out; its own account of the configuration holds them.
            started = _Started()
            body = b"".join(self._moto(self._request("GET", bucket, query, {}, b""), started)) if body else body
        with self._store.transaction() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO s3_bucket_settings VALUES (?, ?, ?, ?)",
                (bucket, query, json.dumps(headers), body),
            )

    def _restore(self, bucket: str) -> None:
        rows = self._store.query("SELECT query, headers, body FROM s3_bucket_settings WHERE bucket = ?", (bucket,))
        for query, headers, body in rows:
            started = _Started()
            content = list(self._moto(self._request("PUT", bucket, query, json.loads(headers), body), started))
            if not started.is_success:
                sys.stderr.write(f"setting {query} of bucket {bucket} was not restored: {b''.join(content)!r}\n")

    def _request(self, method: str, bucket: str, query: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        environ: dict[str, Any] = create_environ(
            f"/{bucket}", self._endpoint(), query, method, input_stream=io.BytesIO(body)
        )
        return {**environ, **headers, "RAW_URI": f"/{bucket}?{query}", "CONTENT_LENGTH": str(len(body))}


class _Started:
    """A start_response that remembers."""

    def __init__(self) -> None:
        self.status, self.headers = "", list[tuple[str, str]]()

    @property
    def is_success(self) -> bool:
        return self.status.startswith("2")

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        self.status, self.headers = status, headers
        return lambda _: None


class _Notified:
    """What moto's notifications ask of an object."""

    def __init__(self, version: ObjectVersion) -> None:
        self.name, self.size, self.etag = version.key, version.size, f'"{version.etag}"'
        self.version_id, self.last_modified = version.version_id, utcnow()
