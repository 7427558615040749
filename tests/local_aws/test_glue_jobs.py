"""Glue jobs run: on real Spark workers, with the states, arguments, messages and refusals of Glue."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local_aws import glue_jobs
from infra.local_aws.context import Context
from infra.local_aws.glue_jobs import GlueJobs
from infra.local_aws.glue_runs import INTERRUPTED, Runner, RunRecords
from infra.local_aws.persistence import Store
from tests.support.glue import BUCKET, GlueTester, group_members, wait_for_end_of_group, wait_for_text
from tests.support.local_aws_process import KEY, LocalAwsProcess

PRINT_SPARK_COUNT = """
    from pyspark.sql import SparkSession
    print(SparkSession.builder.getOrCreate().range(7).count())
"""
WAIT_FOR_EVER = """
    import threading
    print("waiting")
    threading.Event().wait()
"""
ICEBERG_CATALOG = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.lake.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    "spark.sql.catalog.lake.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    "spark.sql.catalog.lake.s3.path-style-access": "true",
    "spark.sql.catalog.lake.warehouse": f"s3://{BUCKET}/warehouse",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAwsProcess]:
    """A server of this module's own: its workers are killed, and so is it."""
    process = LocalAwsProcess(tmp_path_factory.mktemp("glue_jobs") / "state")
    yield process
    process.stop()


@pytest.fixture(scope="module")
def tester(aws: LocalAwsProcess) -> GlueTester:
    return GlueTester(aws)


def test_run_gets_merged_arguments_and_a_full_record(tester: GlueTester) -> None:
    script = "import json, sys; print(json.dumps(sys.argv[1:]))"
    defaults = {"--who": "default", "--only-default": "1", "--conf": "spark.a=1 --conf spark.b=2"}
    tester.define("argv", script, DefaultArguments=defaults, NonOverridableArguments={"--fixed": "job"})
    run = tester.run("argv", Arguments={"--who": "run", "--fixed": "run", "--text": "two words"})
    assert run["JobRunState"] == "SUCCEEDED", run
    [line] = tester.output(run["Id"])
    argv = json.loads(line)
    assert argv[:4] == ["--JOB_NAME", "argv", "--JOB_RUN_ID", run["Id"]]
    given = dict(zip(argv[::2], argv[1::2], strict=True))
    assert (given["--who"], given["--only-default"], given["--fixed"]) == ("run", "1", "job")
    assert given["--text"] == "two words"
    assert run["Arguments"] == {"--who": "run", "--fixed": "run", "--text": "two words"}
    assert run["StartedOn"] <= run["CompletedOn"]
    assert (run["WorkerType"], run["NumberOfWorkers"], run["Timeout"], run["Attempt"]) == ("G.1X", 2, 480, 0)
    assert 0 < run["DPUSeconds"] < 2 * 60
    assert run["LogGroupName"] == "/aws-glue/jobs"
    assert [each["Id"] for each in tester.glue.get_job_runs(JobName="argv")["JobRuns"]] == [run["Id"]]


def test_conf_reaches_the_session_and_iceberg_writes_through_the_glue_catalog(tester: GlueTester) -> None:
    script = """
        import json
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.db")
        spark.sql("CREATE TABLE lake.db.numbers USING iceberg AS SELECT id FROM range(5)")
        spark.sql(
            "MERGE INTO lake.db.numbers t USING (SELECT * FROM range(3, 8)) s ON t.id = s.id "
            "WHEN NOT MATCHED THEN INSERT *")
        count = spark.table("lake.db.numbers").count()
        names = "spark.sql.shuffle.partitions", "spark.sql.session.timeZone", "spark.sql.ansi.enabled"
        print(json.dumps([count, *map(spark.conf.get, names)]))
    """
    settings = {**ICEBERG_CATALOG, "spark.sql.shuffle.partitions": "3"}
    conf = " --conf ".join(f"{key}={value}" for key, value in settings.items())
    tester.define("iceberg", script, DefaultArguments={"--conf": conf})
    assert tester.result("iceberg") == [8, "3", "UTC", "true"]
    table = tester.glue.get_table(DatabaseName="db", Name="numbers")["Table"]
    assert table["Parameters"]["table_type"] == "ICEBERG"


