"""A Redshift session without a server, for tests of its SQL."""

from __future__ import annotations

from typing import Any

from infra.local_aws.redshift.session import Outcome, Session


def rows_of(outcome: Outcome) -> list[tuple[Any, ...]]:
    """The rows of a result as the Data API's fields hold them; NULL is None."""
    assert outcome.result is not None
    rows: list[tuple[Any, ...]] = []
    start: int | None = 0
    while start is not None:
        records, start = outcome.result.page(start)
        rows += [
            tuple(None if "isNull" in field else next(iter(field.values())) for field in record) for record in records
        ]
    return rows


class Sql:
    """Runs statements in one session, each committed by itself unless BEGIN was said."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __call__(self, sql: str, **parameters: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, or none. Raises RedshiftError after a rollback."""
        try:
            outcome = self.session.run(sql, parameters)
            if not self.session.is_explicit:
                self.session.commit()
        except BaseException:
            self.session.rollback()
            raise
        return rows_of(outcome) if outcome.result is not None else []
