"""The warehouse: one DuckDB file, its locks, its clients, and the sessions over it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from infra.local_aws.keys import Key
from infra.local_aws.redshift import system_views
from infra.local_aws.redshift.access import ACCESS_TABLES, PUBLIC, SCHEMA_PRIVILEGES, Access
from infra.local_aws.redshift.catalog import INTERNAL, WAREHOUSE, Catalog, quoted
from infra.local_aws.redshift.functions import MACROS
from infra.local_aws.redshift.history import History
from infra.local_aws.redshift.locks import LockManager
from infra.local_aws.redshift.session import Session
from infra.local_aws.redshift.system_views import SystemView
from infra.local_aws.redshift.translate import Scan, Virtual

if TYPE_CHECKING:
    from infra.local_aws.redshift.spectrum import Spectrum

MEMORY_LIMIT = "2GB"
THREADS = 2

_INTERNAL_TABLES = (
    "external_schemas(name VARCHAR, database_name VARCHAR, iam_role VARCHAR)",
    "principals(kind VARCHAR, name VARCHAR)",
    "statements(id VARCHAR, ended_at TIMESTAMPTZ, record JSON)",
    *ACCESS_TABLES,
)
STATEMENT_RETENTION = "INTERVAL 24 HOUR"


class Warehouse:
    """Open ``warehouse.duckdb`` in ``state_dir``; one process at a time.

    ``s3`` makes the client that COPY reads with, and ``endpoint`` tells where the Glue catalog is; both are asked for
    only when they are needed, because the server that answers them is the one that this is a part of. ``key`` signs
    what is asked of the catalog; without one, that of the environment does.
    """

    def __init__(
        self, state_dir: Path, s3: Callable[[], Any], endpoint: Callable[[], str], key: Key | None = None
    ) -> None:
        self._make_s3 = s3
        self._s3: Any = None
        self.locks = LockManager()
        self.history = History()
        self.admins: set[str] = set()
        """Superusers besides ``admin``: the admin users of namespaces."""
        self._endpoint, self._key = endpoint, key
        self._root = duckdb.connect(
            str(state_dir / f"{WAREHOUSE}.duckdb"),
            config={
                "memory_limit": MEMORY_LIMIT,
                "threads": THREADS,
                "temp_directory": str(state_dir / "warehouse.tmp"),
                "python_enable_replacements": "false",
                "autoload_known_extensions": "false",
                "autoinstall_known_extensions": "false",
            },
        )
        self._prepare()

    @property
    def s3(self) -> Any:
        """The boto3 client that COPY reads with."""
        if self._s3 is None:
            self._s3 = self._make_s3()
        return self._s3

    @functools.cached_property
    def spectrum(self) -> Spectrum:
        """The reader of external tables."""
        # pyiceberg takes most of a second to import, which a warehouse without external schemas need not wait for.
        from infra.local_aws.redshift.spectrum import Spectrum

        return Spectrum(self._endpoint, self._key)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection."""
        return self._root.cursor()

    def session(self, user: str) -> Session:
        """A new session."""
        return Session(self, user)

    def virtual(self, catalog: Catalog, schema: str | None, name: str) -> Virtual | None:
        """The system view or external table of that name, or None."""
        found = system_views.find(schema, name)
        if found is not None or schema is None:
            return found
        external = catalog.external_schema(schema)
        return self.spectrum.table(external, name) if external is not None else None

    def read(self, scan: Scan, catalog: Catalog, access: Access) -> pa.Table:
        """The rows of a virtual relation that the user may see."""
        if isinstance(scan.source, SystemView):
            rows = scan.source.read(self, catalog)
            is_whole = not scan.source.of_user or access.is_superuser
            return rows if is_whole else rows.filter(pc.field(scan.source.of_user) == access.user)
        return self.spectrum.read(scan.source, scan.columns, scan.conditions)

    def logged_statements(self, limit: int) -> list[str]:
        """The records of the last ``limit`` statements that changed something, oldest first."""
        with self.connect() as connection:
            newest = f"SELECT record FROM {INTERNAL}.statements ORDER BY ended_at DESC LIMIT ?"
            rows = connection.execute(newest, [limit]).fetchall()
        return [record for (record,) in reversed(rows)]

    def close(self) -> None:
        """Close the file; what is not committed is lost."""
        self._root.close()

    def _prepare(self) -> None:
        run = self._root.execute
        # A statement of a client must not reach the files of this machine.
        for setting in ("integer_division = true", "TimeZone = 'UTC'", "enable_external_access = false"):
            run(f"SET GLOBAL {setting}")
        for schema in (INTERNAL, "public"):
            run(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        has_grants = run("SELECT 1 FROM duckdb_tables() WHERE table_name = 'schema_grants'").fetchone()
        for table in _INTERNAL_TABLES:
            run(f"CREATE TABLE IF NOT EXISTS {INTERNAL}.{table}")
        if not has_grants:
            # Everybody may use the schema public and create in it, until that is revoked.
            rows = ", ".join(f"('public', '{PUBLIC}', '{privilege}')" for privilege in SCHEMA_PRIVILEGES)
            run(f"INSERT INTO {INTERNAL}.schema_grants VALUES {rows}")
        for macro in MACROS:
            run(f"CREATE OR REPLACE MACRO {macro}")
        run(f"DELETE FROM {INTERNAL}.statements WHERE ended_at < now() - {STATEMENT_RETENTION}")
