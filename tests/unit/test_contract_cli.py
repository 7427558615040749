"""`lakehouse contract`, as its users meet it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.cli.contract import app
from lakehouse.contract import SourceContract, load_registry

REPOSITORY = Path(__file__).parents[2]
runner = CliRunner()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder of domains with two mistakes in one file."""
    domains = tmp_path / "domains"
    shutil.copytree(REPOSITORY / "glue_jobs/lakehouse/domains", domains)
    file = domains / "storefront/contracts/users.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("varchar(254)", "varchr(254)").replace("value: rescue", "value: keep"), encoding="utf-8"
    )
    return domains


def test_check_says_that_all_is_well() -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    assert f"{len(load_registry().gold)} gold tables" in result.stdout


def test_check_tells_each_mistake_with_file_line_and_remedy(broken: Path) -> None:
    result = runner.invoke(app, ["check", str(broken)])
    assert result.exit_code == 1
    file = broken / "storefront/contracts/users.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "varchr" in text)
    assert f"{file}:{line}: schema[0].properties[1].physicalType:" in result.stderr
    assert "did you mean varchar(n)?" in result.stderr
    assert "2 mistakes in 1 file\n" in result.stderr
    assert "Traceback" not in result.output


def test_check_tells_scripts_the_same(broken: Path) -> None:
    result = runner.invoke(app, ["check", str(broken), "--json"])
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert [problem["field"] for problem in problems] == [
        "schema[0].customProperties.drift",
        "schema[0].properties[1].physicalType",
    ]
    assert json.loads(runner.invoke(app, ["check", "--json"]).stdout) == {"problems": []}


def test_list_names_every_dataset() -> None:
    registry = load_registry()
    listed = json.loads(runner.invoke(app, ["list", "--json"]).stdout)
    assert {row["dataset"]: row["kind"] == "source" for row in listed} == {
        **dict.fromkeys(registry.sources, True),
        **dict.fromkeys(registry.gold, False),
    }
    shown = runner.invoke(app, ["list"], env={"COLUMNS": "200"}).stdout
    assert all(dataset in shown for dataset in (*registry.sources, *registry.gold))


@pytest.mark.parametrize("dataset", [*load_registry().sources, *load_registry().gold])
def test_show_tells_every_column(dataset: str) -> None:
    registry = load_registry()
    contract = registry.sources.get(dataset) or registry.gold[dataset]
    shown = runner.invoke(app, ["show", dataset], env={"COLUMNS": "250"})
    assert shown.exit_code == 0
    for column in contract.columns:
        assert column.name in shown.stdout
        assert str(column.type) in shown.stdout
    for rule in contract.rules if isinstance(contract, SourceContract) else ():
        assert rule.name in shown.stdout
        assert rule.severity in shown.stdout
    told = json.loads(runner.invoke(app, ["show", dataset, "--json"]).stdout)
    assert (told["dataset"], told["key"]) == (dataset, list(contract.key))
    assert {column["name"]: column["type"] for column in told["columns"]} == {
        column.name: str(column.type) for column in contract.columns
    }


def test_show_of_an_unknown_dataset_proposes_the_nearest() -> None:
    result = runner.invoke(app, ["show", "storefront.transaction"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "did you mean storefront.transactions?" in result.stderr


def test_ddl_is_printed_checked_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sql/ddl"
    shutil.copytree(REPOSITORY / "sql", tmp_path / "sql")
    monkeypatch.chdir(tmp_path)
    for printed in ("CREATE TABLE IF NOT EXISTS storefront.dim_user (", "CREATE ROLE analyst;"):
        assert printed in runner.invoke(app, ["ddl"]).stdout
    (folder / "ops.sql").write_text("SELECT 1;\n", encoding="utf-8")
    (folder / "storefront.sql").unlink()
    (folder / "gone.sql").write_text("SELECT 1;\n", encoding="utf-8")
    (tmp_path / "sql/roles/analyst.sql").write_text("GRANT ALL ON ops.loads TO PUBLIC;\n", encoding="utf-8")
    for made in ("load/retail.sql", "checks/retail.sql"):
        (tmp_path / "sql" / made).unlink()
    checked = runner.invoke(app, ["ddl", "--check"])
    assert checked.exit_code == 1
    assert [line.split(":")[0] for line in checked.stdout.splitlines()[:6]] == [
        *("sql/ddl/gone.sql", "sql/ddl/ops.sql", "sql/ddl/storefront.sql", "sql/roles/analyst.sql"),
        *("sql/load/retail.sql", "sql/checks/retail.sql"),
    ]
    assert runner.invoke(app, ["ddl", "--write"]).exit_code == 0
    assert runner.invoke(app, ["ddl", "--check"]).exit_code == 0
    assert {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.sql")} == {
        file.relative_to(REPOSITORY): file.read_bytes() for file in (REPOSITORY / "sql").rglob("*.sql")
    }


def test_the_dictionary_is_printed_checked_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "docs/dictionary"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "### daily_revenue" in runner.invoke(app, ["dictionary"]).stdout
    checked = runner.invoke(app, ["dictionary", "--check"])
    assert (checked.exit_code, "run: lakehouse contract dictionary --write" in checked.stdout) == (1, True)
    assert runner.invoke(app, ["dictionary", "--write"]).exit_code == 0
    assert runner.invoke(app, ["dictionary", "--check"]).exit_code == 0
    assert (folder / "storefront.md").read_bytes() == (REPOSITORY / "docs/dictionary/storefront.md").read_bytes()


@pytest.mark.parametrize("arguments", [["ddl", "--check"], ["ddl", "--check", "--write"], ["check", "nowhere"]])
def test_wrong_use_is_told_without_a_traceback(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr
