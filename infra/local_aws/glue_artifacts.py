"""The code of a Glue job run: its script and its Python modules, fetched from S3."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from packaging.requirements import InvalidRequirement, Requirement

from infra.local_aws import spark_runtime
from infra.local_aws.context import REGION
from infra.local_aws.glue_worker_pool import Runtime
from infra.local_aws.keys import Key

ARCHIVES = {".whl", ".zip", ".egg"}
MODULE_ARGUMENTS = ("--additional-python-modules", "--extra-py-files")
REFUSED_ARGUMENTS = ("--extra-jars", "--extra-files")
"""Arguments that would change what the job sees, and that this runner does not carry out."""


class LaunchError(Exception):
    """The run cannot be started as it is defined; the message is the run's ErrorMessage."""


class Artifacts:
    """Fetches from the S3 of this endpoint. Unpacked modules are kept under ``directory``, named by their content."""

    def __init__(self, directory: Path, endpoint: Callable[[], str], key: Key) -> None:
        self._directory, self._endpoint, self._key = directory, endpoint, key

    def script(self, location: str, directory: Path) -> Path:
        """Fetch the script as it is now into ``directory`` and return its path; raise LaunchError."""
        path = directory / (PurePosixPath(urlsplit(location).path).name or "script.py")
        path.write_bytes(self._read(location))
        return path

    def runtime(self, arguments: Mapping[str, str]) -> Runtime:
        """What the merged arguments of a run ask a worker to be; fetches the modules. Raise LaunchError."""
        for name in REFUSED_ARGUMENTS:
            if arguments.get(name):
                raise LaunchError(f"LAUNCH ERROR | {name} is not supported by the local Glue")
        entries = [part.strip() for name in MODULE_ARGUMENTS for part in arguments.get(name, "").split(",")]
        python_path = []
        for entry in filter(None, entries):
            if entry.startswith("s3://"):
                python_path.append((entry, self._unpack(entry, self._read(entry))))
            else:
                _require_installed(entry)
        try:
            conf = spark_runtime.parse_conf(arguments.get("--conf", ""))
            packages = spark_runtime.packages(arguments.get("--datalake-formats", ""))
        except ValueError as error:
            raise LaunchError(f"LAUNCH ERROR | {error}") from error
        return Runtime(tuple(python_path), tuple(sorted(conf.items())), packages)

    @cached_property
    def _s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint(),
            region_name=REGION,
            **self._key.client_arguments(),
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
        )

    def _read(self, location: str) -> bytes:
        parts = urlsplit(location)
        try:
            content: bytes = self._s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise LaunchError(f"LAUNCH ERROR | {location} cannot be read: {error}") from error
        return content

    def _unpack(self, location: str, content: bytes) -> Path:
        """A directory for sys.path that holds the module; the same one for the same content."""
        name = PurePosixPath(urlsplit(location).path).name
        digest = hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:32]
        directory = self._directory / digest
        if directory.exists():
            return directory
        self._directory.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=self._directory))
        try:
            if Path(name).suffix in ARCHIVES:
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    archive.extractall(unfinished)
            elif name.endswith(".py"):
                (unfinished / name).write_bytes(content)
            else:
                expected = ", ".join(sorted({*ARCHIVES, ".py"}))
                raise LaunchError(f"LAUNCH ERROR | {location} is no Python module; expected one of {expected}")
            os.rename(unfinished, directory)
        except zipfile.BadZipFile as error:
            raise LaunchError(f"LAUNCH ERROR | {location} is not a valid archive: {error}") from error
        except OSError:
            # Another run has put the same content there first.
            if not directory.exists():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return directory


def worker_environment(endpoint: str, key: Key) -> dict[str, str]:
    """The environment of a worker: this process's, without any AWS or Spark settings but those of this endpoint."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SPARK_", "PYSPARK_", "PYTHON"))
    }
    return {
        **inherited,
        **key.environment(),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A developer's own profiles must neither redirect a job nor lend it credentials.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def _require_installed(entry: str) -> None:
    """Raise LaunchError unless a requirement such as ``pyarrow>=20`` is met by what is installed here."""
    try:
        requirement = Requirement(entry)
        installed = metadata.version(requirement.name)
    except InvalidRequirement as error:
        raise LaunchError(
            f"LAUNCH ERROR | Python module {entry!r} is neither an s3:// path nor a requirement"
        ) from error
    except metadata.PackageNotFoundError as error:
        raise LaunchError(
            f"LAUNCH ERROR | Python module {entry} is not installed, and the local Glue installs none"
        ) from error
    if not requirement.specifier.contains(installed, prereleases=True):
        raise LaunchError(
            f"LAUNCH ERROR | Python module {entry}: {installed} is installed, and the local Glue installs none"
        )
