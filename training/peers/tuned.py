"""The parameters that tuning chose, as committed beside the peers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.atomic import replace_text
from training.peers.table import PEERS

FILE = Path(__file__).with_name("tuned.json")


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best of so many trials, and what it reached where it was chosen."""

    parameters: Any  # of the peer's own dataclass
    trials: int
    any_ndcg10: float
    new_ndcg10: float
    seconds: float


def read_tuned(path: Path = FILE) -> dict[str, Tuned]:
    """By peer.

    Raises:
        KeyError, TypeError: it names a peer or a parameter that is not there.
    """
    found = json.loads(path.read_text())
    return {
        name: Tuned(**one | {"parameters": replace(PEERS[name].defaults, **one["parameters"])})
        for name, one in found.items()
    }


def write_tuned(found: Mapping[str, Tuned], path: Path = FILE) -> None:
    """In the order of the table."""
    document = {name: asdict(found[name]) for name in PEERS if name in found}
    replace_text(path, json.dumps(document, indent=1) + "\n")
