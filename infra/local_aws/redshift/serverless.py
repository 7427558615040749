"""Redshift Serverless: namespaces and workgroups, kept in the store."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local_aws.aws_json import Operation
from infra.local_aws.context import ACCOUNT_ID, REGION
from infra.local_aws.errors import AwsError
from infra.local_aws.persistence import Store
from infra.local_aws.redshift.facts import ADMIN
from infra.local_aws.redshift.parameters import DATABASE

_NAME = re.compile(r"[a-z0-9-]{3,64}")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS redshift_resources (
    kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, name)
)
"""
DEFAULT_CAPACITY = 128
PORT = 5439
_WORKGROUP_FIELDS = (
    "baseCapacity",
    "maxCapacity",
    "configParameters",
    "enhancedVpcRouting",
    "publiclyAccessible",
    "securityGroupIds",
    "subnetIds",
    "pricePerformanceTarget",
    "ipAddressType",
    "trackName",
    "port",
)
_NAMESPACE_FIELDS = ("adminUsername", "defaultIamRoleArn", "iamRoles", "kmsKeyId", "logExports")


class Serverless:
    """The operations of the ``redshift-serverless`` API."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create(_SCHEMA)

    def operations(self) -> dict[str, Operation]:
        """By the name in ``X-Amz-Target``."""
        return {
            "CreateNamespace": self.create_namespace,
            "GetNamespace": lambda request: {"namespace": self._get("namespace", request)},
            "ListNamespaces": lambda request: self._list("namespace", request),
            "UpdateNamespace": lambda request: self._update("namespace", request, _NAMESPACE_FIELDS),
            "DeleteNamespace": self.delete_namespace,
            "CreateWorkgroup": self.create_workgroup,
            "GetWorkgroup": lambda request: {"workgroup": self._get("workgroup", request)},
            "ListWorkgroups": lambda request: self._list("workgroup", request),
            "UpdateWorkgroup": lambda request: self._update("workgroup", request, _WORKGROUP_FIELDS),
            "DeleteWorkgroup": self.delete_workgroup,
            "GetCredentials": self.get_credentials,
            "ListTagsForResource": lambda request: {"tags": self._tags(request["resourceArn"])},
        }

    def database_of(self, workgroup: str) -> str | None:
        """The database of a workgroup's namespace, or None when there is no such workgroup; takes a name or an ARN."""
        for document in self._all("workgroup"):
            if workgroup in (document["workgroupName"], document["workgroupArn"]):
                namespace = self._find("namespace", document["namespaceName"])
                return str(namespace["dbName"]) if namespace else None
        return None

    def admin_of(self, workgroup: str) -> str:
        """The admin user of a workgroup's namespace."""
        for document in self._all("workgroup"):
            if workgroup in (document["workgroupName"], document["workgroupArn"]):
                namespace = self._find("namespace", document["namespaceName"])
                return str(namespace["adminUsername"]) if namespace else ADMIN
        return ADMIN

    def create_namespace(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """CreateNamespace."""
        name = _valid_name(request, "namespaceName")
        identifier = str(uuid.uuid4())
        document: dict[str, Any] = {
            "namespaceName": name,
            "namespaceId": identifier,
            "namespaceArn": _arn("namespace", identifier),
            "dbName": (request.get("dbName") or DATABASE).lower(),
            "status": "AVAILABLE",
            "creationDate": _now(),
            "adminUsername": request.get("adminUsername", "admin"),
            "iamRoles": request.get("iamRoles", []),
            "logExports": request.get("logExports", []),
            **{key: request[key] for key in ("defaultIamRoleArn", "kmsKeyId") if key in request},
        }
        if request.get("manageAdminPassword"):
            document["adminPasswordSecretArn"] = (
                f"arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:redshift!{name}-{secrets.token_hex(3)}"
            )
        return {"namespace": self._create("namespace", name, document, request.get("tags"))}

    def create_workgroup(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """CreateWorkgroup."""
        name = _valid_name(request, "workgroupName")
        namespace = request.get("namespaceName", "")
        if self._find("namespace", namespace) is None:
            raise _missing("namespace", namespace)
        capacity = request.get("baseCapacity", DEFAULT_CAPACITY)
        _check_capacity(capacity)
        identifier = str(uuid.uuid4())
        document = {
            "workgroupName": name,
            "workgroupId": identifier,
            "workgroupArn": _arn("workgroup", identifier),
            "namespaceName": namespace,
            "status": "AVAILABLE",
            "creationDate": _now(),
            "enhancedVpcRouting": False,
            "publiclyAccessible": False,
            "configParameters": [],
            "securityGroupIds": [],
            "subnetIds": [],
            **{key: request[key] for key in _WORKGROUP_FIELDS if key in request},
            "baseCapacity": capacity,
            "port": request.get("port", PORT),
            "endpoint": {
                "address": f"{name}.{ACCOUNT_ID}.{REGION}.redshift-serverless.amazonaws.com",
                "port": request.get("port", PORT),
                "vpcEndpoints": [],
            },
        }
        return {"workgroup": self._create("workgroup", name, document, request.get("tags"))}

    def delete_namespace(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DeleteNamespace; refused while a workgroup uses it."""
        name = request.get("namespaceName", "")
        with self._store.transaction():
            if any(workgroup["namespaceName"] == name for workgroup in self._all("workgroup")):
                raise AwsError("ConflictException", "There is an existing workgroup associated with the namespace.")
            return {"namespace": self._delete("namespace", request)}

    def delete_workgroup(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DeleteWorkgroup."""
        with self._store.transaction():
            return {"workgroup": self._delete("workgroup", request)}

    def get_credentials(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """GetCredentials: a temporary user and password that nothing ever checks."""
        if "workgroupName" not in request:
            raise AwsError("ValidationException", "WorkgroupName is required.")
        self._get("workgroup", request)
        seconds = request.get("durationSeconds", 900)
        if not 900 <= seconds <= 3600:
            raise AwsError("ValidationException", "Duration must be between 900 and 3600 seconds.")
        now = datetime.now(UTC)
        return {
            "dbUser": "IAM:local",
            "dbPassword": secrets.token_urlsafe(24),
            "expiration": now + timedelta(seconds=seconds),
            "nextRefreshTime": now + timedelta(seconds=seconds // 2),
        }

    def _create(self, kind: str, name: str, document: dict[str, Any], tags: list[Any] | None) -> dict[str, Any]:
        with self._store.transaction() as cursor:
            if self._find(kind, name) is not None:
                raise AwsError("ConflictException", f"A {kind} named {name} already exists.")
            stored = json.dumps({**document, "tags": tags or []})
            cursor.execute("INSERT INTO redshift_resources VALUES (?, ?, ?)", (kind, name, stored))
        return document

    def _update(self, kind: str, request: dict[str, Any], fields: tuple[str, ...]) -> Mapping[str, Any]:
        if "baseCapacity" in request:
            _check_capacity(request["baseCapacity"])
        with self._store.transaction() as cursor:
            document = self._get(kind, request)
            document.update({key: request[key] for key in fields if key in request})
            cursor.execute(
                "UPDATE redshift_resources SET document = ? WHERE kind = ? AND name = ?",
                (json.dumps(document), kind, document[f"{kind}Name"]),
            )
        return {kind: document}

    def _delete(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        document = self._get(kind, request)
        with self._store.transaction() as cursor:
            name = document[f"{kind}Name"]
            cursor.execute("DELETE FROM redshift_resources WHERE kind = ? AND name = ?", (kind, name))
        return {**document, "status": "DELETING"}

    def _list(self, kind: str, request: dict[str, Any]) -> Mapping[str, Any]:
        documents = self._all(kind)
        size = request.get("maxResults", 100)
        start = int(request.get("nextToken") or 0)
        answer: dict[str, Any] = {f"{kind}s": documents[start : start + size]}
        if start + size < len(documents):
            answer["nextToken"] = str(start + size)
        return answer

    def _get(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        name = request.get(f"{kind}Name", "")
        document = self._find(kind, name)
        if document is None:
            raise _missing(kind, name)
        return document

    def _find(self, kind: str, name: str) -> dict[str, Any] | None:
        return next((document for document in self._all(kind) if document[f"{kind}Name"] == name), None)

    def _all(self, kind: str) -> list[dict[str, Any]]:
        rows = self._store.query("SELECT document FROM redshift_resources WHERE kind = ? ORDER BY name", (kind,))
        return [json.loads(row["document"]) for row in rows]

    def _tags(self, arn: str) -> list[Any]:
        for kind in ("namespace", "workgroup"):
            for document in self._all(kind):
                if document[f"{kind}Arn"] == arn:
                    return list(document["tags"])
        raise AwsError("ResourceNotFoundException", f"Resource {arn} not found.", resourceName=arn)


def _valid_name(request: dict[str, Any], key: str) -> str:
    name = str(request.get(key, ""))
    if not _NAME.fullmatch(name):
        raise AwsError("ValidationException", f"{key} must match [a-z0-9-] and have 3 to 64 characters: {name!r}")
    return name


def _check_capacity(capacity: int) -> None:
    if capacity != 4 and (capacity % 8 or not 8 <= capacity <= 1024):
        raise AwsError("ValidationException", f"Base capacity {capacity} RPUs must be 4 or a multiple of 8 up to 1024.")


def _missing(kind: str, name: str) -> AwsError:
    message = f"The {kind} {name} was not found."
    return AwsError("ResourceNotFoundException", message, resourceName=name)


def _arn(kind: str, identifier: str) -> str:
    return f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT_ID}:{kind}/{identifier}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
