"""Files that can be read: columns in the path, inside objects, in other units, in other encodings."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from lakehouse import intake
from lakehouse.cli.quarantine_export import as_csv, as_ndjson, record
from lakehouse.contract import SourceContract, load_registry
from lakehouse.intake.model import MAX_COLUMNS

SOURCES = load_registry().sources
RATES, EVENTS = SOURCES["storefront.exchange_rates"], SOURCES["storefront.events"]
TRANSACTIONS, USERS = SOURCES["storefront.transactions"], SOURCES["storefront.users"]


def rows(data: bytes, contract: SourceContract, key: str = "") -> list[dict[str, Any]]:
    """Every row with the columns that any row has a value of, `_rescued` and `_unreadable` among them."""
    found: list[dict[str, Any]] = []
    for chunk in intake.read(data, contract, intake.folder_columns(key, contract)):
        columns = {**chunk.values, "_rescued": chunk.rescued, "_unreadable": chunk.unreadable}
        lists = {name: column.to_pylist() for name, column in columns.items() if column is not None}
        found += [
            {name: values[n] for name, values in lists.items() if values[n] is not None} for n in range(chunk.length)
        ]
    return found


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("storefront/exchange_rates/rate_date=2026-01-03/a.csv", {"rate_date": "2026-01-03"}),
        (
            "storefront/exchange_rates/Rate_Date=2026-01-03/currency=EUR/a",
            {"rate_date": "2026-01-03", "currency": "EUR"},
        ),
        ("storefront/exchange_rates/currency=%E2%82%AC/a.csv", {"currency": "€"}),
        ("storefront/exchange_rates/rate_date=__HIVE_DEFAULT_PARTITION__/a.csv", {}),
        ("storefront/exchange_rates/2026/01/03/other=1/a.csv", {}),
        ("storefront/exchange_rates/rate_date=2026-01-03", {}),
    ],
)
def test_folders_name_columns(key: str, columns: dict[str, str]) -> None:
    assert intake.folder_columns(key, RATES) == columns


DAY = "storefront/exchange_rates/rate_date=2026-01-03/a"
RATE = {"rate_date": "2026-01-03", "currency": "USD", "euro_rate": "1.10"}


@pytest.mark.parametrize(
    "data",
    [
        b"currency,euro_rate\nUSD,1.10\n",
        b'{"currency": "USD", "euro_rate": 1.10}\n',
        b'[{"currency": "USD", "euro_rate": 1.10}]',
    ],
)
def test_what_stands_in_the_path_stands_in_every_row(data: bytes) -> None:
    assert rows(data, RATES, DAY) == [RATE]


def test_a_file_that_has_the_column_itself_is_believed() -> None:
    data = b"rate_date,currency,euro_rate\n2026-01-04,USD,1.10\n"
    assert rows(data, RATES, DAY) == [{**RATE, "rate_date": "2026-01-04"}]


def test_an_unreadable_row_has_no_columns_from_the_path_either() -> None:
    found = rows(b"currency,euro_rate\nUSD\nUSD,1.10\n", RATES, DAY)
    assert found == [{"_rescued": "USD", "_unreadable": "wrong_field_count"}, RATE]


def test_a_key_column_that_is_nowhere_is_missed() -> None:
    with pytest.raises(intake.Refusal) as refused:
        rows(b"currency,euro_rate\nUSD,1.10\n", RATES)
    assert refused.value.reason == "header_mismatch"


def test_columns_inside_objects_are_found_and_the_rest_of_the_object_is_kept() -> None:
    data = (
        b'{"event_id": "e-1", "Client": {"device": "mobile", "os": "x"}}\n{"event_id": "e-2", "client": {"os": "x"}}\n'
    )
    assert rows(data, EVENTS) == [
        {"event_id": "e-1", "device": "mobile", "_rescued": '{"Client":{"os":"x"}}'},
        {"event_id": "e-2", "_rescued": '{"client":{"os":"x"}}'},
    ]


def test_a_column_that_stands_outside_too_is_taken_from_there() -> None:
    data = b'{"event_id": "e-1", "client": {"device": "mobile"}, "device": "tablet"}\n'
    assert rows(data, EVENTS) == [{"event_id": "e-1", "device": "tablet", "_rescued": '{"client.device":"mobile"}'}]


@pytest.mark.parametrize(
    "data", [b"transaction_id,amount_cents\nt-1,1999\n", b'{"transaction_id": "t-1", "Amount_Cents": 1999}']
)
def test_an_amount_in_another_unit_keeps_a_column_of_its_own(data: bytes) -> None:
    assert rows(data, TRANSACTIONS) == [{"transaction_id": "t-1", "amount__amount_cents": "1999"}]


SALE = "transaction_id,product_name\nt-1,Café\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_every_encoding_that_a_file_or_its_contract_names_is_read(encoding: str) -> None:
    assert rows(SALE.encode(encoding), TRANSACTIONS) == [{"transaction_id": "t-1", "product_name": "Café"}]


def test_what_a_file_was_read_as_is_told() -> None:
    assert [chunk.encoding for chunk in intake.read(SALE.encode("cp1252"), TRANSACTIONS)] == ["cp1252"]
    assert [chunk.encoding for chunk in intake.read(SALE.encode(), TRANSACTIONS)] == ["utf-8"]


def test_no_other_encoding_is_guessed() -> None:
    with pytest.raises(intake.Refusal) as refused:
        rows("user_id,full_name\nu-1,Café\n".encode("cp1252"), USERS)
    assert (refused.value.reason, refused.value.offset) == ("wrong_encoding", 25)


def test_a_cut_last_character_does_not_make_a_file_another_encoding() -> None:
    found = rows("transaction_id,product_name\nt-1,Café\nt-2,Café".encode()[:-1], TRANSACTIONS)
    assert found[0] == {"transaction_id": "t-1", "product_name": "Café"}
    assert found[1]["_unreadable"] == "malformed_row"


@pytest.mark.parametrize("rest", [",", ",x", ",user_id"], ids=["nameless", "of one name", "of a known name"])
def test_a_header_of_as_many_columns_as_may_be_is_read_and_one_more_is_refused(rest: str) -> None:
    (row,) = rows(f"user_id{rest * (MAX_COLUMNS - 1)}\nu-1{',' * (MAX_COLUMNS - 1)}\n".encode(), USERS)
    assert row["user_id"] == "u-1"
    for many in (MAX_COLUMNS, 1_000_000 // len(rest)):
        with pytest.raises(intake.Refusal, match=f"names {many + 1:,} columns; the limit is 2,000") as refused:
            rows(f"user_id{rest * many}\nu-1{',' * many}\n".encode(), USERS)
        assert refused.value.reason == "too_many_columns"


def test_an_object_of_too_many_keys_is_an_unreadable_row() -> None:
    wide = json.dumps({"user_id": "u-1"} | {f"k{number}": number for number in range(MAX_COLUMNS)})
    (found,) = list(intake.read(f'{{"user_id":"u-0"}}\n{wide}\n{{"user_id":"u-2"}}\n'.encode(), USERS))
    assert found.values["user_id"].to_pylist() == ["u-0", None, "u-2"]
    assert found.unreadable is not None
    assert found.unreadable.to_pylist() == [None, "too_many_columns", None]
    assert found.rescued is not None
    assert found.rescued.to_pylist() == [None, wide, None]


def _peak_bytes(data: bytes) -> int:
    """The most memory, Arrow's and Python's, that reading a file takes."""
    pool, arrow = pa.system_memory_pool(), 0
    before = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        for _ in intake.read(data, USERS):
            arrow = max(arrow, pool.bytes_allocated())
    except intake.Refusal:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        pa.set_memory_pool(before)
    return peak + arrow


@pytest.mark.parametrize("names", [2_000, 200_000])
def test_columns_that_nobody_knows_cost_memory_of_the_order_of_the_file(names: int) -> None:
    """A header of 200,000 names over rows of delimiters took 160 bytes for each of the file's."""
    header = "user_id," + ",".join(f"name_{number}" for number in range(names - 1))
    data = f"{header}\n{(',' * (names - 1) + chr(10)) * (12_000_000 // names)}".encode()
    assert _peak_bytes(data) < 25 * len(data)


def test_sentences_about_columns_do_not_hold_them_all() -> None:
    names = [f"{'long' * 60}_{number}" for number in range(1_500)]
    for contract, header in ((replace(USERS, drift="freeze"), ["user_id", *names]), (USERS, ["email", *names])):
        with pytest.raises(intake.Refusal) as refused:
            rows(f"{','.join(header)}\n".encode(), contract)
        assert len(str(refused.value)) < 3_000


def test_a_row_that_was_exported_with_another_unit_is_read_again() -> None:
    cells = {"transaction_id": "t-1", "amount": None, "amount__amount_cents": "1999", "status": "odd"}
    exported = record("q-1", json.dumps(cells), [{"rule": "status_not_allowed", "field": "status"}], TRANSACTIONS)
    for text in ("".join(as_csv([exported], TRANSACTIONS)), "".join(as_ndjson([exported]))):
        (row,) = rows(text.encode(), TRANSACTIONS)
        assert row["amount__amount_cents"] == "1999"
        assert not row.get("amount")
