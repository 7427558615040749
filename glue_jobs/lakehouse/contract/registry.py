"""Finds every contract, reads it, and checks what one contract says about another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lakehouse.contract.document import Document
from lakehouse.contract.errors import ContractError, Problem, one_of
from lakehouse.contract.gold_sources import Reference
from lakehouse.contract.lineage import ROW_KEY
from lakehouse.contract.model import GoldContract, Registry, SourceContract
from lakehouse.contract.reading import ReferringColumn, read_gold, read_source
from lakehouse.contract.views import read_views


@lru_cache(maxsize=8)
def load_registry(root: Path | None = None) -> Registry:
    """Every contract below ``root``, a folder laid out as ``<domain>/contracts/<source>.yaml``,
    ``<domain>/contracts/gold/<table>.yaml`` and ``<domain>/views/<view>.sql``; without it, those of the installed
    package.

    Raises ContractError with every mistake in every file. The answer is kept for the life of the process.
    """
    domains = root if root is not None else resources.files("lakehouse").joinpath("domains")
    problems: list[Problem] = []
    sources: dict[str, SourceContract | None] = {}
    referring: dict[str, tuple[Document, Sequence[ReferringColumn]]] = {}
    gold: dict[str, tuple[Document, GoldContract | None, Mapping[str, Reference]]] = {}
    for domain, name, document in _contract_files(domains, problems, "contracts"):
        source, columns = read_source(document, domain, name)
        sources[f"{domain}.{name}"], referring[f"{domain}.{name}"] = source, (document, columns)
    for domain, name, document in _contract_files(domains, problems, "contracts", "gold"):
        gold[f"{domain}.{name}"] = (document, *read_gold(document, domain, name))
    for dataset, (document, columns) in referring.items():
        for entry in columns:
            if mistake := _mistake(entry, dataset, sources):
                document.complain(entry.place, *mistake)
    _check_cycles(referring)
    problems += [problem for document, _ in referring.values() for problem in document.problems]
    for dataset, (document, contract, references) in gold.items():
        if dataset in sources:
            document.problems.append(
                Problem(document.file, 1, "", f"{dataset} is a source already", "give the gold table another name")
            )
        _check_references(document, contract, references, sources)
        if contract is not None:
            _check_versions(document, contract, references, sources)
        problems += document.problems
    views = {view.dataset: view for view in read_views(domains, problems)}
    for name in sorted(views.keys() & {*sources, *gold}):
        where = domains.joinpath(views[name].domain, "views", f"{views[name].name}.sql")
        problems.append(Problem(Path(str(where)), 1, "", f"{name} is a dataset already", "give the view another name"))
    if problems:
        raise ContractError(problems)
    return Registry(
        sources={dataset: source for dataset, source in sources.items() if source is not None},
        gold={dataset: contract for dataset, (_, contract, _) in gold.items() if contract is not None},
        views=views,
    )


def source_names() -> tuple[str, ...]:
    """The datasets of the installed package, from the names of their files: parses none of them, so costs nothing."""
    domains = resources.files("lakehouse").joinpath("domains")
    return tuple(f"{domain}.{name}" for domain, name, _ in _contract_files(domains, [], "contracts"))


def _contract_files(
    domains: Traversable, problems: list[Problem], *folders: str
) -> Iterator[tuple[str, str, Document]]:
    """The contracts in one folder of each domain: domain, name and file."""
    for domain in sorted(domains.iterdir(), key=lambda entry: entry.name):
        folder = domain.joinpath(*folders)
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else ():
            path = Path(str(file))
            if path.suffix == ".yaml":
                yield domain.name, path.stem, Document(path, file.read_bytes())
            elif path.suffix == ".yml":
                problems.append(Problem(path, 1, "", "a contract ends in .yaml", f"rename it to {path.stem}.yaml"))


def _check_references(
    document: Document,
    contract: GoldContract | None,
    references: Mapping[str, Reference],
    sources: Mapping[str, SourceContract | None],
) -> None:
    """Note what a gold contract asks of sources that are not there. A source with mistakes of its own is let be."""
    for dataset, reference in references.items():
        if dataset not in sources:
            document.complain(reference.dataset, f'"{dataset}" is not a source', one_of(dataset, sorted(sources)))
        elif source := sources[dataset]:
            names = (*source.column_names, *(derived.column.name for derived in source.derived))
            for place, column in reference.lineage:
                if column not in (*names, ROW_KEY):
                    wrong = f'"{column}" is not a column of {dataset}'
                    document.complain(place, wrong, one_of(column, names))
    if contract is None:
        return
    for lookup in contract.lookups:
        looking, other = sources.get(lookup.source), sources.get(lookup.dataset)
        for column, matching in lookup.on.items():
            for source, name in ((looking, column), (other, matching)):
                if source is not None and name not in source.column_names:
                    wrong = f'"{name}" is not a column of {source.dataset}'
                    document.complain(
                        references[lookup.dataset].match[column], wrong, one_of(name, source.column_names)
                    )
    for when in (when for reference in references.values() for when in reference.times):
        source = sources.get(when.dataset)
        if source and (when.name not in source.column_names or source.column(when.name).type.kind != when.kind):
            columns = [column.name for column in source.columns if column.type.kind == when.kind]
            wrong = f'"{when.name}" is no {when.kind} of {when.dataset}'
            document.complain(when.place, wrong, one_of(when.name, columns))


def _check_versions(
    document: Document,
    contract: GoldContract,
    references: Mapping[str, Reference],
    sources: Mapping[str, SourceContract | None],
) -> None:
    """Note datasets whose versions have no order in time."""
    for dataset in sorted(contract.versioned):
        source = sources.get(dataset)
        if source and (source.order_by is None or source.column(source.order_by).type.kind != "timestamp"):
            wrong = f"versions of {dataset} have no order in time"
            document.complain(references[dataset].dataset, wrong, "give it an orderBy that is a timestamp")


def _mistake(
    entry: ReferringColumn, dataset: str, sources: Mapping[str, SourceContract | None]
) -> tuple[str, str] | None:
    """What keeps rows from being looked up by a column of ``dataset``, and what would be right.

    None when nothing does, and when the other source has mistakes of its own.
    """
    column, reference = entry.column, entry.reference
    others = sorted(name for name in sources if name != dataset)
    if reference.dataset not in others:
        why = "refers to its own dataset" if reference.dataset == dataset else f'"{reference.dataset}" is not a source'
        return why, one_of(reference.dataset, others)
    target = sources[reference.dataset]
    if target is None:
        return None
    if reference.column not in target.column_names:
        wrong = f'"{reference.column}" is not a column of {target.dataset}'
        return wrong, one_of(reference.column, target.column_names)
    if target.key != (reference.column,):
        wrong = f"{reference.column} alone is not the key of {target.dataset}"
        return wrong, "refer to " + (target.key[0] if len(target.key) == 1 else "a dataset whose key is one column")
    type_ = target.column(reference.column).type
    if type_ != column.type:
        wrong = f"{column.name} is a {column.type}, but {target.name}.{reference.column} a {type_}"
        return wrong, "give both the same type"
    return None


def _check_cycles(referring: Mapping[str, tuple[Document, Sequence[ReferringColumn]]]) -> None:
    """Note references in a ring that would keep each row out until the other is in."""
    binding = {
        dataset: {
            entry.reference.dataset: entry
            for entry in columns
            if entry.reference.is_binding and entry.reference.dataset != dataset
        }
        for dataset, (_, columns) in referring.items()
    }
    try:
        TopologicalSorter(binding).prepare()
    except CycleError as error:
        # The ring runs from parent to child: its second dataset refers to its first.
        ring: list[str] = error.args[1]
        document, entry = referring[ring[1]][0], binding[ring[1]][ring[0]]
        document.complain(
            entry.place, f"rows wait for each other: {' → '.join(ring)}", "let one of them be orphans: warn"
        )
