"""The door to the online store: packed rows by key."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis import asyncio as redis
from redis import exceptions as foreign
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.features.overlay import LONGEST as OVERLAY_LENGTH
from serving.types import StoredPerson

# Every error that redis-py or the socket below it raises; the first that fits holds.
ERRORS: tuple[tuple[type[Exception], type[OutsideError]], ...] = (
    (TimeoutError, TimedOut),
    (foreign.TimeoutError, TimedOut),
    (foreign.AuthenticationError, Failed),
    (foreign.AuthorizationError, Failed),
    (foreign.ConnectionError, Unavailable),
    (foreign.ClusterDownError, Unavailable),
    (foreign.RedisError, Failed),
    (foreign.RedisClusterException, Failed),
    (foreign.ChildDeadlockedError, Failed),
    (foreign.IncorrectPolicyType, Failed),  # type: ignore[attr-defined]  # newer than the stubs
    (OSError, Unavailable),
)
# KEYS: applied, overlay, rows. ARGV: how many of the latest of the overlay.
READ_PERSON = """
return {
  redis.call('GET', KEYS[1]),
  redis.call('LRANGE', KEYS[2], -ARGV[1], -1),
  #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3)) or {},
}
"""
FOREIGN = tuple(theirs for theirs, _ in ERRORS)


def translated(error: Exception) -> OutsideError:
    """Ours for one of redis-py's."""
    ours = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
    return ours(f"Redis: {str(error) or type(error).__name__}")


class RedisRows:
    """A RowsDoor over a pool of connections."""

    def __init__(self, pool: "redis.BlockingConnectionPool[Any]") -> None:
        self._pool = pool
        self._client: redis.Redis[bytes] = redis.Redis(connection_pool=pool)

    @classmethod
    def from_url(cls, url: str, connections: int = 32) -> "RedisRows":
        """`unix:///path` or `redis[s]://host:port/db`; nothing is opened before the first read.

        A request that finds every connection in use waits for one, within its own time. A broken
        connection is opened again once, so that a restart of Redis costs nobody an answer.
        """
        retry = Retry(NoBackoff(), 1)
        return cls(
            redis.BlockingConnectionPool.from_url(
                url, max_connections=connections, timeout=None, retry=retry
            )
        )

    async def read_person(
        self, applied: str, overlay: str, rows: Sequence[bytes], timeout_s: float
    ) -> StoredPerson:
        """What is under these keys of one slot, as of one moment, in one round trip.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._client.eval(  # type: ignore[no-untyped-call]
                    READ_PERSON, 2 + len(rows), applied, overlay, *rows, OVERLAY_LENGTH
                )
        except FOREIGN as error:
            raise translated(error) from error
        return StoredPerson(found[2], found[1], found[0])

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        """In the order of the keys, in one round trip; None where there is no row.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        groups = _by_tag(keys)
        try:
            async with asyncio.timeout(timeout_s), self._client.pipeline(transaction=False) as pipe:
                for group in groups:
                    pipe.mget(group)
                answers = await pipe.execute()
        except FOREIGN as error:
            raise translated(error) from error
        found = {
            key: row
            for group, rows in zip(groups, answers, strict=True)
            for key, row in zip(group, rows, strict=True)
        }
        return [found[key] for key in keys]

    async def close(self) -> None:
        await self._pool.disconnect()


def _by_tag(keys: Sequence[bytes]) -> list[list[bytes]]:
    """One command can name keys of one hash tag alone: they may lie on different nodes."""
    groups: dict[bytes, list[bytes]] = {}
    for key in keys:
        groups.setdefault(key.partition(b"{")[2].partition(b"}")[0], []).append(key)
    return list(groups.values())
