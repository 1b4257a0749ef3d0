"""Announced items are found by what they are now, whatever becomes of Redis, the snapshot or the index."""

from pathlib import Path

import numpy as np

from serving.features.keys import string_key
from serving.features.live_items import LiveItems
from serving.process.follow_index import PART
from serving.types import Condition
from tests.fakes.doors import FakeRows
from tests.fakes.shop import EARLIER_US, NOW_US, shop_snapshot
from tests.fakes.time import FakeTicks
from tests.unit.serving.process.test_follow import until
from tests.unit.serving.process.words import COLUMNS, Following, texts
from tests.unit.serving.search.shop import shop_index, shop_items


async def test_new_and_changed_items_are_found_and_withdrawn_ones_are_not(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        assert this.found("ball 5") == [150]
        this.write(7, "kite", 99.0, "Zebra kite")
        this.write(150, "green", 50.0, "Frisbee 5")
        this.withdraw(110)
        await until(this.finds("zebra", 7))
    assert this.found("frisbee") == [150]
    assert this.found("ball 5") == this.found("ball 1") == []
    assert this.found("", Condition("item_activity.price", minimum=40.0)) == [150, 7]
    assert this.found("kite", Condition("item_profile.type", (string_key("kite"),))) == [7]
    assert this.recorder.searched == {"indexed": 2, "removed": 1, "wordless": 0}
    assert this.recorder.overlaid[-1] == 3
    assert len(this.recorder.commits) == 1


async def test_facets_are_counted_under_texts_that_the_index_has_never_met(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        this.write(7, "kite", 1.0, "Zebra kite")
        await until(this.finds("zebra", 7))
    engine = this.follower.live.engine
    assert engine is not None
    found = engine.lexical("zebra", 10, facets=["item_profile.type"])
    assert found.facets["item_profile.type"] == ((string_key("kite"), 1),)
    assert engine._index.texts[string_key("kite")] == "kite"


async def test_an_item_that_keeps_its_words_has_its_new_price(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        this.write(150, "blue", 70.0)
        await until(lambda: this.recorder.commits)
    assert this.found("ball", Condition("item_activity.price", minimum=60.0)) == [150]


async def test_a_withdrawn_item_comes_back_with_rows_as_old_as_the_index_and_its_words(
    tmp_path: Path,
) -> None:
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        this.withdraw(110)
        await until(this.finds("ball 1"))
        this.write(110, "blue", 0.1, at_us=EARLIER_US)
        await until(this.finds("ball 1", 110))


async def test_what_came_before_the_start_is_there_from_the_first_answer(tmp_path: Path):
    """The announcement was long ago, and nobody repeats it."""
    this = Following(tmp_path)
    this.write(7, "kite", 1.0, "Zebra kite")
    this.rows.rows |= texts(150, "Frisbee")
    this.withdraw(110)
    await this.follower.take(this.index)
    assert (this.found("zebra"), this.found("frisbee"), this.found("ball 1")) == ([7], [150], [])


async def test_a_newer_index_has_what_came_since_it_was_built_and_nothing_older(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    this.rows.rows |= texts(100, "old words", at_us=NOW_US - 2)
    this.rows.rows |= texts(150, "Frisbee")
    items = [one for one in shop_items() if one.key != 110]
    this.withdraw(110)
    newer = shop_index(tmp_path / "newer", items, built_us=NOW_US - 1)
    await this.follower.take(newer)
    assert this.found("frisbee") == [150]
    assert this.found("ball 0") == [100]
    assert this.found("old words") == []
    assert this.recorder.overlaid[-1] == 1
    this.withdraw(120)
    async with this.running():
        await until(this.finds("ball 2"))


async def test_another_snapshot_has_all_items_compared(tmp_path: Path):
    """What the stream had lost by then comes with it."""
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        newer = Following(tmp_path / "newer")
        newer.write(7, "kite", 1.0, "Zebra kite")
        newer.withdraw(110)
        this.rows.rows |= newer.rows.rows
        this.items = newer.items
        await until(this.finds("zebra", 7))
    assert this.found("ball 1") == []


async def test_an_item_announced_often_is_written_once_and_as_it_was_last(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    for title in ("first", "second", "third"):
        this.write(7, "kite", 1.0, title)
    async with this.running():
        await until(this.finds("third", 7))
        this.follower.changed(np.array([7, 7]))
        await until(lambda: len(this.rows.reads) > 2)
    assert this.found("first") == this.found("second") == []
    assert this.recorder.searched["indexed"] == 1


async def test_what_is_announced_while_a_newer_index_is_opened_is_in_it(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    rows = this.rows

    class Busy(FakeRows):
        async def read(self, keys: list[bytes], timeout_s: float) -> list[bytes | None]:
            """One of those that are being read changes."""
            found = await rows.read(keys, timeout_s)
            if not this.door.names:
                this.write(100, "kite", 1.0, "Zebra kite")
            return found

    this.follower._rows = Busy()
    await this.follower.take(shop_index(tmp_path / "newer", built_us=EARLIER_US))
    assert this.found("zebra") == [100]


async def test_announced_items_come_before_the_comparison_of_all(tmp_path: Path):
    """That takes its time: of a part each."""
    this = Following(tmp_path, ticks=FakeTicks(step=20.0))
    this.items = LiveItems(shop_snapshot(np.arange(4 * PART, dtype=np.int64)), COLUMNS)
    await this.follower.take(this.index)
    this.write(4 * PART - 1, "kite", 1.0, "Zebra kite")
    async with this.running():
        await until(lambda: len(this.rows.reads) == 5)
        await until(this.finds("zebra", 4 * PART - 1))
    assert [len(read) for read in this.rows.reads] == [PART, 1, PART, PART, PART]
