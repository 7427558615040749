"""A local AWS in a process of its own, for tests: started, killed and started again on the same state."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from infra.local_aws.keys import Key

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
KEY = Key("test", "test-secret")
CREDENTIALS = KEY.environment()
CREDENTIALS_OF_BOTOCORE = Credentials(KEY.access_key_id, KEY.secret_access_key)
REGION = "us-east-1"


class LocalAwsProcess:
    """One server process on ``state_dir``; its standard error goes to ``log_path``."""

    def __init__(self, state_dir: Path, port: int = 0, faults: bool = False) -> None:
        """Start and wait until it answers; raise RuntimeError with its log when it does not. With ``faults`` it lets
        tests have processes killed."""
        self.state_dir, self._faults = state_dir, faults
        self.log_path = state_dir.parent / f"{state_dir.name}.log"
        self.endpoint = ""
        self._port = port
        self._start()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **CREDENTIALS,
        }

    @property
    def key(self) -> Key:
        """The key that it answers to."""
        return KEY

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this AWS; keyword arguments are botocore Config options."""
        return boto3.client(
            cast(Any, service),
            endpoint_url=self.endpoint,
            region_name=REGION,
            **KEY.client_arguments(),
            config=Config(**config),
        )

    def signed(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        service: str = "s3",
    ) -> dict[str, str]:
        """The headers, signed, of a request that a test sends itself; ``path`` is as on the wire."""
        request = AWSRequest(method, f"{self.endpoint}{path}", headers, body)
        # The one for S3 would hash the body even where the header says what stands in its place.
        is_said = service != "s3" or "x-amz-content-sha256" in request.headers
        auth = SigV4Auth if is_said else S3SigV4Auth
        auth(CREDENTIALS_OF_BOTOCORE, service, REGION).add_auth(request)
        return dict(request.headers.items())

    def head(self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """The head of such a request as it goes over the wire."""
        said = {"Host": urlsplit(self.endpoint).netloc, "Content-Length": str(len(body)), **(headers or {})}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
        lines += [f"{name}: {value}" for name, value in self.signed(method, path, body).items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def get(self, path: str) -> Any:
        """The JSON that a page of the server's own answers, such as ``/_local/processes``."""
        return self.send("GET", path)

    def faults(self, fault: Mapping[str, object] | None = None) -> Any:
        """What has become of the armed fault; arms another one first, if one is given."""
        if fault is None:
            return self.get("/_local/faults")
        return self.send("POST", "/_local/faults", json.dumps(fault).encode())

    def send(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The JSON that the server answers to a signed request; raises HTTPError when it refuses."""
        headers = self.signed(method, path, body)
        request = urllib.request.Request(f"{self.endpoint}{path}", body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
            return json.loads(answer.read())

    def kill(self) -> None:
        """Kill the process as a power cut of the process would: SIGKILL, no goodbye."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_SECONDS)

    def stop(self) -> int:
        """Ask the process to end and return its exit code; kill it when it does not obey."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_SECONDS)
        if self._process.poll() is None:
            self.kill()
        return self._process.returncode

    def restart(self) -> None:
        """Start again on the same state and the same port; ends the running process first."""
        self.stop()
        self._start()

    def log(self) -> str:
        """Everything the server wrote to standard error."""
        return self.log_path.read_text()

    def _start(self) -> None:
        command = [sys.executable, "-m", "infra.local_aws", "--state", str(self.state_dir), "--port", str(self._port)]
        command += ["--faults"] if self._faults else []
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **CREDENTIALS}, start_new_session=True
            )
        line = self._ready_line(cast("IO[bytes]", self._process.stdout))
        if not line:
            self.stop()
            raise RuntimeError(f"the local AWS did not start: {self.log()[-2000:]}")
        self.endpoint = json.loads(line)["endpoint"]
        self._port = int(self.endpoint.rpartition(":")[2])

    def _ready_line(self, stdout: IO[bytes]) -> bytes:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        line = b""
        while not line.endswith(b"\n") and (remaining := deadline - time.monotonic()) > 0:
            if select.select([stdout], [], [], remaining)[0]:
                chunk = os.read(stdout.fileno(), 4096)
                if not chunk:
                    return b""
                line += chunk
        return line
