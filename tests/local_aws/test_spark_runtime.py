"""How Spark is started: settings parsed from a job's arguments, and what a laptop adds to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local_aws import spark_runtime
from infra.local_aws.spark_runtime import packages, parse_conf, session_conf


@pytest.mark.parametrize(
    ("argument", "conf"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1 --conf b=2", {"a": "1", "b": "2"}),
        ("--conf a=1   --conf b=x=y z", {"a": "1", "b": "x=y z"}),
        ("a=1 --conf a=2", {"a": "2"}),
    ],
)
def test_conf_argument_is_parsed(argument: str, conf: dict[str, str]) -> None:
    assert parse_conf(argument) == conf


@pytest.mark.parametrize("argument", ["a", "a=1 --conf b", "=1"])
def test_conf_without_a_key_and_a_value_is_refused(argument: str) -> None:
    with pytest.raises(ValueError, match="expected key=value"):
        parse_conf(argument)


def test_job_sets_what_it_may_and_the_laptop_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(spark_runtime.DRIVER_MEMORY_VARIABLE, "3g")
    job = {"spark.sql.shuffle.partitions": "64", "spark.driver.memory": "10g", "spark.master": "yarn", "spark.x": "1"}
    conf = session_conf(job, (), tmp_path)
    assert (conf["spark.sql.shuffle.partitions"], conf["spark.x"]) == ("64", "1")
    assert (conf["spark.driver.memory"], conf["spark.master"]) == ("3g", "local[*]")


def test_jars_come_from_the_cache_once_all_are_there_and_through_ivy_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark_runtime, "IVY_DIRECTORY", tmp_path)
    coordinates = packages("iceberg")
    (tmp_path / "jars").mkdir()
    names = [f"{group}_{artifact}-{version}.jar" for group, artifact, version in (c.split(":") for c in coordinates)]
    (tmp_path / "jars" / names[0]).touch()
    conf = session_conf({}, coordinates, tmp_path)
    assert conf["spark.jars.packages"] == ",".join(coordinates)
    assert "spark.driver.extraClassPath" not in conf
    (tmp_path / "jars" / names[1]).touch()
    conf = session_conf({}, coordinates, tmp_path)
    assert conf["spark.driver.extraClassPath"] == ":".join(str(tmp_path / "jars" / name) for name in names)
    assert "spark.jars.packages" not in conf


def test_archive_of_classes_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "a.jar"
    jar.touch()
    archive = tmp_path / "classes.jsa"
    monkeypatch.setattr(spark_runtime, "cached_jars", lambda _: [jar])
    monkeypatch.setattr(spark_runtime, "class_archive", lambda _: archive)
    assert "SharedArchiveFile" not in session_conf({}, ("g:a:1",), tmp_path)["spark.driver.extraJavaOptions"]
    archive.touch()
    options = session_conf({"spark.driver.extraJavaOptions": "-Dx=1"}, ("g:a:1",), tmp_path)[
        "spark.driver.extraJavaOptions"
    ]
    assert f'-XX:SharedArchiveFile="{archive}" -Xshare:auto' in options
    assert options.endswith("-Dx=1")
