"""Typed settings, read from the environment in this one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(Exception):
    """A setting is missing or malformed; the message names the variable and what it should hold."""


@dataclass(frozen=True)
class Buckets:
    """`landing`, into which senders write, and `lake`, which holds all the rest and belongs to nobody else."""

    landing: str
    lake: str


@dataclass(frozen=True)
class Settings:
    """Where the lake and the warehouse are; the same names on a laptop and in the cloud.

    `bucket` is the lake's, `landing_bucket` the one into which senders write.

    `batch_files` and `batch_bytes` bound one batch: what does not fit waits for the next one.
    `alert_topic` is the ARN of the SNS topic that hears of failed runs; without it they are only logged.
    `redshift_users` begins the names of the secrets that hold a user of Redshift each; `token_key` is the name of the
    secret that holds the key of the tokens.
    """

    bucket: str
    landing_bucket: str
    workgroup: str
    database: str
    redshift_role: str
    queue_url: str
    job_prefix: str = "lakehouse"
    batch_files: int = 100
    batch_bytes: int = 512 * 1024 * 1024
    alert_topic: str | None = None
    redshift_users: str = "lakehouse/redshift/"
    token_key: str = "lakehouse/token-key"  # noqa: S105 - the name of a secret

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `LAKEHOUSE_*`. Raises SettingsError naming every variable that is missing."""
        env = os.environ if environment is None else environment
        required = {
            "bucket": "LAKEHOUSE_BUCKET",
            "landing_bucket": "LAKEHOUSE_LANDING_BUCKET",
            "workgroup": "LAKEHOUSE_WORKGROUP",
            "database": "LAKEHOUSE_DATABASE",
            "redshift_role": "LAKEHOUSE_REDSHIFT_ROLE",
            "queue_url": "LAKEHOUSE_QUEUE_URL",
        }
        missing = [variable for variable in required.values() if not env.get(variable)]
        if missing:
            raise SettingsError(
                f"not set: {', '.join(missing)}. On a laptop run `lakehouse up`, which sets them for every process it "
                "starts; in the cloud the deployment does."
            )
        job_prefix = env.get("LAKEHOUSE_JOB_PREFIX", cls.job_prefix)
        return cls(
            **{field: env[variable] for field, variable in required.items()},
            job_prefix=job_prefix,
            batch_files=_positive(env, "LAKEHOUSE_BATCH_FILES", cls.batch_files),
            batch_bytes=_positive(env, "LAKEHOUSE_BATCH_BYTES", cls.batch_bytes),
            alert_topic=env.get("LAKEHOUSE_ALERT_TOPIC") or None,
            redshift_users=env.get("LAKEHOUSE_REDSHIFT_USERS") or f"{job_prefix}/redshift/",
            token_key=env.get("LAKEHOUSE_TOKEN_KEY") or f"{job_prefix}/token-key",
        )

    @property
    def buckets(self) -> Buckets:
        """Both buckets."""
        return Buckets(landing=self.landing_bucket, lake=self.bucket)

    def user_secret(self, user: str) -> str:
        """The name of the secret that holds a user of Redshift and their password."""
        return f"{self.redshift_users}{user}"

    def job_name(self, job: str) -> str:
        """Glue's name of a job of this lake: `ingest_bronze` is `lakehouse-ingest-bronze`."""
        return f"{self.job_prefix}-{job.replace('_', '-')}"


def _positive(env: Mapping[str, str], variable: str, default: int) -> int:
    text = env.get(variable, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{variable} is {text!r}; it should be a whole number of at least 1")
    return int(text)
