"""What a contract says, as frozen dataclasses: no Spark, no AWS, no YAML.

A *source contract* describes files that somebody else writes and the silver table made from them; a *gold contract*
describes a table that the warehouse serves. Both speak of the same columns and types, so that the lake's tables, the
Redshift DDL, the COPY files and the data dictionary all come from one declaration.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

from lakehouse.contract.column import Column
from lakehouse.contract.row_rules import ColumnReference, RowRule
from lakehouse.contract.types import ColumnType

Drift = Literal["rescue", "evolve", "freeze"]
TableType = Literal["fact", "dimension", "mart"]
DistStyle = Literal["auto", "all", "even", "key"]
IngestedBy = Literal["events", "schedule"]
PRIVATE = "private_"
"""What the schema of a domain's personal data begins with; the domain's name follows."""
TOKEN = ColumnType("varchar", length=64)
"""What the domain's table in the warehouse holds of a personal value: an HMAC-SHA256 in hexadecimal digits."""


@dataclass(frozen=True)
class _Table:
    """What sources and gold tables have in common."""

    domain: str
    name: str
    version: str
    description: str
    grain: str | None
    """What one row stands for, in words."""
    columns: tuple[Column, ...]

    @property
    def dataset(self) -> str:
        """The full name, ``<domain>.<name>``."""
        return f"{self.domain}.{self.name}"

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the primary key's columns, in key order: the table's grain."""
        positions = {column.key_position: column.name for column in self.columns if column.key_position is not None}
        return tuple(positions[position] for position in sorted(positions))

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def _columns_by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        return self._columns_by_name[name]


@dataclass(frozen=True)
class DerivedColumn:
    """A column of silver that no file brings: computed from the columns of the row."""

    column: Column
    expression: str
    """As the contract says it."""
    spark: str
    """The same in Spark SQL over silver's columns: exact, and no row makes it fail. Null where a value is missing."""


@dataclass(frozen=True)
class UnitColumn:
    """A bronze column for what came under an alias in another unit: one of it is worth `worth` of the column's own."""

    name: str
    column: str
    worth: Decimal


@dataclass(frozen=True)
class SourceContract(_Table):
    """A dataset that arrives as files, and its silver table.

    Key columns of a source may be null (a key that is the whole row has such columns): compare keys with ``<=>``.
    """

    order_by: str | None
    """Column whose greatest value wins among the versions of a key; None when versions have no order."""
    partition_by: tuple[str, ...]
    """Iceberg transforms such as ``months(occurred_at)``."""
    drift: Drift
    """What an unknown column does: kept aside (rescue), added (evolve), or refused with its file (freeze)."""
    encoding: str | None
    """Encoding of files that are not UTF-8 and have no byte order mark; None: they are refused.

    An extension of ASCII, by Python's own name for the codec: cp1252, iso8859-1.
    """
    ingested_by: IngestedBy
    """Whether a file is taken in as soon as it arrives, or when the dataset's time of day has come."""
    rules: tuple[RowRule, ...]
    """What has to hold between the columns of a row."""
    derived: tuple[DerivedColumn, ...]
    """What silver holds besides the columns that arrive."""
    path: Path

    @cached_property
    def bindings(self) -> tuple[tuple[Column, ColumnReference], ...]:
        """Columns whose value has to be that of a row of another dataset: without it the row is refused, or waits."""
        return tuple((column, reference) for column, reference in self.references if reference.is_binding)

    @cached_property
    def references(self) -> tuple[tuple[Column, ColumnReference], ...]:
        """Columns that refer to another dataset, with what they refer to."""
        return tuple((column, column.reference) for column in self.columns if column.reference is not None)

    @cached_property
    def can_warn(self) -> bool:
        """Whether any rule keeps the row that breaks it."""
        return (
            any(rule.severity == "warn" for rule in self.rules)
            or any(column.warnings or column.is_unique or column.substitute for column in self.columns)
            or len(self.bindings) < len(self.references)
        )

    @cached_property
    def unit_columns(self) -> tuple[UnitColumn, ...]:
        """One for every alias in another unit: bronze keeps the text as it came, so it has to keep the unit too."""
        return tuple(
            UnitColumn(f"{column.name}__{re.sub('[^a-z0-9]+', '_', alias).strip('_')}", column.name, worth)
            for column in self.columns
            for alias, worth in column.alias_units.items()
        )

    @cached_property
    def text_columns(self) -> tuple[str, ...]:
        """What bronze holds of a row, as text: the columns, then those of other units."""
        return (*self.column_names, *(unit.name for unit in self.unit_columns))

    def spelling(self, name: str) -> str:
        """How a file spells a column of `text_columns`; other names are as they are."""
        return self._unit_spellings.get(name, name)

    @cached_property
    def _unit_spellings(self) -> Mapping[str, str]:
        aliases = (alias for column in self.columns for alias in column.alias_units)
        return {unit.name: alias for unit, alias in zip(self.unit_columns, aliases, strict=True)}

    @cached_property
    def header_lookup(self) -> Mapping[str, str]:
        """Lower-cased header spelling -> column of `text_columns`, for every name and alias."""
        in_units = {alias: name for name, alias in self._unit_spellings.items()}
        return {
            spelling.lower(): in_units.get(spelling.lower(), column.name)
            for column in self.columns
            for spelling in (column.name, *column.aliases)
        }


