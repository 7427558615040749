"""A mistake in a contract is told with its file, line and field, and with what would be right."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.contract import AsOf, ColumnReference, ContractError, Problem, Registry, load_registry
from lakehouse.contract.model import Sessions
from tests.support.contracts import CUSTOMERS, GOLD, QUALITY, SESSIONS, SOURCE, assert_told, problems_of, write_shop


def test_a_right_contract_is_read_whole(tmp_path: Path) -> None:
    registry = load_registry(write_shop(tmp_path))
    orders, daily = registry.sources["shop.orders"], registry.gold["shop.daily_orders"]
    assert (orders.key, orders.order_by, orders.drift) == (("order_id",), "changed_at", "rescue")
    assert orders.partition_by == ("months(changed_at)",)
    assert orders.column("status").values == ("open", "closed")
    assert orders.column("status").synonyms == {"open": "open", "closed": "closed", "done": "closed"}
    assert orders.column("status").nulls == ("", "null", "?")
    assert orders.column("amount").minimum == 0
    assert not orders.column("amount").exclusive_minimum
    assert orders.column("amount").unit == "EUR"
    assert orders.column("amount").reference is None
    assert orders.column("fee").repairs == ("currency_sign", "percent"), "in the order they are made in"
    assert orders.column("fee").alias_units == {"fee_cents": Decimal("0.01")}
    assert orders.header_lookup["payment.fee"] == "fee"
    assert orders.column("customer_id").prefixes == ("C-No ", "c-"), "longest first"
    assert orders.column("customer_id").repairs == ("html_entities", "mojibake")
    assert orders.column("customer_id").reference == ColumnReference("shop.customers", "customer_id", "wait")
    assert orders.encoding is None
    assert daily.sources[0].keys == {"order_date": "cast(changed_at as date)"}
    assert daily.lookups[0].on == {"order_id": "customer_id"}
    assert (daily.dist_style, daily.dist_key, daily.sort_keys) == ("key", "order_date", ("order_date",))
    assert daily.unknown_member is not None
    assert daily.unknown_member["order_count"] == 0
    assert (daily.sessions, daily.thresholds, daily.lookups[0].as_of) == (None, {}, None)


def test_what_says_when_and_from_where_on_is_read_whole(tmp_path: Path) -> None:
    daily = load_registry(write_shop(tmp_path, gold=SESSIONS)).gold["shop.daily_orders"]
    assert daily.sessions == Sessions("shop.orders", "changed_at", "order_date", 30, "order_count")
    assert daily.thresholds == {"size": (Decimal(2), Decimal("2.5"), Decimal(5))}
    assert daily.lookups[0].as_of == AsOf("changed_at", "since", days=10)


# (text of the valid contract, what stands there instead, line, field, words of the message)
IN_SOURCE = [
    ("          - {property: unit, value: EUR}", "          - {property: whenMissing, value: {value: none}}", 28,
     "schema[0].properties[1].customProperties.whenMissing", "only varchars, dates and timestamps"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {value: opn}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "did you mean open?"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {of: amount}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "give one of value, bands, values, arrival"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {values: {a: open}}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "name in of the column that says it"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {of: order, values: {a: open}}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "did you mean order_id?"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {of: amount, values: {a: open}}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "values of a decimal(10,2)"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {of: order_id, bands: [{value: open}]}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "bands of a varchar(10)"),
    ('{property: nulls, value: ["?"]}',
     "{property: whenMissing, value: {of: fee, bands: [{value: open}, {below: 1, value: closed}]}}", 36,
     "schema[0].properties[2].customProperties.whenMissing.bands[1]", "no number is in this band"),
    ('{property: nulls, value: ["?"]}', "{property: whenMissing, value: {arrival: true}}", 36,
     "schema[0].properties[2].customProperties.whenMissing", "is no varchar(6)"),
    ("{property: drift, value: rescue}",
     "{property: drift, value: rescue}\n      - {property: ingestedBy, value: event}", 12,
     "schema[0].customProperties.ingestedBy", "did you mean events?"),
    ("varchar(10)", "varchr(10)", 17, "schema[0].properties[0].physicalType", "did you mean varchar(n)?"),
    ("decimal(10,2)", "decimal(10,12)", 24, "schema[0].properties[1].physicalType", "a scale no greater"),
    ("logicalType: number", "logicalType: integer", 23, "schema[0].properties[1].logicalType", "use number"),
    ("value: changed_at}", "value: change_at}", 12, "schema[0].customProperties.orderBy", "did you mean changed_at?"),
    ("value: changed_at}", "value: status}", 12, "schema[0].customProperties.orderBy", "use a timestamp or a number"),
    ("{property: drift, value: rescue}", "{property: drift, value: keep}", 11, "schema[0].customProperties.drift",
     "rescue, evolve, freeze"),
    ("      - {property: drift, value: rescue}\n", "", 8, "schema[0]", '"drift" is missing'),
    ("property: drift", "property: drfit", 11, "schema[0].customProperties[0].property", "did you mean drift?"),
    ("      - {property: nulls, value: [\"\", \"null\"]}", "      - {property: drift, value: evolve}", 13,
     "schema[0].customProperties[2]", "the other is on line 11"),
    ("        description: The order.\n", "", 15, "schema[0].properties[0]", '"description" is missing'),
    ("description: The order.", 'description: " "', 18, "schema[0].properties[0].description", "is blank"),
    ("required: true", "required: yep", 20, "schema[0].properties[0].required", "write true or false"),
    ("required: true", "requird: true", 20, "schema[0].properties[0].requird", "did you mean required?"),
    ("required: true", "nullable: true", 20, "schema[0].properties[0].nullable", "is not a field here"),
    ("        primaryKey: true\n", "", 14, "schema[0].properties", "no column is the key"),
    ("        primaryKey: true\n", "        primaryKeyPosition: 1\n", 19, "schema[0].properties[0].primaryKeyPosition",
     "add primaryKey: true"),
    ("description: Its amount.", "description: Its amount.\n        primaryKey: true", 15, "schema[0].properties[0]",
     "add primaryKeyPosition"),
    ("primaryKey: true", "primaryKey: true\n        primaryKeyPosition: 2", 15, "schema[0].properties[0]", "a gap"),
    ("name: amount", "name: Amount", 22, "schema[0].properties[1].name", "use a-z, 0-9 and _"),
    ("name: amount", "name: status", 29, "schema[0].properties[2]", "already names status"),
    ("synonym: OrderId", "synonym: STATUS", 29, "schema[0].properties[2]", "already names order_id"),
    ("[{synonym: OrderId}]", "[{synonym: Order_ID}]", 15, "schema[0].properties[0]", "is known already"),
    ("[{synonym: OrderId}]", "OrderId", 21, "schema[0].properties[0].synonyms", "write a list"),
    ("minimum: 0", "minimum: none", 26, "schema[0].properties[1].logicalTypeOptions.minimum", "a decimal number"),
    ("minimum: 0", "minimum: .inf", 26, "schema[0].properties[1].logicalTypeOptions.minimum", "a decimal number"),
    ("minimum: 0", "maximum: 0, minimum: 1", 26, "schema[0].properties[1].logicalTypeOptions", "swap them"),
    ("minimum: 0", "minimum: 0, exclusiveMinimum: 0", 26,
     "schema[0].properties[1].logicalTypeOptions.exclusiveMinimum", "keep one"),
    ("{minimum: 0}", "{pattern: x}", 26, "schema[0].properties[1].logicalTypeOptions.pattern", "use one of minimum"),
    ("enum: [{value: open}, {value: closed}]", "logicalTypeOptions: {pattern: '['}", 33,
     "schema[0].properties[2].logicalTypeOptions.pattern", "not a regular expression"),
    ("{value: open}", "{value: cancelled}", 33, "schema[0].properties[2].enum[0].value", "make it varchar(9)"),
    ("{value: open}", "{value: no}", 33, "schema[0].properties[2].enum[0].value", 'such as "no" in quotes'),
    ("{closed: [done]}", "{close: [done]}", 35, "schema[0].properties[2].customProperties.valueSynonyms.close",
     "did you mean closed?"),
    ("{closed: [done]}", "{closed: [open]}", 35, "schema[0].properties[2].customProperties.valueSynonyms.closed",
     'also stands for "open"'),
    ("[yyyy-MM-dd]", "[YYYY-MM-dd]", 43, "schema[0].properties[3].customProperties.formats[0]", "YYYY is no field"),
    ("[yyyy-MM-dd]", "[dd/mm/yyyy]", 43, "schema[0].properties[3].customProperties.formats[0]", "mm are minutes"),
    ("[yyyy-MM-dd]", "[yyyy-MM-dd z]", 43, "schema[0].properties[3].customProperties.formats[0]", "write VV"),
    ("[yyyy-MM-dd]", "[\"yyyy-MM-dd'T\"]", 43, "schema[0].properties[3].customProperties.formats[0]", "Spark pattern"),
    ("{property: unit, value: EUR}", "{property: formats, value: [yyyy]}", 28,
     "schema[0].properties[1].customProperties.formats", "dates and timestamps only"),
    ("value: months", "value: month", 44, "schema[0].properties[3].customProperties.partitionTransform",
     "did you mean months?"),
    ("        partitioned: true\n", "", 43, "schema[0].properties[3].customProperties.partitionTransform",
     "add partitioned: true"),
    ("apiVersion: v3.2.0", "apiVersion: v2.0.0", 1, "apiVersion", "write v3.2.0"),
    ("id: shop.orders", "id: shop.order", 3, "id", "write shop.orders"),
    ("domain: shop", "domain: store", 6, "domain", "write shop"),
    ("name: orders", "name: order", 8, "schema[0].name", "write orders"),
    ("version: 1.0.0", "version: 1.0", 4, "version", "is not text"),
    ("version: 1.0.0", "version: one", 4, "version", "major.minor.patch"),
    ("status: active", "status: active\nstatus: retired", 6, "status", "the other is on line 5"),
    ("schema:\n", "schema: []\nold:\n", 7, "schema", "one table per file"),
    ("kind: DataContract", "kind: [DataContract", 3, "", "not YAML"),
    ("kind: DataContract", "kind: Data\tContract: x", 2, "", "not YAML"),
    ("kind: DataContract", "kind: DataContract\n--- {}", 3, "", "not YAML"),
]  # fmt: skip
IN_GOLD = [
    ("value: mart", "value: view", 11, "schema[0].customProperties.tableType", "fact, dimension, mart"),
    ("value: [order_date]}\n      - property: sources", "value: [order_day]}\n      - property: sources", 12,
     "schema[0].customProperties.recomputeBy[0]", "did you mean order_date?"),
    ("dataset: shop.orders", "dataset: shop.order", 15, "schema[0].customProperties.sources[0].dataset",
     "did you mean shop.orders?"),
    ("keys: {order_date:", "keys: {day:", 15, "schema[0].customProperties.sources[0].keys", '"order_date" is missing'),
    ("match: {order_id: customer_id}", "match: {order_no: customer_id}", 18,
     "schema[0].customProperties.lookups[0].match.order_no", '"order_no" is not a column of shop.orders'),
    ("match: {order_id: customer_id}", "match: {order_id: client_id}", 18,
     "schema[0].customProperties.lookups[0].match.order_id", "use one of customer_id"),
    ("match: {order_id: customer_id}", "match: {}", 18, "schema[0].customProperties.lookups[0].match", "no column"),
    ("value: key}", "value: even}", 20, "schema[0].customProperties.distKey", "use distStyle: key"),
    ("      - {property: distKey, value: order_date}\n", "", 19, "schema[0].customProperties.distStyle", "add distKey"),
    ("property: sortKeys, value: [order_date]", "property: sortKeys, value: [date]", 21,
     "schema[0].customProperties.sortKeys[0]", "order_date"),
    (", order_count: 0}", "}", 22, "schema[0].customProperties.unknownMember", "add order_count"),
    (", order_count: 0}", ", order_count: [0]}", 22, "schema[0].customProperties.unknownMember.order_count",
     "is not a single value"),
    ("primaryKey: true\n        required: true", "primaryKey: true", 24, "schema[0].properties[0]",
     "add required: true"),
    ("description: The day.", "description: The day.\n        synonyms: [{synonym: day}]", 28,
     "schema[0].properties[0].synonyms", "is not a field here"),
    *(
        ("description: The day.", f"description: The day.\n        transformSourceObjects: {objects}", 28,
         f"schema[0].properties[0].transformSourceObjects{place}", words)
        for objects, place, words in (
            ("[shop.orders.change_at]", "[0]", "did you mean changed_at?"),
            ("[shop.orders.changed_at, shop.customers.nme]", "[1]", "did you mean name?"),
            ("[shop.order.changed_at]", "[0]", "did you mean shop.orders?"),
            ("[changed_at]", "[0]", "write <domain>.<dataset>.<column>"),
            ("[]", "", "name at least one, or drop the field"),
        )
    ),
    *(
        ("description: The day.", "description: The day.\n        classification: personal", 24,
         "schema[0].properties[0]", f"order_date is personal and {words}")
        for words in (
            "is a date, and only text has a token",
            "is part of the key",
            "is in recomputeBy",
            "has a value in unknownMember",
        )
    ),
    ("description: The day.", "description: The day.\n        classification: personal\n        partitioned: true", 24,
     "schema[0].properties[0]", "order_date is personal and is a partition"),
]  # fmt: skip


def test_a_personal_text_is_a_token_in_the_warehouse_and_clear_beside_the_keys(tmp_path: Path) -> None:
    personal = GOLD + (
        "      - {name: email, logicalType: string, physicalType: varchar(254), description: Who.,"
        " classification: personal}\n"
    )
    daily = load_registry(write_shop(tmp_path, gold=personal)).gold["shop.daily_orders"]
    assert [(column.name, str(column.type)) for column in daily.served[1:]] == [
        ("order_count", "bigint"),
        ("email", "varchar(64)"),
    ]
    assert str(daily.column("email").type) == "varchar(254)", "the lake's side stays clear"
    assert [(column.name, str(column.type)) for column in daily.private] == [
        ("order_date", "date"),
        ("email", "varchar(254)"),
    ]
    plain = load_registry(write_shop(tmp_path / "plain")).gold["shop.daily_orders"]
    assert (plain.served, plain.private) == (plain.columns, ())


_SESSIONS, _AS_OF = "schema[0].customProperties.sessions", "schema[0].customProperties.lookups[0].asOf"
_SIZE = "schema[0].customProperties.thresholds.size"
IN_SESSIONS = [
    ("dataset: shop.orders, instant", "dataset: shop.customers, instant", 20, f"{_SESSIONS}.dataset",
     "did you mean shop.orders?"),
    ("instant: changed_at, day: order_date", "instant: change_at, day: order_date", 20, f"{_SESSIONS}.instant",
     "did you mean changed_at?"),
    ("instant: changed_at, day: order_date", "instant: amount, day: order_date", 20, f"{_SESSIONS}.instant",
     '"amount" is no timestamp of shop.orders'),
    ("day: order_date,", "day: order_day,", 20, f"{_SESSIONS}.day", "did you mean order_date?"),
    ("day: order_date, ", "", 20, _SESSIONS, '"day" is missing'),
    ("count: order_count", "count: orders", 20, f"{_SESSIONS}.count", "order_count"),
    (", count: order_count", "", 20, _SESSIONS, '"count" is missing'),
    ("silenceMinutes: 30", "silence: 30", 20, f"{_SESSIONS}.silence", "did you mean silenceMinutes?"),
    ("silenceMinutes: 30", "silenceMinutes: 0", 20, f"{_SESSIONS}.silenceMinutes", "a whole number from 1 to 1439"),
    ("silenceMinutes: 30", "silenceMinutes: 1440", 20, f"{_SESSIONS}.silenceMinutes", "1440 does not serve here"),
    ("silenceMinutes: 30", "silenceMinutes: 0.5", 20, f"{_SESSIONS}.silenceMinutes", "0.5 does not serve here"),
    ("instant: changed_at, day: since", "instant: chnged_at, day: since", 18, f"{_AS_OF}.instant",
     "did you mean changed_at?"),
    ("instant: changed_at, day: since", "instant: order_id, day: since", 18, f"{_AS_OF}.instant",
     '"order_id" is no timestamp of shop.orders'),
    ("day: since", "day: sinc", 18, f"{_AS_OF}.day", "did you mean since?"),
    ("day: since", "day: name", 18, f"{_AS_OF}.day", '"name" is no date of shop.customers'),
    (", days: 10", "", 18, _AS_OF, '"days" is missing'),
    ("days: 10", "days: ten", 18, f"{_AS_OF}.days", "write a decimal number"),
    ("days: 10", "days: 366", 18, f"{_AS_OF}.days", "a whole number from 1 to 365"),
    ("asOf:", "asof:", 18, "schema[0].customProperties.lookups[0].asof", "did you mean asOf?"),
    ("[2, 2.5, 5]", "[2, 5, 2.5]", 21, _SIZE, "from the lowest to the highest"),
    ("[2, 2.5, 5]", "[2, 2]", 21, _SIZE, "do not rise"),
    ("[2, 2.5, 5]", "[]", 21, _SIZE, "write at least one"),
    ("[2, 2.5, 5]", "2", 21, _SIZE, "is not a list"),
    ("[2, 2.5, 5]", "[2, many]", 21, f"{_SIZE}[1]", "write a decimal number"),
]  # fmt: skip


def test_a_table_names_the_sources_of_all_its_columns_or_of_none(tmp_path: Path) -> None:
    sourced = GOLD.replace(
        "description: The day.", "description: The day.\n        transformSourceObjects: [shop.orders._key]"
    )
    problems = problems_of(write_shop(tmp_path, gold=sourced))
    assert_told(problems, "daily_orders.yaml", 31, "schema[0].properties[1]", "what order_count is computed from")
    complete = f"{sourced}        transformSourceObjects: [shop.customers.name, shop.orders.order_id]\n"
    registry = load_registry(write_shop(tmp_path / "complete", gold=complete))
    count = registry.gold["shop.daily_orders"].column("order_count")
    assert [str(source) for source in count.sources] == ["shop.customers.name", "shop.orders.order_id"]


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), IN_SOURCE, ids=[case[1] for case in IN_SOURCE])
def test_a_mistake_in_a_source_names_its_place(
    tmp_path: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in SOURCE
    problems = problems_of(write_shop(tmp_path, source=SOURCE.replace(old, new, 1)))
    assert_told(problems, "orders.yaml", line, field, words)


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), IN_GOLD, ids=[case[1] for case in IN_GOLD])
def test_a_mistake_in_a_gold_table_names_its_place(
    tmp_path: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in GOLD
    problems = problems_of(write_shop(tmp_path, gold=GOLD.replace(old, new, 1)))
    assert_told(problems, "daily_orders.yaml", line, field, words)


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), IN_SESSIONS, ids=[case[1] for case in IN_SESSIONS])
def test_a_mistake_in_what_says_when_and_from_where_on_names_its_place(
    tmp_path: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in SESSIONS
    problems = problems_of(write_shop(tmp_path, gold=SESSIONS.replace(old, new, 1)))
    assert_told(problems, "daily_orders.yaml", line, field, words)


def test_sessions_are_somebodys(tmp_path: Path) -> None:
    gold = SESSIONS.replace("value: [customer_id, order_date]}", "value: [order_date]}", 1)
    problems = problems_of(
        write_shop(tmp_path, gold=gold.replace("{customer_id: customer_id, order_date:", "{order_date:"))
    )
    assert_told(problems, "daily_orders.yaml", 20, _SESSIONS, "name that in recomputeBy, beside the day")


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    source = SOURCE.replace("varchar(10)", "text", 1).replace("minimum: 0", "minimum: x").replace("months", "weeks")
    problems = problems_of(write_shop(tmp_path, source=source, gold=GOLD.replace("bigint", "int")))
    assert [(problem.file.name, problem.line) for problem in problems] == [
        *[("daily_orders.yaml", 32)],
        *[("orders.yaml", line) for line in (17, 26, 44)],
    ]


def test_a_broken_source_is_not_also_reported_as_missing(tmp_path: Path) -> None:
    problems = problems_of(write_shop(tmp_path, source=SOURCE.replace("varchar(10)", "text", 1)))
    assert [problem.file.name for problem in problems] == ["orders.yaml"]
    root = write_shop(tmp_path / "referred")
    (root / "shop/contracts/customers.yaml").write_text(CUSTOMERS.replace("varchar(10)", "text", 1), encoding="utf-8")
    assert [problem.file.name for problem in problems_of(root)] == ["customers.yaml"]


def test_a_source_and_a_gold_table_may_not_share_a_name(tmp_path: Path) -> None:
    root = write_shop(tmp_path)
    gold = root / "shop/contracts/gold"
    (gold / "orders.yaml").write_text(GOLD.replace("daily_orders", "orders"), encoding="utf-8")
    assert [problem.wrong for problem in problems_of(root)] == ["shop.orders is a source already"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\xff\xfe", "not UTF-8"), (b"- a\n", "not a mapping"), (b"\0", "not YAML")],
)
def test_a_file_that_is_no_contract_is_told_so(tmp_path: Path, content: bytes, words: str) -> None:
    root = write_shop(tmp_path)
    (root / "shop/contracts/orders.yaml").write_bytes(content)
    assert any(words in str(problem) for problem in problems_of(root))


def test_a_file_of_another_ending_is_not_overlooked(tmp_path: Path) -> None:
    root = write_shop(tmp_path)
    (root / "shop/contracts/users.yml").write_text(SOURCE, encoding="utf-8")
    assert [problem.right for problem in problems_of(root)] == ["rename it to users.yaml"]


ODD: list[Any] = [None, "", "x", 0, -1, 1.5, True, [], {}, [None], [[]], [{}], {"a": None}, "é" * 300, "(", [1, "x"]]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([SOURCE + QUALITY, GOLD, SESSIONS]), st.sampled_from(ODD), st.integers(min_value=0), st.booleans()
)
def test_whatever_stands_in_a_contract_there_is_an_answer_and_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, text: str, odd: Any, seed: int, removes: bool
) -> None:
    document = yaml.safe_load(text)
    parent, key = random.Random(seed).choice(list(_places(document)))
    if removes:
        del parent[key]
    else:
        parent[key] = odd
    changed = yaml.safe_dump(document, allow_unicode=True)
    root = tmp_path_factory.mktemp("domains")
    write_shop(root, **{"source" if text == SOURCE + QUALITY else "gold": changed})
    try:
        answer: Registry | tuple[Problem, ...] = load_registry(root)
    except ContractError as error:
        answer = error.problems
    assert answer
    for problem in answer if isinstance(answer, tuple) else ():
        assert 1 <= problem.line <= max(len(changed.splitlines()), len(text.splitlines()))
        assert problem.wrong
        assert problem.right


def _places(node: Any) -> Any:
    """Every (container, key) of a YAML document, at any depth."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])
