"""What this project's statements do in Redshift, one case per line: what they leave behind, or their error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from tests.support.redshift_shop import shop
from tests.support.warehouse import Sql

# Statements, then a query of what they left behind.
CHANGES: tuple[tuple[tuple[str, ...], str, list[tuple[Any, ...]]], ...] = (
    (("INSERT INTO shop.orders (id) VALUES (1)",), "SELECT count(*) FROM shop.orders WHERE id = 1", [(2,)]),
    (("INSERT INTO shop.notes (id, note) VALUES (1, 'abcde   ')",), "SELECT len(note) FROM shop.notes", [(5,)]),
    (("INSERT INTO shop.notes (id) VALUES (1)", "INSERT INTO shop.notes VALUES (2, DEFAULT)"),
     "SELECT id, note FROM shop.notes ORDER BY 1", [(1, "none"), (2, "none")]),
    (("INSERT INTO shop.notes (id, mark) SELECT 1, 'a  '",), "SELECT mark, len(mark) FROM shop.notes", [("a  ", 1)]),
    (("UPDATE shop.orders SET amount = c.amount FROM shop.changes c WHERE c.id = shop.orders.id",),
     "SELECT amount FROM shop.orders WHERE id = 1", [("11.00",)]),
    (("DELETE FROM shop.orders USING shop.changes c WHERE c.id = orders.id",),
     "SELECT count(*) FROM shop.orders", [(3,)]),
    (("DELETE shop.orders WHERE customer = 'bob'",), "SELECT count(*) FROM shop.orders", [(3,)]),
    (("MERGE INTO shop.orders USING shop.changes c ON orders.id = c.id WHEN MATCHED THEN UPDATE SET amount = c.amount"
      " WHEN NOT MATCHED THEN INSERT (id, amount) VALUES (c.id, c.amount)",),
     "SELECT id, amount FROM shop.orders WHERE id IN (1, 9) ORDER BY 1", [(1, "11.00"), (9, "99.00")]),
    (("MERGE INTO shop.changes USING shop.orders o ON changes.id = o.id WHEN MATCHED THEN DELETE"
      " WHEN NOT MATCHED THEN INSERT VALUES (o.id, o.amount)",),
     "SELECT id FROM shop.changes ORDER BY 1", [(2,), (3,), (4,), (9,)]),
    (("CREATE TEMP TABLE stage (LIKE shop.notes)", "INSERT INTO stage (id, note) VALUES (7, 'x')",
      "INSERT INTO shop.notes SELECT * FROM stage"), "SELECT id, note FROM shop.notes", [(7, "x")]),
    (("CREATE TABLE #stage (id INT)", "INSERT INTO #stage VALUES (5)"), "SELECT id FROM #stage", [(5,)]),
    (("CREATE TABLE shop.copied DISTKEY (id) AS SELECT id, customer, amount * 2 AS twice FROM shop.orders",),
     "SELECT data_type, character_maximum_length, numeric_scale FROM svv_columns WHERE table_name = 'copied'"
     " ORDER BY ordinal_position",
     [("bigint", None, None), ("character varying", 10, None), ("numeric", None, 2)]),
    (("CREATE TABLE shop.numbered (n BIGINT IDENTITY(10, 5), x INT)", "INSERT INTO shop.numbered (x) VALUES (1), (2)"),
     "SELECT n, x FROM shop.numbered ORDER BY n", [(10, 1), (15, 2)]),
    (("CREATE TABLE IF NOT EXISTS shop.orders (other INT) ; -- the end",), "SELECT count(*) FROM shop.orders", [(4,)]),
    (("TRUNCATE shop.changes",), "SELECT count(*) FROM shop.changes", [(0,)]),
    (("ALTER TABLE shop.changes ADD COLUMN reason VARCHAR(8) DEFAULT 'fix'",),
     "SELECT reason FROM shop.changes WHERE id = 1", [("fix",)]),
    (("ALTER TABLE shop.changes RENAME COLUMN amount TO total", "ALTER TABLE shop.changes RENAME TO fixes"),
     "SELECT total FROM shop.fixes WHERE id = 1", [("11.00",)]),
    (("ALTER TABLE shop.changes ADD note VARCHAR(5)", "ALTER TABLE shop.changes ALTER note TYPE VARCHAR(9)",
      "INSERT INTO shop.changes VALUES (2, 1, 'ninechars')"), "SELECT note FROM shop.changes WHERE id = 2",
     [("ninechars",)]),
    (("ALTER TABLE shop.changes ALTER DISTSTYLE ALL", "ALTER TABLE shop.changes ALTER SORTKEY (amount, id)"),
     "SELECT diststyle, sortkey1, sortkey_num FROM svv_table_info WHERE \"table\" = 'changes'", [("ALL", "amount", 2)]),
    (("ALTER TABLE shop.changes ALTER DISTKEY id", "ALTER TABLE shop.orders ALTER SORTKEY AUTO"),
     "SELECT table_name, column_name, distkey, sortkey FROM svv_redshift_columns WHERE column_name = 'id' "
     "AND table_name IN ('changes', 'orders') ORDER BY 1",
     [("changes", "id", True, 0), ("orders", "id", True, 0)]),
    (("ALTER TABLE shop.orders ALTER SORTKEY NONE", "ALTER TABLE shop.orders ALTER DISTSTYLE EVEN",
      "ALTER TABLE shop.orders DROP COLUMN id CASCADE"),
     "SELECT count(*) FROM information_schema.table_constraints WHERE table_name = 'orders'", [(0,)]),
    (("DELETE FROM shop.orders",), "SELECT count(*) FROM svv_table_info WHERE \"table\" = 'orders'", [(0,)]),
    (("COMMENT ON COLUMN shop.orders.day IS 'when'", "COMMENT ON TABLE shop.orders IS 'all of them'"),
     "SELECT c.remarks, t.remarks FROM svv_columns c JOIN svv_tables t USING (table_name)"
     " WHERE table_name = 'orders' AND column_name = 'day'", [("when", "all of them")]),
    (("CREATE OR REPLACE VIEW shop.big AS SELECT id, customer, amount, 1 AS one FROM shop.orders",),
     "SELECT sum(one) FROM shop.big", [(4,)]),
    (("CREATE VIEW shop.later AS SELECT x FROM shop.unborn WITH NO SCHEMA BINDING", "CREATE TABLE shop.unborn (x INT)",
      "INSERT INTO shop.unborn VALUES (3)"), "SELECT x FROM shop.later", [(3,)]),
    (("DROP TABLE shop.orders CASCADE",), "SELECT count(*) FROM svv_tables WHERE table_name IN ('orders', 'big')",
     [(0,)]),
    (("SET search_path TO shop, public",), "SELECT count(*) FROM orders", [(4,)]),
    (("CREATE SCHEMA IF NOT EXISTS shop", "ANALYZE shop.orders", "VACUUM FULL shop.orders",
      "GRANT SELECT ON shop.orders TO PUBLIC", "CREATE ROLE reader"), "SELECT role_name FROM svv_roles", [("reader",)]),
    (("BEGIN", "DELETE FROM shop.orders", "ROLLBACK"), "SELECT count(*) FROM shop.orders", [(4,)]),
    (("BEGIN", "DELETE FROM shop.orders", "TRUNCATE shop.changes", "ROLLBACK"),
     "SELECT count(*) FROM shop.orders", [(0,)]),
)  # fmt: skip

ERRORS: tuple[tuple[str, str], ...] = (
    ("SELECT 1/0", "Divide by zero"),
    ("SELECT quantity % 0 FROM shop.orders WHERE id = 1", "Divide by zero"),
    ("SELECT amount / (quantity - 3) FROM shop.orders WHERE id = 1", "Divide by zero"),
    ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
    ("SELECT * FROM nothing.nowhere", 'schema "nothing" does not exist'),
    ("SELECT nothing FROM shop.orders", 'column "nothing" does not exist in orders'),
    ("SELECT id FROM shop.orders, shop.changes", 'column reference "id" is ambiguous'),
    ("SELECT x.id FROM shop.orders", 'missing FROM-clause entry for table "x"'),
    ("SELEC 1", 'syntax error at or near "selec"'),
    ("SELECT id id2 id3 FROM shop.orders", 'syntax error at or near "id3"'),
    ("SELECT customer, count(*) FROM shop.orders",
     'column "customer" must appear in the GROUP BY clause or be used in an aggregate function'),
    ("SELECT list_sum(1)", "function list_sum() does not exist"),
    ("SELECT arg_max(id, amount) FROM shop.orders", "function arg_max() does not exist"),
    ("SELECT * FROM read_csv('/etc/passwd')", "function read_csv() does not exist"),
    ("SELECT to_char(5, '999')", "TO_CHAR of a number is not emulated by the local Redshift"),
    ("INSERT INTO shop.orders (id) VALUES (NULL)", "Cannot insert a NULL value into column id"),
    ("INSERT INTO shop.notes (id, note) VALUES (1, 'abcdef')", "value too long for type character varying(5)"),
    ("INSERT INTO shop.notes (id, note) VALUES (1, 'ééé')", "value too long for type character varying(5)"),
    ("INSERT INTO shop.notes (id, mark) VALUES (1, 'abcd')", "value too long for type character(3)"),
    ("INSERT INTO shop.notes (id, mark) VALUES (1, 'é')", "CHAR string contains invalid ASCII character"),
    ("UPDATE shop.orders SET customer = customer || 'longer than ten' WHERE id = 1",
     "value too long for type character varying(10)"),
    ("INSERT INTO shop.notes (id) VALUES ('x')", 'invalid input syntax for type integer: "x"'),
    ("INSERT INTO shop.notes (size) VALUES (40000)", "Value out of range for 2 bytes."),
    ("INSERT INTO shop.orders (id, amount) VALUES (9, 123456789)", "Numeric data overflow (result precision)"),
    ("INSERT INTO shop.orders (id, day) VALUES (9, 'soon')", 'invalid input syntax for type date: "soon"'),
    ("INSERT INTO shop.notes VALUES (1, 'a', 'b', 4, 5)", "INSERT has more expressions than target columns"),
    ("INSERT INTO shop.notes (id, note) VALUES (1)", "INSERT has more target columns than expressions"),
    ("INSERT INTO shop.notes (other) VALUES (1)", 'column "other" of relation "notes" does not exist'),
    ("CREATE TABLE shop.orders (id INT)", 'Relation "orders" already exists'),
    ("CREATE TABLE shop.t (id BIGSERIAL)", "type bigserial is not emulated by the local Redshift"),
    ("CREATE TABLE shop.t (id INT, id INT)", 'column "id" specified more than once'),
    ("CREATE TABLE shop.t (name VARCHAR(70000))", "length for type varchar cannot exceed 65535"),
    ("CREATE TABLE nothing.t (id INT)", 'schema "nothing" does not exist'),
    ("ALTER TABLE shop.orders DROP COLUMN id", 'cannot drop distkey column "id"'),
    ("ALTER TABLE shop.orders DROP COLUMN day", 'cannot drop sortkey column "day"'),
    ("ALTER TABLE shop.orders RENAME TO notes", 'relation "notes" already exists'),
    ("ALTER TABLE shop.orders ALTER DISTSTYLE SOME", 'unrecognized diststyle "some"'),
    ("ALTER TABLE shop.orders ALTER SORTKEY (other)", 'column "other" of relation "orders" does not exist'),
    ("ALTER TABLE shop.notes ALTER COLUMN note TYPE VARCHAR(9)",
     'cannot alter type of column "note" of relation "notes": it has a default value'),
    ("ALTER TABLE shop.orders ALTER COLUMN amount TYPE VARCHAR(9)",
     'cannot alter column "amount" of relation "orders", only varchar can be resized'),
    ("DROP TABLE nothing", 'Table "nothing" does not exist'),
    ("DROP SCHEMA shop",
     "cannot drop schema shop because other objects depend on it\n"
     "  Hint: Use DROP ... CASCADE to drop the dependent objects too."),
    ("MERGE INTO shop.orders o USING shop.changes c ON o.id = c.id WHEN MATCHED THEN DELETE"
     " WHEN NOT MATCHED THEN INSERT (id) VALUES (c.id)", 'syntax error at or near "o"'),
    ("MERGE INTO shop.orders USING shop.changes c ON orders.id > 0 AND c.id > 0 WHEN MATCHED THEN"
     " UPDATE SET amount = c.amount WHEN NOT MATCHED THEN INSERT (id) VALUES (c.id)",
     "Found multiple matches to update the same tuple."),
    ("MERGE INTO shop.changes USING shop.big b ON changes.id = b.id WHEN MATCHED THEN DELETE"
     " WHEN NOT MATCHED THEN INSERT (id) VALUES (b.id)", '"big" is not a table'),
    ("UNLOAD ('SELECT 1') TO 's3://bucket/x' IAM_ROLE default", "UNLOAD is not emulated by the local Redshift"),
    ("EXPLAIN SELECT 1", "EXPLAIN is not emulated by the local Redshift"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED is not emulated by the local Redshift"),
    ("SET enable_case_sensitive_identifier TO true",
     "SET enable_case_sensitive_identifier TO true is not emulated by the local Redshift"),
    ("SHOW nothing", 'unrecognized configuration parameter "nothing"'),
    ("LOCK nothing", 'relation "nothing" does not exist'),
    ("SELECT (SELECT id FROM shop.orders)", "more than one row returned by a subquery used as an expression"),
    ("SELECT sum(id) FILTER (WHERE id > 1) FROM shop.orders", 'syntax error at or near "filter"'),
    ("SELECT 'open", "unterminated quoted string"),
    ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
    ("-- nothing", "Query must not be empty"),
    ("SELECT * FROM shop.orders SEMI JOIN shop.changes USING (id)", 'syntax error at or near "join"'),
    ("SELECT DISTINCT ON (id) id FROM shop.orders", 'syntax error at or near "on"'),
    ("SELECT * REPLACE (1 AS id) FROM shop.orders", 'syntax error at or near "replace"'),
    ("SELECT if(true, 1, 2)", 'syntax error at or near "if"'),
    ("SELECT [1, 2]", "ARRAY is not emulated by the local Redshift"),
    ("FROM shop.orders SELECT id", 'syntax error at or near "from"'),
)  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with shop(tmp_path_factory.mktemp("cases")) as made:
        yield made


@pytest.fixture
def sql(warehouse: Warehouse) -> Iterator[Sql]:
    """A session of its own, over the data that all of these cases share and none of them changes."""
    session = warehouse.session("admin")
    yield Sql(session)
    session.close()


@pytest.mark.parametrize(("statement", "message"), ERRORS, ids=[statement[:60] for statement, _ in ERRORS])
def test_error_is_in_redshifts_words(sql: Sql, statement: str, message: str) -> None:
    with pytest.raises(RedshiftError) as caught:
        sql(statement)
    assert str(caught.value) == f"ERROR: {message}"


@pytest.mark.parametrize(("statements", "query", "expected"), CHANGES, ids=[change[0][0][:60] for change in CHANGES])
def test_change_leaves_what_redshift_leaves(
    tmp_path: Path, statements: tuple[str, ...], query: str, expected: list[tuple[Any, ...]]
) -> None:
    with shop(tmp_path) as changed:
        sql = Sql(changed.session("admin"))
        for statement in statements:
            sql(statement)
        assert sql(query) == expected