@dataclass(frozen=True)
class GoldSource:
    """A source that a gold table is computed from."""

    dataset: str
    keys: Mapping[str, str] = field(hash=False)
    """Recompute column of the gold table -> SQL expression over the silver table: which gold keys a row touches."""
    has_versions: bool = False
    """Whether the table is computed from every version of a row, not from the current one alone."""


@dataclass(frozen=True)
class GoldLookup:
    """A source that only lends attributes: rows of another source that match a changed row are recomputed."""

    dataset: str
    on: Mapping[str, str] = field(hash=False)
    """Column of that source -> column of the lookup."""
    source: str
    """The source whose rows look it up."""
    has_versions: bool = False
    """Whether a row looks up the version of its time."""
    as_of: AsOf | None = None
    """For a lookup that has one row a day: which day's row a row looks up, besides matching `on`."""


@dataclass(frozen=True)
class AsOf:
    """A row looks up the latest `day` that is not after the day of its own `instant`, nor `days` before it or more."""

    instant: str
    """Timestamp of the source whose rows look up."""
    day: str
    """Date of the lookup."""
    days: int
    """For how many days a row of the lookup holds when no later one comes, its own day counted."""


@dataclass(frozen=True)
class Sessions:
    """Rows of a source that follow each other: a session ends with `silence_minutes` in which nothing follows.

    A row may join, lengthen or split sessions of other days, so a touched day touches the days that its sessions reach.
    """

    dataset: str
    instant: str
    """Timestamp of the source's rows."""
    day: str
    """Recompute column of the gold table that holds the day of `instant`; the other ones say whose session it is."""
    silence_minutes: int
    count: str
    """Column of the gold table that says how many rows a session has: together as many as the source has."""


