"""Makes in the local AWS what CDK makes in the cloud, through the same API. Safe to repeat; repeats cost little."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra import wheel
from lakehouse import jobs, landing, roles, tokens
from lakehouse.contract import Registry, load_registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from lakehouse.warehouse_changes import applying, planning

ROLES = {"lakehouse-glue": "glue.amazonaws.com", "lakehouse-redshift": "redshift.amazonaws.com"}
LAKE_LAYERS = ("bronze", "silver", "gold")
SCRIPTS = "artifacts/scripts/"
LANDING_OF_BEFORE = "landing/"
# A version that was written over waits for its run like any other: the days are for a road that stands still.
OLD_VERSIONS_DAYS = 90
ABANDONED_UPLOAD_DAYS = 7
BASE_CAPACITY = 4  # RPU; the API's default is 128


def provision(settings: Settings, root: Path, report: Callable[[str], None] = lambda _: None) -> None:
    """Make everything that the road needs. `root` is the checkout; the AWS is the one that the environment names.

    `report` hears of every difference between contracts and warehouse that is not closed here, in a line each.
    """
    registry = load_registry()
    roles = _roles()
    _bucket(settings)
    _landing(settings)
    publish(settings, root)
    _events(settings)
    _move_landing_of_before(settings, report)
    _catalog(settings, registry)
    _token_key(settings)
    _jobs(settings, roles["lakehouse-glue"])
    _warehouse(settings, registry, report)


def publish(settings: Settings, root: Path) -> None:
    """Upload the library's wheel and the jobs' scripts as they are now; the next run of a job uses them."""
    s3 = boto3.client("s3")
    scripts = root / "glue_jobs"
    files = {f"{SCRIPTS}{path.name}": path.read_bytes() for path in sorted(scripts.glob("*.py"))}
    files[_wheel_key()] = wheel.build(*wheel.packages(root))
    for key, content in files.items():
        s3.put_object(Bucket=settings.bucket, Key=key, Body=content)


def _wheel_key() -> str:
    return f"artifacts/{wheel.file_name()}"


def _roles() -> dict[str, str]:
    iam = boto3.client("iam")
    for name, service in ROLES.items():
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        with suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    return {name: iam.get_role(RoleName=name)["Role"]["Arn"] for name in ROLES}


def _bucket(settings: Settings) -> None:
    boto3.client("s3").create_bucket(Bucket=settings.bucket)  # in us-east-1 an owner may create a bucket again


def _landing(settings: Settings) -> None:
    """The bucket of senders: versioned, so that nothing is overwritten unseen; what is forgotten there expires."""
    s3, bucket = boto3.client("s3"), settings.landing_bucket
    s3.create_bucket(Bucket=bucket)
    # Suspended is somebody's decision; `up` and `status` say what it means.
    if landing.versioning(s3, bucket) is None:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rules: Any = [
        {
            "ID": "forgotten",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_UPLOAD_DAYS},
        }
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    if not landing.exists(s3, bucket, landing.CANARY):
        s3.put_object(Bucket=bucket, Key=landing.CANARY, Body=b"")


def _move_landing_of_before(settings: Settings, report: Callable[[str], None]) -> None:
    """Landing was a folder of the lake's bucket once. What still lies there, or somebody still puts there, moves."""
    s3: Any = boto3.client("s3")
    moved, place = 0, f"s3://{settings.bucket}/{LANDING_OF_BEFORE}"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=LANDING_OF_BEFORE):
        for item in page.get("Contents", []):
            name, source = item["Key"].removeprefix(LANDING_OF_BEFORE), {"Bucket": settings.bucket, "Key": item["Key"]}
            if not name or (name.endswith("/") and not item["Size"]):
                continue  # a folder marker
            try:
                # Somebody may be writing there: what comes meanwhile is the next time's.
                s3.copy(source, settings.landing_bucket, name, ExtraArgs={"CopySourceIfMatch": item["ETag"]})
                s3.delete_object(**source, IfMatch=item["ETag"])
                moved += 1
            except ClientError as error:
                if not landing.is_precondition(error):
                    report(f"{place}{name} could not be moved to s3://{settings.landing_bucket}/: {error}")
    if moved:
        report(f"{moved} files moved from {place} to s3://{settings.landing_bucket}/, where files are landed now")


