"""Plans from old contracts to new ones, applied to tables with rows in the local Redshift; then nothing is left."""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lakehouse import ddl
from lakehouse.cli import main as command
from lakehouse.cli import stack
from lakehouse.cli import warehouse as verb
from lakehouse.contract import GoldContract, load_registry
from lakehouse.redshift import Redshift, RedshiftError
from lakehouse.settings import Settings
from lakehouse.warehouse_changes import applying, catalog, planning
from lakehouse.warehouse_changes.planning import Kind, Plan
from tests.support.local_aws_process import CREDENTIALS, LocalAwsProcess
from tests.support.terminal import Terminal
from tests.support.warehouse_contracts import NAME, SALES, column, contract, registry, with_column

EVERYTHING: tuple[Kind, ...] = ("add", "rewrite", "drop")
_numbers = itertools.count(1)


@pytest.fixture
def redshift(local_aws: LocalAwsProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redshift]:
    """A warehouse of its own, with `shop.sales` as `SALES` declares it, and three rows."""
    workgroup = f"changes-{next(_numbers)}"
    for name, value in stack.environment(local_aws.endpoint, CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_WORKGROUP", workgroup)
    monkeypatch.setenv("LAKEHOUSE_DATABASE", "dev")
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName=workgroup, dbName="dev")
    serverless.create_workgroup(workgroupName=workgroup, namespaceName=workgroup, baseCapacity=4)
    made = Redshift(Settings.from_environment())
    applying.apply(made, registry(), EVERYTHING)
    made.query(
        f"INSERT INTO {NAME} VALUES ('a', '2026-01-01', 10.25, '12'), ('b', '2026-01-02', 20, NULL), "
        "('c', '2026-01-03', 0.75, '7')"
    )
    yield made
    for schema in ("shop", "ops"):
        made.query(f"DROP SCHEMA {schema} CASCADE")


def rows(redshift: Redshift, columns: str = "*") -> list[tuple[Any, ...]]:
    return list(redshift.query(f"SELECT {columns} FROM {NAME} ORDER BY sale_id").rows)


def apply(redshift: Redshift, changed: GoldContract, kinds: tuple[Kind, ...] = EVERYTHING) -> Plan:
    """Apply the changed contract, and see that a second plan has nothing of these kinds."""
    applying.apply(redshift, registry(changed), kinds)
    again = applying.outlook(redshift, registry(changed))
    assert [step for step in again.steps if step.kind in kinds] == []
    return again


def test_the_tables_that_were_made_are_those_that_are_declared(redshift: Redshift) -> None:
    assert applying.outlook(redshift, registry()) == Plan()


def test_the_installed_contracts_are_made_and_found_as_declared(redshift: Redshift) -> None:
    installed = load_registry()
    done: list[planning.Step] = []
    applying.apply(redshift, installed, ("add",), done.append)
    assert {step.kind for step in done} == {"add"}
    assert applying.outlook(redshift, installed) == Plan()
    for schema in set(ddl.schemas(installed)) - {ddl.OPS}:
        redshift.query(f"DROP SCHEMA {schema} CASCADE")


