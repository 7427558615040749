"""Which file of the lake is which file of the truth."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.score.matching import ExpectedFile, JudgedFile, match
from tests.support.score import AT


def _wanted(file: str, verdict: str = "accepted", delivery: int = 1, content_hash: str = "h") -> ExpectedFile:
    reason = None if verdict in ("accepted", "duplicate_content") else "reason"
    return ExpectedFile("d.s", file, delivery, 10, content_hash, verdict, reason, 1, (), False)


def _found(file_id: str, key: str, verdict: str = "accepted", batch: int = 1, content_hash: str = "h") -> JudgedFile:
    reason = None if verdict in ("accepted", "duplicate_content") else "reason"
    return JudgedFile(file_id, "d.s", f"d/s/{key}", content_hash, 10, verdict, reason, 1, batch, AT)


@pytest.mark.parametrize(
    ("expected", "judged", "matched"),
    [
        # A name is a whole path below some prefix, taken as it is.
        ([_wanted("a.csv")], [_found("1", "ba.csv"), _found("2", "p/q/a.csv")], ["2"]),
        ([_wanted("x=1/a b+%20é.csv")], [_found("1", "a b+%20é.csv"), _found("2", "p/x=1/a b+%20é.csv")], ["2"]),
        # Landed twice: the one with the expected verdict, else the earliest.
        ([_wanted("a")], [_found("1", "p/a", "duplicate_content"), _found("2", "q/a", batch=2)], ["2"]),
        ([_wanted("a", "quarantined")], [_found("2", "q/a", batch=2), _found("1", "p/a")], ["1"]),
        # The same name again with other bytes.
        (
            [_wanted("a"), _wanted("a", delivery=2, content_hash="i")],
            [_found("2", "a", batch=2, content_hash="i"), _found("1", "a")],
            ["1", "2"],
        ),
        # Twins of one delivery stand in for each other, those of different deliveries do not.
        (
            [_wanted("a"), _wanted("b", "duplicate_content")],
            [_found("1", "p/a", "duplicate_content"), _found("2", "p/b")],
            ["2", "1"],
        ),
        (
            [_wanted("a"), _wanted("b", "duplicate_content", delivery=2)],
            [_found("1", "p/a", "duplicate_content"), _found("2", "p/b", batch=2)],
            ["1", "2"],
        ),
        # A twin that is accepted twice is one too many, and one that is gone is gone.
        ([_wanted("a"), _wanted("b", "duplicate_content")], [_found("1", "a"), _found("2", "b")], ["1", "2"]),
        ([_wanted("a"), _wanted("b", "duplicate_content")], [_found("2", "p/b")], ["2", None]),
        # Bytes that were never read have no hash; then their number decides.
        ([_wanted("_a", "ignored")], [_found("1", "_a", "ignored", content_hash="")], ["1"]),
        ([_wanted("_a", "ignored")], [_found("1", "_a", "ignored", content_hash="other")], [None]),
    ],
)
def test_files_are_matched_by_name_and_bytes(
    expected: list[ExpectedFile], judged: list[JudgedFile], matched: list[str | None]
) -> None:
    assert [file and file.file_id for file in match(expected, judged)] == matched


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_batch_of_twins_is_matched_whatever_order_the_lake_read_it_in(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 8))
    expected = [_wanted(f"{n}.csv", "accepted" if n == 0 else "duplicate_content") for n in range(count)]
    first = data.draw(st.integers(0, count - 1))
    judged = [_found(str(n), f"{n}.csv", "accepted" if n == first else "duplicate_content") for n in range(count)]
    found = match(expected, data.draw(st.permutations(judged)))
    assert sorted(file.file_id for file in found if file) == sorted(file.file_id for file in judged)
    assert [file.verdict for file in found if file] == [file.verdict for file in expected]
