import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from serving.errors import ArtefactError, Unavailable
from serving.features.item_changes import Changes, ItemChange
from serving.features.item_texts import VIEW
from serving.features.item_values import ItemColumns
from serving.features.live_items import LiveItems
from serving.features.redis_keys import row_key
from serving.process.follow import BEHIND, BEHIND_S, PART, ItemFollower
from tests.fakes.doors import FakeChanges, FakeRows
from tests.fakes.shop import KEYS, NOW_US, PROJECT, packed, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeTicks

PLAN = shop_plan()
COLUMNS = ItemColumns(PLAN)
QUIET = Changes((), None, None, more=False)


def announced(*keys: int, view: str = "item_activity", more: bool = False) -> Changes:
    entry = ItemChange("5-0", view, np.array(keys, dtype=np.int64))
    return Changes((entry,), "0-0", "5-0", more)


def priced(key: int, price: float) -> dict[bytes, bytes]:
    row = packed(PLAN, "item_activity", NOW_US, price=price, popularity=0.0)
    return {row_key(PROJECT, "item_id", key, "item_activity"): row}


@dataclass
class Following:
    """A follower of the small shop's items."""

    door: FakeChanges = field(default_factory=FakeChanges)
    rows: FakeRows = field(default_factory=FakeRows)
    ticks: FakeTicks = field(default_factory=FakeTicks)
    recorder: ListRecorder = field(default_factory=ListRecorder)
    items: LiveItems = field(default_factory=lambda: LiveItems(shop_snapshot(), COLUMNS))

    heard: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.follower = ItemFollower(
            self.door,
            self.rows,
            COLUMNS,
            self.recorder,
            self.ticks,
            lambda keys: self.heard.extend(keys.tolist()),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        job = asyncio.create_task(self.follower.follow(lambda: self.items))
        yield
        assert not job.done()
        job.cancel()

    def price(self, key: int) -> float:
        patch = self.items.changed(self.items.positions(np.array([key])))
        assert patch is not None
        return float(patch.values.float32[0, 0])


async def until(seen: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not seen():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_announced_items_are_read_anew_and_the_others_left():
    this = Following(FakeChanges([announced(100)]), FakeRows(priced(100, 9.5) | priced(110, 7)))
    async with this.running():
        await until(lambda: this.items.position == "5-0")
    assert this.price(100) == 9.5
    assert this.items.changed(this.items.positions(KEYS[1:])) is None
    assert this.recorder.lags[-1] == (0.0, 1)


async def test_views_that_no_model_reads_are_not_looked_at():
    this = Following(FakeChanges([announced(100, view="item_elsewhere")]))
    async with this.running():
        await until(lambda: this.items.position == "5-0")
    assert this.rows.reads == []


async def test_texts_are_followed_too_and_whoever_asked_hears_of_what_was_looked_at():
    this = Following(FakeChanges([announced(110, view=VIEW), announced(100)]))
    async with this.running():
        await until(lambda: len(this.heard) == 2)
    assert this.heard == [110, 100]
    assert this.items.count == len(KEYS) - 2  # they were applied before


async def test_many_items_are_read_in_parts():
    this = Following(FakeChanges([announced(*range(PART + 1))]))
    async with this.running():
        await until(lambda: this.items.position == "5-0")
    assert [len(read) for read in this.rows.reads] == [2 * PART, 2]


async def test_an_item_whose_rows_are_gone_is_none():
    this = Following(FakeChanges([announced(100)]))
    async with this.running():
        await until(lambda: this.items.position == "5-0")
    assert this.items.positions(np.array([100, 110])).tolist() == [-1, 1]
    assert this.items.count == len(KEYS) - 1
    assert this.items.names(np.array([100])) == ["100"]  # a request that began before may ask


async def test_before_the_first_word_from_redis_answers_are_marked():
    this = Following(FakeChanges(error=Unavailable("away")))
    await this.follower.start(this.items)
    assert this.items.degradations == BEHIND
    seen = Following(FakeChanges([QUIET]))
    await seen.follower.start(seen.items)
    assert seen.items.degradations == ()


async def test_an_outage_is_said_once_marked_after_a_while_and_outlived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    this = Following(FakeChanges([QUIET]))
    await this.follower.start(this.items)
    this.door.error = Unavailable("away")
    async with this.running():
        await until(lambda: this.recorder.lags[1:])
        assert this.items.degradations == ()
        this.ticks.seconds += BEHIND_S + 0.1
        await until(lambda: this.items.degradations)
        assert this.recorder.lags[-1][0] > BEHIND_S
        this.door.answers, this.door.error = [QUIET], None
        await until(lambda: not this.items.degradations)
    assert caplog.text.count("can't be followed at the moment") == 1
    assert caplog.text.count("followed again") == 1


async def test_a_position_that_the_stream_no_longer_reaches_is_refused_for_a_new_snapshot():
    cut = Changes((), "7-0", "9-0", more=False)
    this = Following(FakeChanges([cut]))
    with pytest.raises(ArtefactError, match=r"older than the changes .* build it anew"):
        await this.follower.catch_up(this.items)


async def test_after_changes_were_lost_the_lag_grows_until_there_is_another_snapshot() -> None:
    later = ItemChange("9-0", "item_activity", np.array([100], dtype=np.int64))
    quiet = Changes((), "7-0", "9-0", more=False)
    this = Following(FakeChanges([Changes((later,), "7-0", "9-0", more=False)]))
    this.items.position = "5-0"
    await this.follower.start(this.items)
    this.ticks.seconds += 60
    this.door.answers = [quiet]
    async with this.running():
        await until(lambda: this.recorder.lags[-1][0] >= 60)
    assert this.items.degradations == BEHIND
    this.items.whole = True  # as another snapshot is
    this.door.answers = [quiet]
    async with this.running():
        await until(lambda: this.recorder.lags[-1][0] == 0)
    assert this.items.degradations == ()


@pytest.mark.parametrize(
    ("first", "last", "position", "whole"),
    [
        (None, None, "0-0", True),
        (None, None, "5-0", False),
        ("5-0", "5-0", "5-0", True),
        ("5-0", "90-1", "11-0", True),
        ("5-1", "90-1", "5-0", False),
        ("5-0", "6-0", "6-1", False),
        ("5-0", "6-0", "0-0", False),
    ],
)
def test_a_stream_must_reach_back_to_the_position_and_on_to_it(
    first: str | None, last: str | None, position: str, *, whole: bool
) -> None:
    assert Changes((), first, last, more=False).continue_from(position) is whole
