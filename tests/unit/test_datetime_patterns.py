"""Datetime patterns of Java, read as Spark reads them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lakehouse.contract.datetime_patterns import MICROS_PER_DAY, datetime_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("dd.MM.yyyy HH:mm:ss", "01.03.2026 09:30:00", "2026-03-01 09:30:00"),
        ("dd.MM.yyyy HH:mm:ss", "1.3.2026 09:30:00", None),
        ("dd.MM.yyyy", "30.02.2026", None),
        ("d.M.yyyy", "1.12.2026", "2026-12-01"),
        ("d.M.yyyy", "01.03.2026", "2026-03-01"),
        ("dMMyyyy", "1032026", "2026-03-01"),
        ("dMyyyy", "1032026", None),
        ("d MMMM yyyy", "1 march 2026", "2026-03-01"),
        ("d MMMM yyyy", "1 Mar 2026", None),
        ("MMM d, yyyy", "Sep 9, 2026", "2026-09-09"),
        ("dd/MM/yy", "01/03/26", "2026-03-01"),
        ("dd/MM/y", "01/03/2026", "2026-03-01"),
        ("dd/MM/y", "01/03/26", "0026-03-01"),
        ("yyyy-DDD", "2026-060", "2026-03-01"),
        ("yyyy-DDD", "2026-366", None),
        ("yyyyMMdd", "20260301", "2026-03-01"),
        ("yyyyMMdd", "120260301", None),
        ("yyyyMMdd'T'HHmmss[XXX]", "20260301t093000+02:00", "2026-03-01 07:30:00"),
        ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2026-03-01T09:30:00.25Z", "2026-03-01 09:30:00.250000"),
        ("yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", "2026-03-01T09:30:00.2500Z", None),
        ("yyyy-MM-dd h:mm a", "2026-03-01 12:05 AM", "2026-03-01 00:05:00"),
        ("yyyy-MM-dd h:mm a", "2026-03-01 12:05 pm", "2026-03-01 12:05:00"),
        ("yyyy-MM-dd h:mm a", "2026-03-01 13:05 pm", None),
        ("yyyy-MM-dd kk:mm", "2026-03-01 24:05", "2026-03-01 00:05:00"),
        ("yyyy-MM-dd HH:mm", "2026-03-01 24:00", None),
        ("yyyy-MM-dd HH:mmX", "2026-03-01 09:30-05", "2026-03-01 14:30:00"),
        ("yyyy-MM-dd HH:mmXX", "2026-03-01 09:30-05", None),
        ("yyyy-MM-dd HH:mm xxx", "2026-03-01 09:30 Z", None),
        ("yyyy-MM-dd HH:mm Z", "2026-03-01 09:30 +0530", "2026-03-01 04:00:00"),
        ("yyyy-MM-dd HH:mm O", "2026-03-01 09:30 GMT+2", "2026-03-01 07:30:00"),
        ("yyyy-MM-dd HH:mm VV", "2026-03-01 09:30 europe/berlin", "2026-03-01 08:30:00"),
        # The clock goes from 2 to 3, and from 3 back to 2.
        ("yyyy-MM-dd HH:mm VV", "2026-03-29 02:30 Europe/Berlin", "2026-03-29 01:30:00"),
        ("yyyy-MM-dd HH:mm VV", "2026-10-25 02:30 Europe/Berlin", "2026-10-25 00:30:00"),
        ("yyyy-MM-dd HH:mm VV", "2026-03-01 09:30 Berlin", None),
        ("yyyy[-MM[-dd]]", "2026-03", "2026-03-01"),
        ("yyyy-MM-dd[ HH:mm:ss][ HH:mm]", "2026-03-01 09:30", "2026-03-01 09:30:00"),
        ("yyyy-MM-dd G", "2026-03-01 AD", "2026-03-01"),
        ("yyyy-MM-dd 'o''clock'", "2026-03-01 O'CLOCK", "2026-03-01"),
    ],
)
def test_a_text_is_read_strictly(pattern: str, text: str, expected: str | None) -> None:
    micros = datetime_pattern(pattern).read(text)
    at = None if micros is None else datetime(1970, 1, 1) + timedelta(microseconds=micros)
    assert at == (None if expected is None else datetime.fromisoformat(expected))


@pytest.mark.parametrize(
    ("text", "years"), [("+12026-03-01", 10_000), ("-0001-03-01", -2027), ("-0400-03-01", -2426), ("0000-03-01", -2026)]
)
def test_years_that_nothing_holds_are_instants_all_the_same(text: str, years: int) -> None:
    micros = datetime_pattern("yyyy-MM-dd").read(text)
    assert micros is not None
    days = (datetime(2026, 3, 1) - datetime(1970, 1, 1)).days + years / 400 * 146_097
    assert abs(micros / MICROS_PER_DAY - days) < 2


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("YYYY-MM-dd", "YYYY is no field"),
        ("yyyy-MM-ddd", "ddd is no field"),
        ("yyyy-MM-dd z", "write VV"),
        ("yyyy-MM-dd'T", "without its second"),
        ("yyyy-MM-dd[", "without"),
        ("yyyy-MM-dd]", "without"),
        ("yyyy-MM-dd{", "reserved"),
        ("--", "no letters"),
    ],
)
def test_what_cannot_be_read_is_no_pattern(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        datetime_pattern(pattern)
