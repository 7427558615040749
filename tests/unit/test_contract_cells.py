"""What a contract says of how cells are repaired and files decoded, and what its columns refer to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse.contract import ColumnReference, load_registry
from tests.support.contracts import CUSTOMERS, SOURCE, assert_told, problems_of, write_shop

FEE, CUSTOMER = "schema[0].properties[4].customProperties", "schema[0].properties[5]"
TO, ENCODING = f"{CUSTOMER}.relationships[0].to", "schema[0].customProperties.encoding"
NULLS = '{property: nulls, value: ["", "null"]}'
# (text of the valid contract, what stands there instead, line, field, words of the message)
REPAIRED = [
    ("[percent, currency_sign]", "[percnt]", 51, f"{FEE}.repairs[0]", "did you mean percent?"),
    ("[percent, currency_sign]", "[mojibake]", 51, f"{FEE}.repairs[0]", "use currency_sign, decimal_comma, percent"),
    ("[percent, currency_sign]", "[percent, percent]", 51, f"{FEE}.repairs[1]", "said twice"),
    ("[mojibake, html_entities]", "[number_words]", 60, f"{CUSTOMER}.customProperties.repairs[0]",
     "use html_entities, mojibake, email, phone"),
    ("[yyyy-MM-dd]}", "[yyyy-MM-dd]}\n          - {property: repairs, value: [mojibake]}", 44,
     "schema[0].properties[3].customProperties.repairs[0]", "repair numbers and varchars only"),
    ("{fee_cents: 0.01}", "{fee_cent: 0.01}", 52, f"{FEE}.aliasUnits.fee_cent", "did you mean Fee_Cents?"),
    ("{fee_cents: 0.01}", "{fee: 0.01}", 52, f"{FEE}.aliasUnits.fee", "is not an alias of the column"),
    ("{fee_cents: 0.01}", "{fee_cents: 1, FEE_CENTS: 1}", 52, f"{FEE}.aliasUnits.FEE_CENTS", "is known already"),
    ("{fee_cents: 0.01}", "{fee_cents: 0}", 52, f"{FEE}.aliasUnits.fee_cents", "write a number above 0"),
    ("{fee_cents: 0.01}", "{fee_cents: cents}", 52, f"{FEE}.aliasUnits.fee_cents", "write a decimal number"),
    ("{fee_cents: 0.01}", "[fee_cents]", 52, f"{FEE}.aliasUnits", "is not a mapping"),
    ("{property: prefixes, value: [\"c-\", \"C-No \"]}", "{property: aliasUnits, value: {x: 1}}", 59,
     f"{CUSTOMER}.customProperties.aliasUnits", "numbers only"),
    ('["c-", "C-No "]', '[""]', 59, f"{CUSTOMER}.customProperties.prefixes[0]", "begins no value"),
    ('["c-", "C-No "]', '[" c-"]', 59, f"{CUSTOMER}.customProperties.prefixes[0]", "without blanks before"),
    ('["c-", "C-No "]', '["c-", "C-"]', 59, f"{CUSTOMER}.customProperties.prefixes[1]", "case does not matter"),
]  # fmt: skip
REFERRED = [
    ("          - {property: orphans, value: wait}\n", "", 57, f"{CUSTOMER}.relationships", "warn, quarantine or wait"),
    ("value: wait}", "value: drop}", 61, f"{CUSTOMER}.customProperties.orphans", "warn, quarantine, wait"),
    ("        relationships: [{type: foreignKey, to: customers.customer_id}]\n", "", 60,
     f"{CUSTOMER}.customProperties.orphans", "add relationships: [{type: foreignKey, to: dataset.column}]"),
    ("relationships: [{type: foreignKey, to: customers.customer_id}]", "relationships: []", 57,
     f"{CUSTOMER}.relationships", "declare one per column"),
    ("type: foreignKey, to:", "type: foreignKey, from: order_id, to:", 57, f"{CUSTOMER}.relationships[0].from",
     "is not a field here"),
    ("type: foreignKey,", "type: primaryKey,", 57, f"{CUSTOMER}.relationships[0].type", "foreignKey"),
    ("to: customers.customer_id", "to: customers", 57, TO, "write dataset.column"),
    ("to: customers.customer_id", "to: eu.shop.customers.customer_id", 57, TO, "write dataset.column"),
    ("to: customers.customer_id", "to: [customers.customer_id]", 57, TO, "is not text"),
    ("to: customers.customer_id", "to: customer.customer_id", 57, TO, "did you mean shop.customers?"),
    ("to: customers.customer_id", "to: store.customers.customer_id", 57, TO, '"store.customers" is not a source'),
    ("to: customers.customer_id", "to: shop.daily_orders.order_date", 57, TO, "is not a source"),
    ("to: customers.customer_id", "to: orders.order_id", 57, TO, "refers to its own dataset"),
    ("to: customers.customer_id", "to: customers.id", 57, TO, '"id" is not a column of shop.customers'),
    ("to: customers.customer_id", "to: customers.name", 57, TO, "refer to customer_id"),
    ("to: customers.customer_id", "to: visits.customer_id", 57, TO, "refer to a dataset whose key is one column"),
    ("(10)\n        description: Who", "(12)\n        description: Who", 57, TO,
     "customer_id is a varchar(12), but customers.customer_id a varchar(10)"),
]  # fmt: skip
DECODED = [
    (NULLS, "{property: encoding, value: latin-9000}", 13, ENCODING, "one that Python knows, such as cp1252"),
    (NULLS, "{property: encoding, value: base64}", 13, ENCODING, "one that Python knows, such as cp1252"),
    (NULLS, '{property: encoding, value: "\\0"}', 13, ENCODING, "one that Python knows, such as cp1252"),
    (NULLS, "{property: encoding, value: UTF8}", 13, ENCODING, "UTF-8 is always tried first"),
    (NULLS, "{property: encoding, value: utf-16-le}", 13, ENCODING, "use an extension of ASCII"),
    (NULLS, "{property: encoding, value: cp037}", 13, ENCODING, "use an extension of ASCII"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [*REPAIRED, *REFERRED, *DECODED],
    ids=[case[1] for case in (*REPAIRED, *REFERRED, *DECODED)],
)
def test_a_mistake_names_its_place(tmp_path: Path, old: str, new: str, line: int, field: str, words: str) -> None:
    assert old in SOURCE
    problems = problems_of(write_shop(tmp_path, source=SOURCE.replace(old, new, 1)))
    assert_told(problems, "orders.yaml", line, field, words)


def test_a_reference_into_another_domain_gives_its_full_name(tmp_path: Path) -> None:
    root = write_shop(tmp_path, source=SOURCE.replace("to: customers.", "to: crm.people."))
    (root / "crm/contracts").mkdir(parents=True)
    people = CUSTOMERS.replace("shop", "crm").replace("customers", "people")
    (root / "crm/contracts/people.yaml").write_text(people, encoding="utf-8")
    reference = load_registry(root).sources["shop.orders"].column("customer_id").reference
    assert reference == ColumnReference("crm.people", "customer_id", "wait")


@pytest.mark.parametrize(("orphans", "is_refused"), [("wait", True), ("quarantine", True), ("warn", False)])
def test_datasets_may_refer_to_each_other_unless_their_rows_would_wait(
    tmp_path: Path, orphans: str, is_refused: bool
) -> None:
    root = write_shop(tmp_path)
    customers = root / "shop/contracts/customers.yaml"
    first_order = SOURCE[SOURCE.index("      - name: customer_id") :].replace("customer_id", "order_id")
    first_order = first_order.replace("customers.", "orders.").replace("value: wait", f"value: {orphans}")
    customers.write_text(CUSTOMERS + first_order, encoding="utf-8")
    if not is_refused:
        assert load_registry(root)
        return
    (problem,) = problems_of(root)
    assert problem.field.endswith(".relationships[0].to")
    assert "rows wait for each other: shop." in problem.wrong


def test_dates_need_no_formats(tmp_path: Path) -> None:
    formats = "          - {property: formats, value: [yyyy-MM-dd]}\n"
    assert formats in SOURCE
    assert load_registry(write_shop(tmp_path, source=SOURCE.replace(formats, ""))).sources["shop.orders"]


@pytest.mark.parametrize(
    ("spelled", "codec"), [("cp1252", "cp1252"), ("Windows-1252", "cp1252"), ("latin-1", "iso8859-1")]
)
def test_an_encoding_is_kept_under_one_name(tmp_path: Path, spelled: str, codec: str) -> None:
    source = SOURCE.replace(NULLS, f"{{property: encoding, value: {spelled}}}")
    assert load_registry(write_shop(tmp_path, source=source)).sources["shop.orders"].encoding == codec
