"""Statements through the Data API, as a client of AWS runs them."""

from __future__ import annotations

import time
from typing import Any

TIMEOUT_SECONDS = 60
ENDED = ("FINISHED", "FAILED", "ABORTED")


class StatementFailedError(Exception):
    """A statement did not finish; the message is its error."""


class RedshiftData:
    """One database of a workgroup, through a boto3 client of ``redshift-data``."""

    def __init__(self, client: Any, workgroup: str, database: str = "dev") -> None:
        self.client = client
        self.target = {"WorkgroupName": workgroup, "Database": database}

    def start(self, sql: str, **options: Any) -> str:
        """Start one statement; its id."""
        target = {} if "SessionId" in options else self.target
        return str(self.client.execute_statement(Sql=sql, **target, **options)["Id"])

    def wait(self, statement_id: str) -> dict[str, Any]:
        """Describe a statement once it has ended."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            described: dict[str, Any] = self.client.describe_statement(Id=statement_id)
            if described["Status"] in ENDED:
                return described
            assert time.monotonic() < deadline, f"{statement_id} is still {described['Status']}"
            time.sleep(0.005)

    def run(self, sql: str, **options: Any) -> list[tuple[Any, ...]]:
        """Run one statement; its rows (NULL is None), or none. Raises StatementFailedError."""
        return self.rows(self.finish(self.start(sql, **options)))

    def batch(self, *sqls: str, **options: Any) -> dict[str, Any]:
        """Run a batch and describe it once it has ended."""
        target = {} if "SessionId" in options else self.target
        answer = self.client.batch_execute_statement(Sqls=list(sqls), **target, **options)
        return self.wait(answer["Id"])

    def finish(self, statement_id: str) -> dict[str, Any]:
        """Wait for success. Raises StatementFailedError."""
        described = self.wait(statement_id)
        if described["Status"] != "FINISHED":
            raise StatementFailedError(described.get("Error", described["Status"]))
        return described

    def rows(self, described: dict[str, Any]) -> list[tuple[Any, ...]]:
        """All pages of a finished statement's result."""
        if not described["HasResultSet"]:
            return []
        pages = self.client.get_paginator("get_statement_result").paginate(Id=described["Id"])
        return [
            tuple(None if "isNull" in field else next(iter(field.values())) for field in record)
            for page in pages
            for record in page["Records"]
        ]
