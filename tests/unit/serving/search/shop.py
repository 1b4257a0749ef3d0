"""The small shop with an index: even items are red, odd ones blue, and every item has its number."""

from pathlib import Path

from serving.process.live import LivePipeline
from serving.search.documents import Fields, Item
from serving.search.engine import Engine, LiveEngine, open_engine
from serving.search.index import write_index
from serving.search.phrases import phrases_of
from serving.search.pipeline import Search
from tests.fakes.shop import KEYS
from tests.fakes.shop_pipeline import Shop

FIELDS = Fields(("item_profile.type",), ("item_activity.price",))
COLOURS = ("red", "blue")


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


def shop_engine(folder: Path, items: list[Item] | None = None) -> Engine:
    items = items or shop_items()
    phrases = phrases_of((item.title, 1.0) for item in items)
    write_index(items, FIELDS, "en", folder, phrases)
    return open_engine(folder)


def live(shop: Shop, engine: Engine | None) -> LivePipeline:
    return LivePipeline(shop.pipeline, Search(LiveEngine(engine)))
