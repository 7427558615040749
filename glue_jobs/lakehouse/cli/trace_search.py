"""Looks a key up in every layer: bronze through Iceberg, all else through Redshift."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any

from lakehouse import bronze, conditions, landing, tables
from lakehouse.cli.connection import Connection
from lakehouse.cli.lake_reader import LakeReader
from lakehouse.cli.ledger import tables_in
from lakehouse.cli.trace_values import KeyPart, changes, names, on_columns, on_raw
from lakehouse.conditions import Condition, all_of
from lakehouse.contract import GoldContract, Registry, SourceContract
from lakehouse.redshift import Redshift

_GOLD_ROWS = 3
# Refused rows whose raw text has the key somewhere; which of them name it is decided here.
_CANDIDATES = 5_000
Place = tuple[str, int]
"""File id and row number."""


def search(
    connection: Connection, registry: Registry, contract: SourceContract, parts: Sequence[KeyPart], limit: int
) -> dict[str, Any]:
    """All that is known of a key, as --json shows it; at most `limit` versions, and as many refused rows."""
    redshift = connection.redshift()
    gold = [table for table in registry.gold.values() if contract.dataset in table.datasets]
    schemas = {f"lake_silver_{contract.domain}", *(name for table in gold for name in _schemas(table))}
    present = tables_in(redshift, schemas)
    versions, counts = _versions(redshift, contract, on_columns(parts), present, limit)
    refused, is_all = refused_rows(redshift, contract, parts)
    places = {(row["_file_id"], row["_row"]) for row in versions}
    places |= {(row["file_id"], row["row_number"]) for row in refused[:limit]}
    files = _files(redshift, {file_id for file_id, _ in places})
    cells = _bronze(contract, places, {file["batch_id"] for file in files.values()})
    return {
        "dataset": contract.dataset,
        "key": {part.column.name: part.value for part in parts},
        "versions": [_version(connection, contract, row, files, cells) for row in versions],
        "refused": [_shown_refused(row, files) for row in refused[:limit]],
        "gold": [_gold(redshift, table, parts, present) for table in gold if _has_key(table, parts)],
        "also_in": sorted(table.dataset for table in gold if counts["silver"] and not _has_key(table, parts)),
        "counts": {"bronze": len(cells), **counts, "quarantine": len(refused)},
        "is_complete": is_all and len(refused) <= limit and len(versions) == sum(counts.values()),
    }


def _schemas(table: GoldContract) -> tuple[str, str]:
    """Where the table is in the lake and in the warehouse, as Redshift's schemas."""
    return f"lake_gold_{table.domain}", table.domain


