"""A program in a terminal of its own, driven as a person would: text typed, screen read."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

TIMEOUT_SECONDS = 60
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-Z]?")


class Terminal:
    """Starts a program on a pseudo-terminal; as a context it ends with the program."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._here, there = pty.openpty()
        self._process = subprocess.Popen(
            command,
            stdin=there,
            stdout=there,
            stderr=there,
            env={**environment, "TERM": "xterm", "COLUMNS": "200", "LINES": "60", "PROMPT_TOOLKIT_NO_CPR": "1"},
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one thread, and Ctrl-C has to reach the program as a signal
        )
        os.close(there)
        self._seen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._here)

    def type(self, keys: str) -> None:
        """Send keys: `\\r` is Enter, `\\t` Tab, `\\x03` Ctrl-C, `\\x04` Ctrl-D."""
        os.write(self._here, keys.encode())

    def read_until(self, text: str) -> str:
        """What has appeared since the last call, up to and with this text; control sequences are taken out."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in (plain := _ESCAPES.sub("", self._seen).replace("\r", "")):
            left = deadline - time.monotonic()
            if left < 0 or not self._read(left):
                raise AssertionError(f"{text!r} did not appear; the screen said:\n{plain}")
        before, _, after = plain.partition(text)
        self._seen = after
        return before + text

    def wait(self) -> int:
        """The exit code, once the program has ended."""
        while self._process.poll() is None:
            self._read(0.1)
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._here], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._here, 65_536)
        except OSError:  # the program has closed the terminal
            return False
        self._seen += data.decode(errors="replace")
        return bool(data)


def _take_terminal() -> None:
    """Make the pseudo-terminal the controlling one, so that it turns Ctrl-C into SIGINT."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
