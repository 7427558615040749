"""How Spark is started on a laptop: jars, memory, settings, and the archive of loaded classes that shortens a start."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

DATALAKE_PACKAGES = {
    "iceberg": (
        "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
        "org.apache.iceberg:iceberg-aws-bundle:1.11.0",
    )
}
"""Maven coordinates behind each value of ``--datalake-formats`` that runs here; Glue 6.0 ships the same versions."""
IVY_DIRECTORY = Path.home() / ".ivy2.5.2"
"""Spark's own default, given to it explicitly: the JVM and Python need not agree on where home is."""
DRIVER_MEMORY_VARIABLE = "LAKEHOUSE_SPARK_DRIVER_MEMORY"
DRIVER_MEMORY_GIB = (2, 4)
"""Heap of the JVM when the variable is not set: a sixth of the machine's memory, within these bounds. A heap that is
filled by the rows in flight is searched for garbage all the time."""
LAPTOP_DEFAULTS = {
    "spark.sql.shuffle.partitions": "8",  # 200 tasks per shuffle, meant for a cluster, cost seconds on two cores
}
# Spark fills up to 60 % of the heap with blocks that stay. G1 looks for garbage all the time from 45 % on, which took a
# sixth of the processor's time of a load of 3 million rows.
COLLECTION = ("-XX:InitiatingHeapOccupancyPercent=70", "-XX:-G1UseAdaptiveIHOP")
# Java's optimizing compiler takes a method at 5,000 calls, which on two cores costs more than most methods of a planner
# ever give back: half of the processor's time of a load of 3 million rows. At ten times the usual counts it takes what
# rows run through, and leaves the rest to the quick compiler: a third less for small batches, a fifth for that load.
COMPILATION = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
QUIET_CLASS_SHARING = ("-Xlog:disable", "-Xlog:all=error:stderr")
"""An archive that does not fit is ignored by the JVM; the job's log is no place for its warnings."""
CONF_SEPARATOR = re.compile(r"\s+--conf\s+")


class UnsupportedFormatError(ValueError):
    """A data lake format that this runtime has no jars for."""


def parse_conf(argument: str) -> dict[str, str]:
    """The settings of Glue's ``--conf`` argument, ``k=v --conf k2=v2``; raise ValueError for a part without ``=``."""
    conf = {}
    for part in filter(None, CONF_SEPARATOR.split(argument.strip().removeprefix("--conf "))):
        key, equals, value = part.strip().partition("=")
        if not equals or not key:
            raise ValueError(f"--conf holds {part!r}, expected key=value")
        conf[key.strip()] = value.strip()
    return conf


def packages(formats: str) -> tuple[str, ...]:
    """The Maven coordinates for a ``--datalake-formats`` argument such as ``iceberg``; raise UnsupportedFormatError."""
    coordinates: list[str] = []
    for name in filter(None, (part.strip() for part in formats.split(","))):
        if name not in DATALAKE_PACKAGES:
            known = ", ".join(sorted(DATALAKE_PACKAGES))
            raise UnsupportedFormatError(f"--datalake-formats {name} does not run locally; what does: {known}")
        coordinates += DATALAKE_PACKAGES[name]
    return tuple(coordinates)


def session_conf(job_conf: Mapping[str, str], coordinates: Sequence[str], directory: Path) -> dict[str, str]:
    """All Spark settings of a session: the laptop's defaults, then the job's, then what a laptop cannot leave to a job.

    ``directory`` takes Spark's scratch files and goes away with the worker.
    """
    fixed = {
        "spark.master": "local[*]",
        "spark.driver.memory": os.environ.get(DRIVER_MEMORY_VARIABLE) or driver_memory(),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(directory / "spark-warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.python.daemon.module": "infra.local_aws.spark_daemon",
    }
    java_options = [f'-Djava.io.tmpdir="{directory}"', *COLLECTION, *COMPILATION]
    jars = cached_jars(coordinates)
    if jars is None:
        fixed["spark.jars.packages"] = ",".join(coordinates)
        fixed["spark.jars.ivy"] = str(IVY_DIRECTORY)
    elif jars:
        # Jars on the class path of the JVM start faster than the same ones through Ivy and Spark's own class loader.
        fixed["spark.driver.extraClassPath"] = os.pathsep.join(map(str, jars))
        archive = class_archive(jars)
        if archive.is_file():
            java_options += [f'-XX:SharedArchiveFile="{archive}"', "-Xshare:auto", *QUIET_CLASS_SHARING]
    java_options.append(job_conf.get("spark.driver.extraJavaOptions", ""))
    fixed["spark.driver.extraJavaOptions"] = " ".join(filter(None, java_options))
    return {**LAPTOP_DEFAULTS, **job_conf, **fixed}


def driver_memory() -> str:
    """The heap that suits this machine, as Spark spells it."""
    least, most = DRIVER_MEMORY_GIB
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{min(max(machine // 6, least), most)}g"


def cached_jars(coordinates: Sequence[str]) -> list[Path] | None:
    """The jars of the coordinates as Ivy keeps them, or None while one has yet to be fetched."""
    names = [coordinate.replace(":", "_", 1).replace(":", "-") + ".jar" for coordinate in coordinates]
    jars = [IVY_DIRECTORY / "jars" / name for name in names]
    return jars if all(jar.is_file() for jar in jars) else None


def class_archive(jars: Sequence[Path]) -> Path:
    """Where the archive of loaded classes belongs for this Java, this Spark and these jars.

    It names the absolute paths of this environment's jars, so it lives and dies with the environment.
    """
    parts = [_java_version(), sys.prefix, *(f"{jar} {jar.stat().st_mtime_ns}" for jar in jars)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Path(sys.prefix) / "var" / "lakehouse" / f"spark-classes-{key}.jsa"


@cache
def _java_version() -> str:
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    try:
        # The version goes to stderr, as it has since the first Java.
        return subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=30).stderr  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return f"none: {error}"
