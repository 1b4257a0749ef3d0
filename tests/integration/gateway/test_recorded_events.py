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

from serving.features.redis_keys import PARTITIONS, events_stream, overlay_key
from tests.integration.gateway import tiny
from tests.integration.gateway.running import PERSONAL, Gateway, RedisClient, connected, recommend

ALL = recommendation_pb.Consent(personalization=True, logging=True)


def event(event_id: str, user_id: str, **fields: object) -> pb.Event:
    when = Timestamp(seconds=1_600_000_000)
    usual = {"item_id": "100", "kind": "click", "event_time": when}
    return pb.Event(event_id=event_id, user_id=user_id, **(usual | fields))


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


def bought(gateway: Gateway, user: str, token: str = "") -> recommendation_pb.RecommendResponse:
    """The answer with the person's own purchases among its candidates."""
    request = recommendation_pb.RecommendRequest(
        user_id=user,
        surface=recommendation_pb.SURFACE_PRODUCT,
        page_size=100,
        consent=ALL,
        event_token=token,
    )
    return recommend(gateway, request)


def repeated(answer: recommendation_pb.RecommendResponse) -> set[str]:
    return {
        item.item_id
        for item in answer.items
        if recommendation_pb.CANDIDATE_SOURCE_REPEAT in item.sources
    }


def behind(answer: recommendation_pb.RecommendResponse) -> bool:
    reasons = {degradation.reason for degradation in answer.answer.degradations}
    return recommendation_pb.DEGRADATION_REASON_BEHIND in reasons


def test_a_purchase_is_seen_by_the_next_request_on_every_worker(gateway: Gateway) -> None:
    """No ingest worker runs: all is in the overlay."""
    for item in range(100, 120):
        reply = record(gateway, event(f"o{item}", "21", item_id=str(item), kind="purchase"))
        for _ in range(4):  # connections of their own, on whichever worker
            answer = bought(gateway, "21", reply.event_token)
            assert repeated(answer) == {str(known) for known in range(100, item + 1)}
            assert not behind(answer)
    assert repeated(bought(gateway, "21")) == {str(item) for item in range(100, 120)}
    assert repeated(bought(gateway, "22")) == set()


def test_the_same_event_again_is_told_and_counts_once(
    gateway: Gateway, redis_client: RedisClient
) -> None:
    first = record(gateway, event("again", "23", kind="purchase"))
    second = record(gateway, event("again", "23", kind="purchase"), event("new", "23"))
    assert (first.recorded_count, first.duplicate_count) == (1, 0)
    assert (second.recorded_count, second.duplicate_count) == (2, 1)
    assert len(stored(redis_client, 23)) == 2


def test_a_store_that_lost_the_events_of_a_token_is_told(
    gateway: Gateway, redis_client: RedisClient
) -> None:
    token = record(gateway, event("lost", "24", kind="purchase")).event_token
    redis_client.delete(overlay_key(tiny.PROJECT, 24), events_stream(tiny.PROJECT, 24))
    assert behind(bought(gateway, "24", token))
    assert not behind(bought(gateway, "25", token))  # it says nothing of others' events


def test_a_token_of_others_events_or_of_one_without_effect_leaves_no_answer_behind(
    gateway: Gateway,
) -> None:
    """No ingest worker runs; 30 and 94 are of one partition."""
    both = event("h1", "30", kind="purchase"), event("h2", "94", kind="purchase")
    assert not behind(bought(gateway, "30", record(gateway, *both).event_token))
    worthless = event("h3", "30", kind="purchase")
    worthless.value = 0
    assert not behind(bought(gateway, "30", record(gateway, worthless).event_token))


def test_without_personalisation_nothing_of_the_person_is_read_or_changed(
    gateway: Gateway,
) -> None:
    with connected(gateway) as channel:
        consent = recommendation_pb.Consent(logging=True)
        request = pb.RecordEventsRequest(
            events=[event("quiet", "26", kind="purchase")], consent=consent
        )
        event_stubs.EventServiceStub(channel).RecordEvents(request)
    assert repeated(bought(gateway, "26")) == set()


@pytest.mark.parametrize("token", ["forged", "AQ" * 30, "x" * 1_133, "ü"])
def test_a_token_that_was_not_issued_here_is_refused(gateway: Gateway, token: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        bought(gateway, "27", token)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "event_token" in caught.value.details()


def test_a_stream_of_batches_is_answered_batch_by_batch(gateway: Gateway) -> None:
    batches = [
        pb.StreamEventsRequest(
            batch=pb.RecordEventsRequest(
                events=[event(f"s{n}", "28", item_id=str(100 + n), kind="purchase" if n else "")],
                consent=ALL,
                request_id=f"batch-{n}",
            )
        )
        for n in range(5)
    ]
    with connected(gateway) as channel:
        stub = event_stubs.EventServiceStub(channel)
        answers = list(stub.StreamEvents(iter(batches)))
    assert answers[0].error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert [one.field for one in answers[0].error.invalid_fields] == ["events[0].kind"]
    assert [one.recorded.request_id for one in answers[1:]] == [f"batch-{n}" for n in range(1, 5)]
    seen = bought(gateway, "28", answers[-1].recorded.event_token)
    assert repeated(seen) == {"101", "102", "103", "104"}


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
