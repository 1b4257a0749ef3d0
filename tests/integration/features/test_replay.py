"""A snapshot and the changes that came after it are what a snapshot built now would be."""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from serving.errors import ArtefactError
from serving.features.keys import string_key
from serving.features.layout import Layout
from serving.features.read_plan import ReadPlan, parse_read_plan
from serving.features.redis_keys import item_changes_stream
from serving.features.snapshot import open_snapshot
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from serving.stages.eligible import Eligible
from tests.fakes.read_plans import described_plan
from tests.integration.features.live import every, gateway, values

PLAN = parse_read_plan(described_plan(), "read_plan.json")
UNIVERSE = np.arange(10, 18, dtype=np.int64)
VIEWS = ("item_profile", "item_activity")
COLUMN = {"item_profile": "colour", "item_activity": "price"}
TIME = 1_500_000_000_000_000
STREAM = item_changes_stream("corner_shop")


@pytest.fixture
def store(redis_url: str) -> Iterator[RowStore]:
    with RowStore(redis_url, "corner_shop") as store:
        write(store, "item_activity", [10, 11], 1)
        yield store


def write(store: RowStore, view: str, keys: list[int], value: int, plan: ReadPlan = PLAN) -> None:
    """The value is also the time: a higher one wins."""
    rows = plan.views[view].layout.empty(len(keys))
    rows["event_time_us"], rows[COLUMN[view]] = TIME + value, value
    store.write(view, "item_id", np.array(keys, dtype=np.int64), rows)


@dataclass(frozen=True)
class Op:
    """Something that happens to the store or to the one who follows it."""

    kind: str
    view: str = ""
    keys: tuple[int, ...] = ()
    value: int = 0


def subsets() -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.sampled_from(UNIVERSE.tolist()), min_size=1, unique=True).map(tuple)


WRITES = st.builds(Op, st.just("write"), st.sampled_from(VIEWS), subsets(), st.integers(2, 9))
DELETES = st.builds(Op, st.just("delete"), st.sampled_from(VIEWS), subsets())
OTHERS = st.sampled_from([Op("build"), Op("reopen"), Op("step")])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.one_of(WRITES, WRITES, DELETES, OTHERS), max_size=25))
def test_base_and_replay_equal_a_fresh_build(redis_url: str, ops: list[Op]) -> None:
    with (
        Redis.from_url(redis_url) as redis,
        RowStore(redis_url, "corner_shop") as store,
        tempfile.TemporaryDirectory() as name,
    ):
        redis.flushdb()
        write(store, "item_activity", [10], 1)  # one that is never removed: no shop is empty
        asyncio.run(_played(redis_url, store, ops, Path(name)))


async def _played(url: str, store: RowStore, ops: list[Op], folder: Path) -> None:
    build(PLAN, store, folder / "own")
    async with gateway(url, PLAN) as running:
        items = running.opened(folder / "own/current")
        eligible = Eligible(UNIVERSE, items)
        for op in ops:
            keys = [key for key in op.keys if op.kind == "write" or key != 10]
            if op.kind == "write":
                write(store, op.view, keys, op.value)
            elif op.kind == "delete":
                store.delete(op.view, "item_id", np.array(keys, dtype=np.int64))
            elif op.kind == "build":
                build(PLAN, store, folder / "own")
            elif op.kind == "reopen":
                items = running.opened(folder / "own/current")
                eligible = Eligible(UNIVERSE, items)
            else:
                await running.follower.step(items, 0)
                eligible(None, frozenset())
        await running.follower.catch_up(items)
    build(PLAN, store, folder / "fresh")
    fresh = open_snapshot(folder / "fresh/current", PLAN)
    assert values(items, UNIVERSE) == every(fresh)
    assert items.count == fresh.count
    there = fresh.positions(UNIVERSE) >= 0
    assert eligible(None, frozenset())[0].tolist() == there.tolist()


class Busy(RowStore):
    """Somebody else writes while its rows are read."""

    def read(self, view: str, join_key: str, keys: np.ndarray) -> list[bytes | None]:
        write(self, "item_activity", [10, 15], 5)
        return super().read(view, join_key, keys)


