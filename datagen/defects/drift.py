"""Drift: which columns a file has, what they are called and how they spell their values.

What a contract declares is all that a sender may do: aliases, dotted aliases for nested objects, units of aliases,
formats of dates, and columns that it does not know where it says what becomes of those.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from datagen.defects.model import AnyDefect, Shape, ShapeDefect
from lakehouse.contract import Column, SourceContract

Texts = Callable[[pa.Array], pa.Array]
"""Typed values, plain or a dictionary → text."""


def takes_unknown_columns(shape: Shape, contract: SourceContract) -> bool:
    """Whether a file may have columns that the contract does not know."""
    return contract.drift != "freeze"


def stranger(contract: SourceContract, names: Sequence[str]) -> str:
    """The first of the names that the contract does not know. ValueError when it knows them all."""
    found = next((name for name in names if name.lower() not in contract.header_lookup), None)
    if found is None:
        raise ValueError(f"{contract.dataset} knows all of {', '.join(names)}")
    return found


def _titled(shape: Shape, header: Mapping[str, str], types: Mapping[str, str] | None = None) -> Shape:
    return replace(shape, layout=replace(shape.layout, header=header, types={**shape.layout.types, **(types or {})}))


# --- what columns are called


def _plain_aliases(column: Column) -> Sequence[str]:
    """Names that mean the same: not those in other units, and without dots, which stand for objects in JSON."""
    return [alias for alias in column.aliases if "." not in alias and alias.lower() not in column.alias_units]


def _renamed(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    may = [column for column in contract.columns if _plain_aliases(column)]
    chosen = chance.sample(may, chance.randint(1, len(may)))
    titles = {column.name: chance.choice(_plain_aliases(column)) for column in chosen}
    return _titled(shape, {**shape.layout.header, **titles})


def _cased(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    return _titled(shape, {name: title.upper() for name, title in shape.layout.header.items()})


def _dotted_aliases(column: Column) -> Sequence[str]:
    return [alias for alias in column.aliases if "." in alias.strip(".")]


def _nested(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    """Objects in the object, those of one object side by side where the first of them was."""
    titles = dict(shape.layout.header)
    for column in contract.columns:
        if aliases := _dotted_aliases(column):
            titles[column.name] = chance.choice(aliases)
    groups: dict[str, list[str]] = {}
    for name, title in titles.items():
        groups.setdefault(title.rpartition(".")[0] or name, []).append(name)
    return _titled(shape, {name: titles[name] for names in groups.values() for name in names})


# --- which columns there are


def _reordered(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    names = list(shape.layout.header)
    shuffled = chance.sample(names, len(names))
    return _titled(
        shape, {name: shape.layout.header[name] for name in (shuffled if shuffled != names else names[::-1])}
    )


_STRANGERS: Sequence[tuple[Sequence[str], Sequence[str]]] = (
    (("source_system", "sourceSystem2"), ("till-7", "web", "app 4.2")),
    (("exported_by", "export_user"), ("batch", "Müller, J.", "nightly")),
    (("schema_version", "layout_version"), ("3", "2026-01")),
    (("loyalty_tier", "tier_of_loyalty"), ("gold", "silver", "")),
)
"""Names for a column that no contract knows, and what may stand in it."""


def _added(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    added: dict[str, Callable[[int], pa.Array]] = {}
    header = list(shape.layout.header.items())
    for names, texts in chance.sample(_STRANGERS, chance.randint(1, 2)):
        name = stranger(contract, names)
        added[name] = _repeated(chance.choice(texts))
        header.insert(chance.randint(0, len(header)), (name, name))
    return replace(_titled(shape, dict(header), dict.fromkeys(added, "string")), added={**shape.added, **added})


def _repeated(text: str) -> Callable[[int], pa.Array]:
    return lambda count: pa.repeat(pa.scalar(text), count)


def _droppable(contract: SourceContract) -> Sequence[Column]:
    """Without these every row still has its key and its place among the versions."""
    return [
        column
        for column in contract.columns
        if not column.required and column.key_position is None and column.name != contract.order_by
    ]


def _dropped(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    may = [column.name for column in _droppable(contract)]
    gone = set(chance.sample(may, chance.randint(1, min(2, len(may)))))
    header = {name: title for name, title in shape.layout.header.items() if name not in gone}
    return replace(_titled(shape, header), dropped=tuple(sorted(gone)))


# --- how values are spelled


def _values_spelled(spell: Texts) -> Texts:
    """A way of spelling that works on the values of a dictionary only, each once."""

    def spelled(column: pa.Array) -> pa.Array:
        if isinstance(column, pa.DictionaryArray):
            return pa.DictionaryArray.from_arrays(column.indices, spell(column.dictionary))
        return spell(column)

    return spelled


def _unit_aliases(column: Column) -> Sequence[str]:
    """Aliases under which a value is a number with as many places fewer, or more: no division leaves a rest."""
    return [
        alias
        for alias in column.aliases
        if alias.lower() in column.alias_units and _is_power_of_ten(column.alias_units[alias.lower()])
    ]


def _is_power_of_ten(unit: Decimal) -> bool:
    return unit.normalize().as_tuple().digits == (1,)


def _in_other_units(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    header, spelled = dict(shape.layout.header), dict(shape.spelled)
    for column in contract.columns:
        if aliases := _unit_aliases(column):
            alias = chance.choice(aliases)
            header[column.name] = alias
            spelled[column.name] = _values_spelled(_in_units(column.alias_units[alias.lower()]))
    return replace(_titled(shape, header), spelled=spelled)


def _in_units(unit: Decimal) -> Texts:
    places = -unit.normalize().adjusted()

    def spell(values: pa.Array) -> pa.Array:
        moved = (None if value is None else Decimal(value).scaleb(places) for value in values.to_pylist())
        return pa.array([None if number is None else f"{number.normalize():f}" for number in moved], pa.string())

    return spell


_ZONE_HOURS = 2


def _by_pattern(pattern: str, hours: int = 0) -> Texts:
    """By a pattern of strftime; `hours` ahead of UTC."""

    def spell(column: pa.Array) -> pa.Array:
        if pa.types.is_timestamp(column.type):
            # Whole seconds: strftime writes the fraction of a finer unit. The truth has none.
            column = pc.add(column, pa.scalar(timedelta(hours=hours), pa.duration("us"))).cast(pa.timestamp("s"))
        return pc.strftime(column, pattern)

    return spell


def _since_1970(units: int) -> Texts:
    """As whole units since 1970, so many of them a second."""
    per_unit = 1_000_000 // units
    return lambda column: pc.divide(column.cast(pa.int64()), per_unit).cast(pa.string())


_STYLES: Mapping[str, Mapping[str, Texts]] = {
    "timestamp": {
        "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][XXX]": _by_pattern(f"%Y-%m-%dT%H:%M:%S+{_ZONE_HOURS:02}:00", _ZONE_HOURS),
        "yyyy-MM-dd HH:mm:ss[.SSSSSS][XXX]": _by_pattern("%Y-%m-%d %H:%M:%S.000000"),
        "yyyy/MM/dd HH:mm:ss": _by_pattern("%Y/%m/%d %H:%M:%S"),
        "dd.MM.yyyy HH:mm:ss": _by_pattern("%d.%m.%Y %H:%M:%S"),
        "yyyyMMdd'T'HHmmss[XXX]": _by_pattern("%Y%m%dT%H%M%SZ"),
        "epoch_seconds": _since_1970(1),
        "epoch_millis": _since_1970(1_000),
    },
    "date": {
        "yyyy/MM/dd": _by_pattern("%Y/%m/%d"),
        "dd.MM.yyyy": _by_pattern("%d.%m.%Y"),
        "yyyyMMdd": _by_pattern("%Y%m%d"),
    },
}
"""By logical type and format of a contract, what a sender makes of it. An instant without a zone is in UTC."""


def _styles(column: Column) -> Sequence[str]:
    return [name for name in column.formats if name in _STYLES.get(column.type.logical, {})]


def _restyled(chance: random.Random, shape: Shape, contract: SourceContract) -> Shape:
    """All columns of a type in one style where they have one in common."""
    wanted = {logical: chance.choice(list(styles)) for logical, styles in _STYLES.items()}
    spelled, types = dict(shape.spelled), {}
    for column in contract.columns:
        if known := _styles(column):
            style = wanted[column.type.logical]
            style = style if style in known else known[0]
            spelled[column.name] = _values_spelled(_STYLES[column.type.logical][style])
            if style.startswith("epoch"):
                types[column.name] = "integer"  # in JSON a bare number
    return replace(_titled(shape, shape.layout.header, types), spelled=spelled)


DRIFT: Sequence[AnyDefect] = (
    ShapeDefect(
        name="units_changed",
        share=0.03,
        level="drift",
        fits=lambda shape, contract: any(map(_unit_aliases, contract.columns)),
        reshape=_in_other_units,
    ),
    ShapeDefect(
        name="nested_columns",
        share=0.1,
        level="drift",
        fits=lambda shape, contract: shape.format.kind != "delimited" and any(map(_dotted_aliases, contract.columns)),
        reshape=_nested,
    ),
    ShapeDefect(
        name="dropped_columns",
        share=0.03,
        level="drift",
        fits=lambda shape, contract: bool(_droppable(contract)),
        reshape=_dropped,
        holds_rows_back=True,
    ),
    ShapeDefect(
        name="date_style",
        share=0.04,
        level="drift",
        tier="light",
        fits=lambda shape, contract: any(map(_styles, contract.columns)),
        reshape=_restyled,
    ),
    ShapeDefect(
        name="renamed_columns",
        share=0.05,
        level="drift",
        tier="light",
        fits=lambda shape, contract: any(map(_plain_aliases, contract.columns)),
        reshape=_renamed,
    ),
    ShapeDefect(name="added_columns", share=0.03, level="drift", fits=takes_unknown_columns, reshape=_added),
    ShapeDefect(
        name="reordered_columns",
        share=0.03,
        level="drift",
        tier="light",
        fits=lambda shape, contract: len(contract.columns) > 1,
        reshape=_reordered,
    ),
    ShapeDefect(name="cased_columns", share=0.02, level="drift", fits=lambda shape, contract: True, reshape=_cased),
)
