"""What happens when a task has failed for good, or a run has taken too long."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lakehouse import alerts
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context


def task_failed(context: Context) -> None:
    """Say which task of which run failed and why, in the words of the service that failed."""
    task = context["ti"]
    _alert(
        f"{task.dag_id}.{task.task_id} failed",
        f"run {task.run_id}, try {task.try_number}\n{context.get('exception')}\n{task.log_url}",
    )


def run_failed(context: Context) -> None:
    """Say that a run timed out or is stuck. A run that failed by a task has been told of by `task_failed`."""
    if context["reason"] != "task_failure":
        _alert(f"{context['dag'].dag_id}: {context['reason']}", f"run {context['run_id']}")


def _alert(subject: str, message: str) -> None:
    alerts.publish(Settings.from_environment(), logging.ERROR, subject, message)
