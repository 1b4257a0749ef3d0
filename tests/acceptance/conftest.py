"""Runs the system as its user would, and prints one line a point: PASS or FAIL and what was measured.

Everything is made anew, on free ports, in folders of its own under build/: minutes, not seconds.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.made import Made, make_timed
from tests.e2e.system import ROOT, new_system

FOLDER = (ROOT / "build" / "accept").resolve()
Note = Callable[[str], None]
WORST_FIRST = {"FAIL": "failed", "SKIP": "skipped", "PASS": "passed"}


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Note:
    """Adds a figure to the point's line."""

    def note(figure: str) -> None:
        record_property("measured", figure)

    return note


def made_system(profile: str, dataset: str | None = None) -> Iterator[Made]:
    """`make up` from an empty state folder; running until the next."""
    state = FOLDER / (dataset or profile)
    shutil.rmtree(state, ignore_errors=True)
    system = new_system(state, profile, dataset)
    try:
        yield make_timed(system, "up")
    finally:
        system.make("clean", check=False)


@pytest.fixture(scope="session")
def quick() -> Iterator[Made]:
    """`make up PROFILE=quick` from an empty state folder; running."""
    yield from made_system("quick")


@pytest.fixture(scope="session")
def full() -> Iterator[Made]:
    """`make up` from an empty state folder; running."""
    yield from made_system("full")


@pytest.fixture(scope="session")
def generated_shop() -> Iterator[Made]:
    """`make up PROFILE=quick DATASET=shop` from an empty state folder; running."""
    yield from made_system("quick", "shop")


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """`make up PROFILE=quick` of the data set that the test names, from an empty state folder; running."""
    yield from made_system("quick", request.param)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Lines(config), "point-lines")


class Lines:
    """PASS or FAIL, the point as its test is named, and the figures that it noted."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.points: dict[str, set[str]] = {}  # point: outcomes of its tests

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        counted = report.when == "call" or report.outcome != "passed"
        return (report.outcome if counted else "", "", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.passed:
            return
        if report.when == "teardown" and not report.failed:
            return
        name = report.nodeid.rsplit("::", 1)[-1].removeprefix("test_").replace("_", " ")
        figures = [str(value) for key, value in report.user_properties if key == "measured"]
        point = re.match(r"point \d+", name)
        self.points.setdefault(point[0] if point else name, set()).add(report.outcome)
        word = next(w for w, said in WORST_FIRST.items() if said == report.outcome)
        line = f"{word} {name}" + (f": {'; '.join(figures)}" if figures else "")
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        terminal.ensure_newline()
        terminal.write_line(line, green=report.passed, red=report.failed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A point passes if all of its tests do; one of which a part could not be tried is no pass either."""
        terminalreporter.section("points")
        for point, outcomes in self.points.items():
            word = next(w for w, said in WORST_FIRST.items() if said in outcomes)
            terminalreporter.write_line(f"{word} {point}", green=word == "PASS", red=word == "FAIL")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order of the points."""
    items.sort(key=lambda item: (Path(item.path).parent, item.name))
