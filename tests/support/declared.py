"""The warehouse as contracts declare it, on the local Redshift, and this process's environment leading to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from infra.local_aws.provision import make_user
from lakehouse import ddl, roles
from lakehouse.cli import stack
from lakehouse.contract import Registry
from lakehouse.redshift import Redshift
from lakehouse.settings import Settings
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess

_names = itertools.count(1)


@contextmanager
def declared_warehouse(
    local_aws: LocalAwsProcess, registry: Registry, is_wanted: Callable[[ddl.Table], bool]
) -> Iterator[Settings]:
    """The wanted tables, empty, and the user who loads; a bucket of its own. The schemas are dropped before, whoever
    left them, and after: the local Redshift has one warehouse, whatever its databases are called."""
    name = f"declared-{next(_names)}"
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in stack.environment(local_aws.endpoint, CREDENTIALS).items():
            patch.setenv(variable, value)
        patch.setenv("LAKEHOUSE_BUCKET", name)
        patch.setenv("LAKEHOUSE_WORKGROUP", name)
        patch.setenv("LAKEHOUSE_DATABASE", "dev")
        local_aws.client("s3").create_bucket(Bucket=name)
        serverless = local_aws.client("redshift-serverless")
        serverless.create_namespace(namespaceName=name, dbName="dev")
        serverless.create_workgroup(workgroupName=name, namespaceName=name, baseCapacity=4)
        settings = Settings.from_environment()
        redshift = Redshift(settings)
        tables = [table for table in ddl.tables(registry) if is_wanted(table)]
        schemas = sorted({table.schema for table in ddl.tables(registry)})
        try:
            for schema in schemas:
                redshift.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
                redshift.query(ddl.create_schema(schema))
            for table in tables:
                redshift.query(ddl.create_table(table.name, ddl.lines(table), table.key, ddl.layout(table)))
            is_new = not redshift.query(f"SELECT 1 FROM svv_roles WHERE role_name = '{roles.LOADER}'").rows
            granted = roles.grants(registry, roles.LOADER)
            redshift.transaction([*([roles.create(roles.LOADER)] if is_new else []), *granted])
            make_user(settings, redshift, roles.LOADER)
            yield settings
        finally:
            for schema in schemas:
                redshift.query(f"DROP SCHEMA {schema} CASCADE")
