"""What sells best in the category that a text names: a count that halves every 4 weeks.

The category is every label that holds the most words of the text; a text that names none finds nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.peers.coded import POPULAR_HALF_LIFE_DAYS, best_selling
from training.peers.pages import listed

WORD = re.compile(r"\w+")


class CategoryPopularity:
    """Of labels `label` of items `item_key`, a row each; an item may have several, or none."""

    def __init__(self, labelled: pl.DataFrame, purchases: pl.DataFrame, cutoff: datetime) -> None:
        self._members: Mapping[str, frozenset[int]] = {
            label: frozenset(keys)
            for label, keys in labelled.drop_nulls().group_by("label").agg("item_key").iter_rows()
        }
        self._labels: dict[str, list[str]] = defaultdict(list)  # word: the labels that hold it
        for label in sorted(self._members):
            for word in set(_words(label)):
                self._labels[word].append(label)
        sold = best_selling(purchases, cutoff, POPULAR_HALF_LIFE_DAYS).to_list()
        never = sorted(set(labelled["item_key"]).difference(sold))
        self._ranks = {key: rank for rank, key in enumerate((*sold, *never))}

    def search(self, queries: Sequence[str], count: int) -> NDArray[np.int64]:
        """(Q, count) item keys, -1 where there are fewer."""
        pages = {text: self._page(text, count) for text in set(queries)}
        return listed((pages[text] for text in queries), count)

    def _page(self, text: str, count: int) -> list[int]:
        held = Counter(
            chain.from_iterable(self._labels.get(word, ()) for word in set(_words(text)))
        )
        most = max(held.values(), default=0)
        named = [self._members[label] for label, times in held.items() if times == most]
        return sorted(frozenset().union(*named), key=self._ranks.__getitem__)[:count]


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())
