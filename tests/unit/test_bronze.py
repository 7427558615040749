"""Groups of files → verdicts, and Parquet files that Iceberg can take as they are."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse import bronze, drift, intake, landing, parquet_file
from lakehouse.bronze import BronzeFile, FileVerdict
from lakehouse.contract import SourceContract, load_registry
from lakehouse.data_files import Destination, Written
from lakehouse.landing import LandedFile
from tests.unit.conftest import BUCKET, BUCKETS, LANDING

SOURCES = load_registry().sources
USERS, EVENTS = SOURCES["storefront.users"], SOURCES["storefront.events"]
INGESTED_AT = datetime(2026, 11, 20, 12)
LONG_AFTER = datetime(2999, 1, 1, tzinfo=UTC)
ARRIVED_AT = "2026-11-20T12:00:00+00:00"


def file(key: str, size: int = 1, dataset: str = "d.d") -> LandedFile:
    return LandedFile(landing.file_id(LANDING, key, "e", ARRIVED_AT, None), dataset, key, "e", size, ARRIVED_AT)


def land(s3: Any, **contents: bytes) -> list[LandedFile]:
    for name, content in contents.items():
        s3.put_object(Bucket=LANDING, Key=f"storefront/users/{name}.csv", Body=content)
    return list(landing.waiting(s3, BUCKETS, LONG_AFTER))


def ingest(
    s3: Any,
    files: Sequence[LandedFile],
    known: dict[bronze.Content, str] | None = None,
    users: SourceContract = USERS,
) -> tuple[dict[str, FileVerdict], list[Written]]:
    contracts = {contract.dataset: contract for contract in (users, EVENTS)}
    places = {
        dataset: Destination(
            f"s3://{BUCKET}/warehouse/{dataset}",
            pa.schema(
                field.with_metadata({"PARQUET:field_id": str(number)})
                for number, field in enumerate(bronze.schema_of(contract), 101)
            ),
            (),
        )
        for dataset, contract in contracts.items()
    }
    plan = bronze.IngestPlan(BUCKETS, 7, INGESTED_AT, contracts, places, known or {})
    results = list(bronze.ingest(files, plan))
    verdicts = {
        result.file.key.rsplit("/", 1)[-1].split(".")[0]: result
        for result in results
        if isinstance(result, FileVerdict)
    }
    return verdicts, [result.written for result in results if isinstance(result, BronzeFile)]


def table(s3: Any, written: Written) -> pq.ParquetFile:
    key = written.path.removeprefix(f"s3://{BUCKET}/")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert len(body) == written.bytes
    return pq.ParquetFile(io.BytesIO(body))


@pytest.fixture(autouse=True)
def _same_client(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "client", lambda _: s3)


# Groups


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=30), st.integers(0, 8), st.randoms())
def test_groups_hold_every_file_once_and_keep_possible_twins_together(
    shapes: list[tuple[str, int]], count: int, chance: Any
) -> None:
    files = [file(f"k{number:02d}", size, dataset) for number, (dataset, size) in enumerate(shapes)]
    shuffled = chance.sample(files, len(files))
    groups = bronze.groups(shuffled, count)
    assert sorted((one for group in groups for one in group), key=lambda one: one.key) == files
    assert len(groups) <= max(1, count)
    assert all(groups)
    place = {one.key: number for number, group in enumerate(groups) for one in group}
    for one in files:
        for other in files:
            if (one.dataset, one.bytes) == (other.dataset, other.bytes):
                assert place[one.key] == place[other.key]
    assert bronze.groups(files, count) == groups, "the order of listing changes nothing"


def test_groups_are_of_similar_weight() -> None:
    files = [file(f"k{number}", (number + 1) << 20) for number in range(20)]
    weights = [sum(one.bytes for one in group) for group in bronze.groups(files, 4)]
    assert max(weights) < 1.2 * min(weights)


# Verdicts


def test_every_file_gets_its_verdict(s3: Any) -> None:
    good = b"user_id,email\n1,a\n2\n"
    s3.put_object(Bucket=LANDING, Key="storefront/shoes/x.csv", Body=good)
    files = land(s3, good=good, other=b"userId\n3\n", page=b"<html>", empty=b"", none=b"user_id\n", twin=good)
    verdicts, written = ingest(s3, files)
    assert {name: (v.verdict, v.reason, v.rows_parsed) for name, v in verdicts.items()} == {
        "good": ("accepted", None, 2),
        "other": ("accepted", None, 1),
        "none": ("accepted", None, 0),
        "page": ("quarantined", "html_page", 0),
        "empty": ("quarantined", "empty_file", 0),
        "twin": ("duplicate_content", None, 0),
        "x": ("quarantined", "unknown_dataset", 0),
    }
    assert verdicts["good"].content_hash == hashlib.sha256(good).hexdigest()
    assert verdicts["good"].file.file_id in (verdicts["twin"].detail or "")
    (one,) = written
    assert (one.path.startswith(f"s3://{BUCKET}/warehouse/storefront.users/data/"), one.rows) == (True, 3)


def test_what_was_accepted_once_is_read_whatever_it_is_called(s3: Any) -> None:
    (file,) = land(s3, **{"_2026-01/export.part": b"user_id\n1\n"})
    verdicts, written = ingest(s3, [file])
    assert [verdict.verdict for verdict in verdicts.values()] == ["accepted"]
    assert [one.rows for one in written] == [1]


def test_content_known_from_an_earlier_batch_is_not_read_again(s3: Any) -> None:
    content = b"user_id\n1\n"
    files = land(s3, a=content)
    known = {bronze.content(USERS, files[0].key, hashlib.sha256(content).hexdigest()): "earlier"}
    verdicts, written = ingest(s3, files, known)
    assert (verdicts["a"].verdict, verdicts["a"].detail) == ("duplicate_content", "same bytes as file earlier")
    assert written == []


def test_the_same_content_may_belong_to_two_datasets(s3: Any) -> None:
    content = b"user_id,event_id\n1,2\n"
    land(s3, users=content)
    s3.put_object(Bucket=LANDING, Key="storefront/events/events.csv", Body=content)
    verdicts, written = ingest(s3, list(landing.waiting(s3, BUCKETS, LONG_AFTER)))
    assert {verdict.verdict for verdict in verdicts.values()} == {"accepted"}
    assert len(written) == 2


def test_a_refused_file_does_not_make_its_twin_a_duplicate(s3: Any) -> None:
    verdicts, _ = ingest(s3, land(s3, a=b"<html>", b=b"<html>"))
    assert [verdict.reason for verdict in verdicts.values()] == ["html_page", "html_page"]


def test_a_version_that_is_gone_has_no_verdict(s3: Any) -> None:
    files = land(s3, a=b"user_id\n1\n", b=b"user_id\n2\n")
    s3.delete_object(Bucket=LANDING, Key=files[0].key, VersionId=files[0].version_id)
    verdicts, written = ingest(s3, files)
    assert verdicts.keys() == {"b"}
    assert [one.rows for one in written] == [1]


def test_a_file_too_large_is_refused_unread(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = land(s3, a=b"user_id\n1\n", b=b"user_id\n22\n")
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 10)
    s3.delete_object(Bucket=LANDING, Key=files[1].key, VersionId=files[1].version_id)  # gone, should it be read
    verdicts, _ = ingest(s3, files)
    assert verdicts["a"].verdict == "accepted"
    assert (verdicts["b"].verdict, verdicts["b"].reason) == ("quarantined", "file_too_large")


# What is written


def test_rows_are_written_as_they_came_with_lineage(s3: Any) -> None:
    files = land(s3, a=b'userId,email,shoe\n1,a,42\nbroken\n"2",,\n')
    _, (written,) = ingest(s3, files)
    found = table(s3, written).read()
    assert found.schema.names == [name for name, _ in bronze.columns(USERS)]
    assert [row["user_id"] for row in found.to_pylist()] == ["1", None, "2"]
    assert [row["email"] for row in found.to_pylist()] == ["a", None, ""]
    assert found.column("full_name").null_count == 3
    assert found.column("_rescued").to_pylist() == ['{"shoe":"42"}', "broken", None]
    assert found.column("_unreadable").to_pylist() == [None, "wrong_field_count", None]
    assert found.column("_row").to_pylist() == [1, 2, 3]
    assert set(found.column("_file_id").to_pylist()) == {files[0].file_id}
    assert set(found.column("_batch_id").to_pylist()) == {7}
    assert set(found.column("_ingested_at").to_pylist()) == {INGESTED_AT}
    assert set(found.column("_arrived_at").to_pylist()) == {bronze.utc_instant(files[0].arrived_at)}


def test_columns_carry_the_field_ids_of_the_table(s3: Any) -> None:
    _, (written,) = ingest(s3, land(s3, a=b"user_id\n1\n"))
    schema = table(s3, written).schema_arrow
    ids = [int(field.metadata[b"PARQUET:field_id"]) for field in schema]
    assert ids == list(range(101, 101 + len(schema)))
    assert schema.field("_batch_id").type == pa.int64()
    assert schema.field("_ingested_at").type == pa.timestamp("us")


def test_a_file_refused_half_way_leaves_no_row(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake.records, "ROWS_PER_CHUNK", 1)
    files = land(s3, a=b"user_id\n1\n", b=b'[{"user_id":"2"},{"user_id":"3"},{', c=b'[{"user_id":"4"},{"user_id":"5"}]')
    verdicts, (written,) = ingest(s3, files)
    assert verdicts["b"].reason == "truncated_json"
    assert table(s3, written).read().column("user_id").to_pylist() == ["1", "4", "5"]


def test_small_files_share_a_row_group_and_large_ones_are_split(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "ROWS_PER_GROUP", 4)
    files = land(s3, **{f"f{number}": b"user_id\n%d\n%d\n%d\n" % (number, number, number) for number in range(5)})
    _, (written,) = ingest(s3, files)
    footer = table(s3, written).metadata
    assert [footer.row_group(index).num_rows for index in range(footer.num_row_groups)] == [6, 6, 3]
    assert written.rows == 15


@pytest.mark.parametrize(
    ("rows", "groups"),
    [
        ([0], []),
        ([1], [1]),
        ([3], [3]),
        ([4], [4]),
        ([5], [5]),
        ([4, 4], [4, 4]),
        ([0, 4, 0], [4]),
        ([3, 1], [4]),
        ([4, 1], [4, 1]),
    ],
)
def test_every_row_group_says_of_which_batch_it_is(
    s3: Any, monkeypatch: pytest.MonkeyPatch, rows: list[int], groups: list[int]
) -> None:
    """Also where the last file fills a group: Iceberg knows nothing of a file one of whose groups has no statistics."""
    monkeypatch.setattr(parquet_file, "ROWS_PER_GROUP", 4)
    # A letter more each, for files of one size are read together.
    contents = {f"f{number}": "user_id\n" + f"{'u' * (number + 1)}\n" * count for number, count in enumerate(rows)}
    verdicts, written = ingest(
        s3, land(s3, refused=b"<html>", **{key: text.encode() for key, text in contents.items()})
    )
    assert verdicts["refused"].verdict == "quarantined"
    footers = [table(s3, one).metadata for one in written]
    found = [footer.row_group(index) for footer in footers for index in range(footer.num_row_groups)]
    assert [group.num_rows for group in found] == groups
    batch = [name for name, _ in bronze.columns(USERS)].index("_batch_id")
    assert [(group.column(batch).statistics.min, group.column(batch).statistics.max) for group in found] == [
        (7, 7) for _ in groups
    ]


def test_nothing_accepted_writes_nothing(s3: Any) -> None:
    _, written = ingest(s3, land(s3, a=b"user_id\n", b=b"<html>"))
    assert written == []
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix="warehouse/")


def test_every_try_writes_files_of_its_own(s3: Any) -> None:
    files = land(s3, a=gzip.compress(b"user_id\n1\n"))
    first, second = (ingest(s3, files) for _ in range(2))
    assert first[0] == second[0], "verdicts do not depend on the try"
    assert first[1][0].path != second[1][0].path


def test_a_group_opens_one_writer_per_dataset(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files = land(s3, **{f"f{number}": b"user_id\n%d\n" % number for number in range(9)})
    made: list[str] = []
    writer = bronze._BronzeWriter

    def noting(contract: Any, plan: Any) -> Any:
        made.append(contract.dataset)
        return writer(contract, plan)

    monkeypatch.setattr(bronze, "_BronzeWriter", noting)
    _, (written,) = ingest(s3, files)
    assert (made, written.rows) == (["storefront.users"], 9)


def test_the_utc_instant_is_utc_without_zone() -> None:
    assert bronze.utc_instant("2026-11-20T13:00:00+01:00") == INGESTED_AT
    assert bronze.utc_instant(datetime(2026, 11, 20, 12, tzinfo=UTC).isoformat()) == INGESTED_AT


# Columns that no contract declares


def test_unknown_columns_are_counted_in_files_that_are_read_and_in_those_refused_for_them(s3: Any) -> None:
    files = land(s3, a=b"user_id,Shoe Size,tier\n1,38,\n2,,\n3\n", b=b"user_id\n1\n")
    verdicts, _ = ingest(s3, files)
    assert {name: verdict.unknown for name, verdict in verdicts.items()} == {"a": {"Shoe Size": 1, "tier": 0}, "b": {}}
    verdicts, _ = ingest(s3, files, users=replace(USERS, drift="freeze"))
    assert (verdicts["a"].reason, verdicts["a"].unknown) == ("unknown_column", {"Shoe Size": 1, "tier": 0})


def test_a_column_taken_in_is_read_into_its_own_and_counted_by_its_first_name(s3: Any) -> None:
    evolved = drift.evolved(replace(USERS, drift="evolve"), ["Shoe Size"])
    files = land(s3, a=b"user_id,SHOE_SIZE\n1,38\n2,\n")
    verdicts, (written,) = ingest(s3, files, users=evolved)
    assert verdicts["a"].unknown == {"Shoe Size": 1}
    rows = table(s3, written).read()
    assert rows["shoe_size"].to_pylist() == ["38", ""]
    assert rows["_rescued"].null_count == 2


def test_a_column_taken_in_is_not_read_from_folders(s3: Any) -> None:
    """Before it was known, folders could not name it; what a file says may not depend on when it came."""
    evolved = drift.evolved(replace(USERS, drift="evolve"), ["tier"])
    s3.put_object(Bucket=LANDING, Key="storefront/users/tier=gold/country=SE/a.csv", Body=b"user_id\n1\n")
    _, (written,) = ingest(s3, list(landing.waiting(s3, BUCKETS, LONG_AFTER)), users=evolved)
    rows = table(s3, written).read()
    assert (rows["tier"].to_pylist(), rows["country"].to_pylist()) == ([None], ["SE"])
