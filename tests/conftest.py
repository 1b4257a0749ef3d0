"""Which tests share a process: those of a file, or of a folder that shares what it makes.

`make test` deals these groups out to a process a core; what lasts longest begins.
"""

from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER = (  # a system or models are made once for the folder
    "tests/e2e",
    "tests/unit/training/leaderboard",
    "tests/unit/training/bundle",
    "tests/unit/training/learning",
    "tests/unit/training/search",
    "tests/unit/datasets/generated",
)
FIRST = (
    "tests/e2e",
    "tests/integration/training",
    "tests/integration",
    "tests/unit/training/leaderboard",
    "tests/unit/training",
)


class ByGroup(LoadScopeScheduling):
    """Groups by `TOGETHER`, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        return next((one for one in TOGETHER if path.is_relative_to(one)), str(path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByGroup(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    path = item.path.relative_to(item.config.rootpath)
    return next((n for n, one in enumerate(FIRST) if path.is_relative_to(one)), len(FIRST))
