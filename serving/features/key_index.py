"""Finds keys in a large sorted array without wandering through its memory."""

import numpy as np
from numpy.typing import NDArray

from serving.types import Keys

MOST_STEPS = 8  # beyond that a binary search is no worse
FULLEST = 2  # buckets a key, at most; 4 bytes each


class KeyIndex:
    """Keys fall into buckets by their upper bits, and in a bucket the right one is a few steps away.

    A binary search among N keys looks at log2(N) places far apart, of which few are in a cache when another
    request has been there meanwhile. Where keys crowd into few buckets, it is a binary search after all.
    """

    def __init__(self, keys: Keys) -> None:
        """`keys` (N,) ascending, none negative, each once; one or more."""
        self._keys = np.asarray(keys)
        self._first = int(keys[0])
        span = int(keys[-1]) - self._first + 1
        self._shift = max(0, span.bit_length() - (FULLEST * len(keys)).bit_length())
        buckets = (self._keys - self._first) >> self._shift
        counts = np.bincount(buckets, minlength=1)
        self._steps = int(counts.max()) - 1
        self._starts = (np.cumsum(counts) - counts).astype(np.int32)

    def positions(self, keys: Keys) -> NDArray[np.int64]:
        """(n,) place of each key, -1 if it isn't there."""
        if self._steps >= MOST_STEPS:
            found = self._keys.searchsorted(keys)
        else:
            buckets = (keys - self._first) >> self._shift
            found = self._starts.take(buckets, mode="clip").astype(np.int64)
            for _ in range(self._steps):
                found += self._keys.take(found, mode="clip") < keys
        missing = self._keys.take(found, mode="clip") != keys
        if missing.any():
            found[missing] = -1
        return found
