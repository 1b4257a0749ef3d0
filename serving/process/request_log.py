"""The request log: what was served, sent to a stream in the background and never in a caller's way.

At least once: when a write fails half way, its entries are sent again. While Redis is away entries
wait, up to `ROOM` bytes; what comes after that is dropped and counted.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from serving.errors import OutsideError
from serving.features.redis_keys import request_log_stream

if TYPE_CHECKING:
    from recserve.v1.request_log_pb2 import RequestLogEntry

ROOM = 32 << 20  # bytes of entries waiting in this process
BATCH, BATCH_BYTES = 256, 1 << 20  # whatever is reached first
LINGER_S = 0.02  # for others to join the first of a batch
LONGEST_PAUSE_S = 2.0
TIMEOUT_S = 1.0  # of a write
QUIET_S = 60.0  # between two lines that say the store is away

log = logging.getLogger(__name__)


class Events(Protocol):
    """serving.clients.events.RedisEvents, or a fake."""

    async def append(
        self, stream: str, entries: Sequence[bytes], keep: int, timeout_s: float
    ) -> None: ...


class StreamedRequestLog:
    """Fulfils `RequestLog` of serving/types.py."""

    def __init__(
        self,
        events: Events,
        stream: str,
        keep: int,
        dropped: Callable[[int], None],
        room: int = ROOM,
    ) -> None:
        self._events = events
        self._stream, self._keep = stream, keep
        self._dropped = dropped
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = room
        self._undelivered = 0

    def record(self, entry: "RequestLogEntry") -> None:
        raw = entry.SerializeToString()
        if len(raw) > self._room:
            self._dropped(1)
            return
        self._room -= len(raw)
        self._undelivered += 1
        self._waiting.put_nowait(raw)

    async def deliver(self) -> None:
        """Sends batches for ever."""
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(LINGER_S)
            size = len(batch[0])
            while len(batch) < BATCH and size < BATCH_BYTES and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
                size += len(batch[-1])
            await self._send(batch)
            self._room += size
            self._undelivered -= len(batch)
            for _ in batch:
                self._waiting.task_done()

    async def close(self, grace_s: float) -> None:
        """Waits until everything is sent, at most `grace_s`; counts the rest as dropped."""
        try:
            async with asyncio.timeout(grace_s):
                await self._waiting.join()
        except TimeoutError:
            log.warning("request log: %d entries could not be sent", self._undelivered)
            self._dropped(self._undelivered)

    async def _send(self, entries: Sequence[bytes]) -> None:
        """Tries until it succeeds; says so at the first failure, then now and then."""
        pause_s, failures, quiet_until = 0.05, 0, 0.0
        while True:
            try:
                await self._events.append(self._stream, entries, self._keep, TIMEOUT_S)
            except OutsideError as error:
                failures += 1
                if time.monotonic() >= quiet_until:
                    log.warning("request log: %s; %d entries wait", error, self._undelivered)
                    quiet_until = time.monotonic() + QUIET_S
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if failures:
                    log.info("request log: sent after %d failures", failures)
                return


@asynccontextmanager
async def open_request_log(
    events: Events, project: str, keep: int, dropped: Callable[[int], None], grace_s: float
) -> AsyncIterator[StreamedRequestLog]:
    """Keeps about `keep` entries; at the end what waits is sent within `grace_s`."""
    streamed = StreamedRequestLog(events, request_log_stream(project), keep, dropped)
    async with asyncio.TaskGroup() as group:
        delivery = group.create_task(streamed.deliver())
        try:
            yield streamed
            await streamed.close(grace_s)
        finally:
            delivery.cancel()
