"""What the lake's books say about files and rows, asked through Redshift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakehouse.cli.connection import Connection
    from lakehouse.redshift import Redshift

_IDS_PER_QUERY = 100


def has_books(redshift: Redshift, table: str = "files") -> bool:
    """Whether any batch has ever been read since the ledger has this table: the first one makes it."""
    found = redshift.query(
        "SELECT COUNT(*) FROM svv_external_tables WHERE schemaname = 'lake_ops' AND tablename = :table",
        {"table": table},
    )
    return bool(found.rows[0][0])


def landed_datasets(redshift: Redshift) -> list[str]:
    """Datasets of which at least one file was accepted, by name."""
    if not has_books(redshift):
        return []
    found = redshift.query("SELECT DISTINCT dataset FROM lake_ops.files WHERE verdict = 'accepted' ORDER BY dataset")
    return [dataset for (dataset,) in found.rows]


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
    for start in range(0, len(file_ids), _IDS_PER_QUERY):
        parameters = {f"id{index}": value for index, value in enumerate(file_ids[start : start + _IDS_PER_QUERY])}
        wanted = ", ".join(f":{name}" for name in parameters)
        yield from redshift.query(
            f"SELECT f.file_id, f.dataset, f.key, f.batch_id, f.verdict, f.reason, f.detail, f.rows_parsed, {fates} "
            "FROM lake_ops.files f LEFT JOIN lake_ops.row_accounts a ON a.file_id = f.file_id "
            f"WHERE f.file_id IN ({wanted})",
            parameters,
        ).dicts()
