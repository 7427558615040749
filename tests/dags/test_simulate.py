"""The simulate DAG: its form, and what a run leaves in the lake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from datagen.defects import LEVELS
from datagen.generate import Order
from datagen.worlds import WORLDS
from tests.dags.conftest import LAKEHOUSE

BUCKET, LANDING = LAKEHOUSE["LAKEHOUSE_BUCKET"], LAKEHOUSE["LAKEHOUSE_LANDING_BUCKET"]
RUN = "manual__2026-03-01T10:00:00+00:00"


@pytest.fixture
def simulate(dag_bag: Any) -> Any:
    return dag_bag.dags["simulate"]


def objects(s3: Any, bucket: str = LANDING) -> Mapping[str, str]:
    """Key → ETag of everything in a bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}


def deliver(simulate: Any, run_id: str = RUN, **form: object) -> str:
    """What the task does with a form."""
    params = {**simulate.params.dump(), "rows": 1_500, "days": 4, **form}
    place: str = simulate.get_task("deliver").python_callable(params, run_id)
    return place


def test_form_offers_every_domain_and_level(simulate: Any) -> None:
    assert simulate.params.get_param("domain").schema["enum"] == list(WORLDS)
    assert simulate.params.get_param("defects").schema["examples"] == list(LEVELS)


def test_form_has_valid_defaults(simulate: Any) -> None:
    simulate.params.validate()


@pytest.mark.parametrize("defects", ["none", "messy,resent=0.2", "date_format=1"])
def test_form_takes_levels_and_single_defects(simulate: Any, defects: str) -> None:
    assert simulate.params.get_param("defects").resolve(defects) == defects


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain", "fashion"),
        ("rows", 0),
        ("days", 5_000),
        ("first_day", "soon"),
        ("defects", "messy; rm"),
        ("seed", -1),
    ],
)
def test_form_refuses_what_makes_no_sense(simulate: Any, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        simulate.params.get_param(name).resolve(value)


def test_nothing_starts_it_but_a_person(simulate: Any) -> None:
    assert not simulate.timetable.can_be_scheduled


def test_second_try_writes_the_same_bytes_to_the_same_keys(simulate: Any, s3: Any) -> None:
    deliver(simulate)
    first = [objects(s3, bucket) for bucket in (LANDING, BUCKET)]
    deliver(simulate)
    assert [objects(s3, bucket) for bucket in (LANDING, BUCKET)] == first


@pytest.mark.parametrize("domain", WORLDS)
def test_files_land_in_a_folder_of_the_run_and_the_truth_beside_the_lake(simulate: Any, s3: Any, domain: str) -> None:
    place = deliver(simulate, domain=domain)
    landed, told = set(objects(s3)), set(objects(s3, BUCKET))
    folder = place.rpartition("/")[2]
    assert place == f"s3://{BUCKET}/truth/{folder}"
    assert "=" not in folder
    assert all(key.startswith(f"truth/{folder}/_truth/") for key in told)
    assert f"truth/{folder}/_truth/about.json" in told
    datasets = {key.split("/")[1] for key in landed}
    assert datasets == {name.partition(".")[2] for name in Order(domain, 1, 1, 1).about()["datasets"]}
    assert {(key.split("/")[0], key.split("/")[2]) for key in landed} == {(domain, folder)}


def test_truth_names_the_files_that_landed(simulate: Any, s3: Any, tmp_path: Path) -> None:
    folder = deliver(simulate).rpartition("/")[2]
    s3.download_file(BUCKET, f"truth/{folder}/_truth/expected_files/part-00000.parquet", str(tmp_path / "files"))
    expected = pq.read_table(tmp_path / "files").to_pylist()
    named = {f"{file['dataset'].replace('.', '/')}/{folder}/{file['file']}" for file in expected}
    assert named == set(objects(s3))


def test_runs_without_a_seed_are_about_other_people(simulate: Any, s3: Any) -> None:
    deliver(simulate)
    deliver(simulate, "manual__2026-03-02T10:00:00+00:00")
    users = [etag for key, etag in objects(s3).items() if key.startswith("storefront/users/") and "csv" in key]
    assert len(users) == len(set(users)) > 0
    assert len({key.split("/")[2] for key in objects(s3)}) == 2


def test_unknown_defect_fails_without_another_try(simulate: Any) -> None:
    with pytest.raises(AirflowFailException, match="resnt"):
        deliver(simulate, defects="resnt=0.1")
