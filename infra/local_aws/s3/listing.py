"""Listings of a bucket: ListObjects, ListObjectsV2 and ListObjectVersions.

Keys are ordered by their UTF-8 bytes, which is how SQLite compares text. A common prefix is found by its first key and
then jumped over, so that a listing with a delimiter costs about as much as it returns.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from dataclasses import dataclass, field
from urllib.parse import quote

from infra.local_aws.errors import AwsError
from infra.local_aws.persistence import Store
from infra.local_aws.s3.buckets import OWNER
from infra.local_aws.s3.index import Index
from infra.local_aws.s3.wire import LONGEST_KEY, Reply, Request, element, xml_reply, xml_time

LARGEST_PAGE = 1000
BATCH_WITH_DELIMITER = 64
LAST_CHARACTER = "\U0010ffff"
BEHIND_ALL = LAST_CHARACTER * (LONGEST_KEY // 4 + 1)
"""Greater than any key: the last character has four bytes."""


@dataclass
class Page:
    """A page of a listing: rows and common prefixes, and where the next page starts (None: this is the last)."""

    rows: list[sqlite3.Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_start: str | None = None
    last_item: str = ""


class Listings:
    """Lists what is in a bucket."""

    def __init__(self, store: Store, index: Index) -> None:
        self._store, self._index = store, index

    def list_v2(self, request: Request) -> Reply:
        """ListObjectsV2; the continuation token holds the first key that may come next."""
        query = request.query
        token, start_after = query.get("continuation-token"), query.get("start-after")
        start = _decode_token(token) if token else _next_key(start_after) if start_after else ""
        page = self._page(request, start)
        return xml_reply(
            "ListBucketResult",
            *_head(request, page),
            element("KeyCount", len(page.rows) + len(page.prefixes)),
            element("ContinuationToken", token),
            element("StartAfter", _name(request, start_after)),
            element("NextContinuationToken", _encode_token(page.next_start) if page.next_start is not None else None),
            *_contents(request, page, with_owner=query.get("fetch-owner") == "true"),
        )

    def list_v1(self, request: Request) -> Reply:
        """ListObjects."""
        marker = request.query.get("marker", "")
        page = self._page(request, _start_behind(request, marker))
        next_marker = page.last_item if page.next_start is not None and request.query.get("delimiter") else None
        return xml_reply(
            "ListBucketResult",
            *_head(request, page),
            element("Marker", _name(request, marker)),
            element("NextMarker", _name(request, next_marker)),
            *_contents(request, page, with_owner=True),
        )

    def list_versions(self, request: Request) -> Reply:
        """ListObjectVersions: newest first within a key."""
        query = request.query
        key_marker, version_marker = query.get("key-marker", ""), query.get("version-id-marker")
        start, below = _start_behind(request, key_marker), None
        if version_marker:
            rows = self._store.query(
                "SELECT sequence FROM s3_objects WHERE bucket = ? AND key = ? AND version_id = ?",
                (request.bucket, key_marker, version_marker),
            )
            if rows:
                start, below = key_marker, int(rows[0][0])
        page = self._page(request, start, all_versions=True, below=below)
        truncated = page.next_start is not None
        last = page.rows[-1] if truncated and page.rows and page.rows[-1]["key"] == page.last_item else None
        return xml_reply(
            "ListVersionsResult",
            *_head(request, page),
            element("KeyMarker", _name(request, key_marker)),
            element("VersionIdMarker", version_marker),
            element("NextKeyMarker", _name(request, page.last_item) if truncated else None),
            element("NextVersionIdMarker", last["version_id"] if last else None),
            *(_version(request, row) for row in page.rows),
            *_common_prefixes(request, page),
        )

    def _page(self, request: Request, start: str, all_versions: bool = False, below: int | None = None) -> Page:
        self._index.bucket(request.bucket)
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        limit, page = _page_size(request), Page()
        # With a delimiter most rows fetched are under a prefix that is about to be jumped over: fetch few at a time.
        batch = min(limit + 1, BATCH_WITH_DELIMITER) if delimiter else limit + 1
        start = max(start, prefix)
        while limit > 0:
            rows = self._rows(request.bucket, prefix, start, batch, all_versions, below)
            below = None
            for row in rows:
                key: str = row["key"]
                if key < start:
                    continue  # under the common prefix that has just been listed
                end = key.find(delimiter, len(prefix)) if delimiter else -1
                common = key[: end + len(delimiter)] if end >= 0 else None
                if len(page.rows) + len(page.prefixes) == limit:
                    page.next_start = common or key
                    return page
                if common is None:
                    page.rows.append(row)
                    start = key if all_versions else _next_key(key)
                    below = row["sequence"] if all_versions else None
                else:
                    page.prefixes.append(common)
                    start, below = _after_prefix(common), None
                page.last_item = common or key
            if len(rows) < batch:
                return page
        return page

    def _rows(
        self, bucket: str, prefix: str, start: str, count: int, all_versions: bool, below: int | None
    ) -> list[sqlite3.Row]:
        end = _after_prefix(prefix) if prefix else BEHIND_ALL
        which = "" if all_versions else "AND is_latest AND NOT is_delete_marker"
        resumed = "AND (key > :start OR sequence < :below)" if below is not None else ""
        return self._store.query(
            "SELECT key, size, etag, modified_at, version_id, is_latest, is_delete_marker, sequence, headers"
            f" FROM s3_objects WHERE bucket = :bucket AND key >= :start AND key < :end {which} {resumed}"
            " ORDER BY key, sequence DESC LIMIT :count",
            {"bucket": bucket, "start": start, "end": end, "below": below, "count": count},
        )


def _page_size(request: Request) -> int:
    try:
        asked = int(request.query.get("max-keys", LARGEST_PAGE))
    except ValueError:
        asked = -1
    if asked < 0:
        raise AwsError("InvalidArgument", "Provided max-keys not an integer or within integer range")
    return min(asked, LARGEST_PAGE)


def _head(request: Request, page: Page) -> list[str]:
    query = request.query
    return [
        element("Name", request.bucket),
        element("Prefix", _name(request, query.get("prefix", ""))),
        element("Delimiter", _name(request, query.get("delimiter"))),
        element("MaxKeys", _page_size(request)),
        element("EncodingType", query.get("encoding-type")),
        element("IsTruncated", page.next_start is not None),
    ]


def _contents(request: Request, page: Page, with_owner: bool) -> list[str]:
    owner = OWNER if with_owner else ""
    contents = [f"<Contents>{_described(request, row)}{owner}</Contents>" for row in page.rows]
    return contents + _common_prefixes(request, page)


def _common_prefixes(request: Request, page: Page) -> list[str]:
    return [f"<CommonPrefixes>{element('Prefix', _name(request, prefix))}</CommonPrefixes>" for prefix in page.prefixes]


def _described(request: Request, row: sqlite3.Row) -> str:
    headers: str = row["headers"]
    storage = json.loads(headers).get("x-amz-storage-class", "STANDARD") if "storage-class" in headers else "STANDARD"
    return (
        f"{element('Key', _name(request, row['key']))}<LastModified>{xml_time(row['modified_at'])}</LastModified>"
        f"<ETag>&quot;{row['etag']}&quot;</ETag><Size>{row['size']}</Size><StorageClass>{storage}</StorageClass>"
    )


def _version(request: Request, row: sqlite3.Row) -> str:
    which = element("VersionId", row["version_id"]) + element("IsLatest", bool(row["is_latest"]))
    if row["is_delete_marker"]:
        when = element("LastModified", xml_time(row["modified_at"]))
        return f"<DeleteMarker>{element('Key', _name(request, row['key']))}{which}{when}{OWNER}</DeleteMarker>"
    return f"<Version>{_described(request, row)}{which}{OWNER}</Version>"


def _name(request: Request, name: str | None) -> str | None:
    if name is None or request.query.get("encoding-type") != "url":
        return name
    return quote(name, safe="/")


def _start_behind(request: Request, marker: str) -> str:
    # A marker that is a common prefix of the page before stands for all the keys under it.
    delimiter = request.query.get("delimiter")
    if not marker:
        return ""
    return _after_prefix(marker) if delimiter and marker.endswith(delimiter) else _next_key(marker)


def _next_key(key: str) -> str:
    """The smallest key greater than ``key``."""
    return key + "\0"


def _after_prefix(prefix: str) -> str:
    """The smallest key greater than every key that begins with ``prefix``."""
    stem = prefix.rstrip(LAST_CHARACTER)
    if not stem:
        return BEHIND_ALL
    successor = ord(stem[-1]) + 1
    # The code points of UTF-16's surrogates are no characters and have no UTF-8 form.
    return stem[:-1] + chr(0xE000 if successor == 0xD800 else successor)


def _encode_token(start: str) -> str:
    return base64.urlsafe_b64encode(start.encode()).decode()


def _decode_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError) as error:
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect") from error
