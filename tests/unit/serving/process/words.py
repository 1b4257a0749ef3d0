"""The small shop, whose index takes over what changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from serving.features.item_texts import VIEW, ItemTexts, pack_texts
from serving.features.item_values import ItemColumns
from serving.features.keys import string_key
from serving.features.live_items import LiveItems
from serving.features.redis_keys import row_key
from serving.process.follow_index import IndexFollower
from serving.search.query import Match
from serving.types import Condition
from tests.fakes.doors import FakeChanges, FakeRows
from tests.fakes.shop import EARLIER_US, NOW_US, PROJECT, packed, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks
from tests.unit.serving.search.shop import shop_index

PLAN = shop_plan()
COLUMNS = ItemColumns(PLAN)


def texts(key: int, title: str, *others: str, at_us: int = NOW_US) -> dict[bytes, bytes]:
    return {row_key(PROJECT, "item_id", key, VIEW): pack_texts(ItemTexts(at_us, title, others))}


@dataclass
class Following:
    """The words of the small shop; `folder` holds an index of an hour ago."""

    folder: Path
    rows: FakeRows = field(default_factory=FakeRows)
    door: FakeChanges = field(default_factory=FakeChanges)
    recorder: ListRecorder = field(default_factory=ListRecorder)
    ticks: FakeTicks = field(default_factory=FakeTicks)
    items: LiveItems = field(default_factory=lambda: LiveItems(shop_snapshot(), COLUMNS))

    def __post_init__(self) -> None:
        self.follower = IndexFollower(
            self.rows, self.door, PLAN, lambda: self.items, self.recorder, self.ticks
        )
        self.index = shop_index(self.folder / "index", built_us=EARLIER_US)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        job = asyncio.create_task(self.follower.follow(apart_s=0.001, pause_s=0.01))
        yield
        assert not job.done()
        job.cancel()

    def write(
        self, key: int, kind: str, price: float, title: str | None = None, at_us: int = NOW_US
    ) -> None:
        """All that is of an item, announced."""
        self.door.names[string_key(kind)] = kind
        rows = [
            packed(PLAN, "item_profile", at_us, type=string_key(kind)),
            packed(PLAN, "item_activity", at_us, price=price, popularity=0.0),
        ]
        stored = COLUMNS.stored(np.array([key]), rows)
        self.items.apply(stored, {key: str(key)})
        if title is not None:
            self.rows.rows |= texts(key, title, kind)
        self.follower.changed(np.array([key]))

    def withdraw(self, key: int) -> None:
        self.items.apply(COLUMNS.stored(np.array([key]), [None, None]))
        self.follower.changed(np.array([key]))

    def found(self, text: str, *conditions: Condition) -> list[int]:
        """Those that have all words."""
        assert self.follower.live.engine is not None
        found = self.follower.live.engine.lexical(text, 100, conditions)
        return found.keys.tolist() if found.match is Match.ALL else []

    def finds(self, text: str, *keys: int) -> Callable[[], bool]:
        return lambda: self.found(text) == [*keys]
