"""The metadata of S3 in the store: buckets, and the versions of objects.

Every object is a row; an unversioned one has the version id ``null``, as in S3. The row names the file of the body, so
that one commit makes an object visible with its body, or replaces it.

Version ids are opaque, and here a function of what was put where and how often: two servers that were sent the same
objects name them alike, and what was made of them can be compared.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.local_aws.errors import AwsError
from infra.local_aws.persistence import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_buckets (
    name TEXT PRIMARY KEY, region TEXT NOT NULL, created_at REAL NOT NULL, versioning TEXT
);
CREATE TABLE IF NOT EXISTS s3_objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL, key TEXT NOT NULL, version_id TEXT NOT NULL,
    is_latest INTEGER NOT NULL, is_delete_marker INTEGER NOT NULL,
    size INTEGER NOT NULL, etag TEXT NOT NULL, modified_at REAL NOT NULL, body TEXT,
    headers TEXT NOT NULL, tags TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS s3_version_counts (
    bucket TEXT NOT NULL, version BLOB NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (bucket, version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS s3_latest ON s3_objects (bucket, key) WHERE is_latest;
CREATE UNIQUE INDEX IF NOT EXISTS s3_versions ON s3_objects (bucket, key, version_id);
"""
NULL_VERSION = "null"
UNVERSIONED = (None, "Suspended")


@dataclass(frozen=True)
class Bucket:
    """A bucket; ``versioning`` is None (never enabled), Enabled or Suspended."""

    name: str
    region: str
    created_at: float
    versioning: str | None


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object, or a delete marker; ``etag`` without quotes, ``modified_at`` in epoch seconds."""

    bucket: str
    key: str
    size: int
    etag: str
    body: str | None
    headers: dict[str, str]
    tags: dict[str, str]
    modified_at: float = 0
    version_id: str = NULL_VERSION
    is_latest: bool = True
    is_delete_marker: bool = False


class Index:
    """Reads and changes the rows; the changing methods take the cursor of a transaction of the caller."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create(SCHEMA)

    def bucket(self, name: str) -> Bucket:
        """The bucket, or NoSuchBucket."""
        rows = self._store.query("SELECT name, region, created_at, versioning FROM s3_buckets WHERE name = ?", (name,))
        if not rows:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)
        return Bucket(*rows[0])

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        rows = self._store.query("SELECT name, region, created_at, versioning FROM s3_buckets ORDER BY name")
        return [Bucket(*row) for row in rows]

    def find(self, bucket: str, key: str, version_id: str | None = None) -> ObjectVersion | None:
        """The current version, or the one with that id; a delete marker is found too."""
        return _first(self._store.query(*_selection(bucket, key, version_id)))

    def current(self, cursor: sqlite3.Cursor, bucket: str, key: str) -> ObjectVersion | None:
        """The current version as this transaction sees it; a delete marker is found too."""
        return _first(cursor.execute(*_selection(bucket, key, None)).fetchall())

    def read(self, bucket: str, key: str, version_id: str | None = None) -> ObjectVersion:
        """The object for a GET; raise NoSuchBucket, NoSuchKey, NoSuchVersion or MethodNotAllowed as S3 does."""
        found = self.find(bucket, key, version_id)
        if found is None:
            self.bucket(bucket)
            if version_id is not None:
                raise AwsError("NoSuchVersion", "The specified version does not exist.", 404, Key=key)
            raise no_such_key(key)
        if found.is_delete_marker:
            if version_id is not None:
                message = "The specified method is not allowed against this resource."
                raise AwsError("MethodNotAllowed", message, 405, ResourceType="DeleteMarker")
            raise no_such_key(key)
        return found

    def put(self, cursor: sqlite3.Cursor, new: ObjectVersion) -> tuple[ObjectVersion, list[str]]:
        """Make ``new`` the current version: as stored, and the bodies that nothing refers to any more."""
        versioning = self._versioning(cursor, new.bucket)
        version_id = NULL_VERSION if versioning in UNVERSIONED else _new_version_id(cursor, new)
        orphans: list[str] = []
        if version_id == NULL_VERSION:
            orphans = _delete(cursor, new.bucket, new.key, NULL_VERSION)
        cursor.execute(
            "UPDATE s3_objects SET is_latest = 0 WHERE bucket = ? AND key = ? AND is_latest", (new.bucket, new.key)
        )
        modified_at = float(int(time.time()))  # whole seconds, as in S3: the header and the listing say the same
        cursor.execute(
            "INSERT INTO s3_objects (bucket, key, version_id, is_latest, is_delete_marker, size, etag, modified_at,"
            " body, headers, tags) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)",
            (new.bucket, new.key, version_id, new.is_delete_marker, new.size, new.etag, modified_at, new.body,
             json.dumps(new.headers), json.dumps(new.tags)),
        )  # fmt: skip
        stored = ObjectVersion(
            new.bucket, new.key, new.size, new.etag, new.body, new.headers, new.tags, modified_at, version_id,
            True, new.is_delete_marker,
        )  # fmt: skip
        return stored, orphans

    def delete(self, cursor: sqlite3.Cursor, bucket: str, key: str) -> tuple[ObjectVersion | None, list[str]]:
        """Delete as the bucket's versioning has it: the delete marker set, if any, and the orphaned bodies."""
        if self._versioning(cursor, bucket) is None:
            return None, _delete(cursor, bucket, key, NULL_VERSION)
        return self.put(cursor, ObjectVersion(bucket, key, 0, "", None, {}, {}, is_delete_marker=True))

    def delete_version(self, cursor: sqlite3.Cursor, bucket: str, key: str, version_id: str) -> tuple[bool, list[str]]:
        """Remove one version for good: whether it was a delete marker, and the orphaned bodies."""
        found = _first(cursor.execute(*_selection(bucket, key, version_id)).fetchall())
        orphans = _delete(cursor, bucket, key, version_id)
        if found is not None and found.is_latest:
            cursor.execute(
                "UPDATE s3_objects SET is_latest = 1 WHERE sequence ="
                " (SELECT max(sequence) FROM s3_objects WHERE bucket = ? AND key = ?)",
                (bucket, key),
            )
        return found is not None and found.is_delete_marker, orphans

    def set_tags(self, bucket: str, key: str, version_id: str, tags: dict[str, str]) -> None:
        """Replace the tags of one version."""
        with self._store.transaction() as cursor:
            cursor.execute(
                "UPDATE s3_objects SET tags = ? WHERE bucket = ? AND key = ? AND version_id = ?",
                (json.dumps(tags), bucket, key, version_id),
            )

    def _versioning(self, cursor: sqlite3.Cursor, bucket: str) -> str | None:
        # Asked inside the transaction: the bucket may have been deleted while the body was on its way.
        row = cursor.execute("SELECT versioning FROM s3_buckets WHERE name = ?", (bucket,)).fetchone()
        if row is None:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=bucket)
        versioning: str | None = row[0]
        return versioning


