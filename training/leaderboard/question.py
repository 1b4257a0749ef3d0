"""What an entrant of the leaderboard is asked, and what it is: how it answers, from what, by which seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from training.leaderboard.answers import Answers
from training.leaderboard.contests import Contest, Period

SEEDS = (7, 8, 9)  # of what draws
NO_SEED = (0,)


@dataclass(frozen=True, slots=True)
class Question:
    """What an entrant may know: nothing at or after the cut-off."""

    state: Path  # prepared features are read as of the cut-off or earlier
    purchases: pl.DataFrame  # user_id, item_key, group, time: before the cut-off
    cutoff: datetime
    user_ids: pl.Series


class Answering(Protocol):
    def __call__(self, question: Question, seed: int) -> Answers:
        """Pages for everybody asked.

        Raises:
            Absent: it can't take part at this cut-off.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entrant:
    """How one answers; made anew when `source`, what that imports, one of `inputs` or `given` changes."""

    answer: Answering
    source: Path
    seeds: tuple[int, ...] = SEEDS
    inputs: tuple[Path, ...] = ()
    given: Callable[[], str] = str  # the parameters it has, in words


def question(contest: Contest, period: Period) -> Question:
    return Question(contest.state, period.history, period.cutoff, period.user_ids)
