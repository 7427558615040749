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
from tests.support.road_driver import provision_quick

ALL = os.environ.get("LAKEHOUSE_CRASH_POINTS") == "all"
in_full_only = pytest.mark.skipif(not ALL, reason="takes minutes: LAKEHOUSE_CRASH_POINTS=all")
_survived: dict[str, int] = {}
_attempted: dict[str, int] = {}


@dataclass(frozen=True)
class Prepared:
    """`state`: one batch is finished and the next delivery waits in landing. `undisturbed`: everything once that is
    finished too. `seconds`: what each station took."""

    state: Path
    undisturbed: Content
    seconds: dict[str, float]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("prepared")
    lake = CrashLake(folder / "undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lake.environment.items():
            patch.setenv(name, value)
        try:
            provision_quick(lake.settings)
            lake.land(FIRST)
            for _ in road.run(lake.settings):
                pass
            lake.land(SECOND)
            lake.keep(folder / "state")
            seconds = dict(road.run(lake.settings))
            yield Prepared(folder / "state", lake.content(TIMES), seconds)
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
