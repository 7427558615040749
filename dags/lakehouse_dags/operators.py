"""The amazon provider's operators as this project runs them: batches, short waits, Glue's and Redshift's own errors.

Both wait in the worker while the work is short and defer when it is long. A deferral hands the task to the triggerer
and back, about two seconds in all: more than a small batch takes, nothing beside a large one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.redshift_data import (
    RedshiftDataQueryAbortedError,
    RedshiftDataQueryFailedError,
)
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.providers.amazon.aws.triggers.redshift_data import RedshiftDataTrigger
from airflow.providers.amazon.aws.utils import validate_execute_complete_event
from airflow.sdk.exceptions import AirflowException

from lakehouse.redshift import SESSION_SECONDS
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

SHORT_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.1
POLL_SHARE = 0.05  # of what the work has taken by now: late by a twentieth at most, few calls where it takes long
DEFERRED_POLL_SECONDS = 1
_GLUE_UNFINISHED = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})


class GlueJob(GlueJobOperator):
    """Run one Glue job.

    A retry joins the run that a lost worker left behind. Fails with Glue's own ErrorMessage, which the provider's
    deferred failure leaves out (apache/airflow#64095).
    """

    def __init__(self, *, execution_timeout: timedelta, **kwargs: Any) -> None:
        super().__init__(
            execution_timeout=execution_timeout,
            deferrable=True,
            waiter_delay=DEFERRED_POLL_SECONDS,
            waiter_max_attempts=int(execution_timeout.total_seconds() / DEFERRED_POLL_SECONDS),
            resume_glue_job_on_retry=True,
            aws_conn_id=None,
            **kwargs,
        )

    def defer(self, **deferral: Any) -> None:  # type: ignore[override] # returns when there is nothing to defer for
        """Called by `execute` once the run has started: defer only if it is still running after a short wait."""
        if not _ends_shortly(lambda: self._run()["JobRunState"] not in _GLUE_UNFINISHED):
            super().defer(timeout=self.execution_timeout, **deferral)
        if self._run()["JobRunState"] != "SUCCEEDED":
            raise AirflowException(self._failure())

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        ended = validate_execute_complete_event(event)
        self._job_run_id = ended["run_id"]
        if ended["status"] != "success":
            raise AirflowException(self._failure())
        return ended["run_id"]

    def _run(self) -> dict[str, Any]:
        return self.hook.conn.get_job_run(JobName=self.job_name, RunId=self._job_run_id)["JobRun"]

    def _failure(self) -> str:
        run = self._run()
        reason = run.get("ErrorMessage") or "Glue gives no message"
        return f"Glue job {self.job_name}, run {self._job_run_id}, is {run['JobRunState']}: {reason}"


class BatchGlueJob(GlueJob):
    """Run one Glue job on one batch."""

    def __init__(self, *, batch_id: str, **kwargs: Any) -> None:
        super().__init__(script_args={"--batch_id": batch_id}, **kwargs)


class LoadWarehouse(RedshiftDataOperator):
    """Stage a batch's export in temporary tables of one Data API session, then replace the touched keys from them.

    Each list of statements is one call and one transaction; they run one after the other. A retry begins again in a
    session of its own, because temporary tables end with theirs. The transactions are idempotent. The session is that
    of the user whom the loader's secret holds, and who may do no more than load. Fails with the table, file, column and
    reason; the provider's failure is the whole answer of the API.
    """

    template_fields = (*RedshiftDataOperator.template_fields, "batch_id")

    def __init__(self, *, batch_id: str, **kwargs: Any) -> None:
        super().__init__(sql=[], deferrable=True, poll_interval=DEFERRED_POLL_SECONDS, aws_conn_id=None, **kwargs)
        self.batch_id = batch_id

    def execute(self, context: Context) -> None:
        self._run_calls(first=0, session_id=None)

    def continue_session(self, context: Context, event: dict[str, Any], call: int, session_id: str) -> None:
        """Resume after the deferred wait for one call, counted from 0."""
        ended = validate_execute_complete_event(event)
        if ended["status"] != "success":
            raise AirflowException(self._failure(ended["statement_id"]))
        self._run_calls(first=call + 1, session_id=session_id)

    def _run_calls(self, first: int, session_id: str | None) -> None:
        from lakehouse import road, roles  # reads Parquet footers: too heavy to import whenever a DAG file is parsed

        settings, batch_id = Settings.from_environment(), int(self.batch_id)
        calls = [*road.stage_calls(settings, batch_id), *road.load_transactions(settings, batch_id)]
        opening = {
            "workgroup_name": settings.workgroup,
            "database": settings.database,
            "secret_arn": settings.user_secret(roles.LOADER),
            "session_keep_alive_seconds": SESSION_SECONDS,
        }
        for call, statements in enumerate(calls[first:], start=first):
            started = self.hook.execute_query(
                sql=statements,
                statement_name=f"batch-{batch_id}-call-{call}",
                wait_for_completion=False,
                **({"session_id": session_id} if session_id else opening),
            )
            self.statement_id = started.statement_id  # on_kill cancels it
            session_id = session_id or started.session_id
            if not _ends_shortly(self._has_ended):
                self.defer(
                    trigger=RedshiftDataTrigger(
                        statement_id=self.statement_id,
                        task_id=self.task_id,
                        poll_interval=DEFERRED_POLL_SECONDS,
                        aws_conn_id=self.aws_conn_id,
                        region_name=self.region_name,
                        verify=self.verify,
                        botocore_config=self.botocore_config,
                    ),
                    method_name="continue_session",
                    kwargs={"call": call, "session_id": session_id},
                    timeout=self.execution_timeout,
                )

    def _has_ended(self) -> bool:
        try:
            return self.hook.check_query_is_finished(self.statement_id)
        except (RedshiftDataQueryFailedError, RedshiftDataQueryAbortedError) as error:
            raise AirflowException(self._failure(self.statement_id)) from error

    def _failure(self, statement_id: str) -> str:
        from lakehouse import load_errors
        from lakehouse.redshift import Redshift

        return load_errors.explain(Redshift(Settings.from_environment(), self.hook.conn), statement_id)


def _ends_shortly(has_ended: Callable[[], bool]) -> bool:
    """Poll for a short while; False when there is still more to wait for."""
    started = time.monotonic()
    while not has_ended():
        waited = time.monotonic() - started
        if waited >= SHORT_WAIT_SECONDS:
            return False
        time.sleep(max(POLL_SECONDS, waited * POLL_SHARE))
    return True