def _events(settings: Settings) -> None:
    """Every object that arrives in landing puts a message into the queue."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName=settings.queue_url.rpartition("/")[2])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arrival: Any = {"Id": "landing", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    for bucket, arrivals in ((settings.landing_bucket, [arrival]), (settings.bucket, [])):
        boto3.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": arrivals}
        )


def _catalog(settings: Settings, registry: Registry) -> None:
    glue = boto3.client("glue")
    of_domains = (f"{layer}_{domain}" for domain in registry.domains for layer in LAKE_LAYERS)
    for name in ("ops", "quarantine", *of_domains):
        with suppress(glue.exceptions.AlreadyExistsException):
            glue.create_database(
                DatabaseInput={"Name": name, "LocationUri": f"s3://{settings.bucket}/warehouse/{name}.db"}
            )


def _token_key(settings: Settings) -> None:
    """Made once: with another key the tokens of before and those of after would not be those of the same people."""
    client = boto3.client("secretsmanager")
    with suppress(client.exceptions.ResourceExistsException):
        client.create_secret(
            Name=settings.token_key,
            Description="Key of the tokens that stand for personal data in the warehouse. Losing it orphans them.",
            SecretBinary=secrets.token_bytes(tokens.KEY_BYTES),
        )


def _jobs(settings: Settings, role: str) -> None:
    glue = boto3.client("glue")
    for job, timeout_minutes in jobs.JOBS.items():
        name = settings.job_name(job)
        definition: Any = {
            "Role": role,
            "GlueVersion": jobs.GLUE_VERSION,
            "WorkerType": "G.1X",
            "NumberOfWorkers": 2,
            "Timeout": timeout_minutes,
            "MaxRetries": 0,  # Airflow retries, and joins a run that it lost sight of
            "ExecutionProperty": {"MaxConcurrentRuns": 1},
            "Command": {
                "Name": "glueetl",
                "PythonVersion": "3",
                "ScriptLocation": f"s3://{settings.bucket}/{SCRIPTS}{job}.py",
            },
            "DefaultArguments": {
                "--additional-python-modules": f"s3://{settings.bucket}/{_wheel_key()}",
                "--bucket": settings.bucket,
                "--landing_bucket": settings.landing_bucket,
                "--conf": jobs.conf_argument(jobs.spark_conf(settings.bucket)),
                "--datalake-formats": "iceberg",
                "--token_key": settings.token_key,
            },
        }
        try:
            glue.get_job(JobName=name)
        except glue.exceptions.EntityNotFoundException:
            glue.create_job(Name=name, **definition)
        else:
            glue.update_job(JobName=name, JobUpdate=definition)


def _warehouse(settings: Settings, registry: Registry, report: Callable[[str], None]) -> None:
    serverless: Any = boto3.client("redshift-serverless")
    namespace = f"{settings.workgroup}-namespace"
    with suppress(serverless.exceptions.ConflictException):
        serverless.create_namespace(
            namespaceName=namespace,
            dbName=settings.database,
            iamRoles=[settings.redshift_role],
            defaultIamRoleArn=settings.redshift_role,
        )
    with suppress(serverless.exceptions.ConflictException):
        serverless.create_workgroup(
            workgroupName=settings.workgroup, namespaceName=namespace, baseCapacity=BASE_CAPACITY
        )
    # Nothing is rewritten and nothing dropped without somebody who has seen the plan.
    redshift = Redshift(settings)
    left = applying.apply(redshift, registry, planning.HARMLESS)
    roles.apply(redshift, registry)
    for role in roles.ROLES:
        make_user(settings, redshift, role)
    for step in left.steps:
        report(f"{step.subject}: `lakehouse warehouse apply` would {step.action}: {step.reason}")
    for difference in left.waiting:
        report(f"{difference.subject}: {difference.reason}")


def make_user(settings: Settings, redshift: Redshift, role: str) -> None:
    """A user who has the role; name and password are in a secret. Made already, the user has the secret's password."""
    name = f"lakehouse_{role}"  # Redshift lets no user have the name of a role
    client = boto3.client("secretsmanager")
    secret = {"SecretId": settings.user_secret(role)}
    try:
        content = json.loads(client.get_secret_value(**secret)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        password = client.get_random_password(PasswordLength=32, ExcludePunctuation=True, RequireEachIncludedType=True)[
            "RandomPassword"
        ]
        content = {"username": name, "password": password}
        client.create_secret(Name=settings.user_secret(role), SecretString=json.dumps(content))
    known = {user for (user,) in redshift.query("SELECT usename FROM pg_user").rows}
    verb = "ALTER" if content["username"] in known else "CREATE"
    # The history of statements keeps what is sent. Of the two hashes that Redshift takes, MD5 is the one that it says
    # exactly how to make; nobody guesses 32 random characters from it.
    hashed = hashlib.md5(f"{content['password']}{content['username']}".encode(), usedforsecurity=False).hexdigest()
    redshift.transaction(
        [
            f"{verb} USER {content['username']} PASSWORD 'md5{hashed}'",
            f"GRANT ROLE {role} TO {content['username']}",
        ]
    )
