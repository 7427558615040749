"""Proof that no row was lost and none counted twice. Each number is counted from its own table; none by subtraction.

Everything is SQL that Redshift runs: the lake through external schemas, the warehouse beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakehouse.contract import TOKEN, Column, GoldContract, Registry, SourceContract
from lakehouse.redshift import Redshift

FATES = ("silver", "quarantined", "duplicate", "superseded")
SHOWN_FILES = 10
FILES_PER_QUERY = 100
QUARANTINED = "status <> 'replayed'"
"""Rows of quarantine.rows that count as such: a row that was replayed is where its replay has put it."""
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


def prove_files(redshift: Redshift, contract: SourceContract, keys: Mapping[str, str]) -> dict[str, Check]:
    """The sum of each of these files of one dataset (file_id → key), whatever its verdict: of a file that was refused
    no row may be anywhere."""
    accounts: dict[str, dict[str, Any]] = {}
    ids = list(keys)
    for start in range(0, len(ids), FILES_PER_QUERY):
        parameters = {f"file{index}": file_id for index, file_id in enumerate(ids[start : start + FILES_PER_QUERY])}
        sql = _accounts_sql(contract, list(parameters))
        for row in redshift.query(sql, {"dataset": contract.dataset, **parameters}).dicts():
            accounts[row["file_id"]] = row
    nothing = dict.fromkeys((*_COUNTED, *(f"ledger_{name}" for name in _COUNTED)), 0)
    checks = {}
    for file_id, key in keys.items():
        row = {**nothing, **accounts.get(file_id, {}), "file_id": file_id, "key": key}
        figures = {name: int(row[name]) for name in _COUNTED}
        checks[file_id] = Check("rows of the file", key, figures, tuple(_file_problems(row, _places(contract))))
    return checks


def require(checks: Iterable[Check]) -> None:
    """Raises ProofError unless every sum closes."""
    problems = [f"{check.subject}: {problem}" for check in checks for problem in check.problems]
    if problems:
        raise ProofError("the sums do not close:\n" + "\n".join(problems))


def _source_checks(redshift: Redshift, contract: SourceContract) -> Iterable[Check]:
    silver, subject = f"lake_silver_{contract.domain}.{contract.name}", contract.dataset
    tables = _places(contract)
    rows = redshift.query(_accounts_sql(contract), {"dataset": contract.dataset}).dicts()
    problems = [problem for row in rows for problem in _file_problems(row, tables)]
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


def _places(contract: SourceContract) -> Mapping[str, str]:
    """Which table each number is counted from."""
    silver = f"silver_{contract.domain}.{contract.name}"
    history = f"{silver}_history"
    counted = ("ops.files", silver, "quarantine.rows", history, history)
    return dict(zip(_COUNTED, counted, strict=True))


def _file_problems(row: Mapping[str, Any], tables: Mapping[str, str]) -> Iterable[str]:
    """What does not close of one file's accounts."""
    file, found = f"file {row['key']} (file_id {row['file_id']})", sum(int(row[fate]) for fate in FATES)
    if int(row["parsed"]) != found:
        figures = ", ".join(f"{fate} {int(row[fate]):,} in {tables[fate]}" for fate in FATES)
        yield f"{file}: {int(row['parsed']):,} rows parsed, {found:,} found ({figures})"
    off = [
        f"{name} {row[f'ledger_{name}']} ({row[name]} counted in {tables[name]})"
        for name in _COUNTED
        if row[f"ledger_{name}"] != row[name]
    ]
    if off:
        yield f"{file}: ops.row_accounts says {', '.join(off)}"


