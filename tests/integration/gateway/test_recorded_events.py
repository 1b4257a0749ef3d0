"""Events through a real gateway into the streams of a real Redis, and what it says it serves."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as pb
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2 as recommendation_pb
from recserve.v1 import request_log_pb2 as log_pb
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1 import status_service_pb2_grpc as status_stubs

from serving.features.redis_keys import PARTITIONS, events_stream
from tests.integration.gateway import tiny
from tests.integration.gateway.running import PERSONAL, Gateway, RedisClient, connected, recommend

ALL = recommendation_pb.Consent(personalization=True, logging=True)


def event(event_id: str, user_id: str, **fields: object) -> pb.Event:
    when = Timestamp(seconds=1_600_000_000)
    return pb.Event(
        event_id=event_id, user_id=user_id, item_id="100", kind="click", event_time=when, **fields
    )


def record(gateway: Gateway, *events: pb.Event) -> pb.RecordEventsResponse:
    with connected(gateway) as channel:
        request = pb.RecordEventsRequest(events=events, consent=ALL)
        reply: pb.RecordEventsResponse = event_stubs.EventServiceStub(channel).RecordEvents(request)
        return reply


def stored(client: RedisClient, partition: int) -> list[log_pb.LoggedEvent]:
    entries = client.xrange(events_stream(tiny.PROJECT, partition))
    return [log_pb.LoggedEvent.FromString(fields[b"entry"]) for _, fields in entries]


def test_acknowledged_events_are_in_redis(gateway: Gateway, redis_client: RedisClient) -> None:
    reply = record(gateway, event("a", "3"), event("b", "4"), event("c", str(3 + PARTITIONS)))
    assert reply.recorded_count == 3
    assert [one.event.event_id for one in stored(redis_client, 3)] == ["a", "c"]
    assert [one.event.event_id for one in stored(redis_client, 4)] == ["b"]


def test_a_token_of_an_answer_ties_events_to_it_on_every_worker(
    gateway: Gateway, redis_client: RedisClient
) -> None:
    token = recommend(gateway, PERSONAL).answer.request_token
    for n in range(8):
        record(gateway, event(f"click-{n}", "9", request_token=token, slot=0))
    assert {one.event.request_token for one in stored(redis_client, 9)} == {token}


def test_a_bad_event_keeps_the_batch_out(gateway: Gateway, redis_client: RedisClient) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        record(gateway, event("x", "5"), event("y", "5", request_token="forged"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "events[1].request_token" in caught.value.details()
    assert stored(redis_client, 5) == []


def test_the_status_is_that_of_the_snapshot(gateway: Gateway) -> None:
    with connected(gateway) as channel:
        told = status_stubs.StatusServiceStub(channel).GetStatus(status_pb.GetStatusRequest())
    assert (told.project, told.item_count) == (tiny.PROJECT, tiny.ITEMS)
    assert [field.name for field in told.filter_fields] == ["department", "popularity"]


def test_items_are_filtered_without_any_model(gateway: Gateway) -> None:
    few = recommendation_pb.Filter(field="popularity", minimum=0.9)
    request = recommendation_pb.RecommendRequest(
        surface=recommendation_pb.SURFACE_PRODUCT, page_size=100, filters=[few]
    )
    answer = recommend(gateway, request)
    assert [item.item_id for item in answer.items] == ["100", "101", "102", "103"]