KEPT = [("a", "2026-01-01", "10.25", "12"), ("b", "2026-01-02", "20.00", None), ("c", "2026-01-03", "0.75", "7")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (contract(*SALES, column("city", "varchar(20)")), [(*row, None) for row in KEPT]),
        (with_column("note", type="varchar(300)"), KEPT),
        (with_column("note", description="Another sentence.", unit="letters"), KEPT),
        (contract(dist_style="key", dist_key="sale_id", sort_keys=("day", "sale_id")), KEPT),
        (contract(dist_style="all"), KEPT),
        (with_column("sale_id", type="varchar(30)"), KEPT),
        (with_column("day", required=False), KEPT),
        (with_column("note", type="bigint"), [(*row[:3], row[3] and int(row[3])) for row in KEPT]),
        (with_column("amount", type="decimal(20,4)"), [(*row[:2], f"{row[2]}00", row[3]) for row in KEPT]),
        (with_column("amount", type="varchar(8)"), KEPT),
        (with_column("day", type="timestamp"), [(row[0], f"{row[1]} 00:00:00", *row[2:]) for row in KEPT]),
        (with_column("note", type="varchar(2)"), KEPT),
        (with_column("day", key_position=2), KEPT),
        (contract(*SALES[:3]), [row[:3] for row in KEPT]),
        (contract(*SALES[:2], SALES[3]), [(*row[:2], row[3]) for row in KEPT]),
    ],
)
def test_rows_survive_a_change_and_a_second_plan_is_empty(
    redshift: Redshift, changed: GoldContract, expected: list[tuple[Any, ...]]
) -> None:
    assert apply(redshift, changed) == Plan()
    names = ", ".join(entry.name for entry in changed.columns)
    assert rows(redshift, names) == expected


def test_one_change_after_the_other_and_back_again(redshift: Redshift) -> None:
    wide = contract(*SALES, column("city", "varchar(20)"), sort_keys=("day",), dist_style="key", dist_key="sale_id")
    for changed in (wide, with_column("note", type="bigint"), wide, contract(sort_keys=("city",) * 0)):
        assert apply(redshift, changed) == Plan()
    assert rows(redshift, "sale_id, day, amount, note") == KEPT


def test_not_null_follows_when_the_last_row_has_a_value(redshift: Redshift) -> None:
    changed = contract(*SALES, column("tax", "integer", required=True))
    assert [difference.subject for difference in apply(redshift, changed).waiting] == [f"{NAME}.tax"]
    redshift.query(f"UPDATE {NAME} SET tax = 1 WHERE sale_id <> 'c'")
    assert "1 row has no value" in apply(redshift, changed).waiting[0].reason
    redshift.query(f"UPDATE {NAME} SET tax = 2 WHERE sale_id = 'c'")
    assert apply(redshift, changed) == Plan()
    with pytest.raises(RedshiftError, match="NULL value into column tax"):
        redshift.query(f"INSERT INTO {NAME} (sale_id, day, amount) VALUES ('d', '2026-01-04', 1)")


def test_a_required_column_of_an_empty_table_needs_nobodys_consent(redshift: Redshift) -> None:
    redshift.query(f"DELETE FROM {NAME}")
    assert apply(redshift, contract(*SALES, column("tax", "integer", required=True)), ("add",)) == Plan()


def test_what_no_contract_names_stays_until_drop_is_said(redshift: Redshift) -> None:
    redshift.query("CREATE TABLE shop.notes (a INTEGER)")
    left = apply(redshift, contract(*SALES[:2], SALES[3]), ("add", "rewrite"))
    assert [step.subject for step in left.steps] == [f"{NAME}.amount", "shop.notes"]
    assert rows(redshift, "sale_id, day, amount, note") == KEPT
    redshift.query(f"INSERT INTO {NAME} (sale_id, day) VALUES ('d', '2026-01-04')")
    assert apply(redshift, contract(*SALES[:2], SALES[3])) == Plan()
    assert len(rows(redshift)[0]) == 3


def test_a_rebuild_that_fails_leaves_the_table_as_it_was(redshift: Redshift) -> None:
    redshift.query(f"UPDATE {NAME} SET note = 'no number' WHERE sale_id = 'b'")
    with pytest.raises(applying.StepError, match=r"shop\.sales: could not rebuild .*: .*no number"):
        applying.apply(redshift, registry(with_column("note", type="bigint")), EVERYTHING)
    with pytest.raises(applying.StepError, match="value too long"):
        applying.apply(redshift, registry(with_column("note", type="varchar(3)")), EVERYTHING)
    assert applying.outlook(redshift, registry()) == Plan()
    assert rows(redshift)[1][3] == "no number"


