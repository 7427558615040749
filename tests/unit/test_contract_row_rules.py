"""Rules between columns, rules that only warn, and unique columns: what contracts say of them, right and wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakehouse.contract import COLUMN_RULES, SOFTENED, ColumnType, load_registry
from lakehouse.contract.conditions import FUNCTIONS, ConditionError, read_condition
from tests.support.contracts import GOLD, QUALITY, SOURCE, assert_told, problems_of, write_shop

DOCS = Path(__file__).parents[2] / "docs/row-rules.md"
COLUMNS = {
    name: ColumnType.parse(type_)
    for name, type_ in {
        "amount": "decimal(14,2)",
        "price": "decimal(12,2)",
        "quantity": "integer",
        "total": "bigint",
        "rate": "double precision",
        "status": "varchar(10)",
        "is_paid": "boolean",
        "day": "date",
        "started_at": "timestamp",
        "ended_at": "timestamp",
    }.items()
}


def test_rules_are_read_whole(tmp_path: Path) -> None:
    source = SOURCE.replace("{minimum: 0}", "{minimum: 0, maximum: 9}").replace(
        "{property: unit, value: EUR}",
        "{property: unit, value: EUR}\n          - {property: warn, value: [above_maximum]}",
    )
    source = source.replace("description: Its state.", "description: Its state.\n        unique: true")
    orders = load_registry(write_shop(tmp_path, source=source + QUALITY)).sources["shop.orders"]
    fee, closed = orders.rules
    assert (fee.name, fee.severity, fee.columns) == ("fee_above_amount", "error", ("fee", "amount"))
    assert fee.condition == "fee <= amount"
    assert closed.severity == "warn"
    assert closed.columns == ("status", "changed_at")
    assert orders.column("amount").warnings == ("above_maximum",)
    assert [column.name for column in orders.columns if column.is_unique] == ["status"]
    assert orders.can_warn


def test_a_contract_whose_rules_all_refuse_warns_of_nothing(tmp_path: Path) -> None:
    orders = load_registry(write_shop(tmp_path)).sources["shop.orders"]
    assert orders.rules == ()
    assert not orders.can_warn
    told = SOURCE.replace("value: wait", "value: warn")
    assert load_registry(write_shop(tmp_path / "warned", source=told)).sources["shop.orders"].can_warn


RULE, AMOUNT = "schema[0].quality[0]", "schema[0].properties[1].customProperties.warn"
UNIT = "{property: unit, value: EUR}"
# (text of the valid contract, what stands there instead, line, field, words of the message)
MISTAKES = [
    ("fee <= amount", "fee <= amout", 66, f"{RULE}.implementation", "did you mean amount?"),
    ("fee <= amount", "fee <= status", 66, f"{RULE}.implementation", "between values of kind number and text"),
    ("severity: error", "severity: fatal", 67, f"{RULE}.severity", "use one of error, warn"),
    ("type: custom", "type: sql", 64, f"{RULE}.type", "use one of custom"),
    ("engine: lakehouse", "engine: soda", 65, f"{RULE}.engine", "use one of lakehouse"),
    ("        severity: error\n", "", 63, RULE, '"severity" is missing'),
    ("dimension: consistency", "mustBe: 0", 69, f"{RULE}.mustBe", "is not a field here"),
    ("fee_above_amount", "Fee above amount", 63, f"{RULE}.name", "is not a name"),
    ("fee_above_amount", "fee_below_minimum", 63, f"{RULE}.name", "already a rule of the column fee"),
    ("closed_without_change", "fee_above_amount", 70, "schema[0].quality[1].name", "already the name of a rule"),
    ("A fee is a part of the amount.", '" "', 68, f"{RULE}.description", "is blank"),
    (UNIT, "{property: warn, value: [missing]}", 28, f"{AMOUNT}[0]",
     "use one of pattern_mismatch, below_minimum, above_maximum"),
    (UNIT, "{property: warn, value: [above_maximum]}", 28, f"{AMOUNT}[0]", "the column has no maximum"),
    (UNIT, "{property: warn, value: [pattern_mismatch]}", 28, f"{AMOUNT}[0]", "the column has no pattern"),
    ("required: true", "required: true\n        unique: true", 21, "schema[0].properties[0].unique",
     "silver has every key once"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_names_its_place(tmp_path: Path, old: str, new: str, line: int, field: str, words: str) -> None:
    source = SOURCE + QUALITY
    assert old in source
    problems = problems_of(write_shop(tmp_path, source=source.replace(old, new, 1)))
    assert_told(problems, "orders.yaml", line, field, words)


def test_a_column_with_mistakes_is_not_also_told_to_be_unknown(tmp_path: Path) -> None:
    source = (SOURCE + QUALITY).replace("decimal(10,2)", "decimal(10,12)", 1)
    assert [problem.field for problem in problems_of(write_shop(tmp_path, source=source))] == [
        "schema[0].properties[1].physicalType"
    ]


def test_a_gold_table_has_no_rules_between_columns(tmp_path: Path) -> None:
    problems = problems_of(write_shop(tmp_path, gold=GOLD + QUALITY))
    assert [problem.wrong for problem in problems] == ['"quality" is not a field here']


@pytest.mark.parametrize(
    ("condition", "spark", "columns"),
    [
        ("ended_at >= started_at", "(`ended_at` >= `started_at`)", ("ended_at", "started_at")),
        ("Amount<=PRICE", "(`amount` <= `price`)", ("amount", "price")),
        ("amount <= quantity * price", "(`amount` <= (cast(`quantity` as decimal(10,0)) * `price`))",
         ("amount", "quantity", "price")),
        ("amount - price * 2 > -0.5", "((`amount` - (`price` * 2BD)) > (- 0.5BD))", ("amount", "price")),
        ("is_paid or not status in ('a', 'b') and day = date '2026-01-31'",
         "(`is_paid` OR ((NOT (`status` IN ('a', 'b'))) AND (`day` = date '2026-01-31')))",
         ("is_paid", "status", "day")),
        ("day not between date(started_at) and date(ended_at)",
         "(`day` NOT BETWEEN date(`started_at`) AND date(`ended_at`))", ("day", "started_at", "ended_at")),
        ("ended_at <= started_at + interval 7 days", "(`ended_at` <= (`started_at` + interval '7' day))",
         ("ended_at", "started_at")),
        ("started_at > timestamp '2026-01-31 12:00:00'", "(`started_at` > timestamp_ntz '2026-01-31 12:00:00')",
         ("started_at",)),
        ("status is not null and length(lower(status)) > 3",
         "((`status` IS NOT NULL) AND (cast(length(lower(`status`)) as decimal(10,0)) > 3BD))", ("status",)),
        ("abs(coalesce(amount, 0)) = least(price, total)",
         "(abs(coalesce(`amount`, 0BD)) = least(`price`, cast(`total` as decimal(19,0))))",
         ("amount", "price", "total")),
    ],
)  # fmt: skip
def test_a_condition_becomes_spark_sql_in_which_nothing_is_left_open(
    condition: str, spark: str, columns: tuple[str, ...]
) -> None:
    found = read_condition(condition, COLUMNS)
    assert (found.spark, found.columns) == (spark, columns)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("", "a value is missing"),
        ("amount", "the condition is a number"),
        ("1 = 1", "names no column"),
        ("amount >", "at the end: a value is missing"),
        ("amount > 1 price", "character 12: it should have ended"),
        ("amount > 1;", '";" is not understood, character 11'),
        ("amount > 1 -- not", '"-- not" is not understood'),
        ("amount > /* */ 1", "is not understood"),
        ("`amount` > 1", "is not understood"),
        ("amount > 1e3", "is not understood"),
        ("amount > price / 2", "is not understood"),
        ("status = 'it''s'", "is not understood"),
        ("status = 'a\\'", "is not understood"),
        ("(select 1) = amount", '"select" is not a column here'),
        ("amont > 1", "did you mean amount?"),
        ("java_method('a', 'b') = status", '"java_method" is not a function here'),
        ("current_timestamp() > ended_at", "is not a function here"),
        ("rate > 1", "rate is a double precision, which is not exact"),
        ("status > 1", "between values of kind text and number"),
        ("status in ('a', 1)", "between values of kind text and number"),
        ("day between 1 and 2", "between values of kind date and number"),
        ("is_paid and amount", "AND of a value of kind number"),
        ("not amount", "NOT of a value of kind number"),
        ("status + 1 > 2", "+ of a value of kind text"),
        ("started_at - ended_at > 1", "an instant - of a value of kind timestamp"),
        ("day + interval 1 day > day", "+ of a value of kind date"),
        ("started_at + interval 1 month > ended_at", "write INTERVAL 7 DAYS"),
        ("interval 1 day = interval 1 day and is_paid", "between values of kind interval"),
        ("abs(status) = 1", "abs of a value of kind text"),
        ("least(amount) = 1", "give it two values or more"),
        ("lower(status, status) = 'a'", "give it one value"),
        ("coalesce(amount, 'x') = 1", "values of several kinds"),
        ("day = date '2026-02-30'", "is not a date"),
        ("started_at = timestamp '2026-02-01T00:00:00Z'", "is not a timestamp"),
        ("status is missing", "NULL is missing"),
        ("status not = 'a'", "write NOT before the whole comparison"),
        ("(amount > 1", ") is missing"),
        ("amount * amount * amount > 1", "may need 44 digits"),
        ("total * total > 0.1", "may need 39 digits"),
        ("(" * 99 + "is_paid" + ")" * 99, "nested too deeply"),
    ],
)
def test_what_could_fail_on_a_row_or_is_no_condition_is_refused(condition: str, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        read_condition(condition, COLUMNS)
    assert words in str(caught.value)
    assert caught.value.right


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*COLUMNS, *FUNCTIONS, *"()+-*=,<>", "and", "or", "not", "is", "null", "in", "between", "1", "'x'",
             "interval", "day", "date", "timestamp", "é", "'", "\n"]
        ),
        max_size=12,
    )
)  # fmt: skip
@example(["interval"])
@example(["date", "'x'"])
def test_any_words_are_read_or_refused_in_a_sentence(words: list[str]) -> None:
    with suppress(ConditionError):
        assert set(read_condition(" ".join(words), COLUMNS).columns) <= set(COLUMNS)


def test_the_docs_list_what_the_code_knows() -> None:
    text = DOCS.read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    assert listed == {**COLUMN_RULES, **{name: function.gives for name, function in FUNCTIONS.items()}}
    softened = re.search(r"Only (.+) can be softened", text)
    assert softened is not None
    assert set(re.findall(r"`(\w+)`", softened[1])) == set(SOFTENED)


def test_the_example_of_the_docs_is_a_rule_of_a_contract() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    example_ = next(block for block in blocks if "quality:" in block)
    contract = load_registry().sources["retail.order_items"]
    assert example_ in contract.path.read_text(encoding="utf-8")
