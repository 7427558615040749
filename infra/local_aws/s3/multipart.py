"""Uploads in parts."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from itertools import pairwise
from typing import Any

from moto.s3.notifications import S3NotificationEvent

from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError
from infra.local_aws.http_server import FileSlice
from infra.local_aws.s3.bodies import Bodies, Body
from infra.local_aws.s3.buckets import OWNER
from infra.local_aws.s3.index import Index, ObjectVersion
from infra.local_aws.s3.objects import ATTEMPTS, Objects, described, lost_body, no_such_upload, parse_tags
from infra.local_aws.s3.ranges import requested_range
from infra.local_aws.s3.transfer import receive
from infra.local_aws.s3.wire import Reply, Request, element, listed, xml_reply, xml_time

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_uploads (
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, initiated_at REAL NOT NULL,
    headers TEXT NOT NULL, tags TEXT NOT NULL, checksum_algorithm TEXT
);
CREATE TABLE IF NOT EXISTS s3_parts (
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, etag TEXT NOT NULL, size INTEGER NOT NULL, body TEXT NOT NULL,
    modified_at REAL NOT NULL, PRIMARY KEY (upload_id, number)
);
"""
SMALLEST_PART = 5 << 20
"""Bytes that every part but the last has at least."""
MOST_PARTS = 10_000


