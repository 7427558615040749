"""What this project's queries need of Redshift, one case per line: a query and its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.functions import FUNCTIONS, REFUSED
from tests.support.redshift_shop import shop
from tests.support.warehouse import Sql

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
