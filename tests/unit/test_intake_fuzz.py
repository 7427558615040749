"""Whatever the bytes, intake gives a verdict, loses no row, and its fast ways agree with its slow ones.

A few seconds of it; `python -m tests.fuzz_intake --minutes 10` is the long form. What that found is kept here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.contract import SourceContract, load_registry
from lakehouse.intake import alike, source
from tests.support.intake_fuzz import CONTRACTS, SPOILINGS, Spoiling, check, drawn, sound_files, spoilt

FILES = sound_files()
EVENTS = load_registry().sources["storefront.events"]
WHOLE = 4 << 20


@pytest.mark.parametrize("block", [200, WHOLE])
@pytest.mark.parametrize("place", range(len(FILES)))
def test_every_row_of_a_sound_file_is_read(place: int, block: int) -> None:
    sound = FILES[place]
    for contract in (CONTRACTS[0], *CONTRACTS[2:]):
        found = check(sound.data, contract, block)
        if found.refusal is None:
            assert len(found.rows) == sound.rows
        else:
            assert found.refusal[0] in ("header_missing", "header_mismatch"), "it is a file of another dataset"


@settings(max_examples=100, deadline=None)
@given(
    place=st.integers(0, len(FILES) - 1),
    spoilings=st.lists(
        st.builds(Spoiling, st.sampled_from(SPOILINGS), st.floats(0, 1), st.integers(0, 1 << 16)), max_size=4
    ),
    contract=st.sampled_from(CONTRACTS),
    block=st.sampled_from([40, 200, WHOLE]),
)
def test_a_spoilt_file_has_a_verdict(
    place: int, spoilings: list[Spoiling], contract: SourceContract, block: int
) -> None:
    data = FILES[place].data
    for spoiling in spoilings:
        data = spoilt(data, spoiling, FILES)
    check(data, contract, block)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=60), contract=st.sampled_from(CONTRACTS))
def test_any_bytes_have_a_verdict(data: bytes, contract: SourceContract) -> None:
    check(data, contract, WHOLE)


# Lines of JSON of few kinds, much alike: what the way for alike lines has to tell apart.
_TOKENS = (
    """ "x"  ""  "null"  null  1  1.10  -0  01  1.  NaN  true  []  {}  "\\u00e9"  "\\""  "\t"  "é"  ": null"  ", " """
    """ "\\\\"  "}"  nullx  "a":"b"  1e5  {"device":"m"} """
)
_TOKEN = st.sampled_from(['"x"', "null", "1.5"]) | st.sampled_from(["", " 2", "2 ", *_TOKENS.split("  ")])
_SLIPS = st.sampled_from(["", "", " ", ",", "}", '"', '{"event_id": "1"}', "\r"])


def _line(tokens: Sequence[str]) -> str:
    return f'{{"event_id": {tokens[0]}, "note": {tokens[1]}, "client": {{"device": {tokens[2]}}}}}'


@settings(max_examples=120, deadline=None)
@given(
    usual=st.tuples(_TOKEN, _TOKEN, _TOKEN),
    others=st.lists(st.tuples(st.integers(0, 2), _TOKEN), max_size=4),
    slip=_SLIPS,
    form=st.sampled_from(["{}", "[\n{}\n]", "[{}]"]),
    end=st.sampled_from(["\n", "\r\n"]),
    seed=st.integers(0, 99),
    block=st.sampled_from([150, WHOLE]),
)
def test_lines_are_read_alike_whether_at_once_or_one_by_one(
    usual: tuple[str, ...],
    others: list[tuple[int, str]],
    slip: str,
    form: str,
    end: str,
    seed: int,
    block: int,
) -> None:
    lines = [_line(usual)] * 6
    lines += [_line([*usual[:place], token, *usual[place + 1 :]]) for place, token in others]
    random.Random(seed).shuffle(lines)
    lines[seed % len(lines)] += slip
    joined = (end if form == "{}" else f",{end}").join(lines)
    check(form.replace("{}", joined).encode(), EVENTS, block)


def test_a_run_of_the_long_form_is_made_of_the_same_files() -> None:
    chance = random.Random(1)
    verdicts = {found.refusal and found.refusal[0] for found in (check(*drawn(chance, FILES)) for _ in range(60))}
    assert None in verdicts, "some are accepted"
    assert len(verdicts) > 4, "others are refused, for several reasons"


FOUND: dict[str, tuple[bytes, int]] = {
    "what is rescued is the same in every line": (
        b'{"event_id": "x", "user_id": "y", "note": NaN}\n{"event_id": "z", "user_id": "y", "note": NaN}\n',
        WHOLE,
    ),
    "no line has a value": (b'{"note": {}}\n{"note": {}}\n', WHOLE),
    "a wide row holds a byte that is not UTF-8": (b"user_id,email\nu-1,a\xff,x,y\nu-2,b\n", WHOLE),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_stays_right(name: str) -> None:
    data, block = FOUND[name]
    for contract in CONTRACTS:
        check(data, contract, block)


@pytest.mark.parametrize(("keys", "is_at_once"), [(200, True), (2_000, False)])
def test_very_wide_lines_are_read_one_by_one(keys: int, is_at_once: bool) -> None:
    names = ["event_id", *(f"k{number}" for number in range(keys))]
    block = (json.dumps(dict.fromkeys(names, "x")) + "\n").encode() * 3
    opened = source.opened(block, None)
    assert alike.Alike(opened, EVENTS).read(block).length == (3 if is_at_once else 0)
    assert len(check(block, EVENTS, WHOLE).rows) == 3
