"""Events from the streams to the rows, against a real Redis."""

from random import Random

import numpy as np
import pytest
from recserve.v1 import request_log_pb2 as log_pb
from redis.exceptions import RedisError

from serving.errors import LayoutMismatch
from serving.features.fold import with_events
from serving.features.overlay import position_of, records
from serving.features.redis_keys import (
    PARTITIONS,
    applied_key,
    entities_key,
    events_stream,
    poison_stream,
    row_key,
)
from serving.ingest.apply import LATE_US, MOST_ENTRIES
from serving.ingest.commit import Batch, NewRow, commit
from tests.fakes.event_views import NOW_US, PROJECT, event_plan, listed, logged
from tests.integration.ingest.conftest import KNOWN, Store

HOUR_US = 3_600_000_000
HISTORY_KEY = row_key(PROJECT, "user_id", 1, "user_history")


async def test_a_purchase_is_in_the_row_and_out_of_the_overlay(store: Store):
    await store.record(logged("a", item=7), logged("b", item=8, kind="click"))
    assert store.applier().step() == 2
    history, engagement = store.row(1), store.row(1, "user_engagement")
    assert listed(history, "owned_item") == listed(history, "recent_item") == [7]
    assert listed(engagement, "noticed_item") == [8]
    assert engagement["click_7d"] == 1
    assert store.overlay(1) == []
    assert store.client.sismember(entities_key(PROJECT, "user_id"), 1)


async def test_rows_are_what_the_gateway_makes_of_the_overlay(store: Store):
    random = Random(3)
    events = [
        logged(
            f"{n}", item=random.randrange(12), group=f"b{n // 3}", at_us=NOW_US - n * HOUR_US
        )
        for n in random.sample(range(60), 60)
    ]  # fmt: skip
    await store.record(*events)
    plan = event_plan()
    view = plan.views["user_history"]
    expected = with_events(None, view.layout, view.updates, records(store.overlay(1)), NOW_US)
    store.applier().step()
    assert store.row(1).tobytes() == expected.tobytes()


def some_event(n: int, random: Random) -> log_pb.LoggedEvent:
    """All lines of an item in a basket are of one moment."""
    basket, item = random.randrange(9), random.randrange(9)
    kind = random.choice(["purchase", "click"])
    at_us = NOW_US - (basket * 9 + item) * HOUR_US
    return logged(f"{n}", random.randrange(3), item, kind, at_us, group=f"g{basket}")


@pytest.mark.parametrize("seed", range(5))
async def test_however_the_stream_is_cut_the_rows_are_the_same(store: Store, seed: int):
    """Steps between any two batches of the caller, by appliers that know nothing of each other."""
    random = Random(seed)
    events = [some_event(n, random) for n in range(120)]
    await store.record(*events)
    store.applier().step()
    whole = {(u, v): store.row(u, v) for u in range(3) for v in ("user_history", "user_engagement")}
    store.client.flushdb()
    while events:
        size = random.randrange(1, 30)
        await store.record(*events[:size])
        events = events[size:]
        if random.random() < 0.7:
            store.applier().step()
    store.applier().step()
    for (user, view), row in whole.items():
        for name in row.dtype.names:
            found = store.row(user, view)[name]
            np.testing.assert_allclose(found, row[name], rtol=1e-6, err_msg=f"{view}.{name}")


async def test_a_batch_that_was_applied_meanwhile_is_not_applied_again(store: Store):
    """Two workers on one partition, of which one read before the other wrote."""
    await store.record(logged("a", item=7))
    end = position_of(store.client.xrange(events_stream(PROJECT, 1))[0][0])
    late = Batch(1, (0, 0), end, [NewRow(HISTORY_KEY, b"", b"late")], [1], [])
    store.applier().step()
    before = store.row(1)
    assert not commit(store.client, PROJECT, late)
    assert store.row(1).tobytes() == before.tobytes()


async def test_a_row_that_was_replaced_while_it_was_worked_on_stays(store: Store):
    await store.record(logged("a", item=7))
    end = position_of(store.client.xrange(events_stream(PROJECT, 1))[0][0])
    materialised = event_plan().views["user_history"].layout.empty(1)
    store.client.set(HISTORY_KEY, materialised.tobytes())
    stale = Batch(1, (0, 0), end, [NewRow(HISTORY_KEY, b"", b"made from none")], [1], [])
    assert not commit(store.client, PROJECT, stale)
    assert store.client.get(HISTORY_KEY) == materialised.tobytes()
    assert len(store.overlay(1)) == 1
    store.applier().step()
    assert listed(store.row(1), "owned_item") == [7]


