"""The door to the online store: packed rows by key."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import exceptions as foreign

from serving.clients.connections import FOREIGN, Connections, translated
from serving.clients.links import Links
from serving.errors import TimedOut
from serving.features.overlay import LONGEST as OVERLAY_LENGTH
from serving.types import StoredPerson

MULTI, EXEC = hiredis.pack_command(("MULTI",)), hiredis.pack_command(("EXEC",))
# What the transaction of one server does, for a cluster. KEYS: applied, overlay, the stream or nothing, rows.
# ARGV: how many of the latest of the overlay, and which of the keys is the first row's.
READ_PERSON = """
local first = tonumber(ARGV[2])
return {
  redis.call('GET', KEYS[1]),
  redis.call('LRANGE', KEYS[2], -ARGV[1], -1),
  #KEYS >= first and redis.call('MGET', unpack(KEYS, first)) or {},
  first > 3 and redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1) or {},
}
"""
LAST = ("+", "-", "COUNT", 1)  # of a stream


class RedisRows:
    """A RowsDoor: over bare connections to one server, over redis-py's client to a cluster."""

    def __init__(self, connections: Connections, limit: int) -> None:
        self._connections = connections
        pool = connections.pool
        self._links = None if pool is None else Links(pool, limit)

    @classmethod
    def from_url(cls, url: str, connections: int = 32) -> "RedisRows":
        """docs/settings.md, "Redis", says what the URL may be; nothing is opened before the first read.

        A request that finds every connection in use waits for one, within its own time. A broken
        connection is opened again once, so that a restart of Redis costs nobody an answer.
        """
        return cls(Connections(url, connections, retries=1), connections)

    async def read_person(
        self,
        applied: str,
        overlay: str,
        rows: Sequence[bytes],
        timeout_s: float,
        stream: str | None = None,
    ) -> StoredPerson:
        """What is under these keys of one slot, as of one moment, in one round trip.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        if self._links is None:
            keys = [applied, overlay, *([stream] if stream else ()), *rows]
            limits = (OVERLAY_LENGTH, len(keys) - len(rows) + 1)
            found = await self._of_cluster(
                self._connections.client.eval, timeout_s, READ_PERSON, len(keys), *keys, *limits
            )
            return StoredPerson(found[2], found[1], found[0], _end(found[3]))
        commands: list[tuple[str | bytes | int, ...]] = [
            ("GET", applied),
            ("LRANGE", overlay, -OVERLAY_LENGTH, -1),
        ]
        if stream:
            commands.append(("XREVRANGE", stream, *LAST))
        if rows:
            commands.append(("MGET", *rows))
        # A transaction rather than a script: a script copies every row once more.
        packed = b"".join((MULTI, *map(_packed, commands), EXEC))
        found = (await self._asked(self._links, packed, len(commands) + 2, timeout_s))[-1]
        end = _end(found[2]) if stream else None
        return StoredPerson(found[-1] if rows else (), found[1], found[0], end)

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        """In the order of the keys; in one round trip, of a cluster to each node; None: there is no row.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        if self._links is None:
            rows: list[bytes | None] = await self._of_cluster(
                self._connections.mget, timeout_s, keys
            )
        else:
            packed = _packed(("MGET", *keys))
            rows = (await self._asked(self._links, packed, 1, timeout_s))[0]
        return rows

    async def _of_cluster(self, command: Any, timeout_s: float, *arguments: Any) -> Any:
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        try:
            async with asyncio.timeout(timeout_s), self._connections.room():
                return await command(*arguments)
        except FOREIGN as error:
            raise translated(error) from error

    async def _asked(
        self, links: Links, commands: bytes, expected: int, timeout_s: float
    ) -> list[Any]:
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        try:
            answers = await links.ask(commands, expected, timeout_s)
        except FOREIGN as error:
            raise translated(error) from error
        for answer in answers:
            if isinstance(answer, foreign.RedisError):
                raise translated(answer) from answer
        return answers

    async def close(self) -> None:
        if self._links is not None:
            await self._links.close()
        await self._connections.close()


def _end(last: Sequence[Sequence[Any]]) -> bytes | None:
    """Where a stream ends, from its last entry."""
    return last[0][0] if last else None


def _packed(command: tuple[str | bytes | int, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # of any length
    return packed