def test_views_over_a_table_hold_it_fast(redshift: Redshift) -> None:
    redshift.query(f"CREATE VIEW shop.totals AS SELECT SUM(amount) AS total FROM {NAME}")
    with pytest.raises(applying.StepError, match="to which the view totals is bound"):
        applying.apply(redshift, registry(with_column("note", type="bigint")), EVERYTHING)
    assert redshift.query("SELECT total FROM shop.totals").rows == (("31.00",),)


def test_a_plan_that_came_too_late_overwrites_nothing(redshift: Redshift) -> None:
    """Two rebuilds planned at the same time: the second must not empty what was loaded after the first."""
    changed = registry(contract(*SALES[:3], column("note", "bigint"), column("city", "varchar(20)")))
    late = next(step for step in applying.outlook(redshift, changed).steps if step.kind == "rewrite")
    applying.apply(redshift, changed, EVERYTHING)
    redshift.query(f"UPDATE {NAME} SET city = 'Ulm'")
    with pytest.raises(RedshiftError, match="was changed meanwhile; plan again"):
        redshift.transaction(late.statements)
    assert rows(redshift, "city") == [("Ulm",)] * 3


def test_nothing_is_dropped_that_was_not_in_the_plan_that_somebody_saw(redshift: Redshift) -> None:
    changed = registry(contract(*SALES[:3]))
    seen = applying.outlook(redshift, changed).steps
    redshift.query("CREATE TABLE shop.appeared (a INTEGER)")
    left = applying.apply(redshift, changed, EVERYTHING, agreed=seen)
    assert [step.subject for step in left.steps] == ["shop.appeared"]


def test_a_rebuild_waits_for_a_load_and_takes_its_rows_along(redshift: Redshift) -> None:
    changed = with_column("note", type="bigint")
    load = redshift.session(60)
    for sql in ("BEGIN", "LOCK ops.loads", f"INSERT INTO {NAME} VALUES ('d', '2026-01-04', 4, '4')"):
        load.run(sql)
    rebuilding = threading.Thread(target=applying.apply, args=(redshift, registry(changed), EVERYTHING))
    rebuilding.start()
    rebuilding.join(2)
    assert rebuilding.is_alive()
    load.run("COMMIT")
    rebuilding.join(60)
    assert not rebuilding.is_alive()
    assert [row[3] for row in rows(redshift)] == [12, None, 7, 4]
    assert applying.outlook(redshift, registry(changed)) == Plan()


def test_killed_after_any_step_the_next_run_does_the_rest(redshift: Redshift) -> None:
    changed = registry(
        contract(
            *SALES[:3],
            column("note", "varchar(90)"),
            *(column("city", "varchar(20)"), column("lot", "integer")),
            sort_keys=("day",),
        )
    )

    class KilledError(BaseException):
        pass

    def killed(_: planning.Step) -> None:
        raise KilledError

    deaths = 0
    while applying.outlook(redshift, changed).steps:
        with pytest.raises(KilledError):
            applying.apply(redshift, changed, EVERYTHING, killed)
        deaths += 1
    assert deaths == 5
    assert applying.outlook(redshift, changed) == Plan()
    assert rows(redshift, "sale_id, day, amount, note") == KEPT


def test_run_twice_at_once_each_step_is_done_once(redshift: Redshift) -> None:
    changed = registry(
        contract(
            *(column("note", "bigint") if entry.name == "note" else entry for entry in SALES),
            column("city", "varchar(20)"),
        ),
        contract(*SALES, column("lot", "integer"), name="returns"),
    )
    done: list[planning.Step] = []
    failures = _together(lambda: applying.apply(redshift, changed, EVERYTHING, done.append), 3)
    assert failures == []
    assert applying.outlook(redshift, changed) == Plan()
    assert [step.subject for step in done if step.kind == "rewrite"] == [NAME]
    names = catalog.read(redshift, changed).tables
    assert set(names) == {"ops.loads", NAME, "shop.returns"}


