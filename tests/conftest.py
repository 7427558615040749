"""What holds for every test."""

from __future__ import annotations

import signal

# A shell that starts the tests in the background (scripts/test does) lets them ignore SIGINT, and whatever they start
# would inherit that; a handler of our own is not inherited, so what a test interrupts dies as in a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
