"""The door to the online store: packed rows by key."""

import asyncio
from collections.abc import Sequence

from serving.clients.connections import FOREIGN, Connections, translated
from serving.errors import TimedOut
from serving.features.overlay import LONGEST as OVERLAY_LENGTH
from serving.types import StoredPerson

# KEYS: applied, overlay, rows. ARGV: how many of the latest of the overlay.
READ_PERSON = """
return {
  redis.call('GET', KEYS[1]),
  redis.call('LRANGE', KEYS[2], -ARGV[1], -1),
  #KEYS > 2 and redis.call('MGET', unpack(KEYS, 3)) or {},
}
"""


class RedisRows:
    """A RowsDoor over a pool of connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @classmethod
    def from_url(cls, url: str, connections: int = 32) -> "RedisRows":
        """docs/settings.md, "Redis", says what the URL may be; nothing is opened before the first read.

        A request that finds every connection in use waits for one, within its own time. A broken
        connection is opened again once, so that a restart of Redis costs nobody an answer.
        """
        return cls(Connections(url, connections, retries=1))

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
            async with asyncio.timeout(timeout_s), self._connections.room():
                found = await self._connections.client.eval(
                    READ_PERSON, 2 + len(rows), applied, overlay, *rows, OVERLAY_LENGTH
                )
        except FOREIGN as error:
            raise translated(error) from error
        return StoredPerson(found[2], found[1], found[0])

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        """In the order of the keys; in one round trip, of a cluster to each node; None: there is no row.

        Raises:
            OutsideError: Redis can't be reached, is late or answers with an error.
        """
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to ask")
        try:
            async with asyncio.timeout(timeout_s), self._connections.room():
                rows = await self._connections.mget(keys)
        except FOREIGN as error:
            raise translated(error) from error
        return rows

    async def close(self) -> None:
        await self._connections.close()
