"""The plan that makes Redshift's tables those of the contracts: every kind of change, without AWS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakehouse import ddl
from lakehouse.contract import GoldContract, load_registry
from lakehouse.warehouse_changes import planning
from lakehouse.warehouse_changes.catalog import Found, FoundColumn, FoundTable
from lakehouse.warehouse_changes.planning import Plan, Step
from tests.support.warehouse_contracts import NAME, SALES, column, contract, found, registry, with_column

BEFORE = found(registry())


def plan_for(changed: GoldContract, before: Found = BEFORE) -> Plan:
    return planning.plan(registry(changed), before)


def before_with(**changes: Any) -> Found:
    """The warehouse with `shop.sales` changed."""
    return replace(BEFORE, tables={**BEFORE.tables, NAME: replace(BEFORE.tables[NAME], **changes)})


def summary(plan: Plan) -> list[tuple[str, str, str]]:
    return [(step.kind, step.subject, step.action) for step in plan.steps]


def rebuild_of(plan: Plan) -> Step:
    return next(step for step in plan.steps if step.action.startswith("rebuild"))


def test_a_warehouse_that_is_as_declared_needs_nothing() -> None:
    assert plan_for(contract()) == Plan()
    installed = load_registry()
    assert planning.plan(installed, found(installed)) == Plan()


def test_a_view_is_written_anew_when_its_text_or_its_description_changes() -> None:
    installed = load_registry()
    name, view = next(iter(installed.views.items()))
    for changed in (replace(view, select=f"{view.select} "), replace(view, description="Other.")):
        (step,) = planning.plan(replace(installed, views={**installed.views, name: changed}), found(installed)).steps
        assert (step.kind, step.action) == ("add", "replace the view")
        assert step.statements == (ddl.create_view(changed), ddl.comment_on_view(changed))
    without = {other: text for other, text in installed.views.items() if other != name}
    (step,) = planning.plan(replace(installed, views=without), found(installed)).steps
    assert (step.kind, step.statements) == ("drop", (f"DROP VIEW {name}",))


def test_an_empty_warehouse_is_made_by_the_statements_of_the_ddl() -> None:
    installed = load_registry()
    plan = planning.plan(installed, Found())
    assert sorted(sql for step in plan.steps for sql in step.statements) == sorted(ddl.statements(installed))
    assert {step.kind for step in plan.steps} == {"add"}
    subjects = [step.subject for step in plan.steps]
    assert subjects.index("storefront") < subjects.index("storefront.dim_user")
    assert max(len(step.statements) for step in plan.steps) <= 40


def test_a_new_column_is_added_by_a_statement_of_its_own() -> None:
    plan = plan_for(contract(*SALES, column("city", "varchar(20)", text="Where."), column("lot", "integer")))
    assert [step.statements for step in plan.steps if step.action == "add the column"] == [
        (f"ALTER TABLE {NAME} ADD COLUMN city VARCHAR(20)",),
        (f"ALTER TABLE {NAME} ADD COLUMN lot INTEGER",),
    ]
    assert "Where." in plan.steps[0].reason
    comments = plan.steps[-1]
    assert comments.statements[0] == f"COMMENT ON COLUMN {NAME}.city IS 'Where.'"
    assert len(comments.statements) == 2


def test_a_new_required_column_allows_nulls_until_the_rows_of_before_have_a_value() -> None:
    changed = contract(*SALES, column("tax", "decimal(18,2)", required=True))
    plan = plan_for(changed)
    assert plan.steps[0].statements == (f"ALTER TABLE {NAME} ADD COLUMN tax DECIMAL(18, 2)",)
    assert [difference.subject for difference in plan.waiting] == [f"{NAME}.tax"]

    columns = (*BEFORE.tables[NAME].columns, FoundColumn("tax", "numeric(18,2)", comment="The tax."))
    still = plan_for(changed, before_with(columns=columns, nulls={"tax": 2}))
    assert still.steps == ()
    assert "2 rows have no value" in still.waiting[0].reason

    ready = plan_for(changed, before_with(columns=columns, nulls={"tax": 0}))
    assert summary(ready) == [("rewrite", NAME, "rebuild the table: all its rows are rewritten")]
    assert ready.steps[0].reason.startswith("tax has to be NOT NULL. Grants on the table itself, but for those of")
    assert ready.waiting == ()


def test_a_new_required_column_of_an_empty_table_is_there_at_once() -> None:
    plan = plan_for(contract(*SALES, column("tax", "decimal(18,2)", required=True)), before_with(rows=0))
    assert summary(plan) == [("add", NAME, "rebuild the table, which is empty")]
    assert "tax DECIMAL(18, 2) NOT NULL" in plan.steps[0].statements[2]


def test_a_longer_varchar_is_lengthened_in_place() -> None:
    plan = plan_for(with_column("note", type="varchar(30)"))
    assert [step.statements for step in plan.steps] == [(f"ALTER TABLE {NAME} ALTER COLUMN note TYPE VARCHAR(30)",)]
    assert plan.steps[0].kind == "add"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("sale_id", {}),
        ("note", {"default": "'none'"}),
        ("note", {"encoding": "bytedict"}),
        ("note", {"encoding": "text255"}),
    ],
)
def test_what_redshift_does_not_lengthen_in_place_is_rebuilt(name: str, before: dict[str, Any]) -> None:
    columns = tuple(replace(c, **before) if c.name == name else c for c in BEFORE.tables[NAME].columns)
    plan = plan_for(with_column(name, type="varchar(30)"), before_with(columns=columns))
    assert summary(plan) == [("rewrite", NAME, "rebuild the table: all its rows are rewritten")]


@pytest.mark.parametrize(
    ("name", "kind", "converted", "told"),
    [
        ("note", "varchar(5)", "note", "declared varchar(5) (fails where a value is longer)"),
        ("note", "bigint", "CAST(note AS BIGINT)", "fails where a text is no bigint"),
        ("amount", "decimal(20,2)", "CAST(amount AS DECIMAL(20, 2))", "declared decimal(20,2)"),
        ("amount", "decimal(18,4)", "CAST(amount AS DECIMAL(18, 4))", "fails where a number is too large"),
        ("amount", "decimal(18,1)", "CAST(amount AS DECIMAL(18, 1))", "rounds"),
        ("amount", "integer", "CAST(amount AS INTEGER)", "rounds"),
        ("amount", "double precision", "CAST(amount AS DOUBLE PRECISION)", "declared double precision"),
        ("amount", "varchar(30)", "CAST(amount AS VARCHAR(64))", "declared varchar(30)"),
        ("day", "timestamp", "CAST(day AS TIMESTAMP)", "is date, declared timestamp"),
    ],
)
def test_another_type_is_a_rebuild_that_says_what_it_may_cost(name: str, kind: str, converted: str, told: str) -> None:
    plan = plan_for(with_column(name, type=kind))
    step = rebuild_of(plan)
    assert summary(plan) == [("rewrite", NAME, "rebuild the table: all its rows are rewritten")]
    assert told in step.reason
    select = next(sql for sql in step.statements if sql.startswith("INSERT"))
    names = ["sale_id", "day", "amount", "note"]
    values = [converted if entry == name else entry for entry in names]
    assert select == f"INSERT INTO {NAME}__new ({', '.join(names)}) SELECT {', '.join(values)} FROM {NAME}"


def test_a_rebuild_locks_the_loads_checks_the_plan_and_swaps_the_tables() -> None:
    changed = replace(with_column("amount", type="decimal(20,2)"), dist_style="key", dist_key="sale_id")
    lock, guard, create, _, *swap = rebuild_of(plan_for(changed)).statements
    assert lock == f"LOCK ops.loads, {NAME}"
    assert "'amount numeric(18,2) NO'" in guard
    assert "was changed meanwhile" in guard
    assert create.startswith(f"CREATE TABLE {NAME}__new (")
    assert create.endswith("PRIMARY KEY (sale_id)\n)\nDISTSTYLE KEY\nDISTKEY (sale_id)")
    assert swap[:3] == [
        f"ALTER TABLE {NAME} RENAME TO sales__old",
        f"ALTER TABLE {NAME}__new RENAME TO sales",
        "DROP TABLE shop.sales__old",
    ]
    assert swap[3:] == ddl.comments(ddl.tables(registry(changed))[1])


def test_a_wide_table_is_rebuilt_within_the_statements_that_a_call_may_hold() -> None:
    wide = contract(*SALES, *(column(f"c{number}", "integer") for number in range(60)))
    before = found(registry(wide))
    changed = replace(wide, columns=tuple(replace(c, required=False) if c.name == "day" else c for c in wide.columns))
    (step,) = planning.plan(registry(changed), before).steps
    assert len(step.statements) == 40


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (with_column("day", required=False), "day has to allow nulls"),
        (with_column("note", required=True), "note has to be NOT NULL"),
        (with_column("day", key_position=2), "the key is sale_id, declared sale_id, day"),
    ],
)
def test_not_null_and_keys_change_by_a_rebuild(changed: GoldContract, told: str) -> None:
    step = rebuild_of(plan_for(changed))
    assert (step.kind, step.reason.partition(".")[0]) == ("rewrite", told)


def test_a_key_waits_for_its_columns() -> None:
    changed = contract(*SALES, column("line", "integer", required=True, key=2))
    plan = plan_for(changed)
    assert not any(step.kind == "rewrite" for step in plan.steps)
    assert [difference.subject for difference in plan.waiting] == [f"{NAME}.line", NAME]


@pytest.mark.parametrize(
    ("before", "declared", "alters"),
    [
        ({}, {"dist_style": "key", "dist_key": "sale_id"}, ["ALTER DISTSTYLE KEY DISTKEY sale_id"]),
        (
            {"dist_style": "key", "dist_key": "day"},
            {"dist_style": "key", "dist_key": "sale_id"},
            ["ALTER DISTKEY sale_id"],
        ),
        ({"dist_style": "key", "dist_key": "day"}, {}, ["ALTER DISTSTYLE AUTO"]),
        ({"dist_style": "even"}, {"dist_style": "all"}, ["ALTER DISTSTYLE ALL"]),
        ({}, {"sort_keys": ("day", "sale_id")}, ["ALTER SORTKEY (day, sale_id)"]),
        ({"sort_keys": ("sale_id", "day")}, {"sort_keys": ("day", "sale_id")}, ["ALTER SORTKEY (day, sale_id)"]),
        ({"sort_keys": ("day",), "is_sorted_by_choice": True}, {}, ["ALTER SORTKEY AUTO"]),
        ({"sort_keys": ("day",), "is_sorted_by_choice": False}, {}, []),
        ({"sort_keys": ("day",), "is_sorted_by_choice": None}, {}, []),
    ],
)
def test_layout_is_altered(before: dict[str, Any], declared: dict[str, Any], alters: list[str]) -> None:
    plan = plan_for(contract(**declared), before_with(**before))
    assert [step.statements for step in plan.steps] == [(f"ALTER TABLE {NAME} {alter}",) for alter in alters]
    assert {step.kind for step in plan.steps} <= {"add"}


def test_a_comment_that_changed_is_written_and_no_other() -> None:
    (step,) = plan_for(with_column("note", description="It's a note.", unit="letters")).steps
    assert step.statements == (f"COMMENT ON COLUMN {NAME}.note IS 'It''s a note. Unit: letters.'",)
    assert plan_for(contract(description="All sales.")).steps[0].statements == (
        f"COMMENT ON TABLE {NAME} IS 'All sales.'",
    )


@pytest.mark.parametrize("kind", ["varchar(10)", "varchar(64)"])
def test_clear_values_never_stay_in_a_column_of_tokens(kind: str) -> None:
    """Whether or not the column's type tells that it was clear."""
    before = found(registry(with_column("note", type=kind)))
    changed = with_column("note", type=kind, classification="personal", required=True)
    plan = plan_for(changed, before)
    rebuild = rebuild_of(plan)
    assert "note becomes a token: its clear values go" in rebuild.reason
    assert f"INSERT INTO {NAME}__new (sale_id, day, amount) SELECT sale_id, day, amount FROM {NAME}" in (
        rebuild.statements
    )
    assert [difference.subject for difference in plan.waiting] == [f"{NAME}.note"], "NOT NULL waits for the tokens"
    assert next(step.action for step in plan.steps if step.subject == "private_shop.sales") == "create the table"
    assert planning.plan(registry(changed), found(registry(changed))) == Plan()


