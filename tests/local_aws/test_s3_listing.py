"""Listings of objects: order, pages, prefixes, delimiters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = ["a", "a/1", "a/2", "a/b/3", "b", "b/x/1", "b/x/2", "c", "z/ключ", "é", "\U0001f600"]


@pytest.fixture
def full_bucket(s3: Any, bucket: str) -> str:
    for key in reversed(KEYS):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def pages(s3: Any, operation: str, **arguments: Any) -> tuple[list[str], list[str]]:
    """All keys and all common prefixes over all pages."""
    keys, prefixes = [], []
    for page in s3.get_paginator(operation).paginate(**arguments):
        keys += [entry["Key"] for entry in page.get("Contents", page.get("Versions", []))]
        prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
    return keys, prefixes


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects", "list_object_versions"])
@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "prefixes"),
    [
        ("", "", sorted(KEYS), []),
        ("a", "", ["a", "a/1", "a/2", "a/b/3"], []),
        ("", "/", ["a", "b", "c", "é", "\U0001f600"], ["a/", "b/", "z/"]),
        ("a/", "/", ["a/1", "a/2"], ["a/b/"]),
        ("b", "/x/", ["b"], ["b/x/"]),
        ("nothing", "/", [], []),
    ],
)
def test_every_page_size_lists_the_same(
    s3: Any,
    full_bucket: str,
    operation: str,
    page_size: int,
    prefix: str,
    delimiter: str,
    keys: list[str],
    prefixes: list[str],
) -> None:
    where = {"Bucket": full_bucket, "Prefix": prefix, "Delimiter": delimiter}
    assert pages(s3, operation, **where, PaginationConfig={"PageSize": page_size}) == (keys, prefixes)


def test_start_after_and_maximum(s3: Any, full_bucket: str) -> None:
    answer = s3.list_objects_v2(Bucket=full_bucket, StartAfter="a/2", MaxKeys=2)
    assert [entry["Key"] for entry in answer["Contents"]] == ["a/b/3", "b"]
    assert (answer["IsTruncated"], answer["KeyCount"]) == (True, 2)
    assert s3.list_objects_v2(Bucket=full_bucket, MaxKeys=0)["IsTruncated"] is False


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.text("ab/\U0010ffff\ud7ff\ue000", min_size=1, max_size=5), min_size=1, max_size=12),
    prefix=st.text("ab/\U0010ffff", max_size=2),
    page_size=st.integers(1, 4),
)
def test_a_listing_agrees_with_its_definition(
    s3: Any, bucket: str, keys: set[str], prefix: str, page_size: int
) -> None:
    listed, _ = pages(s3, "list_objects_v2", Bucket=bucket)
    if listed:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in listed]})
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    matching = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
    plain = [key for key in matching if "/" not in key[len(prefix) :]]
    common = {key[: key.index("/", len(prefix)) + 1] for key in matching if "/" in key[len(prefix) :]}
    where = {"Bucket": bucket, "Prefix": prefix, "PaginationConfig": {"PageSize": page_size}}
    assert pages(s3, "list_objects_v2", **where) == (matching, [])
    assert pages(s3, "list_objects_v2", **where, Delimiter="/") == (plain, sorted(common, key=str.encode))


def test_versions_of_one_key_span_pages(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    written = [s3.put_object(Bucket=bucket, Key=key, Body=b"")["VersionId"] for key in "aaabbbb"]
    listed: list[str] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}):
        listed += [version["VersionId"] for version in page["Versions"]]
    assert listed == written[2::-1] + written[:2:-1]


def test_thousands_of_keys_are_all_listed(s3: Any, bucket: str) -> None:
    keys = [f"part/{number % 7}/{number:05}" for number in range(2500)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b""), keys))
    assert pages(s3, "list_objects_v2", Bucket=bucket) == (sorted(keys), [])
    assert pages(s3, "list_objects_v2", Bucket=bucket, Prefix="part/", Delimiter="/")[1] == [
        f"part/{n}/" for n in range(7)
    ]
