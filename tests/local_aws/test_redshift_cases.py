"""What this project's SQL needs of Redshift, one case per line: a statement, and its rows or its error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.functions import FUNCTIONS, REFUSED
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

QUERIES: tuple[tuple[str, list[tuple[Any, ...]]], ...] = (
    # numbers
    ("SELECT 7/2, -7/2, 7/2.0::float", [(3, -3, 3.5)]),
    ("SELECT quantity/2 FROM shop.orders WHERE id = 1", [(1,)]),
    ("SELECT amount/3 FROM shop.orders WHERE id = 1", [("3.3333333333333",)]),
    ("SELECT sum(amount)/count(*) FROM shop.orders", [("8.9375",)]),
    ("SELECT avg(quantity) FROM shop.orders", [(3,)]),
    ("SELECT avg(quantity) FROM shop.orders WHERE id IN (1, 2)", [(3,)]),
    ("SELECT avg(amount) FROM shop.orders WHERE id < 3", [("15.25",)]),
    ("SELECT sum(quantity), sum(id) FROM shop.orders", [(9, "10")]),
    (
        "SELECT sum(quantity) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) FROM shop.orders WHERE id < 3 ORDER BY 1",
        [(3,), (7,)],
    ),
    ("SELECT avg(quantity) OVER () FROM shop.orders WHERE id < 3", [(3,), (3,)]),
    ("SELECT amount * quantity FROM shop.orders WHERE id = 2", [("82.00",)]),
    ("SELECT round(amount, 1), trunc(amount), ceil(amount) FROM shop.orders WHERE id = 3", [("5.3", "5", "6")]),
    ("SELECT cast(2.5 AS INTEGER), '12'::bigint, 1.567::decimal(5,1)", [(3, 12, "1.6")]),
    ("SELECT mod(7, 3), 7 % 3, abs(-2), sign(-5), power(2, 3)", [(1, 1, 2, -1, 8.0)]),
    ("SELECT greatest(1, 3, 2), least('b', 'a'), nullif(1, 1), coalesce(NULL, 4)", [(3, "a", None, 4)]),
    ("SELECT 12::numeric, 1.5::numeric, try_cast('x' AS INTEGER)", [("12", "2", None)]),
    (
        "SELECT acos(1), asin(0), atan(0), atan2(0, 1), cos(0), sin(0), tan(0), degrees(0), radians(0), exp(0), ln(1)",
        [(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)],
    ),
    (
        "SELECT round(pi(), 2), log(100), sqrt(4), pow(2, 3), ceiling(1.2), floor(1.8), round(cot(1), 3), random() < 1",
        [(3.14, 2.0, 2.0, 8.0, "2", "1", 0.642, True)],
    ),
    (
        "SELECT bit_and(quantity), bit_or(quantity), bool_and(paid), bool_or(paid), min(customer), max(id)"
        " FROM shop.orders",
        [(0, 7, False, True, "Ann", 4)],
    ),
    ("SELECT any_value(day) FROM shop.orders WHERE id = 1", [("2026-01-31",)]),
    (
        "SELECT stddev(id), stddev_samp(id), variance(id), var_samp(id), stddev_pop(id), var_pop(id) FROM shop.orders"
        " WHERE id IN (1, 3)",
        [(2**0.5, 2**0.5, 2.0, 2.0, 1.0, 1.0)],
    ),
    ("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM shop.orders WHERE id < 4", [(2,)]),
    (
        "SELECT id, dense_rank() OVER (ORDER BY id), ntile(2) OVER (ORDER BY id), lead(id) OVER (ORDER BY id),"
        " percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM shop.orders WHERE id < 3 ORDER BY 1",
        [(1, 1, 1, 2, 0.0, 0.5), (2, 2, 2, None, 1.0, 1.0)],
    ),
    (
        "SELECT first_value(id) OVER w, last_value(id) OVER w, nth_value(id, 2) OVER w FROM shop.orders WHERE id < 3"
        " WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
        [(1, 2, 2), (1, 2, 2)],
    ),
    # text
    (
        "SELECT char_length('ab'), character_length('ab'), textlen('ab'), length('é'), position('b' IN 'ab')",
        [(2, 2, 2, 1, 2)],
    ),
    (
        "SELECT lower('A'), ltrim(' a'), rtrim('a '), trim(' a '), trim(BOTH 'x' FROM 'xax'), rpad('a', 3, 'x'),"
        " substr('abc', 2, 1)",
        [("a", "a", "a", "a", "a", "axx", "b")],
    ),
    (
        "SELECT is_valid_json('{}'), is_valid_json('{'), regexp_count('abcabc', 'b'), to_hex(255)",
        [(True, False, 2, "ff")],
    ),
    (
        "SELECT left(sha('a'), 4), left(sha1('a'), 4), current_setting('search_path'), pg_backend_pid() > 0",
        [("86f7", "86f7", "$user, public", True)],
    ),
    ("SELECT version() LIKE '%Redshift%'", [(True,)]),
    ("SELECT id FROM shop.orders WHERE customer = 'bob'", [(2,)]),
    ("SELECT id FROM shop.orders WHERE customer = 'ann   '", [(1,)]),
    ("SELECT id FROM shop.orders WHERE customer IN ('bob', 'x')", [(2,)]),
    ("SELECT id FROM shop.orders WHERE customer IN (SELECT 'bob')", [(2,)]),
    ("SELECT id FROM shop.orders WHERE customer BETWEEN 'bob' AND 'bob'", [(2,)]),
    ("SELECT 'a ' = 'a', 'a' <> 'a  ', ' a' = 'a'", [(True, False, False)]),
    ("SELECT a.id FROM shop.orders a JOIN (SELECT 'bob' AS c) b ON a.customer = b.c", [(2,)]),
    ("SELECT len(customer), octet_length('é'), len('é') FROM shop.orders WHERE id = 2", [(5, 2, 1)]),
    ("SELECT code, len(code), code || '!' FROM shop.orders WHERE id = 1", [("ab  ", 2, "ab!")]),
    ("SELECT id FROM shop.orders WHERE code = 'ab'", [(1,)]),
    ("SELECT 'abcdef'::varchar(3), 'éé'::varchar(3), 'abc'::char, 'abcdef'::char(2)", [("abc", "é", "a", "ab")]),
    ("SELECT id FROM shop.orders WHERE customer ILIKE 'ANN' ORDER BY id", [(1,), (3,)]),
    (r"SELECT 'a_b' LIKE 'a\\_b', 'axb' LIKE 'a\\_b', 'axb' LIKE 'a_b'", [(True, False, True)]),
    ("SELECT 'abc' SIMILAR TO 'a%', 'abc' ~ 'b', 'abc' !~ 'b'", [(True, True, False)]),
    ("SELECT concat('a', NULL), 'a' || NULL, concat('a', 'b')", [(None, None, "ab")]),
    (
        "SELECT upper('a'), initcap('ab cd'), left('abc', 2), right('abc', 2), substring('abcd', 2, 2)",
        [("A", "Ab Cd", "ab", "bc", "bc")],
    ),
    ("SELECT split_part('a-b', '-', 2), strpos('abc', 'c'), charindex('b', 'abc')", [("b", 3, 2)]),
    ("SELECT lpad('7', 3, '0'), btrim(' x '), replace('aba', 'a', 'c'), reverse('ab')", [("007", "x", "cbc", "ba")]),
    ("SELECT regexp_replace('a1', '[0-9]', 'x'), regexp_substr('a12', '[0-9]+')", [("ax", "12")]),
    ("SELECT translate('abc', 'ab', 'xy'), repeat('a', 3), chr(65), ascii('A')", [("xyc", "aaa", "A", 65)]),
    ("SELECT md5('a'), len(sha2('a', 256))", [("0cc175b9c0f1b6a831c399e269772661", 64)]),
    ("""SELECT json_extract_path_text('{"a": {"b": 2}}', 'a', 'b')""", [("2",)]),
    ("SELECT listagg(id, ',') WITHIN GROUP (ORDER BY id DESC) FROM shop.orders", [("4,3,2,1",)]),
    (
        "SELECT listagg(DISTINCT upper(customer), '|') WITHIN GROUP (ORDER BY upper(customer)) FROM shop.orders",
        [("ANN|BOB  ",)],
    ),
    # dates
    ("SELECT dateadd(month, 1, day) FROM shop.orders WHERE id = 1", [("2026-02-28 00:00:00",)]),
    ("SELECT dateadd(day, quantity, day) FROM shop.orders WHERE id = 2", [("2026-02-05 00:00:00",)]),
    ("SELECT datediff(month, '2026-01-31'::date, '2026-02-01'::date)", [(1,)]),
    ("SELECT datediff(hour, at, '2026-01-31 12:00:00') FROM shop.orders WHERE id = 1", [(2,)]),
    (
        "SELECT date_trunc('month', day), date_trunc('hour', at) FROM shop.orders WHERE id = 1",
        [("2026-01-01 00:00:00", "2026-01-31 10:00:00")],
    ),
    ("SELECT day + 1, day - '2026-01-01'::date FROM shop.orders WHERE id = 1", [("2026-02-01", 30)]),
    (
        "SELECT extract(year FROM day), date_part(dow, day), date_part('week', day) FROM shop.orders WHERE id = 1",
        [(2026, 6, 5)],
    ),
    (
        "SELECT last_day(day), add_months(day, 1), trunc(at) FROM shop.orders WHERE id = 1",
        [("2026-01-31", "2026-02-28 00:00:00", "2026-01-31")],
    ),
    (
        "SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS'), to_char(day, 'DD-MON-YY Dy') FROM shop.orders WHERE id = 1",
        [("2026-01-31 10:20:30", "31-JAN-26 Sat")],
    ),
    ("SELECT to_date('31-01-2026', 'DD-MM-YYYY')", [("2026-01-31",)]),
    ("SELECT convert_timezone('UTC', 'Europe/Paris', at) FROM shop.orders WHERE id = 1", [("2026-01-31 11:20:30",)]),
    ("SELECT convert_timezone('America/New_York', '2026-07-01 12:00:00'::timestamp)", [("2026-07-01 08:00:00",)]),
    ("SELECT at FROM shop.orders WHERE id = 2", [("2026-02-01 00:00:00.25",)]),
    ("SELECT '2026-01-01 10:00:00+02'::timestamptz", [("2026-01-01 08:00:00+00",)]),
    ("SELECT datediff(day, getdate(), sysdate), current_date = trunc(getdate())", [(0, True)]),
    ("SELECT '2026-01-01'::timestamp + interval '1 day'", [("2026-01-02 00:00:00",)]),
    (
        "SELECT timezone('UTC', '2026-01-01 00:00:00'::timestamp), to_timestamp('2026-01-01 10', 'YYYY-MM-DD HH24')",
        [("2026-01-01 00:00:00+00", "2026-01-01 10:00:00+00")],
    ),
    ("SELECT months_between('2026-03-01'::date, '2026-01-01'::date), date('2026-01-01 10:00')", [(2.0, "2026-01-01")]),
    # conditions and shapes
    ("SELECT nvl(customer, 'none'), nvl2(amount, 'y', 'n') FROM shop.orders WHERE id = 4", [("none", "n")]),
    (
        "SELECT decode(id, 1, 'one', 2, 'two', 'many') FROM shop.orders WHERE id IN (2, 3) ORDER BY id",
        [("two",), ("many",)],
    ),
    ("SELECT decode(NULL, NULL, 'same', 'other')", [("same",)]),
    (
        "SELECT CASE WHEN paid THEN 'p' WHEN NOT paid THEN 'u' ELSE '?' END FROM shop.orders ORDER BY id",
        [("p",), ("u",), ("?",), ("?",)],
    ),
    ("SELECT id FROM shop.orders ORDER BY amount", [(3,), (1,), (2,), (4,)]),
    ("SELECT id FROM shop.orders ORDER BY amount DESC", [(4,), (2,), (1,), (3,)]),
    ("SELECT TOP 1 id FROM shop.orders ORDER BY id DESC", [(4,)]),
    ("SELECT id FROM shop.orders o QUALIFY row_number() OVER (ORDER BY amount DESC NULLS LAST) = 1", [(2,)]),
    ("WITH w AS (SELECT id, amount FROM shop.orders) SELECT count(*) FROM w WHERE amount IS NOT NULL", [(3,)]),
    ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) FROM r", [(3,)]),
    (
        "SELECT lag(id) OVER (ORDER BY id), rank() OVER (ORDER BY quantity > 2) FROM shop.orders WHERE id = 1",
        [(None, 1)],
    ),
    ("SELECT id FROM shop.big ORDER BY id", [(1,), (2,)]),
    ('SELECT ID, "Customer" FROM SHOP.Orders WHERE Id = 1', [(1, "ann")]),
    ("SELECT q.count FROM (SELECT count(*) FROM shop.orders) q", [(4,)]),
    ("SELECT quantity * 2 AS double, double + 1 FROM shop.orders WHERE id = 1", [(6, 7)]),
    ("SELECT id FROM shop.orders WHERE id = 1 MINUS SELECT 2", [(1,)]),
    (
        "SELECT o.id FROM shop.orders o LEFT JOIN shop.changes c USING (id) WHERE c.amount IS NULL ORDER BY 1",
        [(2,), (3,), (4,)],
    ),
    ("SELECT count(DISTINCT quantity), approximate count(DISTINCT quantity) FROM shop.orders", [(3, 3)]),
    ("SELECT median(quantity), percentile_cont(0.5) WITHIN GROUP (ORDER BY weight) FROM shop.orders", [(3.0, 2.0)]),
    (
        "SELECT has_table_privilege('admin', 'shop.orders', 'select'), has_schema_privilege('shop', 'usage')",
        [(True, True)],
    ),
    ("SELECT current_user, current_schema(), current_database()", [("admin", "public", "dev")]),
    # catalog
    (
        "SELECT table_name, table_type FROM svv_tables WHERE table_schema = 'shop' AND table_name LIKE 'b%'",
        [("big", "VIEW")],
    ),
    (
        "SELECT column_name, data_type, character_maximum_length, is_nullable FROM svv_columns"
        " WHERE table_name = 'notes' ORDER BY ordinal_position LIMIT 2",
        [("id", "integer", None, "YES"), ("note", "character varying", 5, "NO")],
    ),
    (
        "SELECT type, distkey, sortkey FROM pg_table_def WHERE tablename = 'orders' AND \"column\" = 'id'",
        [("bigint", True, 2)],
    ),
    (
        "SELECT constraint_type FROM information_schema.table_constraints WHERE table_name = 'orders'",
        [("PRIMARY KEY",)],
    ),
    (
        "SELECT k.column_name, k.ordinal_position FROM information_schema.table_constraints t"
        " JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name"
        " AND k.table_schema = t.table_schema AND k.table_name = t.table_name"
        " WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = 'orders'",
        [("id", 1)],
    ),
    (
        "SELECT c.relname, c.releffectivediststyle FROM pg_class_info c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'shop' ORDER BY 1",
        [("big", None), ("changes", 10), ("notes", 10), ("orders", 1)],
    ),
    (
        "SELECT column_name, data_type, is_nullable FROM svv_redshift_columns"
        " WHERE database_name = current_database() AND schema_name = 'shop' AND table_name = 'notes' ORDER BY"
        " ordinal_position LIMIT 2",
        [("id", "integer", "YES"), ("note", "character varying(5)", "NO")],
    ),
    ("SELECT table_type FROM svv_redshift_tables WHERE schema_name = 'shop' AND table_name = 'big'", [("VIEW",)]),
    ("SHOW search_path", [("$user, public",)]),
)

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
    def unused() -> Any:
        raise AssertionError("these statements read nothing outside the warehouse")

    made = Warehouse(tmp_path_factory.mktemp("cases"), unused, unused)
    sql = Sql(made.session("admin"))
    for statement in DATASET:
        sql(statement)
    sql.session.close()
    yield made
    made.close()


@pytest.fixture
def sql(warehouse: Warehouse) -> Iterator[Sql]:
    """A session of its own, over the data that all of these cases share and none of them changes."""
    session = warehouse.session("admin")
    yield Sql(session)
    session.close()


@pytest.mark.parametrize(("statement", "expected"), QUERIES, ids=[query[:60] for query, _ in QUERIES])
def test_query_answers_as_in_redshift(sql: Sql, statement: str, expected: list[tuple[Any, ...]]) -> None:
    assert sql(statement) == expected


def test_every_function_has_a_case() -> None:
    documented = (path.read_text() for path in (Path(__file__).parent / "redshift_cases").glob("*.yaml"))
    seen = " ".join([*(query for query, _ in QUERIES), *documented]).lower()
    assert [name for name in sorted(FUNCTIONS) if not re.search(rf"\b{name}\b", seen)] == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_function_that_is_not_emulated_is_refused_by_name(sql: Sql, name: str) -> None:
    with pytest.raises(RedshiftError, match=rf"function {name}\(\) is not emulated"):
        sql(f"SELECT {name}('1', '2')")


@pytest.mark.parametrize(("statement", "message"), ERRORS, ids=[statement[:60] for statement, _ in ERRORS])
def test_error_is_in_redshifts_words(sql: Sql, statement: str, message: str) -> None:
    with pytest.raises(RedshiftError) as caught:
        sql(statement)
    assert str(caught.value) == f"ERROR: {message}"


@pytest.mark.parametrize(("statements", "query", "expected"), CHANGES, ids=[change[0][0][:60] for change in CHANGES])
def test_change_leaves_what_redshift_leaves(
    tmp_path: Any, statements: tuple[str, ...], query: str, expected: list[tuple[Any, ...]]
) -> None:
    warehouse = _fresh(tmp_path)
    try:
        sql = Sql(warehouse.session("admin"))
        for statement in (*DATASET, *statements):
            sql(statement)
        assert sql(query) == expected
    finally:
        warehouse.close()


def _fresh(path: Path) -> Warehouse:
    return Warehouse(path, lambda: None, lambda: "")