async def test_what_is_written_while_a_snapshot_is_built_is_replayed(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    with Busy(redis_url, "corner_shop") as busy:
        build(PLAN, busy, tmp_path / "own")
    async with gateway(redis_url, PLAN) as running:
        items = running.opened(tmp_path / "own/current")
        assert items.base.positions(np.array([15])).tolist() == [-1]  # it came too late for it
        await running.follower.catch_up(items)
    build(PLAN, store, tmp_path / "fresh")
    fresh = open_snapshot(tmp_path / "fresh/current", PLAN)
    assert values(items, UNIVERSE) == every(fresh)


async def test_a_new_item_has_a_place_a_name_and_sells_least(
    redis_url: str, tmp_path: Path
) -> None:
    plan = parse_read_plan(described_plan("string"), "read_plan.json")
    texts = {string_key(text): text for text in ("tea", "milk", "oat drink", "jam")}
    tea, milk, oat, jam = texts
    async with gateway(redis_url, plan) as running:
        with RowStore(redis_url, "corner_shop") as store:
            store.remember({tea: "tea", milk: "milk"})
            write(store, "item_activity", [tea, milk], 1, plan)
            build(plan, store, tmp_path)
            items = running.opened(tmp_path / "current")
            store.remember({oat: "oat drink"})
            write(store, "item_activity", [oat, milk, jam], 2, plan)  # jam without a text
        await running.follower.catch_up(items)
    keys = np.array([oat, milk, tea])
    assert items.names(keys) == ["oat drink", "milk", "tea"]
    assert items.count == 3
    assert items.positions(np.array([jam])).tolist() == [-1]
    assert items.keys_at(items.popular)[-1] == oat


async def test_a_row_of_another_layout_leaves_the_value_before(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    build(PLAN, store, tmp_path)
    async with gateway(redis_url, PLAN) as running:
        items = running.opened(tmp_path / "current")
        before = values(items, np.array([10]))
        layout = Layout(PLAN.views["item_activity"].layout.columns[:1])
        other = layout.empty(1)
        other["event_time_us"] = TIME + 5
        store.register("item_activity", "item_id", layout.fingerprint)
        store.write("item_activity", "item_id", np.array([10]), other)
        await running.follower.catch_up(items)
        assert values(items, np.array([10])) == before
        assert ("item_activity", "layout", 1) in running.recorder.features


async def test_a_snapshot_older_than_the_stream_is_refused_in_plain_words(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    build(PLAN, store, tmp_path)
    async with gateway(redis_url, PLAN) as running:
        items = running.opened(tmp_path / "current")
        write(store, "item_activity", [12], 2)
        store.forget_changes(store.mark_changes())
        with pytest.raises(
            ArtefactError, match="is older than the changes that are still in Redis"
        ):
            await running.follower.catch_up(items)
        await running.follower.start(items)
        assert items.degradations  # it serves, marked


async def test_a_stream_that_was_lost_is_noticed(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    build(PLAN, store, tmp_path)
    async with gateway(redis_url, PLAN) as running:
        items = running.opened(tmp_path / "current")
        await running.follower.catch_up(items)
        with Redis.from_url(redis_url) as redis:
            redis.delete(STREAM)
        await running.follower.step(items, 0)
        assert not items.whole
        write(store, "item_activity", [12], 2)
        await running.follower.step(items, 0)  # what comes after is taken all the same
        assert items.positions(np.array([12]))[0] >= 0


def test_the_stream_keeps_what_the_oldest_snapshot_needs(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    built = []
    for value in range(2, 8):
        write(store, "item_activity", [10], value)
        folder = build(PLAN, store, tmp_path, changes_kept_s=0)
        built.append(open_snapshot(folder, PLAN).stream_position)
    with Redis.from_url(redis_url) as redis:
        first = redis.xrange(STREAM, count=1)[0][0].decode()
        left = redis.xlen(STREAM)
    assert first == built[-3]  # three versions stay
    assert left == 5  # two writes and their three marks


def test_what_is_recent_stays_for_snapshots_elsewhere(
    redis_url: str, store: RowStore, tmp_path: Path
) -> None:
    build(PLAN, store, tmp_path / "here")
    write(store, "item_activity", [10], 2)
    build(PLAN, store, tmp_path / "there")
    with Redis.from_url(redis_url) as redis:
        assert redis.xlen(STREAM) == 4  # two writes, two marks


def test_a_repeated_write_is_announced_again(redis_url: str, store: RowStore) -> None:
    """A writer that died before its announcement sends again what it sent."""
    with Redis.from_url(redis_url) as redis:
        redis.delete(STREAM)
        write(store, "item_activity", [10, 11], 1)
        [(_, fields)] = redis.xrange(STREAM)
    assert np.frombuffer(fields[b"keys"], dtype="<i8").tolist() == [10, 11]
    assert fields[b"view"] == b"item_activity"


def test_rows_of_people_are_not_announced(redis_url: str, store: RowStore) -> None:
    with Redis.from_url(redis_url) as redis:
        before = redis.xlen(STREAM)
        rows = PLAN.views["user_history"].layout.empty(1)
        store.write("user_history", "user_id", np.array([10]), rows)
        assert redis.xlen(STREAM) == before
