"""The small shop with an index: even items are red, odd ones blue, and every item has its number."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from serving.features.keys import string_key
from serving.items import ItemSnapshot
from serving.process.live import LivePipeline
from serving.search.analysis import Analysis
from serving.search.categories import Categories
from serving.search.documents import Fields, Item
from serving.search.engine import Engine, LiveSearch, open_engine
from serving.search.index import write_index
from serving.search.phrases import phrases_of
from serving.search.pipeline import Search
from serving.search.semantic import Semantic
from tests.fakes.shop import KEYS, shop_snapshot
from tests.fakes.shop_pipeline import Shop

FIELDS = Fields(("item_profile.type",), ("item_activity.price",), ("item_profile.type",))
COLOURS = ("red", "blue")


class ColouredShop(Shop):
    """Its snapshot has the types of the index."""

    @property
    def snapshot(self) -> ItemSnapshot:
        plain = shop_snapshot()
        kinds = np.array([string_key(colour) for colour in COLOURS])[np.arange(len(KEYS)) % 2]
        return replace(plain, int64=np.stack([kinds, plain.int64[:, 1]], axis=1))


def shop_items() -> list[Item]:
    """Item n of the shop costs n / 10; the last in the snapshot sells best."""
    return [
        Item(
            int(key),
            f"{COLOURS[n % 2].title()} ball {n}",
            ("toys",),
            {"item_profile.type": COLOURS[n % 2]},
            {"item_activity.price": n / 10},
        )
        for n, key in enumerate(KEYS.tolist())
    ]


def shop_index(
    folder: Path, items: list[Item] | None = None, built_us: int = 0, fields: Fields = FIELDS
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    items = [_of(fields, item) for item in items or shop_items()]
    phrases = phrases_of((item.title, 1.0) for item in items)
    write_index(items, fields, "en", folder, phrases, built_us=built_us)
    return folder


def _of(fields: Fields, item: Item) -> Item:
    """As an index of those fields alone has it."""
    return replace(
        item,
        facets={name: text for name, text in item.facets.items() if name in fields.facets},
        numbers={name: n for name, n in item.numbers.items() if name in fields.numbers},
    )


def shop_engine(folder: Path, items: list[Item] | None = None, fields: Fields = FIELDS) -> Engine:
    return open_engine(shop_index(folder, items, fields=fields))


def live(shop: Shop, engine: Engine | None, semantic: Semantic | None = None) -> LivePipeline:
    return LivePipeline(shop.pipeline, Search(searched(engine, semantic)))


def searched(engine: Engine | None, semantic: Semantic | None = None) -> LiveSearch:
    """Deployed is what there is."""
    categories = engine and Categories(
        {string_key(colour): colour for colour in COLOURS}, FIELDS.facets, Analysis("en")
    )
    return LiveSearch(engine, categories, semantic, engine is not None, semantic is not None)
