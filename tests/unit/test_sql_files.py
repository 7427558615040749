"""The files below `sql/load/` and `sql/checks/`: committed as the contracts make them, and the loader's own SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

from lakehouse import checks, load_scripts, warehouse
from lakehouse.contract import GoldContract, Registry, load_registry
from lakehouse.contract.lineage import ColumnSource
from lakehouse.warehouse import ExportedFile, ExportedTable

SQL = Path(__file__).parents[2] / "sql"
REGISTRY = load_registry()
MADE = {"load": load_scripts.files(REGISTRY), "checks": checks.files(REGISTRY)}
FILES = [(folder, name) for folder, files in MADE.items() for name in files]


@pytest.mark.parametrize("folder", MADE)
def test_the_committed_files_say_what_the_contracts_say(folder: str) -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in (SQL / folder).glob("*.sql")}
    assert committed == dict(MADE[folder]), "run: lakehouse contract ddl --write"


@pytest.mark.parametrize(("folder", "name"), FILES)
def test_files_are_clean_redshift_sql(folder: str, name: str) -> None:
    path = SQL / folder / name
    linted = Linter(config=FluffConfig.from_path(str(path))).lint_string(MADE[folder][name], fname=str(path))
    assert [violation.desc() for violation in linted.get_violations()] == []


@pytest.mark.parametrize("domain", [domain for domain in REGISTRY.domains if REGISTRY.gold_of(domain)])
def test_a_load_script_is_what_the_loader_runs(domain: str) -> None:
    file = ExportedFile("k", 1, 3, {})
    tables = [
        ExportedTable(contract.dataset, **dict.fromkeys(warehouse.PARTS, (file,)), committed_at="2026-01-01")
        for contract in REGISTRY.gold_of(domain)
    ]
    (transaction,) = warehouse.load_transactions(7, tables, REGISTRY)
    run = [*warehouse.stage_statements("lake", "arn", 7, tables, REGISTRY), "BEGIN", *transaction, "COMMIT"]
    values: Mapping[str, str] = {
        "bucket": "lake",
        "iam_role": "arn",
        "row_count": str(3 * len(tables)),
        "committed_at": "2026-01-01",
    }
    text = re.sub(r"^--.*\n", "", MADE["load"][f"{domain}.sql"], flags=re.MULTILINE)
    for name, value in values.items():
        text = text.replace(f":{name}", value)
    # In a path the number has ten digits, elsewhere as many as it needs; with ten it is the same number.
    text = text.replace("/:batch_id/", "/0000000007/").replace(":batch_id", "7")
    assert [statement.strip() for statement in text.split(";") if statement.strip()] == run


def titles(*contracts: GoldContract) -> list[str]:
    registry = Registry(sources={}, gold={contract.dataset: contract for contract in contracts})
    return [check.title for check in checks.of_domain(registry, contracts[0].domain)]


def test_a_fact_is_held_against_the_dimensions_whose_key_it_has() -> None:
    fact, user, day = (REGISTRY.gold[f"storefront.{name}"] for name in ("fact_event", "dim_user", "dim_date"))
    orphans = [title for title in titles(fact, user, day) if title.startswith("Values")]
    assert orphans == [
        "Values of storefront.fact_event.event_date without a row in storefront.dim_date",
        "Values of storefront.fact_event.user_key without a row in storefront.dim_user",
    ]
    mart = replace(fact, table_type="mart")
    assert not [title for title in titles(mart, user, day) if title.startswith("Values")], "marts are no star"
    elsewhere = (ColumnSource("storefront.events", "received_at"),)
    columns = tuple(
        replace(column, sources=elsewhere) if column.name == "event_date" else column for column in fact.columns
    )
    orphans = [title for title in titles(replace(fact, columns=columns), day) if title.startswith("Values")]
    assert orphans == [], "the calendar need not hold days that it is not made from"


def test_every_fact_that_names_a_dimension_is_held_against_it() -> None:
    """A column `<x>_key` of a fact that no check looks at would be a reference nobody guards."""
    for domain in REGISTRY.domains:
        told = " ".join(check.title for check in checks.of_domain(REGISTRY, domain))
        for contract in REGISTRY.gold_of(domain):
            if contract.table_type == "fact":
                references = [name for name in contract.column_names if name.endswith("_key")]
                for name in set(references) - set(contract.key):
                    assert f"Values of {contract.dataset}.{name} " in told
