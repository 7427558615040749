"""Reads what a contract puts in the place of a value that did not come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import one_of

if TYPE_CHECKING:
    from lakehouse.contract.column import Column

_FORMS = ("value", "of", "bands", "values", "arrival")


@dataclass(frozen=True)
class Substitute:
    """What a column holds where its value did not come: one of four things that the row or the contract knows.

    A value that came and cannot be read is no missing one: it stays a violation.
    """

    value: str | None = None
    """This text, whatever the row holds."""
    of: str | None = None
    """The column of the row that says it, by `bands` or by `values`; nothing where that is null."""
    bands: tuple[tuple[Decimal | None, str], ...] = ()
    """(exclusive upper bound, text), ascending: the first band that the number is below. The last may have no bound."""
    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Value of the other column -> text; any other value says nothing."""
    is_arrival: bool = False
    """When the file was taken in, UTC."""

    def __str__(self) -> str:
        if self.is_arrival:
            return "when the file came"
        if self.of is None:
            return f'"{self.value}"'
        named = [f"{value} is {text}" for value, text in self.values.items()]
        banded = [text if limit is None else f"below {limit} {text}" for limit, text in self.bands]
        return f"by {self.of}: {', '.join(named + banded)}"


def read_substitute(document: Document, value: Value) -> Substitute | None:
    """What `whenMissing` says; None when it has mistakes. Whether it fits the columns is for `check_substitute`."""
    parts = document.fields(value, (), _FORMS)
    forms = [name for name in _FORMS if name in parts and name != "of"]
    if len(forms) != 1:
        document.complain(value, f"says {len(forms)} things", "give one of value, bands, values, arrival")
        return None
    form = forms[0]
    if (form in ("bands", "values")) != ("of" in parts):
        right = "name in of the column that says it" if "of" not in parts else f"drop it; {form} needs none"
        document.complain(parts.get("of", value), f"of and {form} do not go together", right)
        return None
    of = document.text(parts["of"]) if "of" in parts else None
    if form == "value":
        return Substitute(value=document.text(parts["value"]))
    if form == "arrival":
        if not document.flag(parts["arrival"]):
            document.complain(parts["arrival"], "arrival is not true", "write true, or drop it")
        return Substitute(is_arrival=True)
    if form == "values":
        pairs = {text: document.text(part) for text, part in document.mapping(parts["values"]).items()}
        return Substitute(of=of, values={text: meant for text, meant in pairs.items() if meant is not None})
    return Substitute(of=of, bands=_read_bands(document, parts["bands"]))


def check_substitute(document: Document, place: Value, column: Column, others: Mapping[str, Column | None]) -> None:
    """Note what keeps a column's substitute from being one of its values.

    `others` are the columns of the table by name, None for those with mistakes.
    """
    substitute = column.substitute or Substitute()
    if substitute.is_arrival != column.type.is_temporal:
        right = "use arrival" if column.type.is_temporal else "give a text"
        document.complain(
            place, f"is no {column.type}", f"{right}; only varchars, dates and timestamps have substitutes"
        )
        return
    if not substitute.is_arrival and column.type.kind != "varchar":
        document.complain(place, f"a substitute of a {column.type}", "only varchars, dates and timestamps have some")
        return
    for text in _texts(substitute):
        if column.values and text not in column.values:
            document.complain(place, f'"{text}" is not a value of the enum', one_of(text, column.values))
        elif len(text.encode()) > (column.type.length or 0):
            document.complain(place, f'"{text}" does not fit {column.type}', f"make it varchar({len(text.encode())})")
    if substitute.of is None:
        return
    other = others.get(substitute.of)
    if substitute.of not in others or substitute.of == column.name:
        names = [name for name in others if name != column.name]
        document.complain(place, f'"{substitute.of}" is not another column', one_of(substitute.of, names))
    elif other is not None and substitute.bands and not other.type.is_numeric:
        document.complain(place, f"bands of a {other.type}", "name a column that is a number")
    elif other is not None and substitute.values and other.type.kind != "varchar":
        document.complain(place, f"values of a {other.type}", "name a varchar, or use bands")
    elif other is not None and other.values and (strange := sorted(set(substitute.values) - set(other.values))):
        document.complain(place, f'"{strange[0]}" is not a value of {other.name}', one_of(strange[0], other.values))


def _texts(substitute: Substitute) -> Sequence[str]:
    named = () if substitute.value is None else (substitute.value,)
    return (*named, *(text for _, text in substitute.bands), *substitute.values.values())


def _read_bands(document: Document, value: Value) -> tuple[tuple[Decimal | None, str], ...]:
    found: list[tuple[Decimal | None, str]] = []
    for item in document.items(value):
        parts = document.fields(item, ("value",), ("below",))
        text = document.text(parts["value"]) if "value" in parts else None
        below = document.number(parts["below"]) if "below" in parts else None
        if found and (found[-1][0] is None or (below is not None and below <= found[-1][0])):
            document.complain(item, "no number is in this band", "let the bounds rise, the last band alone without one")
        if text is not None:
            found.append((below, text))
    return tuple(found)
