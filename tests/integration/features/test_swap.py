"""Snapshots are swapped and rows pushed under requests: no torn row, no step back, no pause."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np

from serving.assembly import build_pipeline
from serving.clients.redis import RedisRows
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from serving.policy import Budget
from serving.process.live import LivePipeline, follow_link
from serving.process.worker import Loaded
from serving.search.engine import LiveSearch
from serving.search.pipeline import Search
from serving.types import RankQuery, Tensors
from tests.fakes.doors import Arrays, FakeTriton
from tests.fakes.shop import KEYS, MODELS, NOW_US, PROJECT, shop_bundle, shop_plan
from tests.fakes.shop_pipeline import PERSON, PRODUCT
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeClock
from tests.integration.features.live import gateway

PLAN = shop_plan()
LATER = np.array([5_000, 5_010], dtype=np.int64)  # items that come while requests run
ALL = np.concatenate([KEYS, LATER])
SWAPS = (
    4  # that have to be seen; a busy machine skips snapshots that are followed by another at once
)
VIEWS = {"item_profile": ("type", "brand"), "item_activity": ("price", "popularity")}


def write(store: RowStore, keys: np.ndarray, number: int) -> None:
    """All columns of the items hold one number."""
    for view, columns in VIEWS.items():
        rows = PLAN.views[view].layout.empty(len(keys))
        rows["event_time_us"] = NOW_US - 1_000_000 + number
        for column in columns:
            rows[column] = number
        store.write(view, "item_id", keys, rows)


@dataclass
class Watch:
    """A ranker that looks at what it is given: every row one number, and never an older one.

    What the snapshot hadn't when the request began came from the store itself, which is ahead of it.
    """

    known: frozenset[int] = frozenset()  # to the snapshot as the request begins
    newest: dict[int, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def oldest(self) -> float:
        """Of what is shown of all items now."""
        shown = (
            self.newest.get((key, view), -1)
            for key in ALL.tolist()
            for view in ("profile", "activity")
        )
        return min(shown)

    def __call__(self, inputs: Tensors) -> Arrays:
        real = inputs["mask"][0]
        keys, texts, numbers = (
            np.nan_to_num(inputs[name][0][real], nan=-1.0)  # a row that has not come yet
            for name in ("item_id", "item_key", "item_float")
        )
        for key, text, number in zip(keys.tolist(), texts.tolist(), numbers.tolist(), strict=True):
            if text[0] != text[1] or number[0] != number[1]:
                self.wrong.append(f"item {key} is torn: {text}, {number}")
            for view, value in (("profile", text[0]), ("activity", number[0])):
                if key not in self.known:
                    continue
                before = self.newest.get((key, view), -1)
                if value < before:
                    self.wrong.append(f"{view} of item {key} fell from {before} to {value}")
                self.newest[key, view] = value
        return {"probability": np.where(inputs["mask"], 0.5, 0.0).astype(np.float32)}


def pushed(url: str, folder: Path, stop: Event, swaps: Callable[[], int]) -> int:
    """Pushes rows without a pause, and snapshots in between until enough are swapped in; the last number."""
    random, number = np.random.default_rng(7), 1
    with RowStore(url, PROJECT) as store:
        while swaps() < SWAPS:
            for _ in range(40):
                if stop.is_set():
                    return number
                number += 1
                write(store, random.choice(ALL, size=8, replace=False), number)
            build(PLAN, store, folder)
        number += 1
        write(store, ALL, number)
    return number


async def test_requests_go_on_whole_while_snapshots_are_swapped_and_rows_pushed(
    redis_url: str, tmp_path: Path
) -> None:
    with RowStore(redis_url, PROJECT) as store:
        write(store, KEYS, 1)
        first = build(PLAN, store, tmp_path)
    watch, stop, rows = Watch(), Event(), RedisRows.from_url(redis_url)
    triton = FakeTriton(dict(MODELS) | {"ranker": watch})
    async with gateway(redis_url, PLAN) as running:

        def load(folder: Path) -> Loaded:
            items, recorder = running.opened(folder), ListRecorder()
            return Loaded(
                build_pipeline(shop_bundle(), items, rows, triton, FakeClock(), recorder), items
            )

        serving = [load(first)]
        live = LivePipeline(serving[0].pipeline, Search(LiveSearch()))

        def replace(newer: Loaded) -> None:
            serving.append(newer)
            live.replace(newer.pipeline)

        async def take(folder: Path) -> None:
            newer = await asyncio.to_thread(load, folder)
            await running.follower.succeed(
                newer.items, lambda: serving[-1].items, lambda: replace(newer)
            )

        await running.follower.start(serving[0].items)
        jobs = [
            asyncio.create_task(running.follower.follow(lambda: serving[-1].items)),
            asyncio.create_task(
                follow_link("snapshot", tmp_path / "current", first, take, poll_s=0.01)
            ),
        ]
        answers: Counter[str] = Counter()
        pushing = asyncio.create_task(
            asyncio.to_thread(pushed, redis_url, tmp_path, stop, lambda: len(answers))
        )
        query = RankQuery(PERSON, PRODUCT, tuple((str(key), key) for key in ALL.tolist()))
        try:
            until = time.monotonic() + 120
            while not pushing.done() or watch.oldest < pushing.result():
                assert time.monotonic() < until, "what was written last was never seen"
                triton.calls.clear()
                watch.known = frozenset(serving[-1].items.keys().tolist())
                answered = await live.rank(query, Budget.of(5, time.monotonic))
                answers[answered.snapshot_version] += 1
                assert watch.wrong == []
                assert [d for d in answered.degradations if d.stage == "rank"] == []
                assert len(answered.items) >= len(KEYS)
                await asyncio.sleep(0)
        finally:
            stop.set()
            for job in jobs:
                assert not job.done(), job
                job.cancel()
            await pushing
            await rows.close()
    assert len(serving) >= len(answers) >= SWAPS  # each while requests ran
    assert answers.total() > 100
    assert len(answered.items) == len(ALL)
    assert answered.unknown_item_ids == ()