def test_wheel_wins_over_the_installed_package_in_driver_and_tasks_and_a_new_wheel_gets_a_new_worker(
    tester: GlueTester,
) -> None:
    script = """
        import json
        import lakehouse
        from pyspark.sql import SparkSession

        def version_in_task(batches):
            import lakehouse
            import pyarrow as pa
            for batch in batches:
                yield pa.record_batch({"version": [lakehouse.VERSION] * batch.num_rows})

        rows = SparkSession.builder.getOrCreate().range(2).mapInArrow(version_in_task, "version STRING").collect()
        lakehouse.CALLS.append(1)
        print(json.dumps([lakehouse.VERSION, sorted({row.version for row in rows}), len(lakehouse.CALLS)]))
    """
    assert importlib.util.find_spec("lakehouse"), "without an installed copy there is nothing to win over"
    wheel = tester.put_wheel("first")
    tester.define("wheel", script, DefaultArguments={"--additional-python-modules": f"{wheel}, pyarrow>=20"})
    assert tester.result("wheel") == ["first", ["first"], 1]
    [first] = [worker["pid"] for worker in tester.workers() if worker["state"] == "idle"][-1:]
    assert tester.result("wheel") == ["first", ["first"], 1], "the state of a module outlived its run"
    assert first in [worker["pid"] for worker in tester.workers()], "the same wheel did not find its warm worker"
    tester.put_wheel("second")
    assert tester.result("wheel") == ["second", ["second"], 1]
    assert first not in [worker["pid"] for worker in tester.workers()]
    wait_for_end_of_group(first, seconds=10)


def test_replaced_script_runs_next_on_the_same_warm_worker(tester: GlueTester) -> None:
    script = "import os; print({!r}, os.getppid() and os.getpid())"
    tester.define("replaced", script.format("old"))
    old = tester.output(tester.run("replaced")["Id"])[0].split()
    tester.put_script("replaced", script.format("new"))
    new = tester.output(tester.run("replaced")["Id"])[0].split()
    assert (old[0], new[0]) == ("old", "new")
    assert old[1] == new[1]


def test_nothing_of_a_run_is_met_by_the_next_one(tester: GlueTester) -> None:
    leave_traces = """
        import logging, os, sys
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.config("spark.sql.shuffle.partitions", "99").getOrCreate()
        spark.range(3).createOrReplaceTempView("seen")
        spark.range(3).createOrReplaceGlobalTempView("seen_by_all")
        spark.range(1000).cache().count()
        os.environ["TRACE"] = "left"
        os.chdir("/")
        sys.path.insert(0, "/trace")
        logging.basicConfig(level=logging.DEBUG)
        sys.stdout = None
        seen = 1
    """
    look_for_traces = """
        import json, logging, os, sys
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        views = [table.name for table in spark.catalog.listTables() + spark.catalog.listTables("global_temp")]
        cached = spark.sparkContext._jsc.getPersistentRDDs().size()
        logger = logging.getLogger()
        print(json.dumps([spark.conf.get("spark.sql.shuffle.partitions"), views, cached, os.environ.get("TRACE"),
            os.getcwd() == "/", "/trace" in sys.path, logger.level, len(logger.handlers), "seen" in globals()]))
    """
    tester.define("traces", leave_traces)
    assert tester.run("traces")["JobRunState"] == "SUCCEEDED"
    tester.define("traces", look_for_traces)
    assert tester.result("traces") == ["8", [], 0, None, False, False, 30, 0, False]


def test_script_that_stops_spark_does_not_break_the_next_run(tester: GlueTester) -> None:
    tester.define("stops-spark", PRINT_SPARK_COUNT + "    SparkSession.builder.getOrCreate().stop()")
    assert tester.result("stops-spark") == 7
    assert tester.result("stops-spark") == 7


@pytest.mark.parametrize(
    ("script", "state", "message"),
    [
        ("raise ValueError('no such column')", "FAILED", "ValueError: no such column"),
        ("import sys; sys.exit(0)", "SUCCEEDED", None),
        ("import sys; sys.exit(3)", "FAILED", "SystemExit: 3"),
        ("import sys; sys.exit('bad input')", "FAILED", "SystemExit: bad input"),
        ("1 +", "FAILED", "SyntaxError: invalid syntax"),
        ("import os; os._exit(7)", "FAILED", "Command failed with exit code 7"),
    ],
)
def test_end_of_a_script_is_the_end_of_its_run(
    tester: GlueTester, script: str, state: str, message: str | None
) -> None:
    run = tester.run(tester.define("ends", script))
    assert run["JobRunState"] == state
    if message is None:
        assert "ErrorMessage" not in run
    else:
        assert message in run["ErrorMessage"]


def test_error_log_has_the_traceback_and_the_output_its_unfinished_line(tester: GlueTester) -> None:
    script = """
        import sys
        def deep():
            raise KeyError("missing")
        sys.stdout.write("no newline")
        deep()
    """
    run = tester.run(tester.define("traceback", script))
    assert run["ErrorMessage"] == "KeyError: 'missing'"
    assert tester.output(run["Id"]) == ["no newline"]
    errors = tester.output(run["Id"], "error")
    start = errors.index("Traceback (most recent call last):")
    assert errors[start + 1].endswith("in <module>")
    assert errors[start + 1].lstrip().startswith("File ")
    assert errors[-1] == "KeyError: 'missing'"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--extra-py-files": f"s3://{BUCKET}/none.zip"}, "none.zip cannot be read"),
        ({"--extra-py-files": f"s3://{BUCKET}/scripts/launch.py,s3://{BUCKET}/notes.txt"}, "is no Python module"),
        ({"--additional-python-modules": f"s3://{BUCKET}/broken.whl"}, "is not a valid archive"),
        ({"--additional-python-modules": "no-such-module-here==1.0"}, "no-such-module-here==1.0 is not installed"),
        ({"--additional-python-modules": "pyarrow<1"}, "the local Glue installs none"),
        ({"--datalake-formats": "hudi"}, "hudi does not run locally"),
        ({"--conf": "spark.a"}, "expected key=value"),
        ({"--extra-jars": f"s3://{BUCKET}/x.jar"}, "--extra-jars is not supported"),
    ],
)
def test_run_that_cannot_be_launched_fails_and_says_why(
    tester: GlueTester, arguments: dict[str, str], message: str
) -> None:
    tester.s3.put_object(Bucket=BUCKET, Key="notes.txt", Body=b"text")
    tester.s3.put_object(Bucket=BUCKET, Key="broken.whl", Body=b"text")
    run = tester.run(tester.define("launch", "pass"), Arguments=arguments)
    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]


def test_missing_script_fails_the_run(tester: GlueTester) -> None:
    tester.define("no-script", "pass")
    tester.s3.delete_object(Bucket=BUCKET, Key="scripts/no-script.py")
    run = tester.run("no-script")
    assert run["JobRunState"] == "FAILED"
    assert "no-script.py cannot be read" in run["ErrorMessage"]


def test_failed_run_is_tried_again_as_often_as_the_job_says(tester: GlueTester) -> None:
    run = tester.run(tester.define("retried", "raise OSError('flaky')", MaxRetries=1))
    retry = tester.wait_for_end("retried", f"{run['Id']}_attempt_1")
    assert (retry["Attempt"], retry["PreviousRunId"], retry["JobRunState"]) == (1, run["Id"], "FAILED")
    assert len(tester.glue.get_job_runs(JobName="retried")["JobRuns"]) == 2


def test_more_runs_than_allowed_are_refused_and_a_stop_ends_only_its_own(tester: GlueTester) -> None:
    tester.define("stopped", WAIT_FOR_EVER)
    run_id = tester.start("stopped")
    with pytest.raises(tester.glue.exceptions.ConcurrentRunsExceededException):
        tester.start("stopped")
    tester.wait_for_line(run_id, "waiting")
    [pid] = [worker["pid"] for worker in tester.workers() if worker["run_id"] == run_id]
    tester.define("other", PRINT_SPARK_COUNT)
    other = tester.start("other")
    answer = tester.glue.batch_stop_job_run(JobName="stopped", JobRunIds=[run_id, "jr_unknown"])
    assert [each["JobRunId"] for each in answer["SuccessfulSubmissions"]] == [run_id]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert tester.wait_for_end("stopped", run_id)["JobRunState"] == "STOPPED"
    wait_for_end_of_group(pid, seconds=10)
    assert tester.wait_for_end("other", other)["JobRunState"] == "SUCCEEDED"
    again = tester.glue.batch_stop_job_run(JobName="stopped", JobRunIds=[run_id])
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "InvalidInputException"


