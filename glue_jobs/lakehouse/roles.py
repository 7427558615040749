"""Who may do what in the warehouse: three roles, as GRANTs over the schemas that the contracts make.

    loader    loads: reads, inserts and deletes in every schema of tables, the private ones included
    analyst   reads the domains and the ledger of loads: of personal data it sees tokens
    steward   is an analyst who also reads the clear values: the private schemas, and the lake through external schemas

Pure functions, and one that runs what they say. Every statement but CREATE ROLE, which Redshift takes once, may run
again at any time. What is granted holds for tables that are made later too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lakehouse import ddl
from lakehouse.contract import Registry

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

LOADER, ANALYST, STEWARD = "loader", "analyst", "steward"
ROLES = (LOADER, ANALYST, STEWARD)
"""In an order that runs: the steward's grants name the analyst."""
_HEADER = "-- Made from the contracts by `lakehouse contract ddl --write`; `lakehouse warehouse apply` runs it."


def files(registry: Registry) -> Mapping[str, str]:
    """File name below ``sql/roles/`` -> its SQL text, for every file that belongs there."""
    scripts = {f"{role}.sql": [create(role), *grants(registry, role)] for role in ROLES}
    return {name: "\n\n".join((_HEADER, *(f"{sql};" for sql in script))) + "\n" for name, script in scripts.items()}


def create(role: str) -> str:
    return f"CREATE ROLE {role}"


def grants(registry: Registry, role: str) -> list[str]:
    """What a role may do, one statement per string; once run, run again without effect."""
    domains, private = (ddl.OPS, *registry.domains), ddl.private_schemas(registry)
    if role == LOADER:
        # A load deletes by what it has staged, which needs SELECT beside DELETE, and locks the ledger, for which DELETE
        # will do. Temporary tables are anybody's.
        return list(_grants(role, (*domains, *private), "SELECT, INSERT, DELETE"))
    if role == ANALYST:
        # No external schema: silver, gold and quarantine hold clear values, and lake_ops holds headers and names of
        # files as they came, which may be anything.
        return list(_grants(role, domains, "SELECT"))
    external = [ddl.external_schema(name) for schema in domains for name in ddl.external_databases(schema)]
    return [
        f"GRANT ROLE {ANALYST} TO ROLE {role}",
        *(_grants(role, private, "SELECT") if private else ()),
        f"GRANT USAGE ON SCHEMA{_listed(external)}\nTO ROLE {role}",
    ]


def apply(redshift: Redshift, registry: Registry) -> None:
    """Make the roles that are not there and give all of them their grants, each role in one transaction.

    Asks for a superuser. Raises RedshiftError.
    """
    known = {name for (name,) in redshift.query("SELECT role_name FROM svv_roles").rows}
    for role in ROLES:
        redshift.transaction([*([] if role in known else [create(role)]), *grants(registry, role)])


def _grants(role: str, schemas: Sequence[str], privileges: str) -> Iterator[str]:
    """Privileges on every table that is in these schemas, and on those that whoever runs this makes there later."""
    names = _listed(schemas)
    yield f"GRANT USAGE ON SCHEMA{names}\nTO ROLE {role}"
    yield f"GRANT {privileges} ON ALL TABLES IN SCHEMA{names}\nTO ROLE {role}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA{names}\nGRANT {privileges} ON TABLES TO ROLE {role}"


def _listed(names: Sequence[str]) -> str:
    return ",".join(f"\n    {name}" for name in names)
