"""The pages of the local AWS itself, beside AWS's own services: `/_local/health`, `/_local/processes`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

_REQUEST_SECONDS = 5.0


def health(endpoint: str) -> Any:
    """What the server says of itself to everybody. Raises OSError or ValueError when it does not answer."""
    return _get(f"{endpoint}/_local/health", {})


def processes(endpoint: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The Glue workers that the server has started; `environment` holds its key. Raises OSError or ValueError."""
    # botocore takes a third of a second to import, which only those wait for who ask this.
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    url = f"{endpoint}/_local/processes"
    request = AWSRequest("GET", url)
    S3SigV4Auth(key, "s3", environment["AWS_REGION"]).add_auth(request)
    answer: list[dict[str, Any]] = _get(url, dict(request.headers.items()))
    return answer


def _get(url: str, headers: Mapping[str, str]) -> Any:
    # A proxy of whoever works here must not stand between two programs on one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - http to 127.0.0.1
    with opener.open(request, timeout=_REQUEST_SECONDS) as response:
        return json.loads(response.read())
