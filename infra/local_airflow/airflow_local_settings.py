"""Read by every local Airflow process at its start, because its folder is on their PYTHONPATH.

LocalExecutor forks its workers from the scheduler, and a worker forks a process for each task. What the scheduler has
imported by then no task has to import again: a task takes 0.15 s instead of 0.6 s. Only other people's packages are
imported here, so that a change of this project's code is seen by the next task.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

_NEEDED_BY_TASKS = (
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "boto3",
    "pyarrow.parquet",
    "yaml",
)


def _import_what_tasks_need() -> None:
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.file import iter_airflow_imports

    dags = Path(conf.get_mandatory_value("core", "dags_folder"))
    in_dags = {module for file in dags.rglob("*.py") for module in iter_airflow_imports(str(file))}
    for module in sorted(in_dags.union(_NEEDED_BY_TASKS)):
        importlib.import_module(module)
    # The amazon provider puts into its user agent its own version, which is in a registry of every provider's metadata,
    # and the class that calls, which `inspect` finds by an index of all modules. Both are kept once made.
    ProvidersManager().hooks["aws"]
    inspect.stack()


if sys.argv[1:2] == ["scheduler"]:
    _import_what_tasks_need()