@dataclass(frozen=True)
class GoldContract(_Table):
    """A table that analysts query, in the lake and in Redshift."""

    table_type: TableType
    sources: tuple[GoldSource, ...]
    lookups: tuple[GoldLookup, ...]
    recompute_by: tuple[str, ...]
    """Columns that a change touches: all rows sharing their values are computed again."""
    unknown_member: Mapping[str, object] | None = field(hash=False)
    """The row that facts without their dimension row point at; None when the table has no such row."""
    partition_by: tuple[str, ...]
    dist_style: DistStyle
    dist_key: str | None
    sort_keys: tuple[str, ...]
    path: Path
    sessions: Sessions | None = None
    """Given for a table of sessions."""
    thresholds: Mapping[str, tuple[Decimal, ...]] = field(default_factory=dict, hash=False)
    """Numbers by which the table's function tells classes apart, in rising order."""

    @cached_property
    def served(self) -> tuple[Column, ...]:
        """The columns of the table in its domain's schema of the warehouse: tokens where the lake's are personal."""
        return tuple(replace(column, type=TOKEN) if column.is_personal else column for column in self.columns)

    @cached_property
    def private(self) -> tuple[Column, ...]:
        """The columns of the table's private part: the personal ones in clear, and those by which its rows are known
        and computed again. None when nothing in the table is personal."""
        if not self.personal:
            return ()
        known_by = {*self.key, *self.recompute_by}
        return tuple(column for column in self.columns if column.is_personal or column.name in known_by)

    @cached_property
    def personal(self) -> tuple[str, ...]:
        """Names of the personal columns."""
        return tuple(column.name for column in self.columns if column.is_personal)

    @property
    def private_dataset(self) -> str:
        """The full name of the private part, `private_<domain>.<name>`; a table only when `private` has columns."""
        return f"{PRIVATE}{self.dataset}"

    @cached_property
    def versioned(self) -> frozenset[str]:
        """Datasets of which the table needs every version."""
        entries: tuple[GoldSource | GoldLookup, ...] = (*self.sources, *self.lookups)
        return frozenset(entry.dataset for entry in entries if entry.has_versions)

    def source(self, dataset: str) -> GoldSource:
        """The source of that name; KeyError when there is none."""
        return {source.dataset: source for source in self.sources}[dataset]

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Every dataset that the table is computed from, lookups included."""
        return (*(source.dataset for source in self.sources), *(lookup.dataset for lookup in self.lookups))

    def columns_of(self, dataset: str) -> frozenset[str] | None:
        """The columns of a dataset that the table is computed from: those that its columns name, and those by which
        rows are matched or follow each other. None, which may be all, when the contract says nothing of its columns."""
        if not any(column.sources for column in self.columns):
            return None
        found = {source.column for column in self.columns for source in column.sources if source.dataset == dataset}
        for lookup in self.lookups:
            if lookup.source == dataset:
                found |= {*lookup.on, *([lookup.as_of.instant] if lookup.as_of else [])}
            if lookup.dataset == dataset:
                found |= {*lookup.on.values(), *([lookup.as_of.day] if lookup.as_of else [])}
        if self.sessions and self.sessions.dataset == dataset:
            found.add(self.sessions.instant)
        return frozenset(found)


@dataclass(frozen=True)
class View:
    """A view in the schema of a domain. `select` has no semicolon."""

    domain: str
    name: str
    description: str
    select: str

    @property
    def dataset(self) -> str:
        """The full name, `<domain>.<name>`."""
        return f"{self.domain}.{self.name}"

    @property
    def fingerprint(self) -> str:
        """Of the SELECT: Redshift does not give a view's text back as it was written."""
        return hashlib.sha256(self.select.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Registry:
    """Every contract, by its full name ``<domain>.<name>``."""

    sources: Mapping[str, SourceContract]
    gold: Mapping[str, GoldContract]
    views: Mapping[str, View] = field(default_factory=dict)

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains that have a contract, sorted."""
        contracts: Iterable[_Table] = (*self.sources.values(), *self.gold.values())
        return tuple(sorted({contract.domain for contract in contracts}))

    @cached_property
    def scheduled(self) -> frozenset[str]:
        """Datasets whose files wait for their time of day."""
        return frozenset(name for name, contract in self.sources.items() if contract.ingested_by == "schedule")

    def in_order(self, datasets: Iterable[str]) -> list[list[SourceContract]]:
        """These sources and all whose rows are bound to theirs, parents before children: the sources of one list are
        independent of one another. Names without a contract are left out."""
        parents = {
            name: {reference.dataset for _, reference in contract.bindings} for name, contract in self.sources.items()
        }
        wanted = set(datasets) & self.sources.keys()
        while more := {name for name, needed in parents.items() if needed & wanted} - wanted:
            wanted |= more
        levels: list[list[SourceContract]] = []
        while wanted:  # the reader refuses contracts that wait for one another
            ready = sorted(name for name in wanted if not parents[name] & wanted)
            levels.append([self.sources[name] for name in ready])
            wanted -= set(ready)
        return levels

    def affected(self, datasets: Iterable[str]) -> tuple[SourceContract, ...]:
        """These sources and all whose rows are bound to theirs, parents first."""
        return tuple(contract for level in self.in_order(datasets) for contract in level)

    def sources_of(self, domain: str) -> tuple[SourceContract, ...]:
        """The domain's sources, by name."""
        return tuple(contract for _, contract in sorted(self.sources.items()) if contract.domain == domain)

    def views_of(self, domain: str) -> tuple[View, ...]:
        """The domain's views, by name."""
        return tuple(view for _, view in sorted(self.views.items()) if view.domain == domain)

    def gold_of(self, domain: str) -> tuple[GoldContract, ...]:
        """The domain's gold tables, by name."""
        return tuple(contract for _, contract in sorted(self.gold.items()) if contract.domain == domain)
