"""Operations on single objects: put, get, head, copy, delete, tags."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.s3.notifications import S3NotificationEvent

from infra.local_aws.context import Context
from infra.local_aws.errors import AwsError
from infra.local_aws.http_server import FileSlice
from infra.local_aws.s3.bodies import CHUNK_SIZE, Bodies
from infra.local_aws.s3.conditions import (
    SSE_CUSTOMER,
    NotModifiedError,
    check_accessible,
    check_copy_source,
    check_delete,
    check_read,
    check_write,
)
from infra.local_aws.s3.index import NULL_VERSION, Index, ObjectVersion
from infra.local_aws.s3.mirror import Mirror
from infra.local_aws.s3.ranges import requested_range
from infra.local_aws.s3.transfer import CHECKSUM_HEADER, receive
from infra.local_aws.s3.wire import Reply, Request, element, http_time, listed, xml_reply, xml_time

KEPT_HEADERS = (
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", SSE_CUSTOMER, "x-amz-storage-class",
    "x-amz-website-redirect-location",
)  # fmt: skip
"""What a PUT says of an object and a GET says again."""
STORAGE_CLASS = "x-amz-storage-class"
OVERRIDES = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
ATTEMPTS = 100
"""How often a body may be replaced between its look-up and its opening before it is believed to be lost."""
MOST_DELETES = 1000
MOST_TAGS = 10


class Objects:
    """The objects of all buckets."""

    def __init__(self, context: Context, index: Index, bodies: Bodies, mirror: Mirror) -> None:
        self._store, self._index, self._bodies, self._mirror = context.store, index, bodies, mirror

    def put(self, request: Request) -> Reply:
        """PutObject; durable before the answer."""
        self._index.bucket(request.bucket)
        tags = parse_tags(request)
        body, checksums = receive(request, self._bodies)
        headers = {**described(request), **checksums}
        new = ObjectVersion(request.bucket, request.key, body.size, body.md5, body.name, headers, tags)
        stored = self.commit(request, new, S3NotificationEvent.OBJECT_CREATED_PUT_EVENT)
        return Reply(200, {**_identity(stored), **checksums, **_encryption(stored)})

    def commit(self, request: Request, new: ObjectVersion, event: S3NotificationEvent, **upload: str) -> ObjectVersion:
        """Make a stored body an object if the request's conditions hold, and tell of it; else remove the body.

        ``upload_id`` names a multipart upload that ends in the same transaction.
        """
        try:
            with self._store.transaction() as cursor:
                check_write(request, self._index.current(cursor, request.bucket, request.key))
                stored, orphans = self._index.put(cursor, new)
                for upload_id in upload.values():
                    if not cursor.execute("DELETE FROM s3_uploads WHERE upload_id = ?", (upload_id,)).rowcount:
                        raise no_such_upload(upload_id)
                    parts = cursor.execute("DELETE FROM s3_parts WHERE upload_id = ? RETURNING body", (upload_id,))
                    orphans += [row[0] for row in parts.fetchall()]
        except BaseException:
            self._bodies.remove([new.body] if new.body else [])
            raise
        self._bodies.remove(orphans)
        self._mirror.notify(event, self._index.bucket(request.bucket), stored)
        return stored

    def get(self, request: Request) -> Reply:
        """GetObject and HeadObject: whole or one range, under conditions."""
        if "partNumber" in request.query:
            raise AwsError("NotImplemented", "the local AWS does not read objects by part number")
        is_head = request.method == "HEAD"
        for _ in range(ATTEMPTS):
            found = self._index.read(request.bucket, request.key, request.query.get("versionId"))
            headers = _answer_headers(request, found)
            try:
                check_read(request, found)
            except NotModifiedError:
                return Reply(304, {name: headers[name] for name in ("ETag", "Last-Modified")})
            check_accessible(request, found)
            span = requested_range(request.header("range"), found.size)
            if span is not None:
                headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{found.size}"
                for name in [name for name in headers if name.startswith(CHECKSUM_HEADER)]:
                    del headers[name]
            status, span = (200, range(found.size)) if span is None else (206, span)
            headers["Content-Length"] = str(len(span))
            if is_head or found.body is None:
                return Reply(status, headers)
            try:
                file = self._bodies.open(found.body)
            except FileNotFoundError:
                continue  # replaced between the look-up and the opening; the new version is there already
            return Reply(status, headers, FileSlice(file, span.start, len(span)))
        raise lost_body(request)

    def copy(self, request: Request) -> Reply:
        """CopyObject: the same bytes under another name, by a hard link."""
        self._index.bucket(request.bucket)
        for _ in range(ATTEMPTS):
            source = self.copy_source(request)
            replaces = (request.header("x-amz-metadata-directive") or "COPY").upper() == "REPLACE"
            is_same = (source.bucket, source.key) == (request.bucket, request.key) and source.is_latest
            changes = (
                replaces or request.header("x-amz-storage-class") or request.header("x-amz-server-side-encryption")
            )
            if is_same and not changes:
                raise AwsError(
                    "InvalidRequest",
                    "This copy request is illegal because it is trying to copy an object to itself without changing "
                    "the object's metadata, storage class, website redirect location or encryption attributes.",
                )
            kept = {name: value for name, value in source.headers.items() if name.startswith(CHECKSUM_HEADER)}
            # The class of storage is that of the request, not of the source.
            inherited = {name: value for name, value in source.headers.items() if name != STORAGE_CLASS}
            storage = {STORAGE_CLASS: given} if (given := request.header(STORAGE_CLASS)) else {}
            headers = {**described(request), **kept} if replaces else {**inherited, **storage}
            retags = (request.header("x-amz-tagging-directive") or "COPY").upper() == "REPLACE"
            try:
                etag = self._whole_md5(source)
                body = self._bodies.link(source.body or "")
            except FileNotFoundError:
                continue  # replaced meanwhile: the conditions must hold for what is copied
            tags = parse_tags(request) if retags else source.tags
            new = ObjectVersion(request.bucket, request.key, source.size, etag, body, headers, tags)
            stored = self.commit(request, new, S3NotificationEvent.OBJECT_CREATED_COPY_EVENT)
            reply = xml_reply(
                "CopyObjectResult", element("LastModified", xml_time(stored.modified_at)), element("ETag", f'"{etag}"')
            )
            reply.headers.update({**_version(stored), **_encryption(stored)})
            if source.version_id != NULL_VERSION:
                reply.headers["x-amz-copy-source-version-id"] = source.version_id
            return reply
        raise lost_body(request)

    def copy_source(self, request: Request) -> ObjectVersion:
        """The object that ``x-amz-copy-source`` names, if its conditions hold."""
        path, _, query = (request.header("x-amz-copy-source") or "").partition("?")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        found = self._index.read(bucket, key, dict(parse_qsl(query)).get("versionId"))
        check_copy_source(request, found)
        check_accessible(request, found, of_source="copy-source-")
        return found

    def delete(self, request: Request) -> Reply:
        """DeleteObject; what does not exist is deleted already."""
        self._index.bucket(request.bucket)
        outcome = self._delete(request.bucket, request.key, request.query.get("versionId"), request.header("if-match"))
        return Reply(204, outcome)

    def delete_many(self, request: Request) -> Reply:
        """DeleteObjects: each key by itself, with its own outcome."""
        self._index.bucket(request.bucket)
        document = request.document("Delete")
        entries = listed(document.get("Object"))
        if not entries or len(entries) > MOST_DELETES:
            raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate.")
        results = []
        for entry in entries:
            key, version_id, etag = entry["Key"] or "", entry.get("VersionId"), entry.get("ETag")
            try:
                outcome = self._delete(request.bucket, key, version_id, etag)
            except AwsError as error:
                detail = element("Code", error.code) + element("Message", error.message)
                results.append(f"<Error>{element('Key', key)}{element('VersionId', version_id)}{detail}</Error>")
                continue
            if (document.get("Quiet") or "").lower() != "true":
                marker = "x-amz-delete-marker" in outcome
                results.append(
                    f"<Deleted>{element('Key', key)}{element('VersionId', version_id)}"
                    f"{element('DeleteMarker', True if marker else None)}"
                    f"{element('DeleteMarkerVersionId', outcome.get('x-amz-version-id') if marker else None)}</Deleted>"
                )
        return xml_reply("DeleteResult", *results)

    def tags(self, request: Request) -> Reply:
        """GetObjectTagging."""
        found = self._index.read(request.bucket, request.key, request.query.get("versionId"))
        tags = "".join(
            f"<Tag>{element('Key', key)}{element('Value', value)}</Tag>" for key, value in found.tags.items()
        )
        return xml_reply("Tagging", f"<TagSet>{tags}</TagSet>")

    def set_tags(self, request: Request) -> Reply:
        """PutObjectTagging and DeleteObjectTagging."""
        found = self._index.read(request.bucket, request.key, request.query.get("versionId"))
        tags: dict[str, str] = {}
        if request.method == "PUT":
            tag_set = request.document("Tagging").get("TagSet")
            given = listed(tag_set.get("Tag")) if isinstance(tag_set, dict) else []
            tags = _checked_tags([(tag["Key"], tag["Value"] or "") for tag in given])
        self._index.set_tags(found.bucket, found.key, found.version_id, tags)
        return Reply(200 if request.method == "PUT" else 204, _version(found))

    def _delete(self, bucket: str, key: str, version_id: str | None, if_match: str | None) -> dict[str, str]:
        with self._store.transaction() as cursor:
            current = self._index.current(cursor, bucket, key)
            check_delete(if_match, key, current)
            if version_id is not None:
                was_marker, orphans = self._index.delete_version(cursor, bucket, key, version_id)
                outcome = {"x-amz-version-id": version_id, **({"x-amz-delete-marker": "true"} if was_marker else {})}
                marker = None
            else:
                marker, orphans = self._index.delete(cursor, bucket, key)
                outcome = {"x-amz-delete-marker": "true", **_version(marker)} if marker else {}
        self._bodies.remove(orphans)
        if marker is not None:
            event = S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
            self._mirror.notify(event, self._index.bucket(bucket), marker)
        elif orphans and current is not None:
            self._mirror.notify(S3NotificationEvent.OBJECT_REMOVED_DELETE_EVENT, self._index.bucket(bucket), current)
        return outcome

    def _whole_md5(self, source: ObjectVersion) -> str:
        # The ETag of an object uploaded in parts is no MD5; its copy is one object and has one.
        if "-" not in source.etag:
            return source.etag
        digest = hashlib.md5(usedforsecurity=False)
        with self._bodies.open(source.body or "") as file:
            while chunk := file.read(CHUNK_SIZE):
                digest.update(chunk)
        return digest.hexdigest()


def described(request: Request) -> dict[str, str]:
    """The headers and the metadata of a PUT that belong to the object."""
    headers = {name: value for name in KEPT_HEADERS if (value := request.header(name))}
    encodings = [part.strip() for part in headers.pop("content-encoding", "").split(",")]
    if encodings := [part for part in encodings if part and part != "aws-chunked"]:
        headers["content-encoding"] = ",".join(encodings)
    return {**headers, **request.metadata}


def parse_tags(request: Request) -> dict[str, str]:
    """The tags of the ``x-amz-tagging`` header."""
    return _checked_tags(parse_qsl(request.header("x-amz-tagging") or "", keep_blank_values=True))


def no_such_upload(upload_id: str) -> AwsError:
    """The error for a multipart upload that does not exist, or no more."""
    message = (
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed."
    )
    return AwsError("NoSuchUpload", message, 404, UploadId=upload_id)


def lost_body(request: Request) -> AwsError:
    """The error for an object whose file is not there."""
    return AwsError("InternalError", "The body of the object is missing from the state directory", 500, Key=request.key)


def _checked_tags(pairs: list[tuple[Any, Any]]) -> dict[str, str]:
    tags = dict(pairs)
    if len(tags) > MOST_TAGS:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10")
    if len(tags) < len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    return tags


def _answer_headers(request: Request, found: ObjectVersion) -> dict[str, str]:
    headers = {
        "Content-Type": "binary/octet-stream",
        "Accept-Ranges": "bytes",
        **_identity(found),
        **_encryption(found),
        "Last-Modified": http_time(found.modified_at),
    }
    wants_checksum = request.header("x-amz-checksum-mode") == "ENABLED"
    for name, value in found.headers.items():
        if name == "content-type":
            headers["Content-Type"] = value
        elif wants_checksum or not name.startswith(CHECKSUM_HEADER):
            headers[name] = value
    if found.tags:
        headers["x-amz-tagging-count"] = str(len(found.tags))
    for name in OVERRIDES:
        if override := request.query.get(f"response-{name}"):
            headers.pop(name, None)
            headers[name.title()] = override
    return headers


def _identity(version: ObjectVersion) -> dict[str, str]:
    return {"ETag": f'"{version.etag}"', **_version(version)}


def _version(version: ObjectVersion) -> dict[str, str]:
    return {"x-amz-version-id": version.version_id} if version.version_id != NULL_VERSION else {}


def _encryption(version: ObjectVersion) -> dict[str, str]:
    name = "x-amz-server-side-encryption"
    return {name: version.headers.get(name, "AES256")}
