"""Objects of S3 that hold JSON."""

from __future__ import annotations

import json
from typing import Any


def put(s3: Any, bucket: str, key: str, content: object, **conditions: str) -> None:
    """Write one, under the conditions that S3's PutObject knows."""
    body = json.dumps(content, indent=1).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **conditions)


def get(s3: Any, bucket: str, key: str) -> Any:
    """What one holds. Raises botocore's ClientError when it is not there."""
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
