"""What every service of the local AWS is given when it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.local_aws.persistence import Store

ACCOUNT_ID = "123456789012"
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@dataclass(frozen=True)
class Context:
    """Shared parts of the server: its state directory, its store, its own address, and what to run when it stops."""

    state_dir: Path
    store: Store
    endpoint: Callable[[], str]
    """The server's own URL without a trailing slash; valid once the port is bound, which is before any request."""
    on_shutdown: list[Callable[[], None]] = field(default_factory=list)
    """Called in reverse order of registration when the server stops in good order; must return within a second."""
