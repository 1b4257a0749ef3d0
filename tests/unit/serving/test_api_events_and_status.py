import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio
from recserve.v1 import event_service_pb2 as pb
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2 as recommendation_pb
from recserve.v1 import request_log_pb2 as log_pb
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1 import status_service_pb2_grpc as status_stubs

from serving.api import EventServicer, StatusServicer
from serving.errors import StreamFull, Unavailable
from serving.features.redis_keys import PARTITIONS
from serving.process.live import LivePipeline
from serving.rpc.calls import ApiOptions, Calls
from serving.rpc.event_tokens import EventTokens
from serving.rpc.tokens import derived_key, user_hash
from serving.search.encode import TextEncoder
from serving.search.engine import LiveSearch
from serving.search.pipeline import Search
from serving.search.semantic import Semantic
from serving.search.vectors import ItemVectors
from tests.fakes.encoders import write_encoder
from tests.fakes.shop import ITEMS, NOW_US, PROJECT, shop_offers
from tests.fakes.shop_pipeline import Shop
from tests.fakes.sinks import ListRecorder, ListStreams
from tests.fakes.time import FakeClock
from tests.unit.serving.search.shop import shop_engine

KEY = b"k" * 32
ALL = recommendation_pb.Consent(personalization=True, logging=True)


