"""Definitions of Glue jobs: what is kept, what is replaced, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.glue import GlueTester
from tests.support.local_aws_process import LocalAwsProcess


@pytest.fixture(scope="module")
def tester(local_aws: LocalAwsProcess) -> GlueTester:
    return GlueTester(local_aws)


def test_definition_is_kept_and_an_update_replaces_all_of_it(tester: GlueTester) -> None:
    tester.define("kept", "pass", Description="first", DefaultArguments={"--a": "1"}, MaxRetries=2)
    created = tester.glue.get_job(JobName="kept")["Job"]
    assert (created["Description"], created["MaxRetries"], created["MaxCapacity"]) == ("first", 2, 2.0)
    assert created["DefaultArguments"] == {"--a": "1", "--datalake-formats": "iceberg"}
    tester.define("kept", "pass", WorkerType="G.2X")
    updated = tester.glue.get_job(JobName="kept")["Job"]
    assert "Description" not in updated
    assert (updated["MaxRetries"], updated["MaxCapacity"]) == (0, 4.0)
    assert updated["CreatedOn"] == created["CreatedOn"] <= updated["LastModifiedOn"]
    assert "kept" in tester.glue.list_jobs()["JobNames"]
    assert "kept" in [job["Name"] for page in tester.glue.get_paginator("get_jobs").paginate() for job in page["Jobs"]]
    tester.glue.delete_job(JobName="kept")
    tester.glue.delete_job(JobName="kept")
    with pytest.raises(tester.glue.exceptions.EntityNotFoundException):
        tester.glue.get_job(JobName="kept")


def test_creating_twice_is_allowed_only_for_the_same_definition(tester: GlueTester) -> None:
    job = {"Name": "twice", "Role": "r", "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k.py"}}
    tester.glue.create_job(**job)
    tester.glue.create_job(**job)
    with pytest.raises(tester.glue.exceptions.IdempotentParameterMismatchException):
        tester.glue.create_job(**job, Timeout=5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MaxCapacity": 10.0}, "Max Capacity is not supported by Glue version 6.0"),
        ({"MaxCapacity": 10.0, "WorkerType": "G.1X", "NumberOfWorkers": 2}, "Please do not set Max Capacity"),
        ({"WorkerType": "G.1X"}, "Please set both"),
        ({"WorkerType": "G.3X", "NumberOfWorkers": 2}, "Worker Type G.3X is not one of"),
        ({"WorkerType": "G.1X", "NumberOfWorkers": 1}, "at least 2"),
        ({"GlueVersion": "7.0"}, "Glue version 7.0 is not one of"),
        ({"Timeout": 10081}, "Timeout must be"),
        ({"Command": {"Name": "pythonshell", "ScriptLocation": "s3://b/k.py"}}, "only glueetl does"),
        ({"Command": {"Name": "glueetl", "ScriptLocation": "k.py"}}, "s3:// path"),
    ],
)
def test_definition_that_glue_refuses_is_refused(tester: GlueTester, settings: dict[str, Any], message: str) -> None:
    job = {
        "Name": "refused",
        "Role": "r",
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k.py"},
        "GlueVersion": "6.0",
    }
    with pytest.raises(tester.glue.exceptions.InvalidInputException, match=message):
        tester.glue.create_job(**{**job, **settings})
    assert "refused" not in tester.glue.list_jobs()["JobNames"]


def test_run_of_an_unknown_job_is_refused(tester: GlueTester) -> None:
    with pytest.raises(tester.glue.exceptions.EntityNotFoundException, match="Job nowhere not found"):
        tester.start("nowhere")
