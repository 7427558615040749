"""A lake in the middle of its life, prepared once and copied for every run that is to be killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse import road
from tests.crash.deliveries import FIRST, SECOND
from tests.crash.lake import CrashLake
from tests.support.everything import TIMES, Content
from tests.support.road_driver import STATIONS, provision_quick

ALL = os.environ.get("LAKEHOUSE_CRASH_POINTS") == "all"
in_full_only = pytest.mark.skipif(not ALL, reason="takes minutes: LAKEHOUSE_CRASH_POINTS=all")
_survived: dict[str, int] = {}
_attempted: dict[str, int] = {}


@dataclass(frozen=True)
class Prepared:
    """A batch is finished and a second delivery waits. `before`: the state before each station of its batch.
    `undisturbed`: everything once that batch is finished too. `seconds`: what each station took."""

    before: dict[str, Path]
    undisturbed: Content
    seconds: dict[str, float]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("prepared")
    lake = CrashLake(folder / "undisturbed")
    before = {station: folder / f"before-{station}" for station in STATIONS}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lake.environment.items():
            patch.setenv(name, value)
        try:
            provision_quick(lake.settings)
            lake.land(FIRST)
            for _ in road.run(lake.settings):
                pass
            lake.land(SECOND)
            seconds: dict[str, float] = {}
            walk = road.run(lake.settings)
            for station in STATIONS:
                lake.keep(before[station])
                name, seconds[station] = next(walk)
                assert name == station
            return Prepared(before, lake.content(TIMES), seconds)
        finally:
            lake.close()


@pytest.fixture
def deaths(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A test appends every kill that has hit. They count as survived once the test has passed."""
    hit: list[str] = []
    yield hit
    _attempted[request.node.nodeid] = len(hit)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.passed and "deaths" in getattr(item, "fixturenames", ()):
        _survived[item.nodeid] = len(item.funcargs["deaths"])  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _attempted:
        survived, attempted = sum(_survived.values()), sum(_attempted.values())
        terminalreporter.write_line(
            f"{survived} of {attempted} killed and recovered: tables identical to an undisturbed run"
        )
