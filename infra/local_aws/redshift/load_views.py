"""What the SYS views tell of COPY: what was loaded, from which files, and why a load failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from infra.local_aws.redshift import definition_views
from infra.local_aws.redshift.catalog import Catalog
from infra.local_aws.redshift.parameters import DATABASE

if TYPE_CHECKING:
    from infra.local_aws.redshift.engine import Warehouse

Row = tuple[Any, ...]

LOAD_FIELDS = (
    "session_id int, database_name text, table_name text, schema_name text, status text, data_source long_text,"
    " file_format text, source_file_count int, loaded_rows bigint, loaded_bytes bigint, end_time timestamp"
)
DETAIL_FIELDS = (
    "session_id int, database_name text, schema_name text, table_name text, file_name long_text,"
    " lines_scanned bigint, bytes_scanned bigint, record_time timestamp"
)
ERROR_FIELDS = (
    "user_id int, query_id bigint, transaction_id bigint, session_id int, database_name char64, table_id int,"
    " start_time timestamp, file_name char256, line_number bigint, column_name char127, column_type char10,"
    " column_length char10, position int, error_code int, error_message char512"
)
_FIRST_USER_ID = 100


def loads(warehouse: Warehouse, _: Catalog) -> Iterator[Row]:
    """SYS_LOAD_HISTORY."""
    for load in warehouse.history.loads():
        size = sum(file[2] for file in load.files)
        yield (
            load.session_id,
            DATABASE,
            load.table,
            load.schema,
            "completed",
            load.source,
            "parquet",
            len(load.files),
            load.rows,
            size,
            load.at.replace(tzinfo=None),
        )


def details(warehouse: Warehouse, _: Catalog) -> Iterator[Row]:
    """SYS_LOAD_DETAIL."""
    for load in warehouse.history.loads():
        for url, rows, size in load.files:
            yield load.session_id, DATABASE, load.schema, load.table, url, rows, size, load.at.replace(tzinfo=None)


def errors(warehouse: Warehouse, catalog: Catalog) -> Iterator[Row]:
    """SYS_LOAD_ERROR_DETAIL. It names no table but its id, and of a Parquet file no line and no position."""
    for error in warehouse.history.errors():
        kind = error.column.type if error.column else None
        yield (
            _FIRST_USER_ID,
            error.query_id,
            error.transaction_id,
            error.session_id,
            DATABASE,
            definition_views.table_id(catalog, error.table),
            error.started_at.replace(tzinfo=None),
            error.file,
            0,
            error.column.name if error.column else "",
            kind.name if kind else "",
            str(kind.length) if kind and kind.length else "",
            0,
            error.code,
            error.message,
        )