def _versions(
    redshift: Redshift, contract: SourceContract, key: Condition, present: frozenset[str], limit: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Valid rows of the key with `_fate`, current ones first, and how many silver and history have."""
    found, counts = [], {}
    for layer, suffix, fate in (("silver", "", ", 'current' AS _fate"), ("history", "_history", "")):
        table, rows = f"lake_silver_{contract.dataset}{suffix}", []
        if table in present:
            rows = redshift.query(
                f"SELECT *{fate}, COUNT(*) OVER () AS _total FROM {table} WHERE {key.sql} "
                f"ORDER BY {', '.join(contract.key)}, _file_id, _row LIMIT {limit:d}",
                key.parameters,
            ).dicts()
        counts[layer] = int(rows[0]["_total"]) if rows else 0
        found += rows
    return found[:limit], counts


def refused_rows(
    redshift: Redshift, contract: SourceContract, parts: Sequence[KeyPart]
) -> tuple[list[dict[str, Any]], bool]:
    """Refused rows that name the key, the newest first; and whether every row that might was looked at."""
    wanted = all_of([conditions.equals("dataset", "dataset", contract.dataset), on_raw(parts)])
    rows = redshift.query(
        "SELECT quarantine_id, file_id, row_number, batch_id, status, quarantined_at, violations, raw, "
        "resolution "
        f"FROM lake_quarantine.rows WHERE {wanted.sql} "
        f"ORDER BY quarantined_at DESC, quarantine_id LIMIT {_CANDIDATES}",
        wanted.parameters,
    ).dicts()
    judged = [{**row, "violations": json.loads(row["violations"])} for row in rows]
    # A row that could not be read breaks one rule, which is about no field.
    named = [row for row in judged if names(row["raw"] or "", "field" in row["violations"][0], parts)]
    return named, len(rows) < _CANDIDATES


def _files(redshift: Redshift, file_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the ledger says of these files, and when their batches were loaded."""
    return {
        row["file_id"]: row
        for wanted in conditions.among("f.file_id", sorted(file_ids))
        for row in redshift.query(
            "SELECT f.file_id, f.dataset, f.key, f.etag, f.bytes, f.arrived_at, f.batch_id, l.loaded_at "
            "FROM lake_ops.files f LEFT JOIN ops.loads l ON l.batch_id = f.batch_id "
            f"AND l.domain = SPLIT_PART(f.dataset, '.', 1) WHERE {wanted.sql}",
            wanted.parameters,
        ).dicts()
    }


def _bronze(contract: SourceContract, places: Set[Place], batch_ids: Set[int]) -> dict[Place, dict[str, Any]]:
    """The bronze rows at these places, which these batches brought."""
    among = {
        "_batch_id": batch_ids,
        "_file_id": {file_id for file_id, _ in places},
        "_row": {row for _, row in places},
    }
    rows = LakeReader().matching(tables.bronze_table(contract), among)
    return {place: row for row in rows if (place := (row["_file_id"], row["_row"])) in places}


def _version(
    connection: Connection,
    contract: SourceContract,
    row: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    cells: Mapping[Place, Mapping[str, Any]],
) -> dict[str, Any]:
    file, came = files.get(row["_file_id"]), cells.get((row["_file_id"], row["_row"]), {})
    archive = None
    if file:
        fields = {name: file[name] for name in ("file_id", "dataset", "key", "etag", "bytes", "arrived_at")}
        key = landing.archive_key(landing.LandedFile(**fields), "accepted", None)
        archive = f"s3://{connection.settings.bucket}/{key}"
    return {
        "fate": row["_fate"],
        "file_id": row["_file_id"],
        "file": file["key"] if file else None,
        "row": row["_row"],
        "batch_id": row["_batch_id"],
        "loaded_at": file["loaded_at"] if file else None,
        "archive": archive,
        "came": {name: came[name] for name in contract.text_columns if came.get(name) is not None},
        "values": {name: row[name] for name in contract.column_names if name in row},
        "changes": [asdict(change) for change in changes(contract, came, row)],
        "rescued": came.get(bronze.RESCUED),
    }


def _shown_refused(row: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    file = files.get(row["file_id"])
    renamed = {"file": file["key"] if file else None, "row": row["row_number"]}
    return {**{name: value for name, value in row.items() if name != "row_number"}, **renamed}


def _has_key(table: GoldContract, parts: Sequence[KeyPart]) -> bool:
    return {part.column.name for part in parts} <= set(table.column_names)


def _gold(
    redshift: Redshift, contract: GoldContract, parts: Sequence[KeyPart], present: frozenset[str]
) -> dict[str, Any]:
    """How many rows of the key a table has in the lake and in the warehouse, and the first ones of the warehouse."""
    key = on_columns(parts)
    counts: list[int] = []
    rows: list[dict[str, Any]] = []
    for schema in _schemas(contract):
        rows = []
        if (table := f"{schema}.{contract.name}") in present:
            rows = redshift.query(
                f"SELECT *, COUNT(*) OVER () AS _total FROM {table} WHERE {key.sql} "
                f"ORDER BY {', '.join(contract.key)} LIMIT {_GOLD_ROWS}",
                key.parameters,
            ).dicts()
        counts.append(int(rows[0]["_total"]) if rows else 0)
    shown = [{name: value for name, value in row.items() if name != "_total"} for row in rows]
    return {"table": contract.dataset, "lake": counts[0], "warehouse": counts[1], "rows": shown}
