"""Proof that no row was lost and none counted twice. Each number is counted from its own table; none by subtraction.

Everything is SQL that Redshift runs: the lake through external schemas, the warehouse beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lakehouse.contract import GoldContract, Registry, SourceContract
from lakehouse.redshift import Redshift

FATES = ("silver", "quarantined", "duplicate", "superseded")
SHOWN_FILES = 10
_COUNTED = ("parsed", *FATES)


class ProofError(Exception):
    """The sums do not close; the message names every file and table."""


@dataclass(frozen=True)
class Check:
    """One sum: what was compared, the figures of both sides, and what does not close (empty when it does)."""

    name: str
    subject: str
    figures: dict[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def prove(redshift: Redshift, registry: Registry, datasets: Iterable[str]) -> list[Check]:
    """Every sum that concerns these source datasets and the gold tables computed from them, lookups included."""
    sources = [registry.sources[name] for name in sorted(set(datasets))]
    checks = [check for source in sources for check in _source_checks(redshift, source)]
    affected = {source.dataset for source in sources}
    for contract in registry.gold.values():
        if affected & set(contract.datasets):
            checks.extend(_gold_checks(redshift, registry, contract))
    return checks


def require(checks: Iterable[Check]) -> None:
    """Raises ProofError unless every sum closes."""
    problems = [f"{check.subject}: {problem}" for check in checks for problem in check.problems]
    if problems:
        raise ProofError("the sums do not close:\n" + "\n".join(problems))


def _source_checks(redshift: Redshift, contract: SourceContract) -> Iterable[Check]:
    silver, subject = f"lake_silver_{contract.domain}.{contract.name}", contract.dataset
    history = f"silver_{contract.domain}.{contract.name}_history"
    tables = {
        "parsed": "ops.files",
        "silver": f"silver_{contract.domain}.{contract.name}",
        "quarantined": "quarantine.rows",
        "duplicate": history,
        "superseded": history,
    }
    rows = redshift.query(_accounts_sql(contract), {"dataset": contract.dataset}).dicts()
    problems = []
    for row in rows:
        found = sum(int(row[fate]) for fate in FATES)
        if int(row["parsed"]) != found:
            figures = ", ".join(f"{fate} {int(row[fate]):,} in {tables[fate]}" for fate in FATES)
            problems.append(
                f"file {row['key']} (file_id {row['file_id']}): {int(row['parsed']):,} rows parsed, {found:,} found "
                f"({figures})"
            )
        off = [
            f"{fate} {row[f'ledger_{fate}']} ({row[fate]} counted in {tables[fate]})"
            for fate in _COUNTED
            if row[f"ledger_{fate}"] != row[fate]
        ]
        if off:
            problems.append(f"file {row['key']} (file_id {row['file_id']}): ops.row_accounts says {', '.join(off)}")
    shown = (
        *problems[:SHOWN_FILES],
        *([f"and {len(problems) - SHOWN_FILES} more"] if len(problems) > SHOWN_FILES else []),
    )
    totals = {"files": len(rows)} | {name: sum(int(row[name]) for row in rows) for name in _COUNTED}
    yield Check("rows of every file", subject, totals, shown)
    doubles = redshift.query(
        f"SELECT COUNT(*) AS doubles FROM (SELECT _key FROM {silver} GROUP BY _key HAVING COUNT(*) > 1) d"
    ).rows[0][0]
    yield Check(
        "one row per key",
        tables["silver"],
        {"keys held twice": doubles},
        (f"{doubles:,} keys have more than one row",) if doubles else (),
    )


def _accounts_sql(contract: SourceContract) -> str:
    """Per file: rows parsed by the ledger of files, and where they are, each counted from its own table."""
    silver = f"lake_silver_{contract.domain}.{contract.name}"
    zero = dict.fromkeys((*_COUNTED, *(f"ledger_{name}" for name in _COUNTED)), "0")

    def counts(table: str, file_column: str, where: str, counted: str) -> str:
        columns = ", ".join(f"{text} AS {name}" for name, text in {**zero, counted: "COUNT(*)"}.items())
        return (
            f"SELECT {file_column} AS file_id, NULL AS key, {columns} FROM {table} WHERE {where} GROUP BY {file_column}"
        )

    parsed = ", ".join(f"{text} AS {name}" for name, text in {**zero, "parsed": "rows_parsed"}.items())
    booked = ", ".join(
        f"{text} AS {name}" for name, text in {**zero, **{f"ledger_{name}": name for name in _COUNTED}}.items()
    )
    parts = (
        f"SELECT file_id, key, {parsed} FROM lake_ops.files WHERE dataset = :dataset AND verdict = 'accepted'",
        counts(silver, "_file_id", "1 = 1", "silver"),
        counts("lake_quarantine.rows", "file_id", "dataset = :dataset AND status <> 'replayed'", "quarantined"),
        counts(f"{silver}_history", "_file_id", "_fate = 'duplicate'", "duplicate"),
        counts(f"{silver}_history", "_file_id", "_fate = 'superseded'", "superseded"),
        f"SELECT file_id, NULL AS key, {booked} FROM lake_ops.row_accounts WHERE dataset = :dataset",
    )
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in zero)
    return (
        f"SELECT file_id, COALESCE(MAX(key), 'unknown to ops.files') AS key, {sums} FROM ("
        + " UNION ALL ".join(parts)
        + ") counted GROUP BY file_id ORDER BY file_id"
    )


def _gold_checks(redshift: Redshift, registry: Registry, contract: GoldContract) -> Iterable[Check]:
    measures = "".join(f", {sql} AS {name}" for name, sql in _measures(contract))
    lake = redshift.query(
        f"SELECT COUNT(*) AS row_count{measures} FROM lake_gold_{contract.domain}.{contract.name}"
    ).dicts()[0]
    warehouse = redshift.query(f"SELECT COUNT(*) AS row_count{measures} FROM {contract.dataset}").dicts()[0]
    differences = tuple(
        f"{name} is {lake[name]} in the lake and {warehouse[name]} in the warehouse"
        for name in lake
        if lake[name] != warehouse[name]
    )
    yield Check("lake against warehouse", contract.dataset, {"rows": lake["row_count"]}, differences)
    if contract.table_type == "fact" and len(contract.sources) == 1:
        source = registry.sources[contract.sources[0].dataset]
        silver = redshift.query(f"SELECT COUNT(*) AS n FROM lake_silver_{source.domain}.{source.name}").rows[0][0]
        gap = (f"{lake['row_count']:,} rows from {silver:,} silver rows",) if silver != lake["row_count"] else ()
        yield Check("silver against gold", contract.dataset, {"silver": silver, "gold": lake["row_count"]}, gap)


def _measures(contract: GoldContract) -> Iterable[tuple[str, str]]:
    """(name, SQL) of what a table's columns come to: sums of numbers and of text lengths, how many dates and flags.

    A double has no exact sum, so only its values are counted.
    """
    for column in contract.columns:
        if column.type.is_numeric and column.type.kind != "double":
            yield column.name, f"SUM(CAST({column.name} AS DECIMAL(38, 3)))"
        elif column.type.kind == "varchar":
            yield f"{column.name}_length", f"SUM(LENGTH({column.name}))"
        elif column.type.is_temporal:
            yield f"{column.name}_least", f"MIN({column.name})"
            yield f"{column.name}_greatest", f"MAX({column.name})"
            yield f"{column.name}_count", f"COUNT({column.name})"
        else:
            yield f"{column.name}_count", f"COUNT({column.name})"
