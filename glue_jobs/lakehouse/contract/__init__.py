"""Contracts: each dataset is declared once, in YAML, and everything else follows from it.

``load_registry()`` gives every contract of the installed package. Knows no Spark and no AWS.
"""

from lakehouse.contract.column import REPAIRS, Column, Repair
from lakehouse.contract.errors import ContractError, Problem
from lakehouse.contract.lineage import ColumnSource
from lakehouse.contract.model import (
    PRIVATE,
    TOKEN,
    AsOf,
    GoldContract,
    GoldLookup,
    GoldSource,
    Registry,
    SourceContract,
    UnitColumn,
    View,
)
from lakehouse.contract.registry import load_registry, source_names
from lakehouse.contract.row_rules import COLUMN_RULES, SOFTENED, ColumnReference, ColumnRule, RowRule
from lakehouse.contract.rules import EPOCH_FORMATS
from lakehouse.contract.types import ColumnType

__all__ = [
    "COLUMN_RULES",
    "EPOCH_FORMATS",
    "PRIVATE",
    "REPAIRS",
    "SOFTENED",
    "TOKEN",
    "AsOf",
    "Column",
    "ColumnReference",
    "ColumnRule",
    "ColumnSource",
    "ColumnType",
    "ContractError",
    "GoldContract",
    "GoldLookup",
    "GoldSource",
    "Problem",
    "Registry",
    "Repair",
    "RowRule",
    "SourceContract",
    "UnitColumn",
    "View",
    "load_registry",
    "source_names",
]
