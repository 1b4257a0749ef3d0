"""Learns how candidate sources share the list, from what each would have found.

What is to be great is candidate recall: the mean over people of the share of their purchases that any source
has within its quota. Places are given out greedily: each time to the source, and as many, that add most a
place. Recall so defined is submodular over sources, so that this is near the best (Leskovec et al.,
"Cost-effective outbreak detection in networks", KDD 2007). That takes everybody's lists for long enough;
what one leaves unused goes to the next, so places are then exchanged as long as recall rises with that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP = 16  # places
NOWHERE = np.iinfo(np.int64).max  # the place of what a source doesn't propose

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What people took, one line each, and at which place each source has it, from 0."""

    user: NDArray[np.int64]  # (N,) ascending
    places: Mapping[str, Places]  # by source: (N,)
    lengths: Mapping[str, Places] | None = (
        None  # by source: (N,) how much it proposes to the person
    )


def learned(
    tasks: Sequence[Wanted], limits: Mapping[str, int], floors: Mapping[str, int], room: int
) -> dict[str, int]:
    """The quota of each source, in the order of `limits`; those that add nothing are left out.

    Args:
        tasks: each counts as much as another, such as what is taken at all and what is taken first.
        limits: by source, how many items it can propose at the most.
        floors: by source, what it has whatever it adds.
        room: places that are shared out.
    """
    weights = [_weights(task.user) for task in tasks]
    quotas = {name: min(floors.get(name, 0), limit) for name, limit in limits.items()}
    missing = [
        np.logical_and.reduce([task.places[name] >= quotas[name] for name in limits])
        for task in tasks
    ]
    while (left := room - sum(quotas.values())) > 0:
        offers = [
            _best(tasks, weights, missing, name, quotas[name], min(left, limit - quotas[name]))
            for name, limit in limits.items()
        ]
        best = max(offers, key=lambda offer: offer.rate)
        if best.rate <= 0:
            break
        quotas[best.source] += best.places
        missing = [
            open_ & (task.places[best.source] >= quotas[best.source])
            for task, open_ in zip(tasks, missing, strict=True)
        ]
    return {name: quota for name, quota in quotas.items() if quota}


def exchanged(
    wanted: Wanted, quotas: Mapping[str, int], limits: Mapping[str, int], floors: Mapping[str, int]
) -> dict[str, int]:
    """The quotas after every exchange of places between two sources that finds more."""
    best, found = dict(quotas), recall(wanted, quotas)
    size = STEP * 4
    while size >= STEP:
        tried = [
            best | {a: best[a] - size, b: best[b] + size}
            for a in best
            for b in best
            if a != b and best[a] - size >= floors.get(a, 0) and best[b] + size <= limits[b]
        ]
        recalls = [recall(wanted, one) for one in tried]
        if recalls and max(recalls) > found + 1e-9:
            found = max(recalls)
            best = tried[recalls.index(found)]
        else:
            size //= 2
    return best


def recall(wanted: Wanted, quotas: Mapping[str, int]) -> float:
    """The mean share of people's purchases that is found, where unused places go to the next source."""
    assert wanted.lengths is not None
    room = np.zeros(len(wanted.user), dtype=np.int64)
    found = np.zeros(len(wanted.user), dtype=np.bool_)
    for name, quota in quotas.items():
        room = room + quota
        found |= wanted.places[name] < room
        room = (room - wanted.lengths[name]).clip(min=0)
    return float(_weights(wanted.user)[found].sum())


def places_of(proposed: Places, users: NDArray[np.int64], wanted: NDArray[np.int64]) -> Places:
    """(N,) the place of each wanted key in the row of its user, `NOWHERE` if it isn't there.

    Args:
        proposed: (U, n) keys best first, -1 where there are fewer.
        users: (N,) rows of `proposed`.
        wanted: (N,) keys.
    """
    found = np.full(len(wanted), NOWHERE)
    for start in range(0, len(wanted), 4096):
        part = slice(start, start + 4096)
        hits = proposed[users[part]] == wanted[part, None]
        found[part] = np.where(hits.any(axis=1), hits.argmax(axis=1), NOWHERE)
    return found


def _weights(user: NDArray[np.int64]) -> NDArray[np.float64]:
    """Everybody's purchases together weigh 1 over the number of people."""
    _, place, counts = np.unique(user, return_inverse=True, return_counts=True)
    return 1.0 / (counts[place] * max(len(counts), 1))


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a source makes of its next places."""

    source: str
    places: int
    rate: float  # of recall gained, a place


def _best(
    tasks: Sequence[Wanted],
    weights: Sequence[NDArray[np.float64]],
    missing: Sequence[NDArray[np.bool_]],
    name: str,
    quota: int,
    most: int,
) -> _Offer:
    """As many places, up to `most` more, as add most each; a good one may stand behind poor ones."""
    if not most:
        return _Offer(name, 0, 0.0)
    steps = -(-most // STEP)
    gained = np.zeros(steps)
    for task, of, open_ in zip(tasks, weights, missing, strict=True):
        beyond = task.places[name] - quota
        near = open_ & (beyond < most)
        gained += np.bincount(beyond[near] // STEP, of[near], steps)
    places = np.minimum((np.arange(steps) + 1) * STEP, most)
    rates = np.cumsum(gained) / places
    best = int(rates.argmax())
    return _Offer(name, int(places[best]), float(rates[best]))
