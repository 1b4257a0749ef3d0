"""What fails costs its changes time and nothing else: answers go on, and nothing is forgotten."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from serving.errors import ArtefactError, Unavailable
from serving.features.item_texts import VIEW, ItemTexts, pack_texts
from serving.features.redis_keys import row_key
from tests.fakes.doors import FakeRows
from tests.fakes.shop import EARLIER_US, KEYS, NOW_US, PROJECT
from tests.unit.serving.process.test_follow import until
from tests.unit.serving.process.words import Following, texts
from tests.unit.serving.search.shop import shop_index, shop_items


async def test_an_outage_is_said_once_and_nothing_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    this = Following(tmp_path)
    await this.follower.take(this.index)
    this.rows.error = Unavailable("away")
    async with this.running():
        this.write(7, "kite", 1.0, "Zebra kite")
        reads = len(this.rows.reads)
        await until(lambda: len(this.rows.reads) > reads + 3)
        assert this.found("zebra") == []
        this.rows.error = None
        await until(this.finds("zebra", 7))
    assert caplog.text.count("texts of items can't be read at the moment: away") == 1
    assert caplog.text.count("are read again") == 1


async def test_the_first_index_serves_without_redis_and_a_later_one_waits_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    this = Following(tmp_path, rows=FakeRows(texts(150, "Frisbee"), error=Unavailable("away")))
    await this.follower.take(this.index)
    assert this.found("ball 5") == [150]
    assert "searches are by what index index has for now: away" in caplog.text
    newer = shop_index(tmp_path / "newer", shop_items()[:3], built_us=EARLIER_US)
    with pytest.raises(Unavailable):
        await this.follower.take(newer)
    assert this.found("ball 5") == [150]
    this.rows.error = None
    async with this.running():
        await until(this.finds("frisbee", 150))


async def test_texts_that_nobody_can_read_leave_the_words_of_the_index(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    this = Following(tmp_path)
    head = pack_texts(ItemTexts(NOW_US, "", ()))[:16]
    for key, content in zip(
        KEYS.tolist(), (b"", b"{", b"[" * 90_000, b'{"title": 7}'), strict=False
    ):
        this.rows.rows[row_key(PROJECT, "item_id", key, VIEW)] = head + content
    await this.follower.take(this.index)
    assert this.found("ball 1") == [110]
    assert this.recorder.searched["unreadable"] == 4
    assert caplog.text.count("can't be read, the index keeps its own") == 1
    half = json.dumps({"title": "Frisbee", "texts": ["\ud800"]}).encode()
    this.rows.rows[row_key(PROJECT, "item_id", 150, VIEW)] = head + half
    this.follower.changed(np.array([150]))
    async with this.running():
        await until(this.finds("frisbee", 150))


async def test_a_new_item_of_which_nobody_knows_words_is_counted(tmp_path: Path):
    this = Following(tmp_path)
    await this.follower.take(this.index)
    async with this.running():
        this.write(7, "kite", 1.0)
        await until(lambda: this.recorder.searched["wordless"] == 1)
        this.rows.rows |= texts(7, "Zebra kite")
        this.follower.changed(np.array([7]))
        await until(this.finds("zebra", 7))


async def test_an_index_that_fails_is_opened_anew_and_answers_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    this = Following(tmp_path)
    await this.follower.take(this.index)
    this.write(7, "kite", 1.0, "Zebra kite")
    async with this.running():
        await until(this.finds("zebra", 7))
        engine = this.follower.live.engine
        assert engine is not None
        shutil.rmtree(engine._index.links.folder)
        await until(lambda: _announced(this) and "opened anew" in caplog.text)
        assert this.found("zebra") == [7]
        await until(lambda: this.follower.live.engine is not engine and this.found("late"))
    assert this.found("zebra") == [7]


def _announced(this: Following) -> bool:
    """Changes go on."""
    this.write(8, "kite", float(len(this.rows.reads)), f"late {len(this.rows.reads)}")
    return True


async def test_an_index_that_can_not_be_used_is_refused(tmp_path: Path):
    this = Following(tmp_path)
    with pytest.raises(ArtefactError):
        await this.follower.take(tmp_path)
    await this.follower.take(this.index)
    with pytest.raises(ArtefactError):
        await this.follower.take(tmp_path)
    assert this.found("ball 5") == [150]
