"""Offers: which of them run, and what each is worth by the items that it is for.

An offer is as probable as that the person takes at least one of its items, 1 - prod(1 - p), which takes
the items for independent. What the shop puts on an offer, its weight, comes after, in `worth`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.items import ItemSnapshot
from serving.stages.filter import Removed
from serving.types import Keys, OfferTable, Removal, ServedItem

SOURCE = "offer"
MOST_TARGETS = 10  # told of each offer
CERTAIN = 1 - 1e-7  # a probability of 1 has no finite odds

Names = Callable[[Keys], Sequence[str]]  # the ids of keys, in their order


@dataclass(frozen=True, slots=True)
class Running:
    """The offers of a surface that run at a moment, and the items that they are for."""

    offers: NDArray[np.int64]  # (m,) places in the table, ascending
    keys: Keys  # (n,) of their items, each once, best selling first
    removed: Removed  # counted in offers


@dataclass(frozen=True, slots=True)
class OfferSlate:
    """What is served, and for each offer the place of its first target among the candidates."""

    items: tuple[ServedItem, ...]
    first_target: NDArray[np.int64]


class Offers:
    """Over the offers of one snapshot."""

    def __init__(self, table: OfferTable, snapshot: ItemSnapshot) -> None:
        self._table = table
        self._item_key = np.asarray(snapshot.item_key)  # offers are for items of the base
        count = len(self._item_key)
        self._selling = np.empty(count, dtype=np.int64)  # row to place in `popular`
        self._selling[np.asarray(snapshot.popular)[:count]] = np.arange(count)
        self._surface = np.array(table.surface)
        self._held = np.isin(np.arange(len(table.offer_id)), table.offer)  # has an item here
        self._place = {offer_id: place for place, offer_id in enumerate(table.offer_id)}

    @property
    def surfaces(self) -> frozenset[str]:
        return frozenset(self._table.surface)

    def running(self, surface: str, excluded_ids: frozenset[str], now_us: int) -> Running:
        table = self._table
        here = self._surface == surface
        runs = here & (table.start_us <= now_us) & (now_us < table.end_us)
        unwanted = np.zeros(len(runs), dtype=np.bool_)
        unwanted[[self._place[one] for one in excluded_ids if one in self._place]] = True
        wanted = runs & ~unwanted
        rows = np.unique(table.row[wanted[table.offer]])
        rows = rows[np.argsort(self._selling[rows])]
        removed = (
            (Removal.NOT_RUNNING, int((here & ~runs).sum())),
            (Removal.EXCLUDED, int((runs & unwanted).sum())),
            (Removal.NOT_IN_SNAPSHOT, int((wanted & ~self._held).sum())),
        )
        return Running(
            np.flatnonzero(wanted),
            self._item_key[rows],
            tuple((reason, count) for reason, count in removed if count),
        )

    def slate(
        self,
        running: Running,
        keys: Keys,
        probability: NDArray[np.float32] | None,
        page_size: int,
        names: Names,
    ) -> OfferSlate:
        """The offers that still have an item among the candidates `keys` (n,), most worth first.

        Without probabilities, by weight alone.
        """
        table = self._table
        candidate = np.full(len(self._item_key), -1, dtype=np.int64)
        candidate[np.searchsorted(self._item_key, keys)] = np.arange(len(keys))
        ours = np.isin(table.offer, running.offers) & (candidate[table.row] >= 0)
        offer, target = table.offer[ours], candidate[table.row[ours]]
        served, inverse = np.unique(offer, return_inverse=True)
        scores = None if probability is None else at_least_one(probability[target], inverse)
        value = worth(scores, table.weight[served])
        chosen = np.lexsort((served, -value))[:page_size]
        items, first = [], []
        for at in chosen.tolist():
            targets = target[inverse == at]
            by = targets if probability is None else -probability[targets]
            best = targets[np.argsort(by, kind="stable")][:MOST_TARGETS]
            first.append(int(best[0]))
            items.append(
                ServedItem(
                    table.offer_id[served[at]],
                    None if scores is None else float(scores[at]),
                    (SOURCE,),
                    tuple(names(keys[best])),
                )
            )
        return OfferSlate(tuple(items), np.array(first, dtype=np.int64))


def at_least_one(probability: NDArray[np.float32], group: NDArray[np.int64]) -> NDArray[np.float64]:
    """(groups,) the probability that one or more of a group's events happen, taken as independent."""
    misses = np.log1p(-np.minimum(probability.astype(np.float64), CERTAIN))
    return -np.expm1(np.bincount(group, weights=misses))


def worth(
    probability: NDArray[np.float64] | None, weight: NDArray[np.float32]
) -> NDArray[np.float64]:
    """What offers are ordered by: the expected value, if `weight` is what a taken offer brings in."""
    values = weight.astype(np.float64)
    return values if probability is None else probability * values
