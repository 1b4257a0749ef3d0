"""Batches over a stream, through both clients and a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2
from recserve.client import (
    AsyncClient,
    Client,
    DeadlineExceeded,
    Event,
    FieldViolation,
    InvalidRequest,
    NotServed,
    Overloaded,
    Unavailable,
)

from serving import errors as server_errors
from serving.rpc.statuses import resource_exhausted, status, status_of
from tests.fakes.scripted_gateway import ScriptedGateway, end, refuse, refuse_batch, serving
from tests.unit.client.asking import KINDS, PATIENT_S
from tests.unit.client.streaming import LOGGED, Told, click, clicks, streamed

both = pytest.mark.parametrize("kind", KINDS)
GONE = refuse(status(code_pb2.UNAVAILABLE, "gone", "r-1"))
AWAY = refuse_batch(status(code_pb2.UNAVAILABLE, "Redis is away", "r-1"))
WRONG = server_errors.InvalidRequest(
    (server_errors.FieldViolation("events[0].kind", "is no word"),)
)


def well(context: grpc.ServicerContext) -> None:
    """The step of a batch that is taken."""


@both
async def test_every_batch_has_its_outcome_in_order(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    events = clicks(10)
    told = await streamed(kind, endpoint, events, in_flight=3)
    assert told.recorded == list(range(10))
    assert [one.events for one in told.outcomes] == [(event,) for event in events]
    assert [one.recorded.event_token for one in told.outcomes if one.recorded] == [
        f"known-{n}" for n in range(1, 11)
    ]
    assert (gateway.streams, told.error) == (1, None)


@both
async def test_events_are_put_together_and_batches_stay_as_they_are(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    given: list[Event | Sequence[Event]] = [*clicks(5), [click(5)], click(6), [click(7), click(8)]]
    told = await streamed(kind, endpoint, iter(given), batch_size=2)
    assert [len(one.events) for one in told.outcomes] == [2, 2, 1, 1, 1, 2]
    assert [len(request.events) for request in gateway.asked] == [2, 2, 1, 1, 1, 2]
    assert gateway.known == [f"e{n}" for n in range(9)]


@both
async def test_without_events_nothing_is_asked(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    assert await streamed(kind, endpoint, []) == Told([])
    assert gateway.streams == 0


@both
async def test_a_refused_batch_is_told_and_the_others_go_on(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, refuse_batch(status_of(WRONG, "r-7")))
    told = await streamed(kind, endpoint, clicks(4))
    assert told.recorded == [0, 2, 3]
    refused = told.outcomes[1]
    assert isinstance(refused.error, InvalidRequest)
    assert refused.error.violations == (FieldViolation("events[0].kind", "is no word"),)
    assert (refused.number, refused.error.request_id, refused.error.in_doubt) == (1, "r-7", False)
    assert told.error is None


@both
@pytest.mark.parametrize("ending", [GONE, end])
async def test_what_is_unanswered_when_a_connection_ends_is_sent_again(
    kind: type[Any], ending: Any, endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, well, ending, well, ending)
    told = await streamed(kind, endpoint, clicks(6))
    assert told.recorded == list(range(6))
    assert gateway.known == [f"e{n}" for n in range(6)]
    assert gateway.streams == 3


@both
async def test_what_was_taken_before_its_answer_was_lost_counts_once(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    def take_and_go(context: grpc.ServicerContext) -> object:
        gateway.known.append("e1")
        return end(context)

    gateway.plan(well, take_and_go)
    told = await streamed(kind, endpoint, clicks(3))
    assert [one.recorded and one.recorded.duplicate_count for one in told.outcomes] == [0, 1, 0]
    assert gateway.known == ["e0", "e1", "e2"]


@both
async def test_a_batch_that_passing_trouble_refused_is_sent_again_over_the_same_stream(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    late = refuse_batch(status(code_pb2.DEADLINE_EXCEEDED, "late", "r-1"))
    gateway.plan(well, AWAY, late, well, AWAY)
    told = await streamed(kind, endpoint, clicks(5), in_flight=2)
    assert sorted(told.recorded) == list(range(5))
    assert sorted(gateway.known) == [f"e{n}" for n in range(5)]
    assert (gateway.streams, told.error) == (1, None)


@both
async def test_a_connection_without_answers_is_taken_for_lost(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, gateway.hang)
    told = await streamed(kind, endpoint, clicks(4), timeout_s=1)
    assert told.recorded == list(range(4))
    assert await asyncio.to_thread(gateway.abandoned.acquire, timeout=10)
    assert gateway.streams == 2


@both
async def test_when_patience_ends_every_batch_that_was_taken_is_told(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(well, well, GONE)
    asked: list[int] = []

    def source() -> Iterator[Event]:
        for number in range(1_000):
            asked.append(number)
            yield click(number)

    told = await streamed(kind, endpoint, source(), patience_s=0, in_flight=3)
    assert [one.number for one in told.outcomes] == asked
    assert told.recorded == [0, 1]
    assert isinstance(told.error, Unavailable)
    assert told.error.in_doubt
    assert {one.error for one in told.outcomes[2:]} == {told.error}
    assert 1 <= len(told.outcomes[2:]) <= 3
    assert isinstance(told.error.__cause__, grpc.RpcError)


@both
async def test_a_stream_that_stays_full_is_told_as_such(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(*[refuse_batch(resource_exhausted("r-1"))] * 10)
    told = await streamed(kind, endpoint, clicks(2), patience_s=0)
    assert isinstance(told.error, Overloaded)
    assert told.error.in_doubt  # another partition's stream may have had room
    assert [one.number for one in told.outcomes] == [0, 1]


@both
async def test_a_server_without_streams_is_not_asked_again(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    gateway.plan(refuse(status(code_pb2.UNIMPLEMENTED, "no such method", "r-1")))
    told = await streamed(kind, endpoint, clicks(1))
    assert isinstance(told.error, NotServed)
    assert not told.error.in_doubt
    assert gateway.streams == 1


@both
async def test_no_server_is_waited_for_as_long_as_patience_says(kind: type[Any]) -> None:
    told = await streamed(kind, "127.0.0.1:1", clicks(1), patience_s=0.3)
    assert isinstance(told.error, Unavailable | DeadlineExceeded)
    assert [one.number for one in told.outcomes] == [0]


@both
async def test_another_server_takes_over(kind: type[Any]) -> None:
    gateways = [ScriptedGateway(), ScriptedGateway()]
    for gateway in gateways:
        gateway.plan(well, GONE)
    with serving(gateways[0]) as one, serving(gateways[1]) as other:
        told = await streamed(kind, f"ipv4:{one},{other}", clicks(8))
    assert told.recorded == list(range(8))
    assert sum(len(gateway.known) for gateway in gateways) == 8


@both
async def test_what_the_source_raises_ends_the_stream(kind: type[Any], endpoint: str) -> None:
    def source() -> Iterator[Event]:
        yield click(0)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        await streamed(kind, endpoint, source())


async def test_outcomes_come_while_an_asynchronous_source_waits(endpoint: str) -> None:
    told = asyncio.Event()

    async def source() -> AsyncIterator[Event]:
        yield click(0)
        await told.wait()
        yield click(1)

    numbers = []
    async with asyncio.timeout(PATIENT_S), AsyncClient(endpoint, timeout_s=PATIENT_S) as client:
        async for outcome in client.record_stream(source(), batch_size=1, consent=LOGGED):
            numbers.append(outcome.number)
            told.set()
    assert numbers == [0, 1]


@both
async def test_a_caller_may_leave_before_the_end(
    kind: type[Any], endpoint: str, gateway: ScriptedGateway
) -> None:
    def leave() -> None:
        with Client(endpoint, timeout_s=PATIENT_S) as client:
            for outcome in client.record_stream(clicks(1_000), batch_size=1, in_flight=2):
                assert outcome.number == 0
                return

    if kind is Client:
        await asyncio.to_thread(leave)
    else:
        async with AsyncClient(endpoint, timeout_s=PATIENT_S) as client:
            stream = client.record_stream(clicks(1_000), batch_size=1, in_flight=2)
            assert (await anext(stream)).number == 0
            await stream.aclose()  # type: ignore[attr-defined]
    assert len(gateway.asked) < 10


@both
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"batch_size": 0}, "batch_size is 0; give 1 to 500"),
        ({"batch_size": 501}, "batch_size is 501"),
        ({"in_flight": 0}, "in_flight is 0; give 1 or more"),
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"timeout_s": float("inf")}, "timeout_s is inf"),
        ({"patience_s": -1}, "patience_s is -1"),
        ({"patience_s": float("nan")}, "patience_s is nan"),
    ],
)
async def test_what_is_out_of_range_is_refused_before_anything_is_asked(
    kind: type[Any], options: dict[str, Any], problem: str, endpoint: str, gateway: ScriptedGateway
) -> None:
    with pytest.raises(ValueError, match=problem):
        await streamed(kind, endpoint, clicks(1), **options)
    assert gateway.streams == 0
