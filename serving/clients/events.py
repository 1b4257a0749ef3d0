"""The doors to the streams in Redis: they append entries."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis import exceptions as foreign

from serving.clients.connections import FOREIGN, Connections, translated
from serving.errors import StreamFull, TimedOut
from serving.events import NewEvent, Recorded
from serving.features.redis_keys import (
    PARTITIONS,
    event_ids_key,
    events_stream,
    overlay_key,
    partition_of,
)

FIELD = "entry"
REMEMBERED_MS = 24 * 3_600_000  # an event that is sent again within that time is recognised

# Of one partition. KEYS: stream, event ids, overlays. ARGV: how many entries the stream may have, how long
# ids are remembered, then of each event its token, entry, overlay content and the overlay's place in KEYS.
# Answers milliseconds, number and whether it stood there, of each event. All is done, or nothing.
RECORD = """
local count = (#ARGV - 2) / 4
if redis.call('XLEN', KEYS[1]) + count > tonumber(ARGV[1]) then
  return redis.error_reply('FULL')
end
local answer, now = {}, nil
for n = 0, count - 1 do
  local at = 3 + 4 * n
  local known = redis.call('ZSCORE', KEYS[2], ARGV[at])
  if known then
    answer[n + 1] = {tonumber(known), 0, 1}
  else
    local id = redis.call('XADD', KEYS[1], '*', 'entry', ARGV[at + 1])
    local dash = string.find(id, '-', 1, true)
    local ms, number = tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
    redis.call('ZADD', KEYS[2], ms, ARGV[at])
    if ARGV[at + 2] ~= '' then
      redis.call('RPUSH', KEYS[tonumber(ARGV[at + 3])], struct.pack('<i8i8', ms, number) .. ARGV[at + 2])
    end
    answer[n + 1], now = {ms, number, 0}, ms
  end
end
if now then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[2]))
end
return answer
"""


class RedisEvents:
    """On a connection of its own, so that what is written here never stands before a read."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @classmethod
    def from_url(cls, url: str) -> "RedisEvents":
        """docs/settings.md, "Redis", says what the URL may be; nothing is opened before the first entry."""
        return cls(Connections(url, 1, retries=0))

    async def append(
        self, stream: str, entries: Sequence[bytes], keep: int, timeout_s: float
    ) -> None:
        """Appends the entries in order, in one round trip; the stream keeps about `keep` of them.

        Raises:
            OutsideError: none, some or all of the entries were appended.
        """
        try:
            async with asyncio.timeout(timeout_s), self._connections.pipeline() as pipe:
                for entry in entries:
                    pipe.xadd(stream, {FIELD: entry}, maxlen=keep, approximate=True)
                await pipe.execute()
        except FOREIGN as error:
            raise translated(error) from error

    async def close(self) -> None:
        await self._connections.close()


class RedisEventStreams:
    """Of what people did, by partition: written at once, as the caller waits for it.

    A project's streams together take about `room` entries that are not worked off; more are refused.
    """

    def __init__(self, connections: Connections, project: str, room: int) -> None:
        self._connections, self._project = connections, project
        self._room = max(1, room // PARTITIONS)

    @classmethod
    def from_url(
        cls, url: str, project: str, room: int, connections: int = 8
    ) -> "RedisEventStreams":
        """As `RedisEvents.from_url`; a batch that finds every connection in use waits for one."""
        return cls(Connections(url, connections, retries=0), project, room)

    async def record(self, events: Sequence[NewEvent], timeout_s: float) -> list[Recorded]:
        """Appends each event to its stream and overlay, in one round trip; those of a partition, all or none.

        Raises:
            StreamFull: a partition has no room for its events.
            OutsideError: it is not known which of them were appended.
        """
        if timeout_s <= 0:
            raise TimedOut("Redis: no time was left to write")
        parts: dict[int, list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            parts[partition_of(event.user_key)].append(place)
        try:
            async with asyncio.timeout(timeout_s), self._connections.pipeline() as pipe:
                for partition, places in parts.items():
                    keys, arguments = self._asked(partition, [events[place] for place in places])
                    pipe.eval(RECORD, len(keys), *keys, *arguments)
                answers = await pipe.execute(raise_on_error=False)
        except FOREIGN as error:
            raise translated(error) from error
        found: dict[int, Recorded] = {}
        for places, answer in zip(parts.values(), answers, strict=True):
            for place, (ms, number, stood) in zip(places, self._accepted(answer), strict=True):
                found[place] = Recorded((ms, number), bool(stood))
        return [found[place] for place in range(len(events))]

    def _asked(
        self, partition: int, events: Sequence[NewEvent]
    ) -> tuple[list[str], list[str | bytes | int]]:
        """Keys and arguments of RECORD."""
        overlays = {e.user_key: overlay_key(self._project, e.user_key) for e in events}
        places = {user: place for place, user in enumerate(overlays, 3)}
        keys = [events_stream(self._project, partition), event_ids_key(self._project, partition)]
        arguments: list[str | bytes | int] = [self._room, REMEMBERED_MS]
        for event in events:
            arguments += [event.token, event.entry, event.content, places[event.user_key]]
        return [*keys, *overlays.values()], arguments

    def _accepted(self, answer: Any) -> list[tuple[int, int, int]]:
        if isinstance(answer, foreign.ResponseError) and str(answer).startswith("FULL"):
            raise StreamFull(
                f"an event stream holds {self._room} entries that are not worked off; is the ingest "
                "worker running?"
            ) from answer
        if isinstance(answer, FOREIGN):
            raise translated(answer) from answer
        taken: list[tuple[int, int, int]] = answer
        return taken

    async def close(self) -> None:
        await self._connections.close()
