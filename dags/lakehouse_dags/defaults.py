"""What every task has, unless its DAG knows better."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lakehouse_dags.alerts import task_failed

TASK_DEFAULTS: dict[str, Any] = {
    "owner": "lakehouse",
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(minutes=15),
    "on_failure_callback": task_failed,
}
