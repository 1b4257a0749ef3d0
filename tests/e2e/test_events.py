"""What people do, from the call that records it to the answers, rows and files that know it."""

import time

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.event_service_pb2_grpc import EventServiceStub
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from serving.features.layout import LENGTH
from tests.e2e.asking import CONSENT, SECONDS, ids, rank, recommend, scores
from tests.e2e.patience import eventually
from tests.e2e.shop import Shop

LONG_AGO = Timestamp(seconds=1_700_000_000)


@pytest.fixture
def newcomer() -> str:
    """Somebody of whom nothing is known, not even from an earlier run on the same data."""
    return str(time.time_ns() // 1_000)


@pytest.fixture
def events(channel: grpc.Channel) -> EventServiceStub:
    return EventServiceStub(channel)


def purchase(user: str, item: str) -> event_pb.Event:
    return event_pb.Event(
        event_id=f"{user}-{item}",
        user_id=user,
        item_id=item,
        kind="purchase",
        event_time=LONG_AGO,
        group_id="basket",
        quantity=1,
    )


def record(events: EventServiceStub, *recorded: event_pb.Event) -> str:
    """The token of where they stand."""
    request = event_pb.RecordEventsRequest(events=recorded, consent=CONSENT)
    reply = events.RecordEvents(request, timeout=SECONDS)
    assert reply.recorded_count == len(recorded)
    token: str = reply.event_token
    return token


def listed(row: np.void, name: str) -> list[int]:
    values: list[int] = row[name][: int(row[name + LENGTH])].tolist()
    return values


def test_the_next_request_knows_a_purchase(
    stub: RecommendationServiceStub, events: EventServiceStub, newcomer: str
):
    before = stub.Recommend(recommend(newcomer), timeout=SECONDS)
    assert before.answer.cold_start
    bought = ids(before)[:3]
    token = record(events, *(purchase(newcomer, item) for item in bought))
    after = stub.Recommend(
        recommend(newcomer, event_token=token, exclude_purchased=True, page_size=100),
        timeout=SECONDS,
    )
    assert not after.answer.cold_start
    assert not set(bought) & set(ids(after))
    removed = {one.reason: one.count for one in after.answer.removed}
    assert removed[pb.REMOVAL_REASON_PURCHASED] >= len(bought)
    kept = stub.Recommend(recommend(newcomer, event_token=token, page_size=100), timeout=SECONDS)
    repeated = {i.item_id for i in kept.items if pb.CANDIDATE_SOURCE_REPEAT in i.sources}
    assert repeated == set(bought)
    assert scores(kept) != scores(before)


def test_the_row_and_the_event_log_know_it_soon(
    stub: RecommendationServiceStub, events: EventServiceStub, shop: Shop, newcomer: str
):
    bought = ids(stub.Recommend(recommend(newcomer), timeout=SECONDS))[:3]
    token = record(events, *(purchase(newcomer, item) for item in bought))
    at_once = stub.Rank(_with_token(newcomer, bought, token), timeout=SECONDS)
    row = eventually(lambda: shop.row(newcomer, "user_history"), "the row of a new person")
    assert sorted(listed(row, "owned_item")) == sorted(map(int, bought))
    assert shop.recorded(newcomer) == {f"{newcomer}-{item}" for item in bought}
    later = stub.Rank(_with_token(newcomer, bought, token), timeout=SECONDS)
    assert later.answer.degradations == at_once.answer.degradations
    # From the overlay or from the row: the same features but for the moments that passed between.
    assert scores(later) == pytest.approx(scores(at_once), abs=1e-4)


def _with_token(user: str, items: list[str], token: str) -> pb.RankRequest:
    request = rank(user, items)
    request.event_token = token
    return request


def test_events_of_a_slate_carry_its_token(
    stub: RecommendationServiceStub, events: EventServiceStub, shop: Shop, newcomer: str
):
    answer = stub.Recommend(recommend(newcomer), timeout=SECONDS)
    click = event_pb.Event(
        event_id="e2e-click",
        user_id=newcomer,
        item_id=answer.items[2].item_id,
        kind="click",
        event_time=LONG_AGO,
        request_token=answer.answer.request_token,
        slot=2,
    )
    record(events, click)
    assert shop.recorded(newcomer) == {"e2e-click"}
