"""The door to the online store: packed rows by key."""

from collections.abc import Sequence
from typing import Any

import hiredis
from redis import asyncio as redis
from redis import exceptions as foreign
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from serving.clients.links import Links
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
MULTI, EXEC = hiredis.pack_command(("MULTI",)), hiredis.pack_command(("EXEC",))
FOREIGN = tuple(theirs for theirs, _ in ERRORS)


def translated(error: Exception) -> OutsideError:
    """Ours for one of redis-py's."""
    ours = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
    return ours(f"Redis: {str(error) or type(error).__name__}")


def _packed(command: tuple[str | bytes | int, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # of any length
    return packed


class RedisRows:
    """A RowsDoor over a pool of connections."""

    def __init__(self, pool: "redis.ConnectionPool[Any]", connections: int) -> None:
        self._pool = pool
        self._links = Links(pool, connections)

    @classmethod
    def from_url(cls, url: str, connections: int = 32) -> "RedisRows":
        """`unix:///path` or `redis[s]://host:port/db`; nothing is opened before the first read.

        A request that finds every connection in use waits for one, within its own time. A broken
        connection is opened again once, so that a restart of Redis costs nobody an answer.
        """
        retry = Retry(NoBackoff(), 0)
        return cls(redis.ConnectionPool.from_url(url, retry=retry), connections)

    async def read_person(
        self, applied: str, overlay: str, rows: Sequence[bytes], timeout_s: float
    ) -> StoredPerson:
        """What is under these keys of one slot, as of one moment, in one round trip.

        A transaction rather than a script: a script copies every row once more.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        commands: list[tuple[str | bytes | int, ...]] = [
            ("GET", applied),
            ("LRANGE", overlay, -OVERLAY_LENGTH, -1),
        ]
        if rows:
            commands.append(("MGET", *rows))
        packed = b"".join((MULTI, *map(_packed, commands), EXEC))
        found = (await self._asked(packed, len(commands) + 2, timeout_s))[-1]
        return StoredPerson(found[2] if rows else (), found[1], found[0])

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        """In the order of the keys, in one round trip; None where there is no row.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        packed = _packed(("MGET", *keys))
        rows: list[bytes | None] = (await self._asked(packed, 1, timeout_s))[0]
        return rows

    async def _asked(self, commands: bytes, expected: int, timeout_s: float) -> list[Any]:
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        try:
            answers = await self._links.ask(commands, expected, timeout_s)
        except FOREIGN as error:
            raise translated(error) from error
        for answer in answers:
            if isinstance(answer, foreign.RedisError):
                raise translated(answer) from answer
        return answers

    async def close(self) -> None:
        await self._links.close()
        await self._pool.disconnect()
