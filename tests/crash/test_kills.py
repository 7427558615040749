"""SIGKILL to the Glue worker, the local AWS and whoever walks the road, then run again: the tables of an undisturbed
run, in the lake and in the warehouse, cell by cell."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.crash.conftest import ALL, Prepared
from tests.crash.kills import DRIVER, RUNS, SERVER, SHORT, Kill
from tests.crash.lake import CrashLake, Walk, wait_for
from tests.support.everything import TIMES, differences

BATCH = 2
EVERY_RUN = RUNS if ALL else [SHORT]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", EVERY_RUN, ids=[f"run-{number}" for number in range(1, len(EVERY_RUN) + 1)])
def test_a_batch_killed_at_every_station_ends_like_an_undisturbed_one(
    prepared: Prepared, tmp_path: Path, deaths: list[str], kills: list[Kill]
) -> None:
    lake = CrashLake(tmp_path / "state", prepared.before[kills[0].station])
    try:
        begin = _from(kills[0].station)
        restarted: tuple[object, ...] = ("--provision",)
        for kill in kills:
            if _kill(lake, kill, (*begin, *restarted), prepared.seconds):
                deaths.append(str(kill))
            restarted = ("--provision",) if kill.victim == SERVER else ()
            begin = _from(kill.station)
        code, said = lake.walk(*begin, *restarted).end()
        assert code == 0, said
        found = differences(lake.content(TIMES), prepared.undisturbed)
        assert not found, "\n".join(["killed:", *deaths, "differences:", *found])
    finally:
        lake.close()


def _from(station: str) -> tuple[object, ...]:
    """How a walk is told to begin at a station."""
    return () if station == "plan" else ("--from", station, "--batch", BATCH)


def _kill(lake: CrashLake, kill: Kill, arguments: tuple[object, ...], seconds: dict[str, float]) -> bool:
    """Walk the road until the victim is dead, and clear up as a supervisor does.

    False when the road was at its end before a random moment came.
    """
    if kill.pattern:
        walk = _armed(lake, kill, arguments)
    else:
        walk = lake.walk(*arguments)
        _wait_for_moment(lake, walk, kill, seconds[kill.station])
        _strike(lake, walk, kill.victim)
    code, said = walk.end()
    if kill.pattern:
        assert code != 0, f"nobody died {kill}\n{said}"
        assert lake.has_fired(), f"the road broke before {kill}:\n{said}"
    if kill.victim == SERVER:
        wait_for("the local AWS is dead", lambda: not lake.aws.is_alive)
        lake.aws.restart()
    elif kill.victim == DRIVER:
        # A scheduler would join the run that its lost worker left behind.
        wait_for("no Glue job runs", lambda: not lake.has_active_runs())
    return code != 0


def _armed(lake: CrashLake, kill: Kill, arguments: tuple[object, ...]) -> Walk:
    if kill.victim != DRIVER:
        lake.arm(kill.pattern, kill.nth, kill.moment, kill.victim)
        return lake.walk(*arguments)
    walk = lake.walk(*arguments, "--wait")
    lake.arm(kill.pattern, kill.nth, kill.moment, walk.pid)
    walk.go()
    return walk


def _wait_for_moment(lake: CrashLake, walk: Walk, kill: Kill, usual_seconds: float) -> None:
    walk.wait_for_line(f"begin {kill.station}")
    if kill.station in ("ingest_bronze", "refine_silver", "build_gold"):
        wait_for(f"{kill.station} runs", lambda: lake.is_running(kill.station))
    time.sleep(kill.fraction * usual_seconds)  # the moment itself, not a wait for something


def _strike(lake: CrashLake, walk: Walk, victim: str) -> None:
    if victim == SERVER:
        lake.aws.kill()
    elif victim == DRIVER:
        walk.kill()
    else:
        lake.kill_worker()
