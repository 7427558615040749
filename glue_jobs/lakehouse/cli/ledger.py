"""What the lake's books say about files and rows, asked through Redshift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.conditions import among, any_of, equals

if TYPE_CHECKING:
    from lakehouse.cli.connection import Connection
    from lakehouse.conditions import Condition
    from lakehouse.redshift import Redshift

# How a violation begins in the array that each refused row keeps; a quote inside a value is escaped there.
VIOLATION = '{"rule":"'


def tables_in(redshift: Redshift, schemas: Iterable[str]) -> frozenset[str]:
    """The tables of these schemas that are there, as `<schema>.<table>`, the lake's and the warehouse's own."""
    wanted = any_of(equals("schema_name", f"schema{index}", schema) for index, schema in enumerate(schemas))
    found = redshift.query(f"SELECT schema_name, table_name FROM svv_all_tables WHERE {wanted.sql}", wanted.parameters)
    return frozenset(f"{schema}.{table}" for schema, table in found.rows)


def has_books(redshift: Redshift, table: str = "files") -> bool:
    """Whether any batch has ever been read since the ledger has this table: the first one makes it."""
    return f"lake_ops.{table}" in tables_in(redshift, ["lake_ops"])


def landed_datasets(redshift: Redshift) -> list[str]:
    """Datasets of which at least one file was accepted, by name."""
    if not has_books(redshift):
        return []
    found = redshift.query("SELECT DISTINCT dataset FROM lake_ops.files WHERE verdict = 'accepted' ORDER BY dataset")
    return [dataset for (dataset,) in found.rows]


def broken_rules(redshift: Redshift, condition: Condition) -> str | None:
    """A subquery (dataset, file_id, quarantine_id, rule) over the rows of `lake_quarantine.rows` that fulfil the
    condition, with a row for each rule that they break; None when there is none. Its parameters are the condition's.

    The violations of a row are taken apart one position at a time: no JSON function of Redshift opens an array into
    rows of an external table.
    """
    count = f"(LENGTH(violations) - LENGTH(REPLACE(violations, '{VIOLATION}', ''))) / {len(VIOLATION)}"
    most = redshift.query(
        f"SELECT MAX({count}) AS most FROM lake_quarantine.rows WHERE {condition.sql}", condition.parameters
    ).rows[0][0]
    if not most:
        return None
    positions = " UNION ALL ".join(f"SELECT {position} AS place" for position in range(1, int(most) + 1))
    return (
        "(SELECT dataset, file_id, quarantine_id, rule FROM (SELECT dataset, file_id, quarantine_id, "
        f"SPLIT_PART(SPLIT_PART(violations, '{VIOLATION}', place + 1), '\"', 1) AS rule "
        f"FROM (SELECT * FROM lake_quarantine.rows WHERE {condition.sql}) refused CROSS JOIN ({positions}) positions) "
        "broken WHERE rule <> '')"
    )


def batch_under_way(connection: Connection) -> int | None:
    """The number of the batch that is between its first and its last station, if there is one."""
    import boto3

    from lakehouse import batches

    last = connection.redshift().query("SELECT MAX(batch_id) FROM lake_ops.batches").rows[0][0]
    if last is None or batches.is_finished(boto3.client("s3"), connection.settings.bucket, last):
        return None
    return int(last)


def verdicts(redshift: Redshift, file_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Verdict, rows parsed and rows by fate of each file that has been judged; fates are null unless accepted."""
    from lakehouse.proof import FATES

    fates = ", ".join(f"a.{fate}" for fate in FATES)
    for wanted in among("f.file_id", file_ids):
        yield from redshift.query(
            f"SELECT f.file_id, f.dataset, f.key, f.batch_id, f.verdict, f.reason, f.detail, f.rows_parsed, {fates} "
            "FROM lake_ops.files f LEFT JOIN lake_ops.row_accounts a ON a.file_id = f.file_id "
            f"WHERE {wanted.sql}",
            wanted.parameters,
        ).dicts()
