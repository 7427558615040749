"""Finds every contract, reads it, and checks what one contract says about another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lakehouse.contract.document import Document, Value
from lakehouse.contract.errors import ContractError, Problem, one_of
from lakehouse.contract.model import GoldContract, Registry, SourceContract
from lakehouse.contract.reading import read_gold, read_source


@lru_cache(maxsize=8)
def load_registry(root: Path | None = None) -> Registry:
    """Every contract below ``root``, a folder laid out as ``<domain>/contracts/<source>.yaml`` and
    ``<domain>/contracts/gold/<table>.yaml``; without it, those of the installed package.

    Raises ContractError with every mistake in every file. The answer is kept for the life of the process.
    """
    domains = root if root is not None else resources.files("lakehouse").joinpath("domains")
    problems: list[Problem] = []
    sources: dict[str, SourceContract | None] = {}
    gold: dict[str, tuple[Document, GoldContract | None, Mapping[str, Value]]] = {}
    for domain, file in _contract_files(domains, "contracts"):
        name = _stem(file)
        document = Document(Path(str(file)), file.read_bytes())
        sources[f"{domain}.{name}"] = read_source(document, domain, name)
        problems += document.problems
    for domain, file in _contract_files(domains, "contracts", "gold"):
        name = _stem(file)
        document = Document(Path(str(file)), file.read_bytes())
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


def _contract_files(domains: Traversable, *folders: str) -> Iterator[tuple[str, Traversable]]:
    """The contracts in one folder of each domain, by domain and name."""
    for domain in sorted(domains.iterdir(), key=lambda entry: entry.name):
        folder = domain.joinpath(*folders)
        if domain.is_dir() and folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
                if file.is_file() and file.name.endswith((".yaml", ".yml")):
                    yield domain.name, file


def _stem(file: Traversable) -> str:
    return Path(file.name).stem


def _check_references(
    document: Document,
    contract: GoldContract | None,
    references: Mapping[str, Value],
    sources: Mapping[str, SourceContract | None],
) -> None:
    """Note what a gold contract asks of sources that are not there. A source with mistakes of its own is let be."""
    for dataset, value in references.items():
        if dataset not in sources:
            document.complain(value, f'"{dataset}" is not a source', one_of(dataset, sorted(sources)))
    first = sources.get(contract.sources[0].dataset) if contract else None
    for lookup in contract.lookups if contract else ():
        other = sources.get(lookup.dataset)
        for column, matching in lookup.on.items():
            for source, name in ((first, column), (other, matching)):
                if source is not None and name not in source.column_names:
                    wrong = f'"{name}" is not a column of {source.dataset}'
                    document.complain(references[lookup.dataset], wrong, one_of(name, source.column_names))
