"""Namespaces and workgroups of Redshift Serverless."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_aws_process import LocalAwsProcess


@pytest.fixture(scope="module")
def serverless(local_aws: LocalAwsProcess) -> Any:
    return local_aws.client("redshift-serverless", retries={"total_max_attempts": 1})


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_life_of_a_workgroup(serverless: Any) -> None:
    namespace = serverless.create_namespace(namespaceName="life", dbName="Sales")["namespace"]
    assert (namespace["dbName"], namespace["status"]) == ("sales", "AVAILABLE")
    made = serverless.create_workgroup(workgroupName="life", namespaceName="life", baseCapacity=8)["workgroup"]
    assert (made["baseCapacity"], made["status"], made["namespaceName"]) == (8, "AVAILABLE", "life")
    assert made["endpoint"]["port"] == 5439
    assert serverless.get_workgroup(workgroupName="life")["workgroup"] == made
    assert made in serverless.list_workgroups()["workgroups"]
    assert namespace in serverless.list_namespaces()["namespaces"]
    changed = serverless.update_workgroup(workgroupName="life", baseCapacity=16)["workgroup"]
    assert (changed["baseCapacity"], changed["workgroupId"]) == (16, made["workgroupId"])
    assert code_of(serverless.create_workgroup, workgroupName="life", namespaceName="life") == "ConflictException"
    assert code_of(serverless.create_namespace, namespaceName="life") == "ConflictException"
    assert code_of(serverless.delete_namespace, namespaceName="life") == "ConflictException"
    assert serverless.delete_workgroup(workgroupName="life")["workgroup"]["status"] == "DELETING"
    assert code_of(serverless.get_workgroup, workgroupName="life") == "ResourceNotFoundException"
    serverless.delete_namespace(namespaceName="life")
    assert code_of(serverless.get_namespace, namespaceName="life") == "ResourceNotFoundException"


def test_workgroup_needs_its_namespace_a_long_name_and_a_capacity_that_exists(serverless: Any) -> None:
    make = serverless.create_workgroup
    assert code_of(make, workgroupName="lonely", namespaceName="nowhere") == "ResourceNotFoundException"
    serverless.create_namespace(namespaceName="checks")
    assert code_of(make, workgroupName="checks", namespaceName="checks", baseCapacity=9) == "ValidationException"
    assert code_of(make, workgroupName="Not_Good", namespaceName="checks") == "ValidationException"


def test_workgroup_name_of_two_characters_is_refused_by_the_server_too(local_aws: LocalAwsProcess) -> None:
    unchecked = local_aws.client("redshift-serverless", parameter_validation=False)
    assert code_of(unchecked.create_namespace, namespaceName="ab") == "ValidationException"


def test_credentials_are_temporary(serverless: Any) -> None:
    serverless.create_namespace(namespaceName="keys")
    serverless.create_workgroup(workgroupName="keys", namespaceName="keys")
    given = serverless.get_credentials(workgroupName="keys", durationSeconds=900)
    assert given["dbUser"]
    assert given["nextRefreshTime"] < given["expiration"]
    assert code_of(serverless.get_credentials, workgroupName="nobody") == "ResourceNotFoundException"
