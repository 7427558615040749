"""A small shop in a warehouse of the local Redshift, which the cases of its SQL query and change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local_aws.redshift.engine import Warehouse
from tests.support.warehouse import Sql

DATASET = (
    "CREATE SCHEMA shop",
    """CREATE TABLE shop.orders (
        id BIGINT NOT NULL ENCODE az64, customer VARCHAR(10), amount DECIMAL(10,2), quantity INTEGER,
        day DATE, at TIMESTAMP, code CHAR(4), paid BOOLEAN, weight DOUBLE PRECISION, PRIMARY KEY (id)
    ) DISTKEY (id) SORTKEY (day, id)""",
    """INSERT INTO shop.orders VALUES
        (1, 'ann', 10.00, 3, '2026-01-31', '2026-01-31 10:20:30', 'ab', true, 1.5),
        (2, 'bob  ', 20.50, 4, '2026-02-01', '2026-02-01 00:00:00.25', 'abcd', false, 2.5),
        (3, 'Ann', 5.25, 2, '2026-03-15', '2026-03-15 23:59:59', NULL, NULL, NULL),
        (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    "CREATE VIEW shop.big AS SELECT id, customer, amount FROM shop.orders WHERE amount > 6",
    "CREATE TABLE shop.notes (id INTEGER, note VARCHAR(5) NOT NULL DEFAULT 'none', mark CHAR(3), size SMALLINT)",
    "CREATE TABLE shop.changes (id BIGINT, amount DECIMAL(10,2))",
    "INSERT INTO shop.changes VALUES (1, 11), (9, 99)",
)


@contextmanager
def shop(folder: Path) -> Iterator[Warehouse]:
    """A warehouse in that folder with the shop in it; closed in the end."""

    def unused() -> Any:
        raise AssertionError("these statements read nothing outside the warehouse")

    warehouse = Warehouse(folder, unused, unused)
    try:
        sql = Sql(warehouse.session("admin"))
        for statement in DATASET:
            sql(statement)
        sql.session.close()
        yield warehouse
    finally:
        warehouse.close()
