"""Whom a call of the Data API runs as."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from infra.local_aws.errors import AwsError
from infra.local_aws.redshift.catalog import INTERNAL
from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.facts import ADMIN
from infra.local_aws.redshift.principals import is_password


class Logins:
    """The user that a request names. ``secrets_manager`` makes the client that reads the secret of ``SecretArn``."""

    def __init__(self, warehouse: Warehouse, secrets_manager: Callable[[], Any]) -> None:
        self._warehouse, self._make = warehouse, secrets_manager
        self._client: Any = None

    def user(self, request: dict[str, Any], admin: str) -> str:
        """The secret's user, else ``DbUser``, else ``admin``: the server cannot tell one IAM identity from another.

        ``admin`` is the admin user of the namespace; no password of it is kept, so that none is wrong. Raises
        AwsError for a secret that cannot be read, and for a wrong user or password.
        """
        self._warehouse.admins.add(admin)
        arn = request.get("SecretArn")
        if not arn:
            return str(request.get("DbUser") or ADMIN).lower()
        user, password = self._read(str(arn))
        if user not in (ADMIN, admin) and not self._fits(user, password):
            raise AwsError("ValidationException", f'FATAL: password authentication failed for user "{user}"')
        return user

    def _read(self, arn: str) -> tuple[str, str]:
        if self._client is None:
            self._client = self._make()
        try:
            secret = json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"])
            return str(secret["username"]).lower(), str(secret["password"])
        except ClientError as error:
            message = f"Unable to fetch the secret {arn}: {error.response['Error'].get('Message', '')}"
            raise AwsError("ValidationException", message) from error
        except (KeyError, TypeError, ValueError) as error:
            message = f"The secret {arn} must be JSON with a username and a password"
            raise AwsError("ValidationException", message) from error

    def _fits(self, user: str, password: str) -> bool:
        with self._warehouse.connect() as connection:
            sql = f"SELECT password_hash FROM {INTERNAL}.users WHERE name = ?"
            found = connection.execute(sql, [user]).fetchone()
        return found is not None and is_password(user, password, found[0])
