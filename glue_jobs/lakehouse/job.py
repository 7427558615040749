"""What every Glue job's entry point needs: its arguments and a session."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyspark.sql import SparkSession


def arguments(argv: Sequence[str], *names: str) -> argparse.Namespace:
    """The named `--arguments` that Glue passes; those that Glue adds for itself are left aside."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_known_args(argv[1:])[0]


def spark() -> SparkSession:
    """The session that Glue configured by the job's `--conf`."""
    return SparkSession.builder.getOrCreate()
