"""The parameters that tuning chose, as committed beside the peers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from training.atomic import replace_text
from training.peers.table import PEERS

Chosen = TypeVar("Chosen")
FILE = Path(__file__).with_name("tuned.json")


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best of so many trials for each page, and what it reached where it was chosen."""

    parameters: Any  # of the peer's own dataclass
    new_parameters: Any  # the same, for the page of `new`
    trials: int
    any_ndcg10: float
    basket_recall10: float
    new_ndcg10: float
    seconds: float


def read_tuned(path: Path = FILE) -> dict[str, Tuned]:
    """By peer.

    Raises:
        KeyError, TypeError: it names a peer or a parameter that is not there.
    """
    return read_chosen(path, PEERS, Tuned)


def write_tuned(found: Mapping[str, Tuned], path: Path = FILE) -> None:
    """In the order of the table."""
    write_chosen(path, PEERS, found)


class Tunable(Protocol):
    """What has parameters to choose."""

    @property
    def defaults(self) -> Any: ...
    @property
    def space(self) -> Mapping[str, tuple[float, ...]]:
        """By parameter, every value that tuning may choose; the rest stays as in `defaults`."""
        ...

    @property
    def trials(self) -> int:
        """How many settings tuning tries, the defaults among them; what is costly gets fewer."""
        ...


def read_chosen(
    path: Path, peers: Mapping[str, Tunable], chosen: Callable[..., Chosen]
) -> dict[str, Chosen]:
    """What was chosen of a table of peers, by peer; all that `chosen` nests are parameters.

    Raises:
        KeyError, TypeError: it names a peer or a parameter that is not there.
    """
    return {
        name: chosen(
            **{
                key: replace(peers[name].defaults, **value) if isinstance(value, dict) else value
                for key, value in one.items()
            }
        )
        for name, one in json.loads(path.read_text()).items()
    }


def parameters_of(name: str, of: Tunable, tuned: Mapping[str, Any]) -> Any:
    """What tuning chose of a table's `name`; the defaults of what was not tuned."""
    return tuned[name].parameters if name in tuned else of.defaults


def write_chosen(path: Path, peers: Mapping[str, Tunable], found: Mapping[str, Any]) -> None:
    """In the order of the table."""
    document = {name: asdict(found[name]) for name in peers if name in found}
    replace_text(path, json.dumps(document, indent=1) + "\n")
