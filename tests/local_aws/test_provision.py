"""What the local AWS is given before the first file arrives, and that giving it twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from infra.local_aws.provision import provision, publish
from lakehouse import ddl, jobs, landing
from lakehouse.cli import stack
from lakehouse.contract import load_registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

ROOT = Path(__file__).parents[2]
WHEEL = "artifacts/lakehouse-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    process = LocalAwsProcess(tmp_path_factory.mktemp("provision") / "state")
    yield process
    process.stop()


@pytest.fixture(scope="module")
def settings(aws: LocalAwsProcess) -> Iterator[Settings]:
    """Provisioned twice."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment(aws.endpoint, CREDENTIALS).items():
            patch.setenv(name, value)
        made = Settings.from_environment()
        provision(made, ROOT)
        provision(made, ROOT)
        yield made


def test_every_job_has_its_script_the_library_and_the_catalog(aws: LocalAwsProcess, settings: Settings) -> None:
    s3, glue = aws.client("s3"), aws.client("glue")
    names = [job["Name"] for job in glue.get_jobs()["Jobs"]]
    assert sorted(names) == sorted(settings.job_name(job) for job in jobs.JOBS)
    for job in jobs.JOBS:
        definition = glue.get_job(JobName=settings.job_name(job))["Job"]
        script = definition["Command"]["ScriptLocation"].removeprefix(f"s3://{settings.bucket}/")
        body = s3.get_object(Bucket=settings.bucket, Key=script)["Body"].read()
        assert body == (ROOT / "glue_jobs" / f"{job}.py").read_bytes()
        arguments = definition["DefaultArguments"]
        assert arguments["--additional-python-modules"] == f"s3://{settings.bucket}/{WHEEL}"
        assert "GlueCatalog" in arguments["--conf"]
        assert definition["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
        assert definition["Timeout"] == jobs.JOBS[job]


def test_library_that_did_not_change_keeps_its_bytes(aws: LocalAwsProcess, settings: Settings) -> None:
    before = aws.client("s3").head_object(Bucket=settings.bucket, Key=WHEEL)["ETag"]
    publish(settings, ROOT)
    assert aws.client("s3").head_object(Bucket=settings.bucket, Key=WHEEL)["ETag"] == before


def test_arrival_in_landing_and_nothing_else_puts_one_message_into_the_queue(
    aws: LocalAwsProcess, settings: Settings
) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    drain(sqs, settings.queue_url)
    for key in ("raw/a.csv", "storefront/users/a.csv", "batches/1/manifest.json"):
        s3.put_object(Bucket=settings.bucket, Key=key, Body=b"x")
    s3.put_object(Bucket=settings.landing_bucket, Key="storefront/users/a b.csv", Body=b"x")
    messages = drain(sqs, settings.queue_url)
    keys = [unquote_plus(record["s3"]["object"]["key"]) for message in messages for record in message["Records"]]
    assert keys == ["storefront/users/a b.csv"]


def test_landing_keeps_what_is_written_over_and_forgets_it_in_the_end(aws: LocalAwsProcess, settings: Settings) -> None:
    s3, landing_bucket = aws.client("s3"), settings.landing_bucket
    assert landing.is_versioned(s3, landing_bucket)
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=landing_bucket)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    versions = s3.list_object_versions(Bucket=landing_bucket, Prefix=landing.CANARY)["Versions"]
    assert [version["Key"] for version in versions] == [landing.CANARY], "made once"


def test_versioning_that_somebody_turned_off_stays_off(aws: LocalAwsProcess, settings: Settings) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=settings.landing_bucket, VersioningConfiguration={"Status": "Suspended"})
    try:
        provision(settings, ROOT)
        assert not landing.is_versioned(s3, settings.landing_bucket)
    finally:
        s3.put_bucket_versioning(Bucket=settings.landing_bucket, VersioningConfiguration={"Status": "Enabled"})


def test_landing_of_before_moves_with_all_that_waits_in_it(aws: LocalAwsProcess, settings: Settings) -> None:
    s3, said = aws.client("s3"), list[str]()
    drain(aws.client("sqs"), settings.queue_url)
    s3.put_object(Bucket=settings.bucket, Key="landing/storefront/users/old day/a b+c.csv", Body=b"x")
    for _ in range(2):
        provision(settings, ROOT, said.append)
    moved = s3.get_object(Bucket=settings.landing_bucket, Key="storefront/users/old day/a b+c.csv")["Body"].read()
    assert moved == b"x"
    assert s3.list_objects_v2(Bucket=settings.bucket, Prefix="landing/")["KeyCount"] == 0
    assert [line for line in said if line.startswith("1 files moved")] == [line for line in said if "moved" in line]
    assert drain(aws.client("sqs"), settings.queue_url), "it wakes a run"


def test_catalog_has_a_database_for_each_layer_of_each_domain(aws: LocalAwsProcess, settings: Settings) -> None:
    databases = {item["Name"]: item["LocationUri"] for item in aws.client("glue").get_databases()["DatabaseList"]}
    layers = {f"{layer}_{domain}" for domain in load_registry().domains for layer in ("bronze", "silver", "gold")}
    assert set(databases) >= {"ops", "quarantine", *layers}
    assert databases["ops"] == f"s3://{settings.bucket}/warehouse/ops.db"


def test_warehouse_has_every_gold_table_and_the_ledger_of_loads(settings: Settings) -> None:
    redshift = Redshift(settings)
    for table in ("ops.loads", *load_registry().gold):
        assert redshift.query(f"SELECT COUNT(*) FROM {table}").rows == ((0,),)
    assert len(ddl.statements(load_registry())) > len(load_registry().gold)


def test_what_no_contract_names_is_told_and_stays(settings: Settings) -> None:
    redshift, told = Redshift(settings), list[str]()
    redshift.query("ALTER TABLE storefront.dim_user ADD COLUMN left_over INTEGER")
    provision(settings, ROOT, told.append)
    assert len(told) == 1
    assert told[0].startswith("storefront.dim_user.left_over: `lakehouse warehouse apply` would drop the column")
    redshift.query("ALTER TABLE storefront.dim_user DROP COLUMN left_over")
    provision(settings, ROOT, told.append)
    assert len(told) == 1


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Every message that waits, and an empty queue."""
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
