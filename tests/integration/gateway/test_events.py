import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from serving.clients.events import RedisEvents
from serving.errors import Failed, TimedOut, Unavailable
from tests.integration.gateway.running import RedisClient

LONG_S = 30.0


@pytest.fixture
async def events(redis_client: RedisClient) -> AsyncIterator[RedisEvents]:
    redis_client.flushdb()
    opened = RedisEvents.from_url(
        f"unix://{redis_client.connection_pool.connection_kwargs['path']}"
    )
    yield opened
    await opened.close()


async def test_entries_are_appended_in_order(
    events: RedisEvents, redis_client: RedisClient
) -> None:
    await events.append("s", [b"1", b"2"], 100, LONG_S)
    await events.append("s", [b"3"], 100, LONG_S)
    assert [fields for _, fields in redis_client.xrange("s")] == [
        {b"entry": b"1"},
        {b"entry": b"2"},
        {b"entry": b"3"},
    ]


async def test_a_stream_is_trimmed_to_about_what_is_to_be_kept(
    events: RedisEvents, redis_client: RedisClient
) -> None:
    await events.append("s", [b"x"] * 1_000, 100, LONG_S)
    assert 100 <= redis_client.xlen("s") <= 300  # Redis trims whole nodes of 100 entries


async def test_after_a_late_answer_the_next_call_gets_its_own(
    events: RedisEvents, redis_client: RedisClient
) -> None:
    await events.append("s", [b"1"], 100, LONG_S)
    process = redis_client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(TimedOut):
            await events.append("s", [b"2"], 100, 0.05)
    finally:
        os.kill(process, signal.SIGCONT)
    await events.append("s", [b"3"], 100, LONG_S)
    assert redis_client.xrevrange("s", count=1)[0][1] == {b"entry": b"3"}


async def test_what_redis_refuses_has_failed(
    events: RedisEvents, redis_client: RedisClient
) -> None:
    redis_client.set("s", "no stream")
    with pytest.raises(Failed, match="WRONGTYPE"):
        await events.append("s", [b"1"], 100, LONG_S)


async def test_a_redis_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    absent = RedisEvents.from_url(f"unix://{tmp_path}/absent.sock")
    with pytest.raises(Unavailable):
        await absent.append("s", [b"1"], 100, LONG_S)
    await absent.close()
