"""What every service of the local AWS is given when it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local_aws.keys import Key
from infra.local_aws.moto_server import Moto
from infra.local_aws.persistence import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ACCOUNT_ID = "123456789012"
REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


@dataclass(frozen=True)
class Context:
    """Shared parts of the server: its state directory, store, address, key and services, and what to run at the end."""

    state_dir: Path
    store: Store
    endpoint: Callable[[], str]
    """The server's own URL without a trailing slash; valid once the port is bound, which is before any request."""
    key: Key
    """What the server itself, and every job that it runs, signs with."""
    on_shutdown: list[Callable[[], None]] = field(default_factory=list)
    """Called in reverse order of registration when the server stops in good order; must return within a second."""
    services: dict[str, WSGIApplication] = field(default_factory=dict)
    """By SigV4 signing name (``s3``, ``glue``, ``redshift-data``): what answers instead of moto."""
    moto: WSGIApplication = field(default_factory=Moto)
    """Moto's own answer to any request, for what a service leaves to it."""
    pages: dict[str, Callable[[], object]] = field(default_factory=dict)
    """By name: what ``GET /_local/<name>`` answers, as JSON."""
