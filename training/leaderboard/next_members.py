"""The members of our entrant of leave-one-out: their parameters, what tuning may choose, and what it chose.

What is chosen (`python -m training.leaderboard.next_tune`) is kept in `next_members.json` beside this file,
which is committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.leaderboard.next_item import Plan
from training.leaderboard.next_nearby import Nearby
from training.leaderboard.next_peers import Tuned
from training.leaderboard.next_together import Together
from training.peers.tuned import parameters_of, read_chosen, write_chosen

FILE = Path(__file__).with_name("next_members.json")


@dataclass(frozen=True, slots=True)
class Member:
    """`space` names, by parameter, every value that tuning may choose; the rest stays as in `defaults`.

    `trials` is how many settings tuning tries, the defaults among them; what is costly gets fewer.
    """

    defaults: Any
    space: Mapping[str, tuple[float, ...]]
    trials: int = 24


LESSONS: Mapping[str, tuple[float, ...]] = {
    "epochs": (6, 12, 18),
    "learning_rate": (2e-3, 3e-3, 5e-3),
    "weight_decay": (0.01, 0.1),
    "dropout": (0.1, 0.2, 0.3),
}
MEMBERS: Mapping[str, Member] = {
    "sasrec": Member(Plan(), LESSONS, trials=6),
    "gru4rec": Member(Plan(), LESSONS, trials=6),
    "item_to_item": Member(
        Together(),
        {
            "rank": (64, 128, 256, 512),
            "ridge": (30.0, 100.0, 300.0, 1000.0),
            "half_life": (3.0, 5.0, 10.0, 20.0, 40.0),
        },
    ),
    "nearby": Member(
        Nearby(),
        {
            "reach": (5, 10, 20, 40),
            "nearer": (0.8, 0.9, 0.95),
            "newer": (0.6, 0.8, 0.9, 0.95),
            "usual": (5.0, 20.0, 80.0),
        },
    ),
}


def read_tuned(path: Path = FILE) -> dict[str, Tuned]:
    """By member; one that was not tuned is absent.

    Raises:
        KeyError, TypeError: it names a member or a parameter that is not there.
    """
    return read_chosen(path, MEMBERS, Tuned) if path.is_file() else {}


def write_tuned(found: Mapping[str, Tuned], path: Path = FILE) -> None:
    """In the order of the table."""
    write_chosen(path, MEMBERS, found)


def chosen() -> dict[str, Any]:
    """Parameters by member: what tuning chose, defaults of what was not tuned."""
    tuned = read_tuned()
    return {name: parameters_of(name, member, tuned) for name, member in MEMBERS.items()}
