"""BM25 of the package bm25s over items' texts: lower case, plain word tokens, nothing else.

No stemming, no stop words, no synonyms and no tolerance of typos; its own defaults otherwise (Lucene's
variant, k1 1.5, b 0.75). Items of the same score come in the order in which it picks them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import bm25s
import numpy as np
from numpy.typing import NDArray

PATTERN = r"(?u)\b\w+\b"  # the package's own drops words of one letter, as the 1 of "1 lb"


@dataclass(frozen=True, slots=True)
class Matches:
    """Best first; -1 and 0 where fewer hold a word of the query."""

    item_keys: NDArray[np.int64]  # (Q, count)
    scores: NDArray[np.float64]  # (Q, count)


class Bm25s:
    """Finds items by their texts."""

    def __init__(self, item_keys: NDArray[np.int64], texts: Sequence[str]) -> None:
        self._keys = item_keys
        self._index = bm25s.BM25()
        self._index.index(_tokens(texts), show_progress=False)

    def search(self, queries: Sequence[str], count: int) -> Matches:
        """The best `count` of each query."""
        found = Matches(
            np.full((len(queries), count), -1, dtype=np.int64), np.zeros((len(queries), count))
        )
        size = min(count, len(self._keys))
        if not queries or not size:
            return found
        places, scores = self._index.retrieve(_tokens(queries), k=size, show_progress=False)
        found.scores[:, :size] = scores
        found.item_keys[:, :size] = np.where(scores > 0, self._keys[places], -1)
        return found


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = bm25s.tokenize(
        list(texts), token_pattern=PATTERN, stopwords=None, return_ids=False, show_progress=False
    )
    return found