def _together(call: Callable[[], object], count: int) -> list[BaseException]:
    """Call it in threads that start together; what they raised."""
    start, failures = threading.Barrier(count), []

    def run() -> None:
        start.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.fixture
def say(
    redshift: Redshift, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run `lakehouse warehouse …` for a contract of `shop.sales`: exit code and output."""

    def run(changed: GoldContract, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(verb, "load_registry", lambda: registry(changed))
        monkeypatch.setattr(sys, "argv", ["lakehouse", "warehouse", *arguments])
        code = 0
        try:
            command.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    return run


def test_the_plan_is_told_with_reasons_and_sql_and_changes_nothing(
    redshift: Redshift, say: Callable[..., tuple[int, str]]
) -> None:
    changed = contract(*SALES[:3], column("lot", "integer"))
    code, text = say(changed, "plan")
    assert code == 0
    assert "shop.sales.lot: add the column" in text
    assert "new in the contract: The lot." in text
    assert "ALTER TABLE shop.sales ADD COLUMN lot INTEGER;" in text
    assert "drop    shop.sales.note: drop the column" in text
    code, text = say(changed, "plan", "--json")
    plan = json.loads(text)
    assert [step["kind"] for step in plan["steps"]] == ["add", "add", "drop"]
    assert plan["waiting"] == []
    assert applying.outlook(redshift, registry()) == Plan()


def test_apply_asks_and_drops_only_what_it_is_told_to(
    redshift: Redshift, say: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = contract(*SALES[:3], column("lot", "integer"))
    code, text = say(changed, "apply")
    assert (code, "give --yes" in text) == (1, True)
    assert applying.outlook(redshift, registry()) == Plan()
    code, text = say(changed, "apply", "--yes")
    assert code == 0
    assert "drop the column (only with --drop)" in text
    assert [step.kind for step in applying.outlook(redshift, registry(changed)).steps] == ["drop"]
    assert say(changed, "apply", "--yes", "--drop")[0] == 0
    assert say(changed, "plan") == (0, "✓ Redshift has what the contracts declare\n")
    assert say(changed, "apply") == (
        0,
        "✓ Redshift has what the contracts declare\n✓ loader, analyst, steward have their grants\n",
    )


def test_a_step_that_fails_is_told_in_a_sentence(redshift: Redshift, say: Callable[..., tuple[int, str]]) -> None:
    redshift.query(f"UPDATE {NAME} SET note = 'x' WHERE sale_id = 'b'")
    code, text = say(with_column("note", type="bigint"), "apply", "--yes")
    assert code == 1
    assert "✗ shop.sales: could not rebuild the table: all its rows are rewritten: " in text
    assert "Traceback" not in text


def test_apply_asks_at_a_terminal_and_a_killed_one_is_run_again(local_aws: LocalAwsProcess, redshift: Redshift) -> None:
    """The whole command, as a process: refused, killed after its first step, run again."""
    for schema in ("shop", "ops"):
        redshift.query(f"DROP SCHEMA {schema} CASCADE")
    program = [sys.executable, "-c", "from lakehouse.cli.main import main; main()", "warehouse"]
    installed = load_registry()
    with Terminal([*program, "apply"], os.environ) as terminal:
        terminal.read_until("steps? [y/N]:")
        terminal.type("n\r")
        assert terminal.wait() == 1
    assert catalog.read(redshift, installed).tables == {}
    with Terminal([*program, "apply"], os.environ) as terminal:
        terminal.read_until("steps? [y/N]:")
        terminal.type("y\r")
        terminal.read_until("✓")  # and it is killed
    assert applying.outlook(redshift, installed).steps
    with Terminal([*program, "apply", "--yes"], os.environ) as terminal:
        terminal.read_until("✓ done")
        assert terminal.wait() == 0
    assert applying.outlook(redshift, installed) == Plan()
    for schema in set(ddl.schemas(installed)) - {ddl.OPS}:
        redshift.query(f"DROP SCHEMA {schema} CASCADE")
    redshift.query("CREATE SCHEMA shop")
