"""The stations of the road one after the other, without Airflow, through the code that the DAG calls."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import boto3
import pytest

from infra.local_aws.provision import provision
from lakehouse import road, roles
from lakehouse.cli import stack
from lakehouse.cli.home import checkout
from lakehouse.jobs import BATCH_JOBS
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.settings import Settings
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess
from tests.support.logs import written

# One that passes, one refused for its date, one for its address; and one whose address is that of another.
USERS = b"""user_id,email,full_name,country,signed_up_at
u-1,ada@example.com,Ada Lovelace-Byron,DE,2026-01-01 10:00:00
u-2,bo@example.com,Bo Diddley-Bates,Germany,never
u-3,cy at example.com,Cy Twombly-Parker,FR,2026-01-01 10:00:00
u-4,ada@example.com,,FR,2026-01-02 10:00:00
"""
PERSONAL = (
    *("ada@example.com", "bo@example.com", "cy at example.com"),
    *("Lovelace-Byron", "Diddley-Bates", "Twombly-Parker"),
)


def test_one_batch_walks_the_road_and_then_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = LocalAwsProcess(tmp_path / "state")
    try:
        for name, value in stack.environment(aws.endpoint, CREDENTIALS).items():
            monkeypatch.setenv(name, value)
        settings = Settings.from_environment()
        provision(settings, checkout())
        boto3.client("s3").put_object(Bucket=settings.landing_bucket, Key="storefront/users/a.csv", Body=USERS)

        assert [station for station, _ in road.run(settings)] == [
            "plan",
            *BATCH_JOBS,
            "load_warehouse",
            "prove",
            "finish",
        ]
        _addresses_are_tokens_for_analysts_and_clear_for_stewards(settings)
        _no_personal_data_is_written_down(aws, settings)
        assert list(road.run(settings)) == []
    finally:
        aws.stop()


def _addresses_are_tokens_for_analysts_and_clear_for_stewards(settings: Settings) -> None:
    key = boto3.client("secretsmanager").get_secret_value(SecretId=settings.token_key)["SecretBinary"]
    ada = hmac.new(key, b"ada@example.com", hashlib.sha256).hexdigest()
    analyst = Redshift(settings, secret_arn=settings.user_secret(roles.ANALYST))
    found = analyst.query("SELECT user_id, country, email FROM storefront.dim_user ORDER BY user_id")
    assert found.rows == (("(unknown)", None, None), ("u-1", "DE", ada), ("u-4", "FR", ada))
    clear = "SELECT user_id, email, full_name FROM private_storefront.dim_user ORDER BY user_id"
    with pytest.raises(RedshiftError, match="permission denied for schema private_storefront"):
        analyst.query(clear)
    assert Redshift(settings, secret_arn=settings.user_secret(roles.STEWARD)).query(clear).rows == (
        ("u-1", "ada@example.com", "Ada Lovelace-Byron"),
        ("u-4", "ada@example.com", None),
    )


def _no_personal_data_is_written_down(aws: LocalAwsProcess, settings: Settings) -> None:
    """In no log of the run, nor in the statements that Redshift remembers of it. The key is not there either."""
    key = boto3.client("secretsmanager").get_secret_value(SecretId=settings.token_key)["SecretBinary"]
    said = dict(written(aws.state_dir, aws.client("logs"), aws.client("glue")))
    said["statements"] = str(Redshift(settings).query("SELECT query_text, error_message FROM sys_query_history").rows)
    assert {job for job in BATCH_JOBS if any(settings.job_name(job) in text for text in said.values())} == {*BATCH_JOBS}
    assert any(where.startswith("/aws-glue/jobs/") and text for where, text in said.items()), (
        "the jobs did say something"
    )
    assert "COPY stage_storefront_dim_user_private" in said["statements"]
    found = [(where, words) for where, text in said.items() for words in (*PERSONAL, key.hex()) if words in text]
    assert found == []
