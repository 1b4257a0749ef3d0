"""The door to the stream of item changes."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from serving.clients.connections import FOREIGN, Connections, translated
from serving.features.item_changes import Changes, item_change
from serving.features.redis_keys import item_changes_stream, strings_key

MOST_CONNECTIONS = 4
MOST_ENTRIES = 200  # of one read
GRACE_S = 2.0  # for an answer, beyond the time that Redis is to wait for entries


class ItemChangesDoor(Protocol):
    """RedisItemChanges, or a fake."""

    async def after(self, position: str, wait_s: float) -> Changes:
        """The entries after a position, MOST_ENTRIES at most; waits so long for the first.

        Raises:
            OutsideError: the stream can't be read.
        """
        ...

    async def texts(self, keys: Sequence[int], timeout_s: float) -> dict[int, str]:
        """The texts of those keys that have one.

        Raises:
            OutsideError: the store can't be reached, is late or answers with an error.
        """
        ...


class RedisItemChanges:
    """On connections of its own, as it waits on them: one reader goes on while another catches up."""

    def __init__(self, connections: Connections, project: str) -> None:
        self._connections = connections
        self._stream, self._strings = item_changes_stream(project), strings_key(project)

    @classmethod
    def from_url(cls, url: str, project: str) -> "RedisItemChanges":
        """docs/settings.md, "Redis", says what the URL may be; nothing is opened before the first read."""
        return cls(Connections(url, MOST_CONNECTIONS, retries=1), project)

    async def after(self, position: str, wait_s: float) -> Changes:
        """As the protocol says."""
        wait_ms = max(1, round(wait_s * 1e3))
        try:
            async with asyncio.timeout(wait_s + GRACE_S):
                async with self._connections.room():
                    found = await self._connections.client.xread(
                        {self._stream: position}, MOST_ENTRIES, wait_ms
                    )
                # After the entries: what stood at the beginning by now stood there then.
                async with self._connections.pipeline() as pipe:
                    pipe.xrange(self._stream, count=1)
                    pipe.xrevrange(self._stream, count=1)
                    first, last = await pipe.execute()
        except FOREIGN as error:
            raise translated(error) from error
        entries = [item_change(*one) for _, of_stream in found for one in of_stream]
        return Changes(
            tuple(entries),
            first[0][0].decode() if first else None,
            last[0][0].decode() if last else None,
            more=len(entries) == MOST_ENTRIES,
        )

    async def texts(self, keys: Sequence[int], timeout_s: float) -> dict[int, str]:
        """As the protocol says."""
        if not keys:
            return {}
        try:
            async with asyncio.timeout(timeout_s), self._connections.room():
                names = [str(key) for key in keys]
                found = await self._connections.client.hmget(self._strings, names)
        except FOREIGN as error:
            raise translated(error) from error
        pairs = zip(keys, found, strict=True)
        return {key: text.decode() for key, text in pairs if text is not None}

    async def close(self) -> None:
        await self._connections.close()
