"""Which items of the bundle's catalogue a model may propose for a request.

A model that searches the catalogue inside its graph takes this as an input, so that all that it finds can be
shown; the filter after it has nothing left to remove of its finds.
"""

import numpy as np

from serving.features.filter_fields import passing
from serving.features.key_index import KeyIndex
from serving.items import ItemSnapshot, Rows
from serving.types import Keys, Mask


class Eligible:
    """Over a catalogue of I items. Without wishes it is the same memory until items come or go."""

    def __init__(self, catalogue: Keys, snapshot: ItemSnapshot) -> None:
        self._catalogue, self._snapshot = catalogue, snapshot
        self._of_base = KeyIndex(snapshot.item_key).positions(catalogue)
        self._present: Mask | None = None  # as of which the next two are
        self._rows, self._all = self._looked_up()

    def __call__(self, allowed: Mask | None, excluded: frozenset[int]) -> Mask:
        """(1, I), not to be written to. `allowed` (rows,) of the snapshot, by conditions; None: all."""
        if self._snapshot.present is not self._present:
            self._present = self._snapshot.present
            self._rows, self._all = self._looked_up()
        if allowed is None and not excluded:
            return self._all
        mask = self._all[0].copy() if allowed is None else passing(allowed, self._rows)
        mask[self._places(np.fromiter(excluded, dtype=np.int64))] = False
        return mask[None]

    def _looked_up(self) -> tuple[Rows, Mask]:
        """(I,) rows of the catalogue's items in the snapshot, -1 without one, and (1, I) who is there."""
        if self._present is None:
            return self._of_base, (self._of_base >= 0)[None]
        rows = self._of_base.copy()
        newer = np.arange(len(self._snapshot.item_key), len(self._present))
        keys = self._snapshot.keys_at(newer)
        ours = np.isin(keys, self._catalogue)
        rows[self._places(keys[ours])] = newer[ours]
        return rows, passing(self._present, rows)[None]

    def _places(self, keys: Keys) -> Rows:
        """In the catalogue, of those keys that it has."""
        found = np.searchsorted(self._catalogue, keys)
        there = found < len(self._catalogue)
        there[there] = self._catalogue[found[there]] == keys[there]
        return found[there]
