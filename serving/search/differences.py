"""What an index has to take over so that it finds the items as they are now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from serving.features.item_texts import ItemTexts
from serving.features.keys import NULL_KEY
from serving.features.live_items import LiveItems
from serving.features.read_plan import ReadPlan
from serving.items import ABSENT, ItemValues
from serving.search.documents import Fields
from serving.search.live_index import ItemChange
from serving.types import Keys, Mask


@dataclass(frozen=True, slots=True)
class Difference:
    """Items to be written anew, and items that are no more."""

    changes: list[ItemChange]
    gone: Keys


class Differences:
    """Of one index. What is no newer than the index stands in it as it should."""

    def __init__(self, plan: ReadPlan, fields: Fields, built_us: int) -> None:
        self._facets = _among(plan.item_columns("int64"), fields.facets)
        self._numbers = _among(plan.item_columns("float32"), fields.numbers)
        self._built_us = built_us

    def __call__(
        self, keys: Keys, items: LiveItems, texts: Sequence[ItemTexts | None], touched: Mask
    ) -> Difference:
        """Of (n,) items and their texts; `touched` are those for which the folder no longer speaks."""
        rows = items.positions(keys)
        there = np.flatnonzero(rows >= 0)
        values = items.values(rows[there])
        times_us = (ABSENT if one is None else one.event_time_us for one in texts)
        text_us = np.fromiter(times_us, dtype=np.int64, count=len(keys))[there]
        latest_us = np.maximum(values.event_time_us.max(axis=1, initial=ABSENT), text_us)
        wanted = (latest_us > self._built_us) | touched[there]
        changes = [
            self._change(int(keys[there[at]]), texts[there[at]], values, at)
            for at in np.flatnonzero(wanted).tolist()
        ]
        return Difference(changes, keys[rows < 0])

    def _change(self, key: int, texts: ItemTexts | None, values: ItemValues, at: int) -> ItemChange:
        texts_of, numbers = values.int64[at].tolist(), values.float32[at].tolist()
        facets = {name: texts_of[place] for name, place in self._facets.items()}
        counted = {name: numbers[place] for name, place in self._numbers.items()}
        return ItemChange(
            key,
            texts,
            {name: text for name, text in facets.items() if text != NULL_KEY},
            {name: number for name, number in counted.items() if isfinite(number)},
        )


def _among(columns: Sequence[str], fields: Sequence[str]) -> Mapping[str, int]:
    """Where in the items' block the columns are that the index has."""
    return {name: at for at, name in enumerate(columns) if name in fields}
