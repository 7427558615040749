"""Finds every contract, reads it, and checks what one contract says about another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lakehouse.contract.document import Document
from lakehouse.contract.errors import ContractError, Problem, one_of
from lakehouse.contract.model import GoldContract, Registry, SourceContract
from lakehouse.contract.reading import Reference, read_gold, read_source


@lru_cache(maxsize=8)
def load_registry(root: Path | None = None) -> Registry:
    """Every contract below ``root``, a folder laid out as ``<domain>/contracts/<source>.yaml`` and
    ``<domain>/contracts/gold/<table>.yaml``; without it, those of the installed package.

    Raises ContractError with every mistake in every file. The answer is kept for the life of the process.
    """
    domains = root if root is not None else resources.files("lakehouse").joinpath("domains")
    problems: list[Problem] = []
    sources: dict[str, SourceContract | None] = {}
    gold: dict[str, tuple[Document, GoldContract | None, Mapping[str, Reference]]] = {}
    for domain, name, document in _contract_files(domains, problems, "contracts"):
        sources[f"{domain}.{name}"] = read_source(document, domain, name)
        problems += document.problems
    for domain, name, document in _contract_files(domains, problems, "contracts", "gold"):
        gold[f"{domain}.{name}"] = (document, *read_gold(document, domain, name))
    for dataset, (document, contract, references) in gold.items():
        if dataset in sources:
            document.problems.append(
                Problem(document.file, 1, "", f"{dataset} is a source already", "give the gold table another name")
            )
        _check_references(document, contract, references, sources)
        problems += document.problems
    if problems:
        raise ContractError(problems)
    return Registry(
        sources={dataset: source for dataset, source in sources.items() if source is not None},
        gold={dataset: contract for dataset, (_, contract, _) in gold.items() if contract is not None},
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
    first = sources.get(contract.sources[0].dataset) if contract else None
    for lookup in contract.lookups if contract else ():
        other = sources.get(lookup.dataset)
        for column, matching in lookup.on.items():
            for source, name in ((first, column), (other, matching)):
                if source is not None and name not in source.column_names:
                    wrong = f'"{name}" is not a column of {source.dataset}'
                    document.complain(
                        references[lookup.dataset].match[column], wrong, one_of(name, source.column_names)
                    )
