"""Policy for every contract of the project, discovered from the registry."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlglot
import yaml
from sqlfluff.dialects.dialect_redshift_keywords import redshift_reserved_keywords
from sqlglot import exp

from lakehouse.contract import TOKEN, Column, GoldContract, SourceContract, load_registry

REGISTRY = load_registry()
CONTRACTS: list[SourceContract | GoldContract] = [*REGISTRY.sources.values(), *REGISTRY.gold.values()]
ONLINE_RETAIL = Path(__file__).parents[3] / "shared/data/online-retail/by-day.tar.gz"
every_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.dataset)
every_source = pytest.mark.parametrize("source", REGISTRY.sources.values(), ids=lambda contract: contract.dataset)
every_gold_table = pytest.mark.parametrize("table", REGISTRY.gold.values(), ids=lambda contract: contract.dataset)


@pytest.fixture(scope="module")
def standard() -> jsonschema.Draft201909Validator:
    schema: dict[str, Any] = json.loads(
        resources.files("open_data_contract_standard").joinpath("schema.json").read_text()
    )
    return jsonschema.Draft201909Validator(schema)


def test_the_fixed_datasets_have_contracts() -> None:
    names = {domain: {source.name for source in REGISTRY.sources_of(domain)} for domain in REGISTRY.domains}
    assert names["storefront"] == {"users", "transactions", "events", "exchange_rates"}
    assert names["retail"] == {"brands", "categories", "products", "customers", "orders", "order_items"}
    assert names["online_retail"] == {"invoice_lines"}
    assert {"online_retail.fact_invoice_line", "storefront.fact_transaction", "storefront.dim_user"} <= set(
        REGISTRY.gold
    )


@every_contract
def test_a_contract_keeps_the_open_data_contract_standard(
    contract: SourceContract | GoldContract, standard: jsonschema.Draft201909Validator
) -> None:
    document = yaml.safe_load(contract.path.read_text(encoding="utf-8"))
    assert [f"{error.json_path}: {error.message}" for error in standard.iter_errors(document)] == []


def test_the_standard_would_refuse_an_unknown_field(standard: jsonschema.Draft201909Validator) -> None:
    document = yaml.safe_load(CONTRACTS[0].path.read_text(encoding="utf-8"))
    document["schema"][0]["properties"][0]["nullable"] = True
    assert not standard.is_valid(document)


@every_contract
def test_names_say_what_a_column_holds(contract: SourceContract | GoldContract) -> None:
    for column in contract.columns:
        # valid_from and valid_to are what the field calls the ends of a type 2 row.
        is_instant = column.name.endswith("_at") or column.name in ("valid_from", "valid_to")
        assert is_instant == (column.type.kind == "timestamp"), column.name
        assert column.name.endswith("_date") == (column.type.kind == "date"), column.name
        assert column.name.startswith(("is_", "has_")) == (column.type.kind == "boolean"), column.name
        if column.name.endswith("_count"):
            assert column.type.kind == "bigint", column.name


@every_contract
def test_names_need_no_quotes_in_redshift(contract: SourceContract | GoldContract) -> None:
    reserved = {word.strip().lower() for word in redshift_reserved_keywords.split("\n")}
    assert {"table", "user", "timestamp"} & reserved
    assert not reserved & {contract.domain, contract.name, *contract.column_names}


@every_contract
def test_a_description_is_a_sentence(contract: SourceContract | GoldContract) -> None:
    for description in (contract.description, *(column.description for column in contract.columns)):
        assert description.endswith("."), description
        assert description[0].isupper() or "_" in description.split()[0] or "," in description, description


@every_contract
def test_money_has_a_unit_and_is_never_a_binary_float(contract: SourceContract | GoldContract) -> None:
    for column in contract.columns:
        assert column.type.kind != "double", column.name
        if column.type.kind == "decimal":
            assert column.unit, column.name


@every_gold_table
def test_what_comes_of_personal_data_is_personal_too(table: GoldContract) -> None:
    """Else it would stand in clear in the domain's schema, which analysts read."""
    origin_of = {
        f"{source.dataset}.{origin.name}": origin
        for source in REGISTRY.sources.values()
        for origin in (*source.columns, *(derived.column for derived in source.derived))
    }
    for column in table.columns:
        origins = [origin_of[str(source)] for source in column.sources if str(source) in origin_of]
        assert column.is_personal == any(origin.is_personal for origin in origins), column.name
        assert column.is_personal or column.name not in ("email", "full_name", "first_name", "last_name", "phone")


