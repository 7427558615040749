"""From a file dropped into S3 to rows in Redshift, woken by events, through the real Airflow and the real jobs."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from lakehouse import landing
from tests.e2e.conftest import Stack, wait_for
from tests.support.iceberg import catalog_of
from tests.support.logs import written

INVOICE_LINES, USERS = "online_retail.invoice_lines", "storefront.users"
FIGURES = "SELECT COUNT(*) AS line_count, SUM(total_price) AS total FROM online_retail.fact_invoice_line"


def expected(files: Iterable[Path]) -> tuple[int, dict[str, int], Decimal]:
    """Rows parsed, where they must be, and the sum of quantity times unit price, by a reader of its own."""
    parsed = quarantined = 0
    seen: dict[tuple[str, ...], Decimal] = {}
    duplicates = 0
    for file in files:
        with file.open(newline="", encoding="utf-8") as text:
            for row in csv.DictReader(text):
                parsed += 1
                if not row["CustomerID"] or int(row["Quantity"]) <= 0 or Decimal(row["UnitPrice"]) < 0:
                    quarantined += 1
                    continue
                line = tuple(cell.strip() for cell in row.values())
                duplicates += line in seen
                seen[line] = int(row["Quantity"]) * Decimal(row["UnitPrice"])
    places = {"silver": len(seen), "quarantined": quarantined, "duplicate": duplicates, "superseded": 0}
    return parsed, places, sum(seen.values(), Decimal(0))


def land(stack: Stack, files: Iterable[Path]) -> None:
    stack.cli("land", *files, "--dataset", INVOICE_LINES, "--wait")


def accounts(stack: Stack, dataset: str) -> dict[str, int]:
    (row,) = stack.sql(
        "SELECT SUM(parsed) AS parsed, SUM(silver) AS silver, SUM(quarantined) AS quarantined, "
        "SUM(duplicate) AS duplicate, SUM(superseded) AS superseded "
        f"FROM lake_ops.row_accounts WHERE dataset = '{dataset}'"
    )
    return {name: int(value) for name, value in row.items()}


def hold(stack: Stack, files: list[Path]) -> None:
    """The ledger, the lake and the warehouse say what the files say."""
    parsed, places, total = expected(files)
    assert accounts(stack, INVOICE_LINES) == {"parsed": parsed, **places}
    (row,) = stack.sql(FIGURES)
    assert (int(row["line_count"]), Decimal(row["total"])) == (places["silver"], total)


def test_messy_files_of_seven_formats_become_a_star(running: Stack, tmp_path: Path) -> None:
    running.cli(
        "generate", "storefront", "--rows", 600, "--days", 8, "--seed", 5, "--out", tmp_path, "--defects", "messy"
    )
    # Beside the datasets' folders are those of the truth and of second deliveries.
    folders = sorted(path for path in tmp_path.iterdir() if not path.name.startswith("_"))
    names = [path.name for folder in folders for path in folder.rglob("*") if path.is_file()]
    for ending in (".csv", ".csv.gz", ".json", ".ndjson", ".ndjson.gz", ".txt", ".gz"):
        assert any(name.endswith(ending) for name in names), ending
    for folder in folders:
        running.cli("land", folder, "--dataset", f"storefront.{folder.name}")
    wait_for("every file has left landing", running.landing_is_empty)

    files = running.sql("SELECT verdict, reason, COUNT(*) AS files FROM lake_ops.files GROUP BY verdict, reason")
    going_on = landing.uncommitted(running.client("s3"), running.settings.buckets)
    assert going_on
    assert sum(int(row["files"]) for row in files) + len(going_on) == len(names)
    assert {"accepted", "quarantined", "duplicate_content"} == {row["verdict"] for row in files}
    for dataset, fact in (("transactions", "fact_transaction"), ("events", "fact_event")):
        counted = accounts(running, f"storefront.{dataset}")
        assert counted["parsed"] == sum(counted.values()) - counted["parsed"]
        assert counted["quarantined"] > 0
        (row,) = running.sql(f"SELECT COUNT(*) AS n FROM storefront.{fact}")
        assert int(row["n"]) == counted["silver"] > 0
    running.cli("prove")


def test_no_log_of_a_whole_run_holds_an_address(running: Stack) -> None:
    addresses = {row["email"] for row in running.sql("SELECT DISTINCT email FROM lake_silver_storefront.users")}
    said = dict(written(running.state_dir, running.client("logs"), running.client("glue")))
    for part in (
        "dag_id=ingest",
        "local-aws.log",
        "airflow-scheduler.log",
        "/aws-glue/jobs/error",
        "lakehouse-build-gold",
    ):
        assert any(part in where for where, text in said.items() if text), f"no log of {part} in {sorted(said)}"
    assert len(addresses) > 10
    assert not {where for where, text in said.items() for address in addresses if address in text}


def test_real_files_give_the_figures_that_the_files_hold(running: Stack, days: list[Path]) -> None:
    land(running, days[:4])
    hold(running, days[:4])


def test_same_files_again_change_no_table(running: Stack, days: list[Path]) -> None:
    loads = "SELECT domain, MAX(batch_id) AS batch_id FROM ops.loads GROUP BY domain ORDER BY domain"
    before = running.sql(loads)
    land(running, days[:4])
    assert running.sql(loads) == before
    hold(running, days[:4])


def test_killed_processes_leave_the_same_warehouse(running: Stack, days: list[Path]) -> None:
    # The Glue worker, in the middle of silver.
    ended = running.runs_of("refine-silver", "SUCCEEDED")
    running.cli("land", days[4], "--dataset", INVOICE_LINES)
    wait_for("silver runs", lambda: running.runs_of("refine-silver", "RUNNING"))
    os.kill(wait_for("a worker runs it", running.working_worker), signal.SIGKILL)
    wait_for("the batch is finished", running.landing_is_empty)
    assert running.runs_of("refine-silver", "FAILED"), "the kill came too late to hit anything"
    assert running.runs_of("refine-silver", "SUCCEEDED") > ended
    hold(running, days[:5])

    # The local AWS, between bronze and silver; Airflow's scheduler, in the middle of the run.
    for victims in (("local-aws",), ("airflow-scheduler",)):
        done = len(days[:5]) if victims == ("local-aws",) else len(days[:6])
        ended = running.runs_of("ingest-bronze", "SUCCEEDED")
        running.cli("land", days[done], "--dataset", INVOICE_LINES)
        wait_for("bronze has ended", lambda before=ended: running.runs_of("ingest-bronze", "SUCCEEDED") - before)
        for role in victims:
            running.kill(role)
        running.cli("up")
        wait_for("the batch is finished", running.landing_is_empty)
        hold(running, days[: done + 1])
    running.cli("prove")


def test_a_row_deleted_by_hand_is_found_out(running: Stack) -> None:
    (victim,) = running.sql("SELECT _file_id, _row FROM lake_silver_storefront.users ORDER BY 1, 2 LIMIT 1")
    (name,) = running.sql(f"SELECT key FROM lake_ops.files WHERE file_id = '{victim['_file_id']}'")
    table = catalog_of(running).load_table("silver_storefront.users")
    table.delete(f"_file_id = '{victim['_file_id']}' and _row = {victim['_row']}")

    said = running.cli("prove", "--dataset", USERS, expect=1)
    assert name["key"] in said.replace("\n", "")
    assert USERS in said
    checks, _ = json.JSONDecoder().raw_decode(running.cli("prove", "--dataset", USERS, "--json", expect=1))
    assert [check["subject"] for check in checks if check["problems"]] == [USERS]
