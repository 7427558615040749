"""A web page of another port in a real browser, against the running stack: it reads nothing and changes nothing."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lakehouse.cli import stack
from tests.e2e.conftest import Stack
from tests.support import attacks

REBOUND = "rebound.test"
"""A name that an attacker's DNS points at this machine, as far as the browser knows."""


@pytest.fixture(scope="module")
def browser() -> str:
    found = attacks.browser()
    if found is None:
        pytest.skip(f"no browser that runs without a screen is on PATH ({', '.join(attacks.BROWSERS)})")
    return found


@pytest.fixture
def careless() -> Iterator[tuple[str, list[str]]]:
    """A server that lets every page do everything, and what it was asked: it shows that the attempts are real."""
    asked: list[str] = []

    class Careless(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"] or "*")
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.end_headers()
            self.wfile.write(b"a secret")

        do_GET = do_POST = answer  # noqa: N815 - their names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def target(url: str, method: str = "GET", body: str | None = None, **headers: str) -> dict[str, Any]:
    return {"url": url, "method": method, "body": body, "headers": {k.replace("_", "-"): v for k, v in headers.items()}}


def targets(running: Stack) -> list[dict[str, Any]]:
    """What the page asks for: all that was there to be read and to be changed."""
    live = stack.load(running.state_dir)
    assert live is not None
    aws, airflow, bucket = live.endpoint, live.airflow_url, running.settings.bucket
    delete = "<Delete><Object><Key>artifacts/scripts/ingest_bronze.py</Key></Object></Delete>"
    run = json.dumps({"logical_date": None})
    return [
        target(f"{aws}/moto-api/data.json"),
        target(f"{aws}/_local/health"),
        target(f"{aws}/_local/processes"),
        target(f"{aws}/{bucket}?list-type=2"),
        target(f"{aws}/{bucket}/artifacts/scripts/ingest_bronze.py"),
        target(f"{aws}/moto-api/reset", "POST", ""),
        target(f"{aws}/{bucket}?delete", "POST", delete),
        target(f"{aws}/{bucket}/artifacts/scripts/ingest_bronze.py", "PUT", "theirs"),
        target(f"{aws}/", "POST", '{"SecretId": "lakehouse/token-key"}', X_Amz_Target="secretsmanager.GetSecretValue"),
        target(f"{airflow}/api/v2/monitor/health"),
        target(f"{airflow}/api/v2/dags"),
        target(f"{airflow}/auth/token"),
        target(f"{airflow}/"),
        target(f"{airflow}/execution/health"),
        target(f"{airflow}/api/v2/dags/ingest/dagRuns", "POST", run, Content_Type="application/json"),
    ]


def everything(running: Stack) -> dict[str, Any]:
    """What a page must not have changed."""
    s3, queues = running.client("s3"), running.client("sqs").list_queues()["QueueUrls"]
    key = running.client("secretsmanager").get_secret_value(SecretId="lakehouse/token-key")["SecretBinary"]
    objects = s3.list_objects_v2(Bucket=running.settings.bucket, Prefix="artifacts/")["Contents"]
    return {"key": key, "queues": queues, "objects": {item["Key"]: item["ETag"] for item in objects}}


def hold_nothing_was_read(got: list[dict[str, str]], careless: str) -> None:
    for item in got:
        if item["url"].startswith(careless):
            continue
        # An opaque answer, or that a form has been sent, tells the page nothing.
        harmless = {"failed", "opaque", "unreadable"} | ({"sent"} if item["how"].startswith("form") else set())
        assert item["what"] in harmless, item


def test_a_page_of_another_port_reads_nothing_and_changes_nothing(
    running: Stack, browser: str, careless: tuple[str, list[str]]
) -> None:
    url, asked = careless
    control = [target(f"{url}/read"), target(f"{url}/change", "POST", "body")]
    before = everything(running)
    got = attacks.attempt(browser, [*control, *targets(running)])
    of_control = {item["how"]: item["what"] for item in got if item["url"] == f"{url}/read"}
    assert of_control["fetch"] == of_control["xhr"] == "200 a secret"
    assert asked.count("POST /change") >= 5  # fetch, without CORS, beacon, forms
    hold_nothing_was_read(got, url)
    assert len({item["url"] for item in got}) == len(control) + len(targets(running)) - 1  # one URL is asked twice
    assert everything(running) == before


def test_a_name_that_was_bound_to_this_machine_reads_nothing(running: Stack, browser: str) -> None:
    live = stack.load(running.state_dir)
    assert live is not None
    before = everything(running)
    asked = json.loads(json.dumps(targets(running)).replace("127.0.0.1", REBOUND))
    hold_nothing_was_read(attacks.attempt(browser, asked, [REBOUND]), "-")
    assert everything(running) == before
    # After the binding the attacker's page is of the same origin: the browser would let it read what is answered here.
    for place in (f"{live.endpoint}/_local/health", f"{live.airflow_url}/api/v2/version"):
        shown = opened(browser, place.replace("127.0.0.1", REBOUND), REBOUND)
        assert "Host is rebound.test" in shown
        assert '"status"' not in shown
        assert '"version"' not in shown


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_person_who_types_the_address_is_asked_to_log_in(running: Stack, browser: str, name: str) -> None:
    live = stack.load(running.state_dir)
    assert live is not None
    shown = opened(browser, live.airflow_url.replace("127.0.0.1", name))
    assert 'name="password"' in shown
    assert "not answered" not in shown


def opened(program: str, url: str, *rebound: str) -> str:
    """The page that a person sees who opens a URL, as HTML."""
    with attacks.profile_directory() as profile:
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        command += ["--no-proxy-server", *(f"--host-resolver-rules=MAP {name} 127.0.0.1" for name in rebound)]
        command += ["--virtual-time-budget=20000", "--dump-dom", url]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_stranger_on_this_machine_is_refused(running: Stack) -> None:
    client = running.client("s3", key_id="LAKENOBODY")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client.list_buckets()
