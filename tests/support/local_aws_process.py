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
from pathlib import Path
from typing import IO, Any, cast

import boto3
from botocore.config import Config

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 10
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
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
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(**config),
        )

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
