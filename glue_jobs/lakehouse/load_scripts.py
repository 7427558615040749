"""The SQL of a load as files for people to read and to run by hand: what the loader would run, with placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lakehouse import ddl, warehouse
from lakehouse.contract import Registry
from lakehouse.warehouse import ExportedFile, ExportedTable

_BUCKET, _ROLE, _BATCH, _ROWS, _COMMITTED = ":bucket", ":iam_role", ":batch_id", ":row_count", ":committed_at"


class _Placeholder(int):
    """A number that a person will fill in: written as its name, and a sum with it too."""

    name: str

    @classmethod
    def of(cls, name: str) -> _Placeholder:
        made = cls()
        made.name = name
        return made

    def __format__(self, _: str) -> str:
        return self.name

    def __radd__(self, _: int) -> _Placeholder:
        return self

    __add__ = __radd__


def files(registry: Registry) -> Mapping[str, str]:
    """File name below `sql/load/` -> its text: one file for each domain that has gold tables."""
    domains = [domain for domain in registry.domains if registry.gold_of(domain)]
    return {f"{domain}.sql": "\n\n".join(_script(registry, domain)) + "\n" for domain in domains}


def _script(registry: Registry, domain: str) -> Iterator[str]:
    yield ddl.HEADER
    yield (
        f"-- How a batch is loaded into {domain}: the statements that the load runs, in this order, in one session.\n"
        "-- To run it by hand, put these in the place of their names:\n"
        f"--   {_BUCKET}     bucket of the lake\n"
        f"--   {_ROLE}   ARN of the role that COPY reads it with\n"
        f"--   {_BATCH}   number of the batch with ten digits, as in the folder of its export: 0000000007\n"
        f"--   {_ROWS}  rows that it brings to these tables: export/{_BATCH}/index.json tells them of each file\n"
        f"--   {_COMMITTED}  the latest committed_at of these tables, in the same file\n"
        "-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.\n"
        # To the linter a placeholder is a column.
        "-- noqa: disable=RF02"
    )
    batch, file = _Placeholder.of(_BATCH), ExportedFile("", 0, _Placeholder.of(_ROWS), {})
    tables = [
        ExportedTable(contract.dataset, (file,), (file,), (file,) if contract.private else (), committed_at=_COMMITTED)
        for contract in registry.gold_of(domain)
    ]
    yield from (f"{sql};" for sql in warehouse.stage_statements(_BUCKET, _ROLE, batch, tables, registry))
    yield "BEGIN;"
    for transaction in warehouse.load_transactions(batch, tables, registry):
        yield from (f"{sql};" for sql in transaction)
    yield "COMMIT;"
