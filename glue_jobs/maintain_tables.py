"""Glue job: keep the lake's tables small and quick, and remove what nobody needs any more; no row changes.

Arguments: --bucket, --landing_bucket, --report (the key under which to leave what was done).
"""

import json
import sys
from datetime import UTC, datetime

import boto3

from lakehouse import job, leftovers, maintenance
from lakehouse.lake import Lake
from lakehouse.settings import Buckets


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "bucket", "landing_bucket", "report")
    s3, now = boto3.client("s3"), datetime.now(UTC)
    retention = leftovers.Retention()
    run = maintenance.Maintenance(Lake(job.spark()), s3, args.bucket, now, retention)
    cleaned = run.clean_tables(maintenance.owned_tables(boto3.client("glue"), args.bucket))
    removed = leftovers.clean(s3, Buckets(landing=args.landing_bucket, lake=args.bucket), now, retention)
    report = json.dumps(maintenance.report(now, cleaned, removed), indent=1)
    sys.stdout.write(f"{report}\n")
    s3.put_object(Bucket=args.bucket, Key=args.report, Body=report.encode(), ContentType="application/json")
    maintenance.require(cleaned)


if __name__ == "__main__":
    main(sys.argv)
