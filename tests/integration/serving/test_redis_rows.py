"""The door to the online store, against a real Redis."""

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from serving.clients.connections import Connections
from serving.clients.links import Link
from serving.clients.redis import RedisRows
from serving.errors import Failed, TimedOut, Unavailable
from serving.features.overlay import LONGEST

KEYS = [f"row:{i}".encode() for i in range(50)]
PAUSE_MS = 1_000  # of the whole server; the tests' last reads wait for its end


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def rows(redis_url: str) -> AsyncIterator[RedisRows]:
    door = RedisRows.from_url(redis_url, connections=4)
    yield door
    await door.close()


async def test_rows_come_back_as_stored_in_the_order_of_the_keys(redis: Redis, rows: RedisRows):
    redis.mset({b"a": b"\x00\xff\r\n", b"c": b""})
    assert await rows.read([b"c", b"b", b"a"], 10) == [b"", None, b"\x00\xff\r\n"]


async def test_rows_are_read_in_one_round_trip(redis: Redis, rows: RedisRows):
    await rows.read(KEYS[:1], 10)  # opens the connection
    before = redis.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]
    await rows.read(KEYS, 10)
    assert redis.info("commandstats")["cmdstat_mget"]["calls"] == before + 1


async def test_many_readers_share_few_connections(redis: Redis, rows: RedisRows):
    redis.mset({key: key for key in KEYS})
    random = Random(7)
    asked = [random.sample(KEYS, 3) for _ in range(200)]
    assert await asyncio.gather(*(rows.read(keys, 30) for keys in asked)) == asked


async def test_a_store_that_does_not_answer_in_time_is_late(redis: Redis, rows: RedisRows):
    redis.execute_command("CLIENT", "PAUSE", PAUSE_MS)
    with pytest.raises(TimedOut):
        await rows.read(KEYS, 0.05)


async def test_a_read_given_up_leaves_no_foreign_answer_behind(redis: Redis, rows: RedisRows):
    redis.mset({key: key for key in KEYS})
    redis.execute_command("CLIENT", "PAUSE", PAUSE_MS)
    given_up = [asyncio.create_task(rows.read([key], 0.05)) for key in KEYS]
    outcomes = await asyncio.gather(*given_up, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimedOut}
    for key in reversed(KEYS):
        assert await rows.read([key], 10) == [key]


async def test_who_is_given_up_as_the_answer_comes_leaves_no_connection_open(
    redis_url: str,
):
    pool = Connections(redis_url, 1, retries=0).pool
    assert pool
    link = await Link.opened(pool.make_connection())
    reading = asyncio.create_task(link.ask(b"PING\r\n", 1, 10))
    await asyncio.sleep(0)
    link.data_received(b"+PONG\r\n")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not link.usable


async def test_waiting_for_a_connection_takes_of_the_time_that_there_is(
    redis: Redis, redis_url: str
):
    rows = RedisRows.from_url(redis_url, connections=1)
    await rows.read(KEYS[:1], 10)
    redis.execute_command("CLIENT", "PAUSE", 2 * PAUSE_MS)
    began = asyncio.get_running_loop().time()
    reads = (rows.read(KEYS[:1], seconds) for seconds in (0.5, 1.0))
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 1.4
    assert [type(outcome) for outcome in outcomes] == [TimedOut, TimedOut]
    await rows.close()


async def test_what_was_too_late_once_is_not_asked_again(redis: Redis, rows: RedisRows):
    await rows.read(KEYS[:1], 10)
    before = redis.info("stats")["total_connections_received"]
    redis.execute_command("CLIENT", "PAUSE", PAUSE_MS)
    with pytest.raises(TimedOut):
        await rows.read(KEYS[:1], 0.05)
    assert redis.info("stats")["total_connections_received"] == before


async def test_a_connection_that_the_server_closed_costs_no_answer(redis: Redis, rows: RedisRows):
    redis.set(b"a", b"1")
    assert await rows.read([b"a"], 10) == [b"1"]
    redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await rows.read([b"a"], 10) == [b"1"]


async def test_a_store_that_is_away_is_unavailable(tmp_path: Path):
    rows = RedisRows.from_url(f"unix://{tmp_path}/redis.sock")
    with pytest.raises(Unavailable):
        await rows.read(KEYS, 10)
    await rows.close()


async def test_a_store_that_refuses_is_a_failure(redis: Redis, rows: RedisRows):
    redis.execute_command("ACL", "SETUSER", "nobody", "on", ">secret", "+ping")
    url = f"unix://nobody:secret@{redis.connection_pool.connection_kwargs['path']}"
    refused = RedisRows.from_url(url)
    with pytest.raises(Failed):
        await refused.read(KEYS, 10)
    await refused.close()


async def test_a_person_is_read_whole_in_one_round_trip(redis: Redis, rows: RedisRows):
    redis.mset({b"row:1": b"one", b"applied": b"12-3"})
    redis.rpush("overlay", *(f"{n}".encode() for n in range(LONGEST + 2)))
    found = await rows.read_person("applied", "overlay", [b"row:1", b"row:2"], 10)
    assert found.rows == [b"one", None]
    assert found.applied == b"12-3"
    assert found.overlay[0] == b"2"  # the latest, if there are too many
    assert len(found.overlay) == LONGEST
    assert found.end is None  # nobody asked


@pytest.mark.parametrize("keys", [[], [b"row:1"]])
async def test_where_the_stream_ends_is_read_along(
    redis: Redis, rows: RedisRows, keys: list[bytes]
):
    read = functools.partial(rows.read_person, "applied", "overlay", keys, 10, "stream")
    assert (await read()).end is None
    redis.mset({b"row:1": b"one", b"applied": b"12-3"})
    redis.xadd("stream", {"entry": b"1"}, id="13-1")
    redis.xadd("stream", {"entry": b"2"}, id="13-2")
    found = await read()
    assert (list(found.rows), found.applied, found.end) == ([b"one"] * len(keys), b"12-3", b"13-2")


async def test_a_person_of_whom_nothing_is_stored(rows: RedisRows):
    found = await rows.read_person("applied", "overlay", [], 10)
    assert (list(found.rows), list(found.overlay), found.applied) == ([], [], None)
