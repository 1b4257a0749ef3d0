"""The request log: what was served, sent to a stream in the background and never in a caller's way.

At least once: when a write fails half way, its entries are sent again. While Redis is away entries
wait, up to `CAPACITY`; what comes after that is dropped and counted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from serving.errors import OutsideError

if TYPE_CHECKING:
    from recserve.v1.request_log_pb2 import RequestLogEntry

KEPT = 1_000_000  # entries in the stream, about
CAPACITY = 10_000  # entries waiting in this process
BATCH = 256
LINGER_S = 0.02  # for others to join the first of a batch
LONGEST_PAUSE_S = 2.0
TIMEOUT_S = 1.0  # of a write

log = logging.getLogger(__name__)


class Events(Protocol):
    """serving.clients.events.RedisEvents, or a fake."""

    async def append(
        self, stream: str, entries: Sequence[bytes], keep: int, timeout_s: float
    ) -> None: ...


def stream_of(project: str) -> str:
    return f"recserve:{{{project}}}:request_log"


class StreamedRequestLog:
    """Fulfils `RequestLog` of serving/types.py."""

    def __init__(
        self, events: Events, stream: str, dropped: Callable[[int], None], capacity: int = CAPACITY
    ) -> None:
        self._events = events
        self._stream = stream
        self._dropped = dropped
        self._waiting: asyncio.Queue[RequestLogEntry] = asyncio.Queue(capacity)
        self._undelivered = 0

    def record(self, entry: "RequestLogEntry") -> None:
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self._dropped(1)
        else:
            self._undelivered += 1

    async def deliver(self) -> None:
        """Sends batches for ever."""
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(LINGER_S)
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._send([entry.SerializeToString() for entry in batch])
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
        pause_s = 0.05
        while True:
            try:
                await self._events.append(self._stream, entries, KEPT, TIMEOUT_S)
            except OutsideError as error:
                log.warning("request log: %s; trying again in %.2f s", error, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                return


@asynccontextmanager
async def open_request_log(
    events: Events, project: str, dropped: Callable[[int], None], grace_s: float
) -> AsyncIterator[StreamedRequestLog]:
    """A log that is being delivered; at the end what waits is sent within `grace_s`."""
    streamed = StreamedRequestLog(events, stream_of(project), dropped)
    async with asyncio.TaskGroup() as group:
        delivery = group.create_task(streamed.deliver())
        try:
            yield streamed
            await streamed.close(grace_s)
        finally:
            delivery.cancel()
