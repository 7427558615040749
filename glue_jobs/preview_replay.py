"""Glue job: what would become of refused rows and files by today's contracts. Writes to no table.

Arguments: --request_id, --bucket.
"""

import sys

from lakehouse import job, replays
from lakehouse.contract import load_registry
from lakehouse.lake import Lake
from lakehouse.previewing import preview


def main(argv: list[str]) -> None:
    args = job.arguments(argv, "request_id", "bucket")
    request = replays.read_draft(args.bucket, args.request_id)
    found = preview(Lake(job.spark()), load_registry(), request, args.bucket)
    replays.put_result(args.bucket, args.request_id, found)


if __name__ == "__main__":
    main(sys.argv)