@every_gold_table
def test_a_personal_column_is_a_token_in_its_domain_and_clear_in_the_private_schema(table: GoldContract) -> None:
    assert {column.name for column in table.served if column.type == TOKEN} >= set(table.personal)
    assert [column for column in table.private if column.is_personal] == [
        column for column in table.columns if column.is_personal
    ]
    assert bool(table.private) == bool(table.personal)


@every_gold_table
def test_touched_keys_are_sql_over_columns_of_the_source(table: GoldContract) -> None:
    for source in table.sources:
        assert set(source.keys) == set(table.recompute_by)
        for expression in source.keys.values():
            columns = {column.name for column in sqlglot.parse_one(expression, read="spark").find_all(exp.Column)}
            assert columns
            assert columns <= {*REGISTRY.sources[source.dataset].column_names, "_key"}, expression


@every_gold_table
def test_a_column_that_keeps_its_name_keeps_its_width(table: GoldContract) -> None:
    """A value that silver takes must fit gold: a narrower copy would fail a load, not a file."""
    for source in (REGISTRY.sources[source.dataset] for source in table.sources):
        for column in table.columns:
            if column.name in source.column_names and table.table_type != "mart":
                assert column.type == source.column(column.name).type, column.name


@every_source
def test_enum_values_and_synonyms_are_reachable(source: SourceContract) -> None:
    for column in source.columns:
        assert set(column.values) <= set(column.synonyms.values()) or not column.values
        assert all(spelling == spelling.lower() for spelling in column.synonyms)
        if column.pattern:
            assert all(re.fullmatch(column.pattern, value) for value in column.synonyms.values())
        assert not {spelling.lower() for spelling in column.nulls} & set(column.synonyms), column.name


@pytest.mark.parametrize(
    "is_of_kind",
    [lambda c: c.name.endswith("currency"), lambda c: c.pattern == "[A-Z]{2}"],
    ids=["currency", "country"],
)
def test_a_code_is_spelled_in_the_same_ways_wherever_it_stands(is_of_kind: Callable[[Column], bool]) -> None:
    columns = [column for source in REGISTRY.sources.values() for column in source.columns if is_of_kind(column)]
    assert len(columns) > 2
    for column in columns:
        assert (column.values, column.synonyms) == (columns[0].values, columns[0].synonyms)


@every_source
def test_a_reference_is_written_in_the_ways_of_the_key_it_refers_to(source: SourceContract) -> None:
    for column in source.columns:
        if column.reference:
            key = REGISTRY.sources[column.reference.dataset].column(column.reference.column)
            assert (column.prefixes, column.repairs) == (key.prefixes, key.repairs), column.name


@pytest.mark.skipif(not ONLINE_RETAIL.exists(), reason="the Online Retail files are not beside the repository")
def test_the_online_retail_contract_fits_its_files() -> None:
    contract = REGISTRY.sources["online_retail.invoice_lines"]
    with tarfile.open(ONLINE_RETAIL) as archive:
        member = next(member for member in archive if member.name.endswith(".csv"))
        content = archive.extractfile(member)
        assert content is not None
        rows = list(csv.DictReader(io.TextIOWrapper(content, encoding="utf-8")))
    assert rows
    assert [contract.header_lookup[cell.lower()] for cell in rows[0]] == list(contract.column_names)
    for row in rows:
        for cell, name in zip(row.values(), contract.column_names, strict=True):
            length = contract.column(name).type.length
            assert length is None or len(cell.encode()) <= length


def test_contracts_are_read_from_a_wheel_too(tmp_path: Path) -> None:
    """Glue may put the wheel on the path unopened."""
    library = Path(str(resources.files("lakehouse")))
    wheel = tmp_path / "lakehouse.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in [*library.rglob("*.py"), *library.rglob("*.yaml")]:
            archive.write(file, Path("lakehouse") / file.relative_to(library))
    program = "import lakehouse.contract as c; print(c.__file__); print(*c.load_registry().gold)"
    told = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told[0].startswith(str(wheel))
    assert told[1].split() == list(REGISTRY.gold)
