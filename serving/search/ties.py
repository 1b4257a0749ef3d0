"""The order of items that fit alike, where changes have mixed up the documents."""

import numpy as np
from numpy.typing import NDArray

from serving.types import Keys


class Ties:
    """As the (I,) keys of the index's folder are, what sells best first; then newer items, by key."""

    def __init__(self, keys: Keys) -> None:
        self._places = np.argsort(keys, kind="stable")
        self._sorted = keys[self._places]

    def __call__(self, keys: Keys, scores: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n,) the order of items whose (n,) scores are in order already."""
        at = np.searchsorted(self._sorted, keys).clip(max=len(self._sorted) - 1)
        known = self._sorted[at] == keys
        places = np.where(known, self._places[at], len(self._sorted))
        runs = np.concatenate([[0], np.cumsum(scores[1:] != scores[:-1])])[: len(keys)]
        return np.lexsort((keys, places, runs)).astype(np.int64, copy=False)