def test_a_new_column_of_tokens_is_added_and_needs_nothing_more_before_its_comment() -> None:
    changed = registry(contract(*SALES, replace(column("email", "varchar(254)"), classification="personal")))
    added = next(step for step in planning.plan(changed, BEFORE).steps if step.subject == f"{NAME}.email")
    assert added.statements == (f"ALTER TABLE {NAME} ADD COLUMN email VARCHAR(64)",)
    table = found(changed).tables[NAME]
    uncommented = tuple(replace(entry, comment=None) if entry.name == "email" else entry for entry in table.columns)
    interrupted = replace(found(changed), tables={**found(changed).tables, NAME: replace(table, columns=uncommented)})
    assert summary(planning.plan(changed, interrupted)) == [("add", NAME, "write comments")]


def test_what_no_contract_names_is_dropped_last_and_only_if_asked() -> None:
    before = before_with(columns=(*BEFORE.tables[NAME].columns, FoundColumn("old", "super")))
    before = replace(before, tables={**before.tables, "shop.left_over": FoundTable("shop.left_over", ())})
    plan = plan_for(contract(*SALES, column("city", "varchar(20)")), before)
    assert summary(plan) == [
        ("add", f"{NAME}.city", "add the column"),
        ("add", NAME, "write comments"),
        ("drop", f"{NAME}.old", "drop the column"),
        ("drop", "shop.left_over", "drop the table"),
    ]
    assert plan.steps[-2].statements == (f"ALTER TABLE {NAME} DROP COLUMN old",)
    assert plan.steps[-1].statements == ("DROP TABLE shop.left_over",)


def test_a_column_that_left_the_contract_stays_in_a_rebuild_and_allows_nulls() -> None:
    plan = plan_for(contract(*(entry for entry in SALES if entry.name != "amount")))
    assert [step.kind for step in plan.steps] == ["rewrite", "drop"]
    step = plan.steps[0]
    assert "amount, which no contract names, has to allow nulls" in step.reason
    assert "    amount numeric(18,2),\n" in step.statements[2]
    assert "SELECT sale_id, day, note, amount FROM" in step.statements[3]


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("character varying(8)", "varchar(8)"),
        ("numeric(18,3)", "decimal(18,3)"),
        ("double precision", "double precision"),
        ("timestamp without time zone", "timestamp"),
        ("super", None),
        ("character(3)", None),
    ],
)
def test_types_are_read_as_redshift_spells_them(spelled: str, kind: str | None) -> None:
    assert (str(FoundColumn("c", spelled).type) if kind else FoundColumn("c", spelled).type) == kind
