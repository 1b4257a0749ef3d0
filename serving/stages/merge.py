"""One definition of how candidate sources share the candidate list, used online and offline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one source proposes, after filtering."""

    source: str
    quota: int
    keys: NDArray[np.int64]  # (n,) best first, each once


@dataclass(frozen=True, slots=True)
class Merged:
    """The candidates, each once, in the order in which the sources filled their quotas."""

    keys: NDArray[np.int64]  # (n_candidates,)
    sources: tuple[tuple[str, ...], ...]  # for each candidate, every source that proposed it


def merge(proposals: Sequence[Proposal], limit: int) -> Merged:
    """Fills each source's quota with its best unseen keys; what it leaves unused goes to the next.

    A key found by several sources counts against the first and names them all. No more than
    `limit` candidates come back.
    """
    found: dict[int, list[str]] = {}
    room = 0
    for proposal in proposals:
        room = min(room + proposal.quota, limit - len(found))
        for key in proposal.keys.tolist():
            if room and key not in found:
                found[key] = []
                room -= 1
    for proposal in proposals:
        for key in proposal.keys.tolist():
            if key in found:
                found[key].append(proposal.source)
    keys = np.fromiter(found, dtype=np.int64, count=len(found))
    return Merged(keys, tuple(tuple(names) for names in found.values()))
