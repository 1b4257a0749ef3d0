"""Removes what can't or mustn't be shown, and counts it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from serving.features.filter_fields import passing
from serving.items import ItemSnapshot
from serving.stages.merge import Proposal
from serving.types import Keys, Mask, Removal

Removed = tuple[tuple[Removal, int], ...]  # filters that removed none aren't listed


@dataclass(frozen=True, slots=True)
class Filtered:
    """What was kept, and how many different items each filter removed."""

    kept: tuple[Proposal, ...]
    removed: Removed


class Filter:
    """An item that several filters would remove counts for the first."""

    def __init__(self, snapshot: ItemSnapshot) -> None:
        self._snapshot = snapshot

    def __call__(
        self,
        proposals: Sequence[Proposal],
        excluded: frozenset[int],
        purchased: Keys,
        allowed: Mask | None = None,
    ) -> Filtered:
        """`allowed` (N,) of the snapshot's items, by the request's conditions; None: all."""
        keys = np.unique(np.concatenate([p.keys for p in proposals]))
        places = self._snapshot.positions(keys)
        filters: tuple[tuple[Removal, Mask], ...] = (
            (Removal.NOT_IN_SNAPSHOT, places < 0),
            *([] if allowed is None else [(Removal.FILTERED, ~passing(allowed, places))]),
            (Removal.EXCLUDED, np.isin(keys, np.fromiter(excluded, dtype=np.int64))),
            (Removal.PURCHASED, np.isin(keys, purchased)),
        )
        gone = np.zeros(len(keys), dtype=np.bool_)
        removed: list[tuple[Removal, int]] = []
        for reason, hit in filters:
            if count := int((hit & ~gone).sum()):
                removed.append((reason, count))
            gone |= hit
        return Filtered(tuple(_without(p, keys[gone]) for p in proposals), tuple(removed))

    def unproposed(self, found: Sequence[Proposal], allowed: Mask | None) -> Removed:
        """Sources keep to the conditions themselves: where nothing is left to propose, this is why."""
        if allowed is None or any(len(proposal.keys) for proposal in found):
            return ()
        return ((Removal.FILTERED, self._snapshot.count - int(allowed.sum())),)


def counted(*removed: Removed) -> Removed:
    """One entry a reason, in the order in which they first appear."""
    counts: dict[Removal, int] = {}
    for reason, count in (one for some in removed for one in some):
        counts[reason] = counts.get(reason, 0) + count
    return tuple(counts.items())


def _without(proposal: Proposal, gone: Keys) -> Proposal:
    if not len(gone):
        return proposal
    return replace(proposal, keys=proposal.keys[~np.isin(proposal.keys, gone)])
