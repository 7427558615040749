"""The data dictionary: what every table and column means and where it comes from, as Markdown made from the contracts.

Pure functions. One page per domain and an index; a column links to those it is computed from, or that come of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lakehouse.contract import Column, ColumnSource, GoldContract, Registry, SourceContract, View
from lakehouse.contract.lineage import ROW_KEY

INDEX = "README.md"
# An underscore within a word is none of Markdown's.
_MARKDOWN = re.compile(r"[\\|*<`\[\]]|(?<!\w)_|_(?!\w)")
_QUALIFIED = re.compile(r"\w+\.\w+")
_HEADER = "<!-- Made from the contracts by `make dictionary`; change a contract and run it again. -->"
_DRIFT = {
    "rescue": "kept as JSON in `_rescued`",
    "evolve": "added as text to bronze and silver",
    "freeze": "a reason to refuse the file",
}
_FOR_EVERY_SOURCE = """\
Every source has four tables in the lake. Bronze holds its rows as text, exactly as they came; silver one row per key,
typed; `…_history` every valid row that is not current, as `duplicate` or `superseded`; `quarantine.rows` those that
break a rule, with all their reasons. In Redshift they are read through external schemas, silver for one as
`lake_silver_<domain>`. Beside the columns below, rows of silver carry `_key` and `_content` (digests of the key and of
all columns), `_file_id` and `_row` (where the row came from), `_batch_id`, and `_rescued` (what no column took).

A gold table is in the lake as `gold_<domain>.<table>` and in Redshift as `<domain>.<table>`, with the same columns; of
the personal ones it has tokens there (see below)."""
_CLASSES = """\
`personal`: names a person, or is about one. The lake holds it in clear. A domain's schema in Redshift holds a token
instead, a keyed hash: equal values have equal tokens, and no token tells its value. The clear values of a gold table's
personal columns are in `private_<domain>.<table>`, which the role `steward` alone may read.
`internal`: for the business. `public`: known to everybody, such as a currency's code."""


def pages(registry: Registry) -> Mapping[str, str]:
    """File name below ``docs/dictionary/`` -> its text, for every file that belongs there."""
    feeds = _feeds(registry)
    domains = {f"{domain}.md": _domain(registry, domain, feeds) for domain in registry.domains}
    return {name: "\n".join(lines) + "\n" for name, lines in {INDEX: _index(registry), **domains}.items()}


def rules(column: Column) -> list[str]:
    """What a column's values keep to besides its type, one sentence each; none for a gold column without rules."""
    reference = column.reference
    low, high = (">" if column.exclusive_minimum else "≥"), ("<" if column.exclusive_maximum else "≤")
    told = [
        f"{low} {column.minimum}" if column.minimum is not None else "",
        f"{high} {column.maximum}" if column.maximum is not None else "",
        f"one of {', '.join(column.values)}" if column.values else "",
        f"matches {column.pattern}" if column.pattern else "",
        "unique, or counted" if column.is_unique else "",
        f"refers to {reference.dataset}.{reference.column}; orphans: {reference.orphans}" if reference else "",
        f"only warns: {', '.join(column.warnings)}" if column.warnings else "",
        f"when missing: {column.substitute}" if column.substitute else "",
        f"also named {', '.join(column.aliases)}" if column.aliases else "",
    ]
    return [rule for rule in told if rule]


def _feeds(registry: Registry) -> Mapping[ColumnSource, list[tuple[GoldContract, Column]]]:
    """Source column -> the gold columns that are computed from it."""
    found: dict[ColumnSource, list[tuple[GoldContract, Column]]] = {}
    for _, contract in sorted(registry.gold.items()):
        for column in contract.columns:
            for source in column.sources:
                found.setdefault(source, []).append((contract, column))
    return found


def _index(registry: Registry) -> Iterator[str]:
    yield from (_HEADER, "", "# Data dictionary", "")
    yield "What every table and column means, which rules it keeps, and where it comes from."
    yield from ("", _FOR_EVERY_SOURCE, "", _CLASSES, "")
    for domain in registry.domains:
        yield from (
            f"## [{domain}]({domain}.md)",
            "",
            "| table | kind | what it holds | one row |",
            "|---|---|---|---|",
        )
        tables: list[SourceContract | GoldContract] = [*registry.sources_of(domain), *registry.gold_of(domain)]
        for contract in tables:
            kind = "source" if isinstance(contract, SourceContract) else contract.table_type
            link = f"[{contract.name}]({domain}.md#{contract.name})"
            yield _row(link, kind, _text(contract.description), _text(_grain(contract)))
        for view in registry.views_of(domain):
            yield _row(f"[{view.name}]({domain}.md#{view.name})", "view", _text(view.description), "")
        yield ""


def _domain(
    registry: Registry, domain: str, feeds: Mapping[ColumnSource, list[tuple[GoldContract, Column]]]
) -> Iterator[str]:
    yield from (_HEADER, "", f"# {domain}", "", f"All domains: [index]({INDEX}).", "")
    if sources := registry.sources_of(domain):
        yield from ("## Sources", "")
        for source in sources:
            yield from _source(source, feeds)
    if tables := registry.gold_of(domain):
        yield from ("## Gold", "")
        for table in tables:
            yield from _gold(table)
    if views := registry.views_of(domain):
        yield from ("## Views", "", "In Redshift only; what their columns mean, their tables say.", "")
        for view in views:
            yield from _view(view, registry)


