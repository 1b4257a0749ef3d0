"""The doors to the streams in Redis: they append entries."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis import asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from serving.clients.redis import FOREIGN, translated
from serving.errors import TimedOut

FIELD = "entry"


class RedisEvents:
    """On a connection of its own, so that what is written here never stands before a read."""

    def __init__(self, pool: "redis.ConnectionPool[Any]") -> None:
        self._pool = pool
        self._client: redis.Redis[bytes] = redis.Redis(connection_pool=pool)

    @classmethod
    def from_url(cls, url: str) -> "RedisEvents":
        """`unix:///path` or `redis[s]://host:port/db`; nothing is opened before the first entry."""
        retry = Retry(NoBackoff(), 0)
        return cls(redis.ConnectionPool.from_url(url, max_connections=1, retry=retry))

    async def append(
        self, stream: str, entries: Sequence[bytes], keep: int, timeout_s: float
    ) -> None:
        """Appends the entries in order, in one round trip; the stream keeps about `keep` of them.

        Raises:
            OutsideError: none, some or all of the entries were appended.
        """
        try:
            async with asyncio.timeout(timeout_s), self._client.pipeline(transaction=False) as pipe:
                for entry in entries:
                    pipe.xadd(stream, {FIELD: entry}, maxlen=keep, approximate=True)
                await pipe.execute()
        except FOREIGN as error:
            raise translated(error) from error

    async def close(self) -> None:
        await self._pool.disconnect()


class RedisEventStreams:
    """Of what people did: a caller waits for it, so it is written at once and whole."""

    def __init__(self, pool: "redis.BlockingConnectionPool[Any]") -> None:
        self._pool = pool
        self._client: redis.Redis[bytes] = redis.Redis(connection_pool=pool)

    @classmethod
    def from_url(cls, url: str, connections: int = 8) -> "RedisEventStreams":
        """As `RedisEvents.from_url`; a batch that finds every connection in use waits for one."""
        retry = Retry(NoBackoff(), 0)
        return cls(
            redis.BlockingConnectionPool.from_url(
                url, max_connections=connections, timeout=None, retry=retry
            )
        )

    async def record(
        self, entries: Sequence[tuple[str, bytes]], keep: int, timeout_s: float
    ) -> None:
        """Appends each entry to its stream, all or none, in one round trip; streams keep about `keep`.

        Raises:
            OutsideError: it is not known whether they were appended.
        """
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to write")
        try:
            async with asyncio.timeout(timeout_s), self._client.pipeline(transaction=True) as pipe:
                for stream, entry in entries:
                    pipe.xadd(stream, {FIELD: entry}, maxlen=keep, approximate=True)
                await pipe.execute()
        except FOREIGN as error:
            raise translated(error) from error

    async def close(self) -> None:
        await self._pool.disconnect()
