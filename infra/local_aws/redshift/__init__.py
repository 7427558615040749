"""Redshift Serverless and its Data API over DuckDB: strict where Redshift is strict.

``data_api`` and ``serverless`` speak AWS; ``statements`` runs what they take in threads, each in a ``session``, which
reads a statement with ``tokens``, ``commands`` and ``grammar``, translates it with ``translate`` (names),
``type_rules`` (types) and ``dialect`` (meaning), and runs it in DuckDB. What Redshift knows of a table and DuckDB does
not is in ``facts``.

Refused by name: UNLOAD, EXPLAIN, COPY of anything but Parquet, materialized views, procedures, functions that
``functions`` does not list, numbers in TO_CHAR, navigation into SUPER, SELECT INTO, ALTER TABLE APPEND.
Different in silence: GROUP BY and DISTINCT tell texts apart that differ in trailing blanks; a quotient of decimals is
right to 15 digits; distribution and sort keys change no plan; a call without a secret runs as the superuser ``admin``,
whatever its IAM identity; the SVV views, and the SYS views of loads, show everything to everybody.
"""

from __future__ import annotations

from typing import Any

import boto3

from infra.local_aws.aws_json import JsonService
from infra.local_aws.context import REGION, Context
from infra.local_aws.redshift.data_api import DataApi
from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.serverless import Serverless


def install(context: Context) -> None:
    """Answer ``redshift-serverless`` and ``redshift-data`` over ``warehouse.duckdb`` in the state directory."""

    def client(service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=context.endpoint(),
            region_name=REGION,
            **context.key.client_arguments(),
        )

    serverless = Serverless(context.store)
    warehouse = Warehouse(context.state_dir, lambda: client("s3"), context.endpoint, context.key)
    data_api = DataApi(warehouse, serverless, lambda: client("secretsmanager"))
    context.services["redshift-serverless"] = JsonService(serverless.operations())
    context.services["redshift-data"] = JsonService(data_api.operations())
    context.on_shutdown.append(warehouse.close)
    context.on_shutdown.append(data_api.close)
