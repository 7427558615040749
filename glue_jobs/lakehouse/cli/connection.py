"""Which lake and warehouse a command talks to."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakehouse.cli import stack
from lakehouse.cli.airflow_api import AirflowApi
from lakehouse.cli.home import NoCheckoutError, state_dir
from lakehouse.settings import Settings, SettingsError

if TYPE_CHECKING:
    from lakehouse.redshift import Redshift

_PROBE_SECONDS = 2.0


class NotRunningError(Exception):
    """Nothing answers where the AWS should be; the message says where and what to do."""


@dataclass(frozen=True)
class Connection:
    """The settings, and Airflow where it is known (that of the local stack)."""

    settings: Settings
    airflow: AirflowApi | None

    def redshift(self) -> Redshift:
        """A client of the warehouse."""
        from lakehouse.redshift import Redshift

        return Redshift(self.settings)


def connect(running: stack.Stack | None = None) -> Connection:
    """Point this process at a lake: the one that the environment names, else the local stack of this folder.

    `LAKEHOUSE_BUCKET` in the environment decides which. The two are never mixed: a bucket of one with the credentials
    of the other would lead to the wrong account. Raises SettingsError, NotRunningError.
    """
    local = running or _local_stack()
    if running or not os.environ.get("LAKEHOUSE_BUCKET"):
        if local is None:
            raise SettingsError(
                "no lake is known here: run `lakehouse up` for one on this machine, or set LAKEHOUSE_BUCKET and its "
                "companions for one in the cloud"
            )
        local.enter()
    settings = Settings.from_environment()
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        # boto3 would try for ten seconds and more before it says that nothing answers.
        _probe(endpoint)
    is_here = local is not None and local.endpoint == endpoint
    return Connection(settings, AirflowApi(local.airflow_url, stack.login(state_dir())) if local and is_here else None)


def _local_stack() -> stack.Stack | None:
    try:
        return stack.load(state_dir())
    except NoCheckoutError:
        return None


def _probe(endpoint: str) -> None:
    address = urlsplit(endpoint)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=_PROBE_SECONDS).close()
    except OSError as error:
        raise NotRunningError(f"nothing is running at {endpoint}; run `lakehouse up`") from error
