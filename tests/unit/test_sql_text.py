"""Where statements begin and end, and what a prompt completes."""

from __future__ import annotations

import pytest

from lakehouse.cli import sql_names, sql_text
from lakehouse.cli.sql_names import Names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", [("select 1", 1)]),
        ("select 1;\n\nselect 2;\n", [("select 1", 1), ("select 2", 3)]),
        ("select ';', \"a;b\"; select 'it''s;'", [("select ';', \"a;b\"", 1), ("select 'it''s;'", 1)]),
        ("select 1 -- no; end\n; select 2", [("select 1 -- no; end", 1), ("select 2", 2)]),
        ("/* a; /* b; */ c; */ select 1; /* a comment; */ ;; -- another", [("/* a; /* b; */ c; */ select 1", 1)]),
        ("select $$a;b$$; select $x$ ; $$ ; $x$", [("select $$a;b$$", 1), ("select $x$ ; $$ ; $x$", 1)]),
        ("select 'open; select 2", [("select 'open; select 2", 1)]),
        ("", []),
        (" ;\n ; ", []),
    ],
)
def test_a_text_is_split_where_redshift_would(text: str, expected: list[tuple[str, int]]) -> None:
    assert [(statement.text, statement.line) for statement in sql_text.statements(text)] == expected


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("select 1;", True),
        ("select 1; -- so", True),
        ("select 1", False),
        ("select ';", False),
        ("select 1; select", False),
        ("select 1 -- ;", False),
        ("/* ;", False),
    ],
)
def test_a_statement_goes_on_until_its_semicolon(text: str, is_complete: bool) -> None:
    assert sql_text.is_complete(text) is is_complete


NAMES = Names(
    {
        "storefront.dim_user": ("user_key", "user_id", "country"),
        "storefront.daily_revenue": ("revenue_date", "net_amount"),
        "ops.loads": ("batch_id",),
        "lake_ops.files": ("file_id", "key"),
    }
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("sel", "", ["select"]),
        ("SEL", "", ["SELECT"]),
        ("select * from ", "", ["lake_ops", "ops", "storefront", *NAMES.tables]),
        ("select * from st", "", ["storefront", "storefront.dim_user", "storefront.daily_revenue"]),
        ("select * from storefront.d", "", ["storefront.dim_user", "storefront.daily_revenue"]),
        ("select * from STOREFRONT.dim", "", ["STOREFRONT.dim_user"]),
        ("select u.", " from storefront.dim_user u", ["u.user_key", "u.user_id", "u.country"]),
        ("select user_", " from storefront.dim_user", ["user_key", "user_id"]),
        ("select net", " from daily_revenue where 1 = 1", ["net_amount"]),
        ("select * from storefront.dim_user where co", "", ["country", "coalesce", "commit", "count"]),
        ("select * from storefront.dim_user join ops.loads b on b.", "", ["b.batch_id"]),
        ("select nowhere.", "", []),
        ("\\d st", "", ["storefront", "storefront.dim_user", "storefront.daily_revenue"]),
        ("select 1 ", "", []),
    ],
)
def test_what_fits_is_completed(before: str, after: str, expected: list[str]) -> None:
    assert sql_names.completions(before, before + after, NAMES)[1] == expected
