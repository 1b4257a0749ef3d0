"""The door to the event streams, against a real Redis."""

import asyncio

import pytest
from redis import Redis

from serving.clients.events import RedisEventStreams
from serving.errors import Failed, StreamFull, TimedOut, Unavailable
from serving.features.overlay import RECORD, last_position, position_of, records
from serving.features.redis_keys import PARTITIONS, event_ids_key, events_stream
from tests.fakes.event_views import PROJECT, logged
from tests.integration.ingest.conftest import LONG_S, Store, new_event


async def test_events_are_in_the_stream_and_the_overlay_at_the_position_told(store: Store):
    recorded = await store.record(logged("a", 1), logged("b", 2), logged("c", 1, item=101))
    entries = store.client.xrange(events_stream(PROJECT, 1))
    assert [position_of(place) for place, _ in entries] == [
        recorded[0].position,
        recorded[2].position,
    ]
    overlay = records(store.overlay(1))
    assert overlay["item"].tolist() == [100, 101]
    assert last_position(overlay) == recorded[2].position
    assert not any(one.duplicate for one in recorded)


async def test_an_event_that_is_sent_again_stands_once(store: Store):
    first = await store.record(logged("a"), logged("b"))
    again = await store.record(logged("b"), logged("c"))
    assert [one.duplicate for one in again] == [True, False]
    assert again[0].position[0] == first[1].position[0]
    assert store.waiting(1) == 3
    assert len(store.overlay(1)) == 3


async def test_the_same_id_of_another_person_is_another_event(store: Store):
    await store.record(logged("a", 1), logged("a", 1 + PARTITIONS))
    assert store.waiting(1) == 2


async def test_an_event_that_changes_no_features_is_in_the_stream_alone(store: Store):
    await store.record(logged("a", personalization=False))
    assert store.waiting(0) == 1
    assert store.client.keys("*overlay") == []


async def test_ids_are_forgotten_after_their_time(store: Store):
    ids = event_ids_key(PROJECT, 1)
    store.client.zadd(ids, {b"long ago": 1_000})
    await store.record(logged("a"))
    assert store.client.zrange(ids, 0, -1) == [b"1 a"]


async def test_a_full_stream_takes_nothing_and_the_others_go_on(redis_url: str, client: Redis):
    narrow = RedisEventStreams.from_url(redis_url, PROJECT, room=2 * PARTITIONS)
    try:
        await narrow.record([new_event(logged(f"{n}")) for n in range(2)], LONG_S)
        with pytest.raises(StreamFull, match="2 entries"):
            await narrow.record([new_event(logged("more")), new_event(logged("x", 2))], LONG_S)
        assert client.xlen(events_stream(PROJECT, 1)) == 2
        assert client.xlen(events_stream(PROJECT, 2)) == 1
    finally:
        await narrow.close()


async def test_many_callers_at_once_lose_and_repeat_nothing(store: Store):
    batches = [[logged(f"{caller}-{n}", user=n) for n in range(20)] for caller in range(50)]
    told = await asyncio.gather(*(store.record(*batch) for batch in batches))
    positions = [(n % PARTITIONS, one.position) for batch in told for n, one in enumerate(batch)]
    assert len(set(positions)) == 1_000
    assert sum(store.waiting(partition) for partition in range(20)) == 1_000


async def test_a_record_is_as_the_script_writes_it(store: Store):
    await store.record(logged("a"))
    assert len(store.overlay(1)[0]) == RECORD.itemsize


async def test_what_stops_a_batch_is_told(redis_url: str, store: Store, client: Redis):
    with pytest.raises(TimedOut):
        await store.streams.record([new_event(logged("a"))], 0)
    client.set(events_stream(PROJECT, 1), "no stream")
    with pytest.raises(Failed, match="WRONGTYPE"):
        await store.record(logged("a"))
    absent = RedisEventStreams.from_url(f"{redis_url}-absent", PROJECT, 1_000)
    with pytest.raises(Unavailable):
        await absent.record([new_event(logged("a"))], LONG_S)
    await absent.close()