class Uploads:
    """Multipart uploads under way. Parts may be sent again and in any order; completing is atomic."""

    def __init__(self, context: Context, index: Index, bodies: Bodies, objects: Objects) -> None:
        self._store, self._index, self._bodies, self._objects = context.store, index, bodies, objects
        context.store.create(SCHEMA)

    def create(self, request: Request) -> Reply:
        """CreateMultipartUpload."""
        self._index.bucket(request.bucket)
        upload_id, algorithm = secrets.token_urlsafe(32), request.header("x-amz-checksum-algorithm")
        headers, tags = json.dumps(described(request)), json.dumps(parse_tags(request))
        row = (upload_id, request.bucket, request.key, time.time(), headers, tags, algorithm)
        with self._store.transaction() as cursor:
            cursor.execute("INSERT INTO s3_uploads VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        reply = xml_reply("InitiateMultipartUploadResult", *_upload(request, upload_id))
        if algorithm:
            reply.headers["x-amz-checksum-algorithm"] = algorithm
        return reply

    def upload_part(self, request: Request) -> Reply:
        """UploadPart."""
        self._find(request)
        body, checksums = receive(request, self._bodies)
        self._keep(request, body)
        return Reply(200, {"ETag": f'"{body.md5}"', **checksums})

    def copy_part(self, request: Request) -> Reply:
        """UploadPartCopy: a part out of an object that is there already."""
        self._find(request)
        for _ in range(ATTEMPTS):
            source = self._objects.copy_source(request)
            span = requested_range(request.header("x-amz-copy-source-range"), source.size) or range(source.size)
            try:
                file = self._bodies.open(source.body or "")
            except FileNotFoundError:
                continue  # replaced meanwhile
            with file:
                body = self._bodies.write(_Chunks(FileSlice(file, span.start, len(span))))
            modified_at = self._keep(request, body)
            times = element("LastModified", xml_time(modified_at))
            return xml_reply("CopyPartResult", times, element("ETag", f'"{body.md5}"'))
        raise lost_body(request)

    def complete(self, request: Request) -> Reply:
        """CompleteMultipartUpload: the parts named, in their order, become the object."""
        upload = self._find(request)
        asked = listed(request.document("CompleteMultipartUpload").get("Part"))
        parts = _chosen(asked, self._parts(upload["upload_id"]))
        digests = b"".join(bytes.fromhex(part["etag"]) for part in parts)
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        try:
            body = self._bodies.concatenate([part["body"] for part in parts])
        except FileNotFoundError as error:  # aborted or completed by somebody else meanwhile
            raise no_such_upload(upload["upload_id"]) from error
        size = sum(part["size"] for part in parts)
        headers, tags = json.loads(upload["headers"]), json.loads(upload["tags"])
        new = ObjectVersion(request.bucket, request.key, size, etag, body, headers, tags)
        event = S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT
        stored = self._objects.commit(request, new, event, upload_id=upload["upload_id"])
        location = f"/{request.bucket}/{request.key}"
        reply = xml_reply(
            "CompleteMultipartUploadResult",
            element("Location", location),
            element("Bucket", request.bucket),
            element("Key", request.key),
            element("ETag", f'"{etag}"'),
        )
        if stored.version_id != "null":
            reply.headers["x-amz-version-id"] = stored.version_id
        return reply

    def abort(self, request: Request) -> Reply:
        """AbortMultipartUpload."""
        upload_id = self._find(request)["upload_id"]
        with self._store.transaction() as cursor:
            cursor.execute("DELETE FROM s3_uploads WHERE upload_id = ?", (upload_id,))
            rows = cursor.execute("DELETE FROM s3_parts WHERE upload_id = ? RETURNING body", (upload_id,)).fetchall()
        self._bodies.remove(row[0] for row in rows)
        return Reply(204)

    def list_parts(self, request: Request) -> Reply:
        """ListParts."""
        upload_id = self._find(request)["upload_id"]
        marker, limit = int(request.query.get("part-number-marker", 0)), int(request.query.get("max-parts", 1000))
        rows = [row for row in self._parts(upload_id) if row["number"] > marker]
        page, is_truncated = rows[:limit], len(rows) > limit
        return xml_reply(
            "ListPartsResult",
            *_upload(request, upload_id),
            element("PartNumberMarker", marker),
            element("NextPartNumberMarker", page[-1]["number"] if page else None),
            element("MaxParts", limit),
            element("IsTruncated", is_truncated),
            *(_part(row) for row in page),
        )

    def list_uploads(self, request: Request) -> Reply:
        """ListMultipartUploads, in one page."""
        self._index.bucket(request.bucket)
        rows = self._store.query(
            "SELECT * FROM s3_uploads WHERE bucket = ? ORDER BY key, initiated_at", (request.bucket,)
        )
        prefix = request.query.get("prefix", "")
        uploads = (
            f"<Upload>{element('Key', row['key'])}{element('UploadId', row['upload_id'])}{OWNER}"
            f"{element('StorageClass', 'STANDARD')}{element('Initiated', xml_time(row['initiated_at']))}</Upload>"
            for row in rows
            if row["key"].startswith(prefix)
        )
        return xml_reply(
            "ListMultipartUploadsResult",
            element("Bucket", request.bucket),
            element("Prefix", prefix),
            element("IsTruncated", False),
            *uploads,
        )

    def _find(self, request: Request) -> sqlite3.Row:
        upload_id = request.query["uploadId"]
        rows = self._store.query("SELECT * FROM s3_uploads WHERE upload_id = ?", (upload_id,))
        if not rows or (rows[0]["bucket"], rows[0]["key"]) != (request.bucket, request.key):
            raise no_such_upload(upload_id)
        return rows[0]

    def _parts(self, upload_id: str) -> list[sqlite3.Row]:
        return self._store.query("SELECT * FROM s3_parts WHERE upload_id = ? ORDER BY number", (upload_id,))

    def _keep(self, request: Request, body: Body) -> float:
        upload_id, number, now = request.query["uploadId"], request.query["partNumber"], time.time()
        try:
            if not number.isdigit() or not 1 <= int(number) <= MOST_PARTS:
                raise AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
            with self._store.transaction() as cursor:
                if not cursor.execute("SELECT 1 FROM s3_uploads WHERE upload_id = ?", (upload_id,)).fetchone():
                    raise no_such_upload(upload_id)
                replaced = cursor.execute(
                    "DELETE FROM s3_parts WHERE upload_id = ? AND number = ? RETURNING body", (upload_id, int(number))
                ).fetchall()
                row = (upload_id, int(number), body.md5, body.size, body.name, now)
                cursor.execute("INSERT INTO s3_parts VALUES (?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            self._bodies.remove([body.name])
            raise
        self._bodies.remove(row[0] for row in replaced)
        return now


class _Chunks:
    """A slice of a file with the read method of an upload."""

    def __init__(self, part: FileSlice) -> None:
        self._chunks = iter(part)

    def read(self, _size: int) -> bytes:
        return next(self._chunks, b"")


def _chosen(asked: list[dict[str, Any]], parts: list[sqlite3.Row]) -> list[sqlite3.Row]:
    if not asked:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate.")
    numbers = [int(part["PartNumber"]) for part in asked]
    if any(first >= second for first, second in pairwise(numbers)):
        raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order.")
    stored = {part["number"]: part for part in parts}
    for number, part in zip(numbers, asked, strict=True):
        if number not in stored or (part.get("ETag") or "").strip('"') != stored[number]["etag"]:
            message = "One or more of the specified parts could not be found."
            raise AwsError("InvalidPart", message, PartNumber=number)
    chosen = [stored[number] for number in numbers]
    if any(part["size"] < SMALLEST_PART for part in chosen[:-1]):
        raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    return chosen


def _upload(request: Request, upload_id: str) -> list[str]:
    return [element("Bucket", request.bucket), element("Key", request.key), element("UploadId", upload_id)]


def _part(row: sqlite3.Row) -> str:
    etag = element("ETag", f'"{row["etag"]}"')
    times = element("LastModified", xml_time(row["modified_at"]))
    return f"<Part>{element('PartNumber', row['number'])}{times}{etag}{element('Size', row['size'])}</Part>"