def test_killed_worker_fails_its_run_and_the_next_run_gets_another(tester: GlueTester) -> None:
    run_id = tester.start(tester.define("killed", WAIT_FOR_EVER))
    tester.wait_for_line(run_id, "waiting")
    [pid] = [worker["pid"] for worker in tester.workers() if worker["run_id"] == run_id]
    os.kill(pid, signal.SIGKILL)
    run = tester.wait_for_end("killed", run_id)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "The driver process was killed by SIGKILL")
    wait_for_end_of_group(pid, seconds=10)
    tester.define("killed", PRINT_SPARK_COUNT)
    assert tester.result("killed") == 7


def test_worker_whose_jvm_died_while_idle_is_replaced(tester: GlueTester) -> None:
    tester.define("no-jvm", PRINT_SPARK_COUNT)
    assert tester.result("no-jvm") == 7
    pids = [worker["pid"] for worker in tester.workers()]
    for pid in pids:
        for member in set(group_members(pid)) - {pid}:
            os.kill(member, signal.SIGKILL)
        wait_for_end_of_group(pid, seconds=10)
    assert tester.result("no-jvm") == 7
    assert not {worker["pid"] for worker in tester.workers()} & set(pids)


def test_run_beyond_its_timeout_ends_with_its_worker(
    tester: GlueTester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glue_jobs, "SECONDS_PER_MINUTE", 0.2)
    store = Store(tmp_path)
    context = Context(tmp_path, store, lambda: tester.aws.endpoint, KEY)
    records = RunRecords(store)
    runner = Runner(context, records)
    glue = GlueJobs(store, runner, records)
    command = {"Name": "glueetl", "ScriptLocation": tester.put_script("slow", WAIT_FOR_EVER)}
    glue.create_job({"Name": "slow", "Role": "r", "Command": command, "Timeout": 1})
    run_id = glue.start_job_run({"JobName": "slow"})["JobRunId"]
    deadline = time.monotonic() + 60
    while (run := glue.get_job_run({"JobName": "slow", "RunId": run_id})["JobRun"])["JobRunState"] != "TIMEOUT":
        assert time.monotonic() < deadline, run
        time.sleep(0.02)
    assert runner.pool.processes() == []
    assert "exceeded its timeout" in run["ErrorMessage"]
    runner.close()
    store.close()


def test_killed_server_takes_its_workers_along_and_fails_their_runs_when_it_is_back(
    aws: LocalAwsProcess, tester: GlueTester, tmp_path: Path
) -> None:
    # The tasks run in Python processes that Spark puts into a group of their own.
    script = """
        import sys
        from pyspark.sql import SparkSession

        path = sys.argv[-1]

        def work(batches):
            import os, time
            with open(path, "w") as file:
                file.write(f"{os.getpgid(0)}\\n")
            while True:
                time.sleep(0.01)

        SparkSession.builder.getOrCreate().range(1).mapInArrow(work, "id BIGINT").collect()
    """
    group_file = tmp_path / "group"
    tester.define("in-flight", script, Description="still here")
    run_id = tester.start("in-flight", Arguments={"--file": str(group_file)})
    task_group = int(wait_for_text(group_file))
    groups = [worker["pid"] for worker in tester.workers()] + [task_group]
    assert len(set(groups)) >= 2
    assert all(group_members(group) for group in groups)
    aws.kill()
    for group in groups:
        wait_for_end_of_group(group, seconds=5)
    aws.restart()
    run = tester.glue.get_job_run(JobName="in-flight", RunId=run_id)["JobRun"]
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", INTERRUPTED)
    assert tester.glue.get_job(JobName="in-flight")["Job"]["Description"] == "still here"
    assert tester.workers() == []


def test_server_that_is_asked_to_stop_ends_its_workers_within_two_seconds(
    aws: LocalAwsProcess, tester: GlueTester
) -> None:
    run_id = tester.start(tester.define("at-stop", WAIT_FOR_EVER))
    tester.wait_for_line(run_id, "waiting")
    pids = [worker["pid"] for worker in tester.workers()]
    started = time.monotonic()
    assert aws.stop() == 0
    assert time.monotonic() - started < 2
    for pid in pids:
        wait_for_end_of_group(pid, seconds=1)
    aws.restart()
    assert tester.glue.get_job_run(JobName="at-stop", RunId=run_id)["JobRun"]["ErrorMessage"] == INTERRUPTED
