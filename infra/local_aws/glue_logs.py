"""The driver output of Glue job runs in CloudWatch Logs, where Glue puts it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from infra.local_aws.context import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from moto.logs.models import LogsBackend

LOG_GROUP_PREFIX = "/aws-glue/jobs"
MAX_LINES = 20_000
"""Per stream; what a run prints beyond is dropped, and the last line says so."""
MAX_LINE_LENGTH = 32_768
MAX_STREAMS = 500
"""Per group; the oldest runs' streams go first."""
_backend_lock = threading.Lock()


class RunLog:
    """The two streams of a run, named by its id: stdout in the group ``…/output``, stderr in the group ``…/error``."""

    def __init__(self, run_id: str) -> None:
        """Create both streams, empty."""
        self._run_id = run_id
        self._lines = {"output": 0, "error": 0}
        self.last_error_line = ""
        for name in self._lines:
            _create_stream(_group(name), run_id)

    def output(self, lines: list[str]) -> None:
        """Append lines of stdout."""
        self._append("output", lines)

    def error(self, lines: list[str]) -> None:
        """Append lines of stderr."""
        self.last_error_line = next((line for line in reversed(lines) if line.strip()), self.last_error_line)
        self._append("error", lines)

    def _append(self, name: str, lines: list[str]) -> None:
        written = self._lines[name]
        self._lines[name] += len(lines)
        # CloudWatch Logs holds no empty messages.
        room = [line[:MAX_LINE_LENGTH] or " " for line in lines[: max(0, MAX_LINES - written)]]
        if written < MAX_LINES < self._lines[name]:
            room.append(f"(the log ends here: more than {MAX_LINES} lines)")
        if not room:
            return
        timestamp = int(time.time() * 1000)
        events = [{"timestamp": timestamp, "message": line} for line in room]
        with _backend_lock:
            group: Any = _logs().groups.get(_group(name))
            # A client may delete the group at any time; then nobody reads.
            if group is not None and self._run_id in group.streams:
                group.put_log_events(self._run_id, events)


def _group(name: str) -> str:
    return f"{LOG_GROUP_PREFIX}/{name}"


def _logs() -> LogsBackend:
    return get_backend("logs")[ACCOUNT_ID][REGION]


def _create_stream(group_name: str, stream_name: str) -> None:
    with _backend_lock:
        logs = _logs()
        logs.ensure_log_group(group_name)
        streams = logs.groups[group_name].streams
        while len(streams) >= MAX_STREAMS:
            del streams[next(iter(streams))]
        logs.ensure_log_stream(group_name, stream_name)
