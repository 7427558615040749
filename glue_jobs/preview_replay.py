"""Glue job: what would become of refused rows and files by today's contracts. Writes to no table.

Arguments: --request_id, --bucket, --landing_bucket.
"""

import sys

from lakehouse import job, replays
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from lakehouse.previewing import preview
from lakehouse.settings import Buckets


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "request_id", "bucket", "landing_bucket")
    request = replays.read_draft(args.bucket, args.request_id)
    buckets = Buckets(landing=args.landing_bucket, lake=args.bucket)
    found = preview(Lake(job.spark()), load_registry(), request, buckets)
    replays.put_result(args.bucket, args.request_id, found)


if __name__ == "__main__":
    main(sys.argv)
