"""Table locks between transactions, which DuckDB does not have.

As in Redshift, a writer holds its table's write lock until its transaction ends, and LOCK (like TRUNCATE, ALTER and
DROP) holds it exclusively, against readers too.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import defaultdict
from collections.abc import Iterable

from infra.local_aws.redshift.errors import TIMED_OUT, RedshiftError, StatementCanceledError

Table = tuple[str, str]
POLL_SECONDS = 0.05


class Mode(enum.IntEnum):
    """Weakest first."""

    SHARE = 1
    WRITE = 2
    EXCLUSIVE = 3

    def conflicts(self, other: Mode) -> bool:
        """Readers get along with readers and with a writer; two writers do not; nobody does with EXCLUSIVE."""
        return Mode.EXCLUSIVE in (self, other) or self == other == Mode.WRITE


class LockManager:
    """The locks of one warehouse. An owner is one transaction, named by its session's number."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: dict[Table, dict[int, Mode]] = defaultdict(dict)
        self._waits_for: dict[int, set[int]] = {}

    def acquire(
        self, owner: int, tables: Iterable[Table], mode: Mode, deadline: float, canceled: threading.Event
    ) -> None:
        """Take the locks one by one, in order of name; they are held until ``release``.

        ``deadline`` is a ``time.monotonic()`` value. Raises RedshiftError for a deadlock or when the deadline passes,
        StatementCanceledError when ``canceled`` is set meanwhile.
        """
        with self._changed:
            for table in sorted(set(tables)):
                if self._held.get(table, {}).get(owner, 0) >= mode:
                    continue
                try:
                    self._wait(owner, table, mode, deadline, canceled)
                finally:
                    self._waits_for.pop(owner, None)
                self._held[table][owner] = mode

    def release(self, owner: int) -> None:
        """Give back all locks of a transaction."""
        with self._changed:
            for table in [table for table, owners in self._held.items() if owner in owners]:
                del self._held[table][owner]
                if not self._held[table]:
                    del self._held[table]
            self._changed.notify_all()

    def waiting(self) -> frozenset[int]:
        """The owners that wait for a lock now."""
        with self._changed:
            return frozenset(self._waits_for)

    def _wait(self, owner: int, table: Table, mode: Mode, deadline: float, canceled: threading.Event) -> None:
        while holders := self._holders_against(owner, table, mode):
            self._waits_for[owner] = holders
            if self._is_deadlocked(owner):
                raise RedshiftError("deadlock detected")
            if canceled.is_set():
                raise StatementCanceledError
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise RedshiftError(TIMED_OUT)
            # A cancel does not notify, so it is looked for from time to time.
            self._changed.wait(min(remaining, POLL_SECONDS))

    def _holders_against(self, owner: int, table: Table, mode: Mode) -> set[int]:
        return {other for other, held in self._held.get(table, {}).items() if other != owner and mode.conflicts(held)}

    def _is_deadlocked(self, owner: int) -> bool:
        seen: set[int] = set()
        pending = list(self._waits_for.get(owner, ()))
        while pending:
            other = pending.pop()
            if other == owner:
                return True
            if other not in seen:
                seen.add(other)
                pending += self._waits_for.get(other, ())
        return False
