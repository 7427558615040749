"""`docs/analyses/analyses.yaml` names every mart and view, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from lakehouse.contract import load_registry

ROOT = Path(__file__).parents[2]
REGISTRY = load_registry()
ANALYSES: dict[str, list[dict[str, Any]]] = yaml.safe_load((ROOT / "docs/analyses/analyses.yaml").read_text())
PAGE = (ROOT / "docs/analyses.md").read_text(encoding="utf-8")


def test_every_mart_and_view_answers_something() -> None:
    named = {analysis["from"] for analyses in ANALYSES.values() for analysis in analyses}
    marts = {name for name, contract in REGISTRY.gold.items() if contract.table_type == "mart"}
    assert marts
    assert REGISTRY.views
    assert (marts | set(REGISTRY.views)) - named == set()
    assert named <= set(REGISTRY.gold) | set(REGISTRY.views)


def test_every_analysis_has_a_test_that_exists() -> None:
    for analyses in ANALYSES.values():
        for analysis in analyses:
            file, _, name = analysis["test"].partition("::")
            assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), analysis["test"]


def test_the_page_shows_an_answer_to_every_question() -> None:
    for analyses in ANALYSES.values():
        for analysis in analyses:
            _, found, answer = PAGE.partition(f"```sql\n{analysis['query']}\n```\n\n")
            assert found, "run: make analyses"
            head, line, *rows = answer.splitlines()[:3]
            assert head.startswith("| ")
            assert set(line) == {"|", "-"}
            assert rows[0].startswith("| "), f"no row answers {analysis['query']}"
