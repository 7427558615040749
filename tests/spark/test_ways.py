"""Few rows go through the driver, many through Spark's tasks, and a table of which much is touched is made as a whole:
whichever way is taken, the tables are the same."""

from __future__ import annotations

import pytest

from lakehouse import building, extents
from tests.crash.deliveries import FIRST, SECOND, files_of_all_kinds
from tests.support.everything import TIMES, Content, differences, lake_tables
from tests.support.lake import LANDING, TestLake
from tests.support.local_aws_process import LocalAwsProcess

# The most rows that count as few, and the share of changed rows from which on a table is made as a whole.
WAYS = {"few": (extents.FEW_ROWS, building.WHOLE), "many": (0, 100.0), "whole": (0, 0.0), "mixed": (25, building.WHOLE)}


@pytest.fixture(scope="module")
def ends() -> dict[str, Content]:
    return {}


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_end_in_the_same_tables(
    lake: TestLake, aws: LocalAwsProcess, monkeypatch: pytest.MonkeyPatch, ends: dict[str, Content], way: str
) -> None:
    few, whole = WAYS[way]
    monkeypatch.setattr(extents, "FEW_ROWS", few)
    monkeypatch.setattr(building, "WHOLE", whole)
    for delivery in (FIRST, SECOND, files_of_all_kinds(45, seed=5)):
        for key, body in delivery.items():
            lake.s3.put_object(Bucket=LANDING, Key=key, Body=body)
        lake.run_all()
    found = lake_tables(aws, TIMES | {"arrived_at"})
    expected = ends.setdefault("first", found)
    assert not (different := differences(found, expected)), "\n".join(different)
    assert found["gold_storefront.fact_session"]
    assert found["gold_retail.fact_order_line"]
