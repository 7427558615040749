"""What users type for files, ids and times becomes conditions whose values travel as parameters."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
import typer

from lakehouse import conditions, quarantine
from lakehouse.cli.quarantine_selection import Selection, Status, selection
from lakehouse.conditions import Condition

DAY = datetime(2026, 1, 5)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-01-05", DAY, datetime(2026, 1, 6)),
        ("2026-01-05T09:30", datetime(2026, 1, 5, 9, 30), datetime(2026, 1, 5, 9, 30)),
        ("2026-01-05T00:30+01:00", datetime(2026, 1, 4, 23, 30), datetime(2026, 1, 4, 23, 30)),
        ("2026-01-05 09:30:00Z", datetime(2026, 1, 5, 9, 30), datetime(2026, 1, 5, 9, 30)),
    ],
)
def test_a_date_is_meant_to_its_end_and_an_instant_is_utc(text: str, since: datetime, until: datetime) -> None:
    assert (conditions.since(text), conditions.until(text)) == (since, until)


@pytest.mark.parametrize("text", ["", "yesterday", "05.01.2026", "2026-13-01", "0001-01-01T00:00+05:00"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    for read in (conditions.since, conditions.until):
        with pytest.raises(ValueError, match="one is 2026-01-05"):
            read(text)


def test_the_last_day_of_all_has_no_end() -> None:
    assert conditions.since("9999-12-31") == datetime(9999, 12, 31)
    with pytest.raises(ValueError, match="is no date or instant"):
        conditions.until("9999-12-31")


@pytest.mark.parametrize("text", ["4b9fdf57", "4b9fdf578fc5af594b632501a1ebe0a2"])
def test_an_id_may_be_cut_to_eight_digits(text: str) -> None:
    assert conditions.identity(text) == text


@pytest.mark.parametrize(
    "text", ["", "4b9fdf5", "4B9FDF57", "4b9fdf578fc5af594b632501a1ebe0a2a", "users.csv", "%%%%%%%%"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        conditions.identity(text)


def test_nothing_asked_for_is_everything_and_no_way_is_nothing() -> None:
    assert conditions.all_of([]) == Condition("1 = 1")
    assert conditions.any_of([]) == Condition("1 = 0")


EVERYTHING = Selection(
    dataset="storefront.users",
    reasons=("email_missing", "' OR 1 = 1 --"),
    file="4b9fdf57",
    since=DAY,
    until=DAY,
    statuses=(Status.OPEN, Status.DISCARDED),
    ids=("aaaaaaaa", "bbbbbbbb"),
)


@pytest.mark.parametrize("choose", [quarantine.on_rows, quarantine.on_files])
@pytest.mark.parametrize("wanted", [Selection(), EVERYTHING, Selection(statuses=(Status.WAITING,))])
def test_a_condition_names_exactly_its_parameters(choose: object, wanted: Selection) -> None:
    """Redshift's Data API refuses a statement with one too few or too many."""
    assert callable(choose)
    condition = choose(wanted)
    assert set(re.findall(r":(\w+)", condition.sql)) == set(condition.parameters)
    pasted = set(re.findall("'[^']*'", condition.sql)) - {"'quarantined'", "'discarded:'", "'replayed '", "''"}
    assert not pasted, "values travel as parameters"


def test_options_make_a_selection() -> None:
    made = selection(
        "storefront.users", ["email_missing"], "a.csv", "2026-01-05", "2026-01-05", [Status.WAITING], ["aaaaaaaa"]
    )
    assert made == Selection(
        dataset="storefront.users",
        reasons=("email_missing",),
        file="a.csv",
        since=DAY,
        until=datetime(2026, 1, 6),
        statuses=(Status.WAITING,),
        ids=("aaaaaaaa",),
    )
    assert selection() == Selection(statuses=(Status.OPEN, Status.WAITING))
    assert selection(statuses=[Status.REPLAYED]).is_everything
    assert not made.is_everything


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"dataset": "storefront.user"}, "did you mean storefront.users?"),
        ({"dataset": ""}, "no dataset is named"),
        ({"file": ""}, "is empty; leave it out"),
        ({"reasons": ["a", ""]}, "is empty; leave it out"),
        ({"since_text": ""}, "is empty; leave it out"),
        ({"ids": [""]}, "is empty; leave it out"),
        ({"since_text": "x"}, "is no date or instant"),
        ({"until_text": "x"}, "is no date or instant"),
        ({"ids": ["x"]}, "is no id"),
    ],
)
def test_options_that_say_nothing_are_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(complaint)):
        selection(**options)  # type: ignore[arg-type]
