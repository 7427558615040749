"""Sessions of the Data API that outlive a statement, by their id."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.session import Session

MAX_SESSIONS = 500
Lease = tuple[Session, Callable[[], None]]


class SessionUnavailableError(Exception):
    """The session is unknown, expired or busy; the message says which."""


@dataclass
class _Kept:
    session: Session
    keep_alive: int
    database: str
    workgroup: str | None
    cluster: str | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_busy: bool = False
    idle_since: float = field(default_factory=time.monotonic)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    timer: threading.Timer | None = None


class Sessions:
    """Keeps sessions alive for as long after their last statement as the client asked for."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def once(self, user: str) -> Lease:
        """A session for one statement."""
        session = self._warehouse.session(user)
        return session, session.close

    def create(self, user: str, keep_alive: int, database: str, workgroup: str | None, cluster: str | None) -> str:
        """A new session that lives ``keep_alive`` seconds after each statement; its id."""
        with self._lock:
            if len(self._kept) >= MAX_SESSIONS:
                raise SessionUnavailableError("Active sessions exceeded the allowed quota")
            kept = _Kept(self._warehouse.session(user), keep_alive, database, workgroup, cluster)
            self._kept[kept.id] = kept
            self._arm(kept)
        return kept.id

    def lease(self, session_id: str, keep_alive: int | None) -> Lease:
        """A session for the next statement; ``keep_alive`` changes how long it lives afterwards, 0 ends it.

        Raises SessionUnavailableError: one statement at a time.
        """
        with self._lock:
            kept = self._kept.get(session_id)
            if kept is None:
                raise SessionUnavailableError(f"Session {session_id} does not exist or has expired")
            if kept.is_busy:
                raise SessionUnavailableError(f"Session {session_id} is busy with another statement")
            kept.is_busy = True
            if kept.timer is not None:
                kept.timer.cancel()
            if keep_alive is not None:
                kept.keep_alive = keep_alive
        return kept.session, lambda: self._release(kept)

    def target(self, session_id: str) -> tuple[str, str | None, str | None] | None:
        """Database, workgroup and cluster that a session is connected to, or None."""
        with self._lock:
            kept = self._kept.get(session_id)
            return None if kept is None else (kept.database, kept.workgroup, kept.cluster)

    def user(self, session_id: str) -> str | None:
        """Who logged in to a session, or None."""
        with self._lock:
            kept = self._kept.get(session_id)
            return None if kept is None else kept.session.login

    def describe(self) -> list[dict[str, object]]:
        """SessionData of each living session, newest first."""
        with self._lock:
            return [
                {
                    "SessionId": kept.id,
                    "Status": "BUSY" if kept.is_busy else "AVAILABLE",
                    "CreatedAt": kept.created_at,
                    "UpdatedAt": datetime.now(UTC) - timedelta(seconds=time.monotonic() - kept.idle_since),
                    "Database": kept.database,
                    "DbUser": kept.session.login,
                    "SessionAliveSeconds": kept.keep_alive,
                    **({"WorkgroupName": kept.workgroup} if kept.workgroup else {}),
                    **({"ClusterIdentifier": kept.cluster} if kept.cluster else {}),
                }
                for kept in reversed(self._kept.values())
            ]

    def close(self) -> None:
        """End all sessions that are idle, for the end of the server."""
        with self._lock:
            ended = [kept for kept in self._kept.values() if not kept.is_busy]
            self._kept.clear()
        for kept in ended:
            if kept.timer is not None:
                kept.timer.cancel()
            kept.session.close()

    def _release(self, kept: _Kept) -> None:
        with self._lock:
            kept.is_busy, kept.idle_since = False, time.monotonic()
            is_over = kept.keep_alive == 0 or kept.id not in self._kept
            if is_over:
                self._kept.pop(kept.id, None)
            else:
                self._arm(kept)
        if is_over:
            kept.session.close()

    def _arm(self, kept: _Kept) -> None:
        kept.timer = threading.Timer(kept.keep_alive, self._expire, args=(kept,))
        kept.timer.daemon = True
        kept.timer.start()

    def _expire(self, kept: _Kept) -> None:
        with self._lock:
            if kept.is_busy or time.monotonic() - kept.idle_since < kept.keep_alive:
                return
            self._kept.pop(kept.id, None)
        kept.session.close()