def _accounts_sql(contract: SourceContract, file_parameters: Sequence[str] = ()) -> str:
    """Per file: rows parsed by the ledger of files, and where they are, each counted from its own table; only of the
    files that the parameters name, where there are any."""
    silver = f"lake_silver_{contract.domain}.{contract.name}"
    zero = dict.fromkeys((*_COUNTED, *(f"ledger_{name}" for name in _COUNTED)), "0")

    def of_files(file_column: str) -> str:
        named = " OR ".join(f"{file_column} = :{name}" for name in file_parameters)
        return f" AND ({named})" if named else ""

    def counts(table: str, file_column: str, where: str, counted: str) -> str:
        columns = ", ".join(f"{text} AS {name}" for name, text in {**zero, counted: "COUNT(*)"}.items())
        return (
            f"SELECT {file_column} AS file_id, NULL AS key, {columns} FROM {table} "
            f"WHERE {where}{of_files(file_column)} GROUP BY {file_column}"
        )

    parsed = ", ".join(f"{text} AS {name}" for name, text in {**zero, "parsed": "rows_parsed"}.items())
    booked = ", ".join(
        f"{text} AS {name}" for name, text in {**zero, **{f"ledger_{name}": name for name in _COUNTED}}.items()
    )
    parts = (
        f"SELECT file_id, key, {parsed} FROM lake_ops.files "
        f"WHERE dataset = :dataset AND verdict = 'accepted'{of_files('file_id')}",
        counts(silver, "_file_id", "1 = 1", "silver"),
        counts("lake_quarantine.rows", "file_id", f"dataset = :dataset AND {QUARANTINED}", "quarantined"),
        counts(f"{silver}_history", "_file_id", "_fate = 'duplicate'", "duplicate"),
        counts(f"{silver}_history", "_file_id", "_fate = 'superseded'", "superseded"),
        f"SELECT file_id, NULL AS key, {booked} FROM lake_ops.row_accounts "
        f"WHERE dataset = :dataset{of_files('file_id')}",
    )
    sums = ", ".join(f"CAST(SUM({name}) AS BIGINT) AS {name}" for name in zero)
    return (
        f"SELECT file_id, COALESCE(MAX(key), 'unknown to ops.files') AS key, {sums} FROM ("
        + " UNION ALL ".join(parts)
        + ") counted GROUP BY file_id ORDER BY file_id"
    )


def _gold_checks(redshift: Redshift, registry: Registry, contract: GoldContract) -> Iterable[Check]:
    in_lake = f"lake_gold_{contract.domain}.{contract.name}"
    plain = [column for column in contract.columns if not column.is_personal]
    lake = _counted(redshift, in_lake, [*_measures(plain), *_token_measures(contract, is_lake=True)])
    served = [*_measures(plain), *_token_measures(contract, is_lake=False)]
    yield _compared(contract.dataset, lake, _counted(redshift, contract.dataset, served))
    if contract.private:
        has_any = " OR ".join(f"{name} IS NOT NULL" for name in contract.personal)
        measures = list(_measures(contract.private))
        clear = _counted(redshift, f"{in_lake} WHERE {has_any}", measures)
        yield _compared(contract.private_dataset, clear, _counted(redshift, contract.private_dataset, measures))
    if contract.table_type == "fact" and len(contract.sources) == 1:
        source = registry.sources[contract.sources[0].dataset]
        silver = redshift.query(f"SELECT COUNT(*) AS n FROM lake_silver_{source.domain}.{source.name}").rows[0][0]
        facts, what = lake["row_count"], "rows"
        if contract.sessions:
            counted = f"SELECT COALESCE(SUM({contract.sessions.count}), 0) FROM {in_lake}"
            facts, what = int(redshift.query(counted).rows[0][0]), f"counted by {contract.sessions.count}"
        gap = (f"{facts:,} {what} from {silver:,} silver rows",) if silver != facts else ()
        yield Check("silver against gold", contract.dataset, {"silver": silver, "gold": facts}, gap)


def _counted(redshift: Redshift, rows: str, measures: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """How many rows there are, and what their columns come to."""
    columns = "".join(f", {sql} AS {name}" for name, sql in measures)
    return redshift.query(f"SELECT COUNT(*) AS row_count{columns} FROM {rows}").dicts()[0]


def _compared(table: str, lake: Mapping[str, Any], warehouse: Mapping[str, Any]) -> Check:
    differences = tuple(
        f"{name} is {lake[name]} in the lake and {warehouse[name]} in the warehouse"
        for name in lake
        if lake[name] != warehouse[name]
    )
    return Check("lake against warehouse", table, {"rows": lake["row_count"]}, differences)


def _token_measures(contract: GoldContract, *, is_lake: bool) -> Iterable[tuple[str, str]]:
    """(name, SQL) of personal columns: as many tokens as values, of full length, and as many different ones.

    A clear value in the warehouse is of another length; a second key would make more tokens of as many values.
    """
    for name in contract.personal:
        yield f"{name}_length", f"{TOKEN.length} * COUNT({name})" if is_lake else f"COALESCE(SUM(LENGTH({name})), 0)"
        yield f"{name}_different", f"COUNT(DISTINCT {name})"


def _measures(columns: Iterable[Column]) -> Iterable[tuple[str, str]]:
    """(name, SQL) of what a table's columns come to: sums of numbers and of text lengths, how many dates and flags.

    A double has no exact sum, so only its values are counted.
    """
    for column in columns:
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
