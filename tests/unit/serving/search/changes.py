"""Changes of the small shop's items, and what is found after them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from serving.features.item_texts import ItemTexts
from serving.features.keys import string_key
from serving.search.documents import Item
from serving.search.engine import Engine
from serving.search.index import OpenIndex
from serving.search.lexical import Lexical
from serving.search.live_index import ItemChange, LiveIndex
from serving.search.query import Match
from serving.types import Condition
from tests.unit.serving.search.made import DAIRY, DRINKS, ITEMS, item, opened

NOBODY = np.empty(0, dtype=np.int64)
NEW = item(20, "Zebra quark", "quark dairy", DAIRY, 0.5)
OATS = item(10, "Oat drink", "oats drinks", DRINKS, 9.0)  # in the place of whole milk


def change(one: Item, *, time_us: int = 1) -> ItemChange:
    facets = {name: string_key(text) for name, text in one.facets.items()}
    return ItemChange(
        one.key, ItemTexts(time_us, one.title, tuple(one.texts)), facets, dict(one.numbers)
    )


def with_changes(
    folder: Path, changes: Sequence[Item], gone: Iterable[int] = (), items: list[Item] = ITEMS
) -> LiveIndex:
    live = LiveIndex(opened(folder, items))
    live.write([change(one) for one in changes], np.array([*gone], dtype=np.int64))
    assert live.commit({})
    return live


def searched(index: OpenIndex) -> Lexical:
    return Engine(index).lexical


def found(live: LiveIndex, text: str, *conditions: Condition) -> list[int]:
    """Of all words: an item that has some of them alone doesn't count."""
    answer = searched(live.current)(text, 100, conditions)
    return sorted(answer.keys.tolist()) if answer.match is Match.ALL else []
