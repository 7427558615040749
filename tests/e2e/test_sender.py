"""Senders as they are: one writes over its object all the time while batches run, another sends what is refused."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Stack, wait_for

SECONDS = float(os.environ.get("LAKEHOUSE_OVERWRITE_SECONDS", "12"))
"""How long the sender goes on; two minutes or more show it whole."""
A_SECOND = 10
# No other test of this stack is about brands: what one of them spoils by hand stays spoilt.
BRANDS = "retail.brands"
KEY = "retail/brands/export.csv"


def _send(s3: Any, bucket: str, until: float, sent: set[str]) -> None:
    """Write the object again and again, each time with a row of its own; note what S3 calls the version."""
    number = 0
    while time.monotonic() < until:
        number += 1
        body = f"brand_id,brand_name\n{9_000_000 + number},Brand {number}\n"
        sent.add(s3.put_object(Bucket=bucket, Key=KEY, Body=body.encode())["VersionId"])
        threading.Event().wait(1 / A_SECOND)  # the pace of the sender; nothing is waited for


def test_every_version_of_an_object_has_a_verdict_and_its_row_a_place(running: Stack) -> None:
    sent = set[str]()
    _send(running.client("s3"), running.settings.landing_bucket, time.monotonic() + SECONDS, sent)
    assert len(sent) > SECONDS * A_SECOND / 4, "too slow to write over anything"
    wait_for("every version has left landing", running.landing_is_empty)
    rows = running.sql(
        "SELECT f.batch_id, f.verdict, f.rows_parsed, a.silver FROM lake_ops.files f "
        f"LEFT JOIN lake_ops.row_accounts a ON a.file_id = f.file_id WHERE f.key = '{KEY}'"
    )
    assert len(rows) == len(sent)
    assert {(row["verdict"], int(row["rows_parsed"]), int(row["silver"])) for row in rows} == {("accepted", 1, 1)}
    assert len({row["batch_id"] for row in rows}) > 1
    (counted,) = running.sql("SELECT COUNT(*) AS brands FROM lake_silver_retail.brands WHERE brand_id > 9000000")
    assert int(counted["brands"]) == len(sent)
    running.cli("prove", "--dataset", BRANDS)


def test_a_refused_file_does_not_end_green_and_is_judged_again_when_it_is_sent_again(
    running: Stack, tmp_path: Path
) -> None:
    page = tmp_path / "page.csv"
    page.write_text("<html><body>503 Service Unavailable</body></html>")
    land = ("land", page, "--dataset", BRANDS, "--wait")
    said = running.cli(*land, expect=3)
    assert "html_page" in said
    assert "lakehouse quarantine show " in said
    again = json.loads(running.cli(*land, "--json", "--allow-refused"))
    assert again["verdicts"] == {"quarantined": 1}
    files = running.sql("SELECT file_id FROM lake_ops.files WHERE key = 'retail/brands/page.csv'")
    assert len({file["file_id"] for file in files}) == 2
    assert again["files"][0]["file_id"] in {file["file_id"] for file in files}