@dataclass
class Gateway:
    """Two servicers behind a real port, and what is around them."""

    streams: ListStreams = field(default_factory=ListStreams)
    recorder: ListRecorder = field(default_factory=ListRecorder)
    calls: Calls = field(init=False)
    events: event_stubs.EventServiceStub = field(init=False)
    status: status_stubs.StatusServiceStub = field(init=False)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    made, shop = Gateway(), Shop(offers=shop_offers())
    search = LiveSearch(shop_engine(tmp_path / "0123456789abcdef"), None, vectors(shop, tmp_path))
    pipeline = LivePipeline(shop.pipeline, Search(search))
    calls = made.calls = Calls(
        FakeClock(), made.recorder, ApiOptions(KEY, new_request_id=lambda: "made-here")
    )
    server = aio.server()
    event_stubs.add_EventServiceServicer_to_server(
        EventServicer(pipeline, made.streams, calls), server
    )
    status_stubs.add_StatusServiceServicer_to_server(StatusServicer(pipeline, calls), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        made.events = event_stubs.EventServiceStub(channel)
        made.status = status_stubs.StatusServiceStub(channel)
        yield made
    await server.stop(None)


def vectors(shop: Shop, folder: Path) -> Semantic:
    files = write_encoder(folder)
    of = ItemVectors(
        "fedcba9876543210",
        files.encoder_id,
        np.array([100]),
        np.array([0], dtype=np.int32),
        np.array([7]),
        np.eye(1, 3, dtype=np.float32),
    )
    return Semantic(TextEncoder(files, shop.triton), of)


def batch(*user_ids: str, consent: recommendation_pb.Consent = ALL) -> pb.RecordEventsRequest:
    now = Timestamp()
    now.FromMicroseconds(NOW_US)
    events = [
        pb.Event(event_id=f"e-{n}", user_id=u, item_id="100", kind="click", event_time=now)
        for n, u in enumerate(user_ids)
    ]
    return pb.RecordEventsRequest(events=events, consent=consent)


def entries(gateway: Gateway) -> list[bytes]:
    return [event.entry for event in gateway.streams.events]


async def test_events_are_in_their_persons_stream_when_the_caller_hears_of_it(gateway: Gateway):
    reply = await gateway.events.RecordEvents(batch("5", "69", "5"))
    assert (reply.recorded_count, reply.discarded_count, reply.request_id) == (3, 0, "made-here")
    assert [event.user_key for event in gateway.streams.events] == [5, 69, 5]
    logged = log_pb.LoggedEvent.FromString(gateway.streams.events[0].entry)
    assert (logged.event.event_id, logged.event.user_id) == ("e-0", "5")
    assert logged.user_hash == user_hash(KEY, "5")
    assert logged.received_at_us == NOW_US
    assert gateway.recorder.requests == [("RecordEvents", "OK")]


async def test_one_person_has_one_id_and_one_hash(gateway: Gateway):
    request = batch("007", "7")
    request.events[0].item_id = "0100"
    await gateway.events.RecordEvents(request)
    logged = [log_pb.LoggedEvent.FromString(raw) for raw in entries(gateway)]
    assert {(one.event.user_id, one.user_hash) for one in logged} == {("7", user_hash(KEY, "7"))}
    assert {one.event.item_id for one in logged} == {"100"}


async def test_without_consent_to_logging_nothing_is_kept(gateway: Gateway):
    allowed = recommendation_pb.Consent(personalization=True)
    reply = await gateway.events.RecordEvents(batch("5", "6", consent=allowed))
    assert (reply.recorded_count, reply.discarded_count) == (0, 2)
    assert gateway.streams.events == []


async def test_without_consent_to_personalization_the_person_is_a_hash(gateway: Gateway):
    allowed = recommendation_pb.Consent(logging=True)
    await gateway.events.RecordEvents(batch("5", consent=allowed))
    logged = log_pb.LoggedEvent.FromString(entries(gateway)[0])
    assert logged.event.user_id == ""
    assert len(logged.user_hash) == 32


async def test_a_bad_event_keeps_the_whole_batch_out(gateway: Gateway):
    with pytest.raises(aio.AioRpcError) as caught:
        await gateway.events.RecordEvents(batch("5", "anna"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "events[1].user_id" in str(caught.value.details())
    assert gateway.streams.events == []


async def test_an_event_that_is_sent_again_counts_once(gateway: Gateway):
    first = await gateway.events.RecordEvents(batch("5", "6"))
    again = await gateway.events.RecordEvents(batch("5", "6"))
    assert (first.recorded_count, first.duplicate_count) == (2, 0)
    assert (again.recorded_count, again.duplicate_count) == (2, 2)
    assert len(gateway.streams.events) == 2
    assert again.event_token == first.event_token


async def test_the_token_tells_the_last_position_of_each_partition(gateway: Gateway):
    reply = await gateway.events.RecordEvents(batch("5", "6", str(5 + PARTITIONS)))
    tokens = EventTokens(derived_key(KEY, "event token"))
    assert tokens.read(reply.event_token) == {5: (3, 0), 6: (2, 0)}
    nothing = await gateway.events.RecordEvents(batch("5", consent=recommendation_pb.Consent()))
    assert nothing.event_token == ""


async def test_a_stream_answers_each_batch_and_outlives_a_refused_one(gateway: Gateway):
    batches = [batch("5"), batch("5", "anna"), batch("7"), pb.RecordEventsRequest()]
    batches[1].request_id = "second"
    asked = (pb.StreamEventsRequest(batch=one) for one in batches)
    answers = [answer async for answer in gateway.events.StreamEvents(asked)]
    outcomes = [answer.WhichOneof("outcome") for answer in answers]
    assert outcomes == ["recorded", "error", "recorded", "error"]
    refused = answers[1].error
    assert (refused.code, refused.request_id) == (3, "second")
    assert [field.field for field in refused.invalid_fields] == ["events[1].user_id"]
    assert [field.field for field in answers[3].error.invalid_fields] == ["events"]
    assert [event.user_key for event in gateway.streams.events] == [5, 7]
    codes = ("OK", "INVALID_ARGUMENT", "OK", "INVALID_ARGUMENT")
    assert gateway.recorder.requests == [("StreamEvents", code) for code in codes]


async def test_a_stream_ends_after_its_batch_when_the_worker_drains(gateway: Gateway):
    call = gateway.events.StreamEvents()
    await call.write(pb.StreamEventsRequest(batch=batch("5")))
    assert (await call.read()).recorded.recorded_count == 1
    gateway.calls.drain()
    assert await call.read() is aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_that_its_caller_gives_up_is_no_error(gateway: Gateway):
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    for _ in range(3):
        call = gateway.events.StreamEvents()
        await call.write(pb.StreamEventsRequest(batch=batch("5")))
        await call.read()
        call.cancel()
        await gateway.events.RecordEvents(batch("5"))
    gc.collect()
    await gateway.events.RecordEvents(batch("5"))
    assert told == []


async def test_a_full_stream_takes_nothing_more(gateway: Gateway):
    gateway.streams.error = StreamFull("full")
    with pytest.raises(aio.AioRpcError) as caught:
        await gateway.events.RecordEvents(batch("5"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_events_that_could_not_be_written_are_the_callers_to_send_again(gateway: Gateway):
    gateway.streams.error = Unavailable("Redis: away")
    with pytest.raises(aio.AioRpcError) as caught:
        await gateway.events.RecordEvents(batch("5"))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert gateway.recorder.requests == [("RecordEvents", "UNAVAILABLE")]


async def test_the_status_tells_what_is_served(gateway: Gateway):
    told = await gateway.status.GetStatus(status_pb.GetStatusRequest())
    assert (told.project, told.bundle_id) == (PROJECT, "0123456789abcdef")
    assert (told.snapshot_version, told.item_count, told.offer_count) == ("snapshot-1", ITEMS, 5)
    names = [recommendation_pb.Surface.Name(number) for number in told.surfaces]
    assert names == ["SURFACE_PRODUCT", "SURFACE_AD", "SURFACE_PROMOTION"]
    assert told.id_kind == status_pb.ID_KIND_INTEGER
    assert [(f.name, f.kind) for f in told.filter_fields] == [
        ("brand", status_pb.FILTER_KIND_TEXT),
        ("popularity", status_pb.FILTER_KIND_NUMBER),
        ("price", status_pb.FILTER_KIND_NUMBER),
        ("type", status_pb.FILTER_KIND_TEXT),
    ]
    assert list(told.models) == ["ranker", "similar", "two_tower"]
    assert told.horizon_days == 14
    assert told.server_time.ToMicroseconds() == NOW_US
    assert told.index_version == "0123456789abcdef"
    assert told.vectors_version == "fedcba9876543210"
    unfilled = set(told.DESCRIPTOR.fields_by_name) - {f.name for f, _ in told.ListFields()}
    assert unfilled == set()


async def test_a_request_id_that_can_be_none_is_refused_by_the_status_too(gateway: Gateway):
    with pytest.raises(aio.AioRpcError) as caught:
        await gateway.status.GetStatus(status_pb.GetStatusRequest(request_id="x" * 65))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "request_id: may have at most 64" in caught.value.details()