async def test_the_overlay_keeps_what_came_after_the_batch(store: Store):
    recorded = await store.record(logged("a", item=7), logged("b", item=8))
    assert commit(store.client, PROJECT, Batch(1, (0, 0), recorded[0].position, [], [1], []))
    (left,) = records(store.overlay(1))
    assert left["item"] == 8


async def test_poison_is_set_aside_and_the_rest_goes_on(store: Store):
    await store.record(logged("a", item=7))
    store.client.xadd(events_stream(PROJECT, 1), {b"entry": b"\xff\xff no event"})
    store.client.xadd(events_stream(PROJECT, 1), {b"other": b"field"})
    foreign = logged("c", item="no number").SerializeToString()
    store.client.xadd(events_stream(PROJECT, 1), {b"entry": foreign})
    await store.record(logged("b", item=8))
    applier = store.applier()
    applier.step()
    assert sorted(listed(store.row(1), "owned_item")) == [7, 8]
    aside = [fields for _, fields in store.client.xrange(poison_stream(PROJECT, 1))]
    assert [fields[b"entry"] for fields in aside] == [b"\xff\xff no event", b"", foreign]
    assert all(fields[b"error"] and fields[b"position"] for fields in aside)
    assert applier.counts.of["poison"] == 3


async def test_an_item_that_is_not_in_the_catalogue_changes_nothing(store: Store):
    await store.record(logged("a", item=KNOWN))
    applier = store.applier()
    applier.step()
    assert store.row(1) is None
    assert store.overlay(1) == []
    assert applier.counts.of["unknown_item"] == 1


async def test_late_future_and_disordered_events_are_counted_and_kept(store: Store):
    await store.record(
        logged("late", item=1, at_us=NOW_US - LATE_US - 1),
        logged("future", item=2, at_us=NOW_US + HOUR_US // 60),
        logged("disordered", item=3, at_us=NOW_US - HOUR_US // 60),
    )
    applier = store.applier()
    applier.step()
    assert [applier.counts.of[name] for name in ("late", "future", "out_of_order")] == [1, 1, 1]
    row = store.row(1)
    assert listed(row, "recent_item") == [
        2,
        3,
        1,
    ]  # the newest first; the future one counts as of now
    assert listed(row, "recent_s")[0] == NOW_US // 1_000_000


async def test_a_row_of_another_layout_stops_its_partition_alone(store: Store):
    store.client.set(HISTORY_KEY, b"of another layout")
    await store.record(logged("a", user=1), logged("b", user=2, item=7))
    applier = store.applier()
    with pytest.raises(LayoutMismatch, match=r"user_history.*materialise it again"):
        applier.step()
    assert applier.worked == PARTITIONS - 1
    assert listed(store.row(2), "owned_item") == [7]
    assert store.client.get(HISTORY_KEY) == b"of another layout"
    assert (store.applied(1), len(store.overlay(1))) == (None, 1)
    store.client.delete(HISTORY_KEY)
    applier.step()
    assert applier.worked == PARTITIONS
    assert listed(store.row(1), "owned_item") == [100]


async def test_a_step_that_fails_has_worked_off_no_partition(store: Store):
    applier = store.applier()
    applier.step()
    assert applier.worked == PARTITIONS
    store.client.rpush(applied_key(PROJECT, 1), "no position")
    with pytest.raises(RedisError):
        applier.step()
    assert applier.worked == 0


async def test_a_worker_leaves_the_partitions_of_others_alone(store: Store):
    await store.record(logged("a", user=1), logged("b", user=2))
    assert store.applier([1]).step() == 1
    assert store.row(2) is None
    assert len(store.overlay(2)) == 1


async def test_a_long_stream_is_worked_off_in_steps(store: Store):
    for n in range(0, MOST_ENTRIES + 100, 300):
        await store.record(*(logged(f"{n + m}", item=m % 9, group=f"{n}") for m in range(300)))
    applier = store.applier()
    assert applier.step() == MOST_ENTRIES
    assert applier.oldest_waiting_ms is not None
    while applier.step():
        pass
    assert applier.oldest_waiting_ms is None
    assert store.overlay(1) == []
