"""Contracts: each dataset is declared once, in YAML, and everything else follows from it.

``load_registry()`` gives every contract of the installed package. Knows no Spark and no AWS.
"""

from lakehouse.contract.errors import ContractError, Problem
from lakehouse.contract.model import (
    REPAIRS,
    Column,
    ColumnReference,
    ColumnType,
    GoldContract,
    GoldLookup,
    GoldSource,
    Registry,
    SourceContract,
    UnitColumn,
)
from lakehouse.contract.registry import load_registry, source_names
from lakehouse.contract.rules import EPOCH_FORMATS

__all__ = [
    "EPOCH_FORMATS",
    "REPAIRS",
    "Column",
    "ColumnReference",
    "ColumnType",
    "ContractError",
    "GoldContract",
    "GoldLookup",
    "GoldSource",
    "Problem",
    "Registry",
    "SourceContract",
    "UnitColumn",
    "load_registry",
    "source_names",
]
