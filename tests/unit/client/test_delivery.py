"""What is sent, when, and for how long it is tried."""

from datetime import UTC, datetime

import grpc
import pytest
from recserve.client import Consent, DeadlineExceeded, Event, ServerFault, Unavailable
from recserve.client.delivery import (
    FIRST_PAUSE_S,
    FULL_PAUSE_S,
    LONGEST_PAUSE_S,
    LOST,
    Delivery,
    StreamOptions,
)
from recserve.client.errors import RecserveError, Told
from recserve.client.statuses import ERRORS
from recserve.v1 import event_service_pb2 as pb

from tests.fakes.time import FakeTicks

OPTIONS = StreamOptions(batch_size=1, in_flight=3, timeout_s=5, patience_s=10)
TAKEN = pb.StreamEventsResponse(recorded=pb.RecordEventsResponse(recorded_count=1))
EVENT = Event(user_id="u", item_id="i", kind="click", event_time=datetime(2026, 3, 1, tzinfo=UTC))
GONE = Unavailable(Told(grpc.StatusCode.UNAVAILABLE, "gone"))


@pytest.fixture
def ticks() -> FakeTicks:
    return FakeTicks()


@pytest.fixture
def delivery(ticks: FakeTicks) -> Delivery:
    return Delivery(OPTIONS, Consent(logging=True), ticks)


def refused(code: grpc.StatusCode) -> pb.StreamEventsResponse:
    return pb.StreamEventsResponse(error=pb.BatchError(code=code.value[0], message="no"))


def sent(delivery: Delivery, count: int) -> None:
    for _ in range(count):
        delivery.take([EVENT])
    assert len(list(delivery.due())) == count


def test_no_more_are_taken_than_may_be_under_way(delivery: Delivery) -> None:
    sent(delivery, 3)
    assert not delivery.has_room
    delivery.answered(TAKEN)
    assert delivery.has_room
    sent(delivery, 1)
    delivery.lost(GONE)
    assert not delivery.has_room


def test_after_a_loss_it_is_sent_in_order_after_a_pause(
    delivery: Delivery, ticks: FakeTicks
) -> None:
    sent(delivery, 2)
    delivery.lost(GONE)
    assert list(delivery.due()) == []
    assert delivery.wait_s() == pytest.approx(FIRST_PAUSE_S)
    ticks.seconds += FIRST_PAUSE_S
    assert len(list(delivery.due())) == 2
    first, second = delivery.answered(TAKEN), delivery.answered(TAKEN)
    assert [one.number for one in (first, second) if one] == [0, 1]


def test_pauses_grow_and_begin_anew_after_a_success(delivery: Delivery, ticks: FakeTicks) -> None:
    delivery.take([EVENT])
    pauses = []
    for _ in range(8):
        assert len(list(delivery.due())) == 1
        delivery.lost(GONE)
        pauses.append(delivery.wait_s() or 0)
        ticks.seconds += pauses[-1]
    assert pauses[:3] == pytest.approx([FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S)
    assert len(list(delivery.due())) == 1
    assert delivery.answered(TAKEN)
    sent(delivery, 1)
    delivery.lost(GONE)
    assert delivery.wait_s() == pytest.approx(FIRST_PAUSE_S)


def test_several_that_fail_together_are_one_failure(delivery: Delivery) -> None:
    sent(delivery, 3)
    for _ in range(3):
        assert delivery.answered(refused(grpc.StatusCode.UNAVAILABLE)) is None
    assert delivery.wait_s() == pytest.approx(FIRST_PAUSE_S)


def test_a_full_stream_is_given_the_time_that_the_server_names(delivery: Delivery) -> None:
    sent(delivery, 1)
    assert delivery.answered(refused(grpc.StatusCode.RESOURCE_EXHAUSTED)) is None
    assert delivery.wait_s() == pytest.approx(FULL_PAUSE_S)


def test_an_answer_is_waited_for_as_long_as_it_may_take(
    delivery: Delivery, ticks: FakeTicks
) -> None:
    sent(delivery, 2)
    ticks.seconds += 4
    assert (delivery.wait_s(), delivery.late) == (1, None)
    delivery.answered(TAKEN)
    assert delivery.wait_s() == 5
    ticks.seconds += 5
    assert isinstance(delivery.late, DeadlineExceeded)
    delivery.answered(TAKEN)
    assert (delivery.wait_s(), delivery.late) == (None, None)


def test_patience_counts_from_the_first_failure_since_a_batch_was_decided(
    delivery: Delivery, ticks: FakeTicks
) -> None:
    ticks.seconds += 100  # of a slow source
    sent(delivery, 2)
    delivery.lost(GONE)
    ticks.seconds += 9
    assert delivery.given_up is None
    assert len(list(delivery.due())) == 2
    delivery.answered(TAKEN)
    delivery.lost(GONE)
    ticks.seconds += 9
    assert delivery.given_up is None
    ticks.seconds += 1
    assert delivery.given_up is GONE
    assert [one.number for one in delivery.undecided(GONE)] == [1]


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK])
def test_a_call_that_ends_is_made_again_unless_it_would_end_so_again(
    code: grpc.StatusCode, delivery: Delivery
) -> None:
    sent(delivery, 1)
    error: RecserveError = ERRORS[code](Told(code, "no"))
    delivery.lost(error)
    assert delivery.given_up is (None if code in LOST else error)


def test_a_code_that_no_one_knows_is_a_fault_of_the_server(delivery: Delivery) -> None:
    sent(delivery, 1)
    outcome = delivery.answered(pb.StreamEventsResponse(error=pb.BatchError(code=99)))
    assert outcome
    assert isinstance(outcome.error, ServerFault)
    assert outcome.error.code is grpc.StatusCode.UNKNOWN