def _source(contract: SourceContract, feeds: Mapping[ColumnSource, list[tuple[GoldContract, Column]]]) -> Iterator[str]:
    domain, name = contract.domain, contract.name
    yield from (f"### {name}", "", contract.description, "")
    facts = {
        "one row": _grain(contract),
        "key": _codes(contract.key),
        "newest version": f"greatest `{contract.order_by}`" if contract.order_by else "versions have no order",
        "arrives in": f"`{domain}/{name}/` of the landing bucket",
        "tables": f"`bronze_{domain}.{name}`, `silver_{domain}.{name}`, `silver_{domain}.{name}_history`; "
        f"in Redshift `lake_silver_{domain}.{name}`",
        "an unknown column is": _DRIFT[contract.drift],
    }
    yield from _facts(facts)
    yield from _head("column", "type", "class", "meaning", "rules", "goes into")
    for column in contract.columns:
        into = feeds.get(ColumnSource(contract.dataset, column.name), [])
        links = [_link(gold, f"{gold.name}.{entry.name}", domain) for gold, entry in into]
        yield _row(*_cells(column), "<br>".join(_text(rule) for rule in _all_rules(column)), "<br>".join(links))
    for derived in contract.derived:
        yield _row(*_cells(derived.column), f"computed: {_code(derived.expression)}", "")
    if into := feeds.get(ColumnSource(contract.dataset, ROW_KEY), []):
        links = [_link(gold, f"{gold.name}.{entry.name}", domain) for gold, entry in into]
        yield _row(f"`{ROW_KEY}`", "", "", "The key of the row as a whole.", "", "<br>".join(links))
    yield ""
    if contract.rules:
        yield from _head("rule between columns", "severity", "must hold", "meaning")
        for rule in contract.rules:
            yield _row(f"`{rule.name}`", rule.severity, _code(rule.condition), _text(rule.description))
        yield ""


def _gold(contract: GoldContract) -> Iterator[str]:
    domain = contract.domain
    yield from (f"### {contract.name}", "", contract.description, "")
    facts = {
        "kind": contract.table_type,
        "one row": _grain(contract),
        "key": _codes(contract.key),
        "made from": ", ".join(_dataset_link(source.dataset, domain) for source in contract.sources),
        "looks up": ", ".join(_dataset_link(lookup.dataset, domain) for lookup in contract.lookups),
        "computed again by": _codes(contract.recompute_by),
        "tables": f"`gold_{domain}.{contract.name}`; in Redshift `{contract.dataset}`",
        "personal data": f"{_codes(contract.personal)}: in Redshift as tokens, and in clear in "
        f"`{contract.private_dataset}`, for stewards"
        if contract.private
        else "",
        "sorted by": _codes(contract.sort_keys),
        "unknown member": "has one: facts point at it as long as their dimension row has not arrived"
        if contract.unknown_member is not None
        else "",
    }
    yield from _facts(facts)
    yield from _head("column", "type", "class", "meaning", "rules", "comes from")
    for column in contract.columns:
        links = [
            f"[{str(source).removeprefix(domain + '.')}]({_page(source.dataset, domain)})" for source in column.sources
        ]
        token = "<br>in Redshift a token" if column.is_personal else ""
        name, kind, *others = _cells(column)
        rules_of_column = "<br>".join(_text(rule) for rule in _all_rules(column))
        yield _row(name, f"{kind}{token}", *others, rules_of_column, "<br>".join(links))
    yield ""


def _view(view: View, registry: Registry) -> Iterator[str]:
    yield from (f"### {view.name}", "", view.description, "")
    read = sorted({name for name in _QUALIFIED.findall(view.select) if name in {**registry.gold, **registry.views}})
    facts = {
        "made from": ", ".join(_dataset_link(name, view.domain) for name in read),
        "view": f"in Redshift `{view.dataset}`",
    }
    yield from _facts(facts)
    yield from ("```sql", view.select, "```", "")


def _cells(column: Column) -> Sequence[str]:
    unit = f"<br>{_text(column.unit)}" if column.unit else ""
    return f"`{column.name}`", f"{column.type}{unit}", column.classification, _text(column.description)


def _all_rules(column: Column) -> list[str]:
    key = [f"key {column.key_position}"] if column.key_position else []
    return [*key, *(["required"] if column.required else []), *rules(column)]


def _grain(contract: SourceContract | GoldContract) -> str:
    return contract.grain or f"One row per {', '.join(contract.key)}."


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    yield from (f"- **{name}**: {value}" for name, value in facts.items() if value)
    yield ""


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _dataset_link(dataset: str, domain: str) -> str:
    return f"[{dataset.removeprefix(domain + '.')}]({_page(dataset, domain)})"


def _link(contract: GoldContract, text: str, domain: str) -> str:
    shown = text if contract.domain == domain else f"{contract.domain}.{text}"
    return f"[{shown}]({_page(contract.dataset, domain)})"


def _page(dataset: str, domain: str) -> str:
    """The address of a table's heading, seen from the page of a domain."""
    other, _, name = dataset.partition(".")
    return f"{'' if other == domain else other + '.md'}#{name}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


def _text(text: str) -> str:
    """Words of a contract in a cell: what Markdown would take for its own is shown as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", text)
