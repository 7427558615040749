"""VARCHAR counts bytes: any text, any length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local_aws.redshift.engine import Warehouse
from infra.local_aws.redshift.errors import RedshiftError
from tests.support.warehouse import Sql

LENGTH = 4
# Redshift stores no NUL character; a surrogate is no character at all.
TEXTS = st.text(
    st.one_of(st.sampled_from(" aé€😀"), st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
)


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    warehouse = Warehouse(tmp_path_factory.mktemp("bytes"), lambda: None, lambda: "")
    made = Sql(warehouse.session("admin"))
    made(f"CREATE TABLE t (v VARCHAR({LENGTH}))")
    yield made
    warehouse.close()


def cut(text: str, length: int) -> str:
    """The longest start of a text that takes at most ``length`` bytes of UTF-8, and is whole characters."""
    return text.encode()[:length].decode(errors="ignore")


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, length=st.integers(1, 12))
def test_cast_cuts_at_the_last_character_that_fits(sql: Sql, text: str, length: int) -> None:
    assert sql(f"SELECT :text::varchar({length})", text=text) == [(cut(text, length),)]


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_store_cuts_only_blanks(sql: Sql, text: str) -> None:
    sql("DELETE FROM t")
    if len(text.rstrip(" ").encode()) <= LENGTH:
        sql("INSERT INTO t VALUES (:text)", text=text)
        assert sql("SELECT v FROM t") == [(cut(text, LENGTH),)]
    else:
        with pytest.raises(RedshiftError, match=r"value too long for type character varying\(4\)"):
            sql("INSERT INTO t VALUES (:text)", text=text)
