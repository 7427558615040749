"""What goes wrong for users, in one sentence each; anything else is a fault of the program and keeps its traceback."""

from __future__ import annotations

import json
import os

from lakehouse.cli.airflow_api import AirflowError
from lakehouse.cli.connection import NotRunningError
from lakehouse.cli.home import NoCheckoutError
from lakehouse.cli.stack import StackError
from lakehouse.contract import ContractError
from lakehouse.settings import SettingsError


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why, and what would help."""


_SPEAK_FOR_THEMSELVES = (
    AirflowError,
    CommandError,
    ContractError,
    NoCheckoutError,
    NotRunningError,
    SettingsError,
    StackError,
)


def explain(error: Exception) -> str | None:
    """The sentence that a user reads instead of a traceback; None for what no user can have caused."""
    if isinstance(error, _SPEAK_FOR_THEMSELVES):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return None
    if isinstance(error, UnicodeDecodeError):
        return f"what came in is not UTF-8 text: {error.reason} at byte {error.start}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return _explain_aws(error)


def _explain_aws(error: Exception) -> str | None:
    # Imported only once something went wrong: they take longer than many a command.
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - botocore's, not Python's
        HTTPClientError,
        NoCredentialsError,
    )

    from lakehouse.proof import ProofError
    from lakehouse.rebuilds import GivenUpError
    from lakehouse.redshift import RedshiftError
    from lakehouse.road import StationError
    from lakehouse.warehouse_changes.applying import StepError

    if isinstance(error, RedshiftError | ProofError | GivenUpError | StationError | StepError):
        return str(error)
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"AWS does not answer ({error}); on a laptop run `lakehouse up`"
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials; on a laptop run `lakehouse up`, in the cloud log in first"
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        hint = "; run `lakehouse up`, which makes what is missing" if code in _ABSENT else ""
        if code in _NOT_OUR_KEY and os.environ.get("AWS_ENDPOINT_URL"):
            hint = '; this shell holds another key than the local AWS has: eval "$(lakehouse status --env)"'
        return f"{error.operation_name} was refused: {error.response['Error'].get('Message') or code} ({code}){hint}"
    return str(error) if isinstance(error, BotoCoreError) else None


_NOT_OUR_KEY = frozenset(
    {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
    | {"SignatureDoesNotMatch", "InvalidSignatureException"}
)
_ABSENT = frozenset({"NoSuchBucket", "EntityNotFoundException", "ResourceNotFoundException"})
