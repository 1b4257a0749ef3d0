import asyncio
from collections.abc import Sequence

import pytest
from recserve.v1.request_log_pb2 import LoggedItem, RequestLogEntry

from serving.errors import Unavailable
from serving.process.request_log import StreamedRequestLog, open_request_log
from serving.types import RequestLog

KEEP = 1_000
STREAM = "of the test"


class Stream:
    """Fulfils Events; refuses while `away`, and tells by `asked` that it was tried."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.batches = 0
        self.away = False
        self.asked = asyncio.Event()

    async def append(
        self, stream: str, entries: Sequence[bytes], keep: int, timeout_s: float
    ) -> None:
        self.asked.set()
        assert keep == KEEP
        if self.away:
            raise Unavailable("away")
        self.entries += entries
        self.batches += 1


def entry(number: int) -> RequestLogEntry:
    return RequestLogEntry(admitted_at_us=number)


def record_all(log: RequestLog, count: int) -> None:
    for number in range(count):
        log.record(entry(number))


def numbers(stream: Stream) -> list[int]:
    return [RequestLogEntry.FromString(raw).admitted_at_us for raw in stream.entries]


async def test_what_is_recorded_arrives_in_order_and_in_batches() -> None:
    stream, dropped = Stream(), list[int]()
    async with open_request_log(stream, "shop", KEEP, dropped.append, grace_s=30) as log:
        record_all(log, 600)
    assert numbers(stream) == list(range(600))
    assert stream.batches == 3
    assert dropped == []


async def test_entries_wait_while_the_store_is_away() -> None:
    stream, dropped = Stream(), list[int]()
    stream.away = True
    async with open_request_log(stream, "shop", KEEP, dropped.append, grace_s=30) as log:
        log.record(entry(1))
        await stream.asked.wait()
        log.record(entry(2))
        stream.away = False
    assert numbers(stream) == [1, 2]
    assert dropped == []


async def test_what_has_no_room_is_dropped_and_counted() -> None:
    stream, dropped = Stream(), list[int]()
    size = len(entry(1).SerializeToString())
    log = StreamedRequestLog(stream, STREAM, KEEP, dropped.append, room=3 * size)
    for number in range(1, 6):
        log.record(entry(number))
    assert sum(dropped) == 2


async def test_room_is_free_again_once_entries_were_sent() -> None:
    stream, dropped = Stream(), list[int]()
    log = StreamedRequestLog(
        stream, STREAM, KEEP, dropped.append, room=len(entry(1).SerializeToString())
    )
    delivery = asyncio.create_task(log.deliver())
    for number in range(1, 4):
        log.record(entry(number))
        await log.close(grace_s=30)
    delivery.cancel()
    assert numbers(stream) == [1, 2, 3]
    assert dropped == []


async def test_batches_of_large_entries_are_small() -> None:
    stream, dropped = Stream(), list[int]()
    large = RequestLogEntry(slate=[LoggedItem(item_id="x" * 128)] * 3_000)
    async with open_request_log(stream, "shop", KEEP, dropped.append, grace_s=30) as log:
        for _ in range(12):
            log.record(large)
    assert len(stream.entries) == 12
    assert stream.batches == 4
    assert dropped == []


async def test_a_store_that_stays_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stream, dropped = Stream(), list[int]()
    stream.away = True
    async with open_request_log(stream, "shop", KEEP, dropped.append, grace_s=30) as log:
        log.record(entry(1))
        for _ in range(3):
            stream.asked.clear()
            await stream.asked.wait()
        stream.away = False
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    assert numbers(stream) == [1]


async def test_what_can_not_be_sent_by_the_end_is_dropped_and_counted() -> None:
    stream, dropped = Stream(), list[int]()
    stream.away = True
    async with open_request_log(stream, "shop", KEEP, dropped.append, grace_s=0) as log:
        for number in range(5):
            log.record(entry(number))
    assert sum(dropped) == 5
    assert stream.entries == []
