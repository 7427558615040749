"""Where Spark's Python workers on a laptop come from: Spark's own daemon, with what every task needs already imported.

Spark puts archives on the path of its Python workers, its jar of classes among them, and has each task drop what the
import system remembers; Python then reads the directory of every archive again, which takes longer than a small task.
The environment holds the same modules unpacked. Workers are forked from the daemon and share what it has imported.
"""

import sys

ARCHIVES = (".jar", ".zip")


def _leave_out_archives() -> None:
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(ARCHIVES)]
    for entry in list(sys.path_importer_cache):
        if any(f"{ending}/" in f"{entry}/" for ending in ARCHIVES):
            del sys.path_importer_cache[entry]


if __name__ == "__main__":
    _leave_out_archives()

    import boto3  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from pyspark.daemon import manager

    manager()  # type: ignore[no-untyped-call]