COLUMNS = "bucket, key, size, etag, body, headers, tags, modified_at, version_id, is_latest, is_delete_marker"


def no_such_key(key: str) -> AwsError:
    """The error for a key that does not exist."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def _selection(bucket: str, key: str, version_id: str | None) -> tuple[str, Sequence[Any]]:
    if version_id is None:
        return f"SELECT {COLUMNS} FROM s3_objects WHERE bucket = ? AND key = ? AND is_latest", (bucket, key)
    statement = f"SELECT {COLUMNS} FROM s3_objects WHERE bucket = ? AND key = ? AND version_id = ?"
    return statement, (bucket, key, version_id)


def _first(rows: list[sqlite3.Row]) -> ObjectVersion | None:
    if not rows:
        return None
    row = dict(rows[0])
    row["headers"], row["tags"] = json.loads(row["headers"]), json.loads(row["tags"])
    row["is_latest"], row["is_delete_marker"] = bool(row["is_latest"]), bool(row["is_delete_marker"])
    return ObjectVersion(**row)


def _delete(cursor: sqlite3.Cursor, bucket: str, key: str, version_id: str) -> list[str]:
    rows = cursor.execute(
        "DELETE FROM s3_objects WHERE bucket = ? AND key = ? AND version_id = ? RETURNING body",
        (bucket, key, version_id),
    ).fetchall()
    return [row[0] for row in rows if row[0] is not None]


def _new_version_id(cursor: sqlite3.Cursor, new: ObjectVersion) -> str:
    """One that no version of the key has ever had: the same bytes put again count on."""
    if new.is_delete_marker:
        return secrets.token_urlsafe(24)
    version = hashlib.sha256(f"{new.key}\n{new.etag}".encode()).digest()
    (count,) = cursor.execute(
        "INSERT INTO s3_version_counts VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
        (new.bucket, version),
    ).fetchone()
    digest = hashlib.sha256(f"{new.bucket}\n{count}\n".encode() + version).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode()
