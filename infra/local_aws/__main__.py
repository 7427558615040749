"""``python -m infra.local_aws --state DIR --port N [--faults]``: serve a state directory until SIGTERM or SIGINT.

It answers who signs with the key in ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``, which never stands on a
command line. Prints ``{"endpoint": ..., "pid": ...}`` in one line on stdout when ready. Exit codes: 0 stopped, 1 the
state directory is in use, 3 the port is taken, 4 no key.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
import threading
from pathlib import Path

from infra.local_aws.keys import Key, NoKeyError
from infra.local_aws.persistence import StateDirectoryInUseError
from infra.local_aws.server import LocalAws

STATE_IN_USE = 1
PORT_IN_USE = 3
NO_KEY = 4


def main() -> int:
    """Parse the command line, serve, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local_aws", description="A local AWS in one process.")
    parser.add_argument("--state", type=Path, required=True, help="directory of everything durable; made if missing")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one (the default)")
    parser.add_argument("--faults", action="store_true", help="let tests kill processes at chosen requests")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        key = Key.from_environment(os.environ)
        aws = LocalAws(arguments.state.resolve(), arguments.port, key, arguments.faults)
    except NoKeyError as error:
        sys.stderr.write(f"{error}\n")
        return NO_KEY
    except StateDirectoryInUseError as error:
        sys.stderr.write(f"{error}\n")
        return STATE_IN_USE
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"port {arguments.port} is in use\n")
        return PORT_IN_USE
    threading.Thread(target=aws.serve, daemon=True).start()
    sys.stdout.write(json.dumps({"endpoint": aws.endpoint, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    stopped.wait()
    aws.stop()
    return 0


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed. The interpreter's own teardown would take long, and DuckDB's bindings would report objects
    # that a request cut short still holds.
    os._exit(exit_code)
