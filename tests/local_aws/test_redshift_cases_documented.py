"""What Redshift's documentation prints, page by page: ``redshift_cases/*.yaml`` holds the statements and their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from tests.support.warehouse import Sql

FOLDER = Path(__file__).parent / "redshift_cases"
PAGES = "https://docs.aws.amazon.com/redshift/latest/dg/"


@dataclass(frozen=True)
class Case:
    """Statements after the setup of their page, and what the last one must give: one of the last three fields.

    ``error`` is a part of the message: in the page's words where it prints them, else in those of the local Redshift.
    ``not_emulated`` is what the local Redshift must name in refusing it, rather than answer wrongly.
    """

    subject: str
    page: str
    title: str
    setup: tuple[str, ...]
    statements: tuple[str, ...]
    is_transaction: bool
    rows: list[tuple[Any, ...]] | None
    error: str | None
    not_emulated: str | None


def _read(path: Path) -> Iterator[Case]:
    for page in yaml.safe_load(path.read_text()):
        for case in page["cases"]:
            sql, rows = case["sql"], case.get("rows")
            yield Case(
                path.stem,
                page["page"],
                case["title"],
                tuple(page.get("setup", ())),
                (sql,) if isinstance(sql, str) else tuple(sql),
                page.get("transaction", True),
                None if rows is None else [tuple(row) for row in rows],
                case.get("error"),
                case.get("not_emulated"),
            )


CASES = [case for path in sorted(FOLDER.glob("*.yaml")) for case in _read(path)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    made = Warehouse(tmp_path_factory.mktemp("documented"), lambda: None, lambda: "")
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.subject}: {case.title}" for case in CASES])
def test_statement_does_what_its_page_says(warehouse: Warehouse, case: Case) -> None:
    sql = Sql(warehouse.session("admin"))
    try:
        # A transaction that is never committed keeps the cases apart.
        for statement in ("BEGIN",) * case.is_transaction + case.setup + case.statements[:-1]:
            sql(statement)
        last = case.statements[-1]
        if case.rows is not None:
            assert sql(last) == case.rows
            return
        with pytest.raises(RedshiftError) as caught:
            sql(last)
        if case.error is not None:
            assert case.error in str(caught.value)
            assert "not emulated" not in str(caught.value)
        else:
            assert f"{case.not_emulated} is not emulated by the local Redshift" in str(caught.value)
    finally:
        sql.session.close()


def test_every_case_names_its_page_and_one_outcome() -> None:
    assert len({(case.page, case.title) for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.page.startswith(PAGES), case
        assert sum(outcome is not None for outcome in (case.rows, case.error, case.not_emulated)) == 1, case
