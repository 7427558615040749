"""Reads spoilt files for minutes on end.

    python -m tests.fuzz_intake --minutes 10 [--seed 1]

Prints how many were read and what became of them. An input that breaks what must hold is written beside, with the
command that reads it again; it belongs into tests/unit/test_intake_fuzz.py as a case.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.support.intake_fuzz import check, drawn, sound_files

DEADLINE_SECONDS = 30
"""A file of a few kilobytes that takes longer hangs."""


def _hangs(*_: object) -> None:
    raise TimeoutError(f"no verdict within {DEADLINE_SECONDS} seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("/tmp/fuzz-intake"), help="folder of inputs that break")  # noqa: S108
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _hangs)
    chance, files, verdicts = random.Random(options.seed), sound_files(), Counter[str]()
    broken: dict[str, Path] = {}
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        data, contract, block = drawn(chance, files)
        signal.alarm(DEADLINE_SECONDS)
        try:
            found = check(data, contract, block)
            verdicts[found.refusal[0] if found.refusal else "accepted"] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            verdicts["BROKEN"] += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:80]}"
            if kind not in broken:
                options.out.mkdir(parents=True, exist_ok=True)
                broken[kind] = options.out / f"{len(broken)}-{contract.dataset}-{contract.drift}-{block}"
                broken[kind].write_bytes(data)
                print(f"{kind}\n  {broken[kind]}", file=sys.stderr)  # noqa: T201
        finally:
            signal.alarm(0)
    summary = {"inputs": verdicts.total(), "seed": options.seed, "verdicts": dict(verdicts.most_common())}
    print(json.dumps({**summary, "broken": {kind: str(path) for kind, path in broken.items()}}, indent=2))  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
