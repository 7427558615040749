"""Read every DAG in a process of its own and print what it took, as one line of JSON.

Reading a DAG happens every minute, and again in each task's process: it must be quick, reach nobody, and need no Spark.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any


def main(dags: Path) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.utils.file import iter_airflow_imports

    for file in dags.rglob("*.py"):
        for module in iter_airflow_imports(str(file)):
            importlib.import_module(module)

    connections: list[str] = []

    def refuse(_: socket.socket, address: Any) -> None:
        connections.append(str(address))
        raise ConnectionRefusedError(f"a DAG file connects to {address} while it is read")

    socket.socket.connect = refuse  # type: ignore[assignment, method-assign]
    socket.socket.connect_ex = refuse  # type: ignore[assignment, method-assign]
    started = time.process_time()
    bag = BundleDagBag(dags, bundle_path=dags, bundle_name="dags-folder")
    facts = {
        "cpu_seconds": time.process_time() - started,
        "dags": sorted(bag.dags),
        "errors": bag.import_errors,
        "connections": connections,
        "spark": sorted(name for name in sys.modules if name.split(".")[0] in ("pyspark", "py4j")),
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
