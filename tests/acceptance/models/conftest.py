import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.system import ROOT, run_make

REPORT = Path(ROOT) / "build" / "report"


@dataclass(frozen=True, slots=True)
class Board:
    """What `make leaderboard` left for programs."""

    rows: list[dict[str, Any]]
    judged: list[dict[str, Any]]

    def of(self, dataset: str) -> dict[str, Any]:
        return next(one for one in self.judged if one["dataset"] == dataset)


@pytest.fixture(scope="session")
def board() -> Board:
    """`make leaderboard`: it goes on where it was stopped, so that only what is missing takes its time."""
    run_make("leaderboard")
    return Board(
        json.loads((REPORT / "leaderboard.json").read_text()),
        json.loads((REPORT / "leaderboard_goals.json").read_text()),
    )
