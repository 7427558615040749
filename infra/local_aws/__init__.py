"""A local AWS in one process: moto in server mode, extended where a lakehouse needs the real behaviour."""

import os

# Read when moto is imported: without it moto permits every web page to read every answer.
os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
