"""The grants that contracts become."""

from __future__ import annotations

from pathlib import Path

from lakehouse import ddl, roles
from lakehouse.contract import Registry, load_registry

COMMITTED = Path(__file__).parents[2] / "sql/roles"
REGISTRY = load_registry()


def test_the_committed_files_say_what_the_contracts_say() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in COMMITTED.glob("*.sql")}
    assert committed == dict(roles.files(REGISTRY)), "run: lakehouse contract ddl --write"


def test_an_analyst_is_granted_the_domains_and_the_ledger_and_nothing_else() -> None:
    said = " ".join(roles.grants(REGISTRY, roles.ANALYST))
    assert all(f"\n    {schema}" in said for schema in (ddl.OPS, *REGISTRY.domains))
    assert "private_" not in said
    assert "lake_" not in said
    assert "ROLE steward" not in said


def test_every_private_schema_is_the_stewards_to_read_and_the_loaders_to_fill() -> None:
    for schema in ddl.private_schemas(REGISTRY):
        assert schema in " ".join(roles.grants(REGISTRY, roles.STEWARD))
        assert schema in " ".join(roles.grants(REGISTRY, roles.LOADER))
    assert "lake_" not in " ".join(roles.grants(REGISTRY, roles.LOADER))


def test_contracts_without_personal_data_grant_no_private_schema() -> None:
    plain = {name: table for name, table in REGISTRY.gold.items() if not table.personal}
    grants = [sql for role in roles.ROLES for sql in roles.grants(Registry(sources={}, gold=plain), role)]
    assert not [sql for sql in grants if "private_" in sql]
