"""What the SYS views tell: recent statements, loads and load errors, in memory and bounded."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infra.local_aws.redshift.facts import Column

MAX_EVENTS = 10_000


def now() -> datetime:
    """The time as the SYS views tell it, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Query:
    """One statement that has ended; ``status`` is success, failed or canceled; the times are in UTC."""

    query_id: int
    session_id: int
    user: str
    kind: str
    text: str
    status: str
    error: str
    started_at: datetime
    ended_at: datetime
    elapsed_us: int
    rows: int


@dataclass(frozen=True)
class Load:
    """One COPY that has succeeded: (url, rows, bytes) of each file."""

    session_id: int
    schema: str
    table: str
    source: str
    files: tuple[tuple[str, int, int], ...]
    rows: int
    at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class LoadError:
    """One COPY that has failed: at which file, and for which column if the error is one column's."""

    query_id: int
    transaction_id: int
    session_id: int
    table: tuple[str, str]
    started_at: datetime
    file: str
    column: Column | None
    code: int
    message: str


class History:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries: deque[Query] = deque(maxlen=MAX_EVENTS)
        self._loads: deque[Load] = deque(maxlen=MAX_EVENTS)
        self._errors: deque[LoadError] = deque(maxlen=MAX_EVENTS)

    def add_query(self, query: Query) -> None:
        """Record a statement."""
        with self._lock:
            self._queries.append(query)

    def add_load(self, load: Load) -> None:
        """Record a successful COPY."""
        with self._lock:
            self._loads.append(load)

    def add_error(self, error: LoadError) -> None:
        """Record a failed COPY."""
        with self._lock:
            self._errors.append(error)

    def queries(self) -> list[Query]:
        """Oldest first."""
        with self._lock:
            return list(self._queries)

    def loads(self) -> list[Load]:
        """Oldest first."""
        with self._lock:
            return list(self._loads)

    def errors(self) -> list[LoadError]:
        """Oldest first."""
        with self._lock:
            return list(self._errors)
