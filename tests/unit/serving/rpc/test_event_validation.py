from collections.abc import Sequence

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as pb

from serving.errors import InvalidRequest
from serving.rpc.event_validation import AHEAD_US, MOST_EVENTS, require_events
from serving.rpc.tokens import RequestTokens, TokenContent
from serving.rpc.validation import LISTED, IdKind

NOW_US = 1_800_000_000_000_000
TOKENS = RequestTokens(b"k" * 32)
TOKEN = TOKENS.issue(TokenContent(NOW_US, "r", "b"))


def at(time_us: int) -> Timestamp:
    found = Timestamp()
    found.FromMicroseconds(time_us)
    return found


def event(**fields: object) -> pb.Event:
    whole = {
        "event_id": "e-1",
        "user_id": "5",
        "item_id": "7",
        "kind": "click",
        "event_time": at(NOW_US),
    }
    return pb.Event(**(whole | fields))


def wrong(
    events: Sequence[pb.Event], id_kind: IdKind = "integer", request_id: str = ""
) -> dict[str, str]:
    request = pb.RecordEventsRequest(events=events, request_id=request_id)
    try:
        require_events(request, id_kind, NOW_US, TOKENS)
    except InvalidRequest as error:
        return {v.field: v.description for v in error.violations}
    return {}


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"event_id": ""}, "event_id", "1 to 128"),
        ({"event_id": "é" * 65}, "event_id", "130 bytes"),
        ({"user_id": ""}, "user_id", "1 to 128"),
        ({"user_id": "anna"}, "user_id", "decimal digits"),
        ({"item_id": "milk"}, "item_id", "decimal digits"),
        ({"kind": ""}, "kind", "1 to 128"),
        ({"kind": "click\x00"}, "kind", "control characters"),
        ({"kind": "x" * 129}, "kind", "1 to 128"),
        ({"event_time": None}, "event_time", "is required"),
        ({"event_time": at(NOW_US + AHEAD_US + 1)}, "event_time", "five minutes past"),
        ({"event_time": Timestamp(seconds=-1)}, "event_time", "give 0 to"),
        ({"event_time": Timestamp(seconds=1, nanos=-1)}, "event_time", "-1 nanos"),
        ({"event_time": Timestamp(seconds=1, nanos=10**9)}, "event_time", "999999999"),
        ({"group_id": "x" * 129}, "group_id", "129 bytes"),
        ({"quantity": 0}, "quantity", "above 0"),
        ({"quantity": float("nan")}, "quantity", "finite"),
        ({"value": -0.01}, "value", "from 0 on"),
        ({"value": float("inf")}, "value", "finite"),
        ({"request_token": "1.forged"}, "request_token", "not issued by this service"),
        ({"slot": 1}, "slot", "needs the request_token"),
        ({"slot": 1000, "request_token": TOKEN}, "slot", "0 to 999"),
    ],
)
def test_what_is_out_of_its_limits_is_named(fields: dict[str, object], field: str, told: str):
    found = wrong([event(event_id="fine"), event(**fields)])
    assert list(found) == [f"events[1].{field}"]
    assert told in found[f"events[1].{field}"]


def test_the_limits_themselves_are_allowed():
    full = event(
        event_id="e" * 128,
        kind="z" * 128,
        event_time=at(NOW_US + AHEAD_US),
        group_id="g" * 128,
        quantity=1e-9,
        value=0,
        request_token=TOKEN,
        slot=999,
    )
    assert wrong([full, event(event_time=at(0))]) == {}
    assert wrong([event(event_id=str(n)) for n in range(MOST_EVENTS)]) == {}
    assert wrong([event(user_id="anna", item_id="Milch")], "string") == {}


@pytest.mark.parametrize("count", [0, MOST_EVENTS + 1])
def test_a_batch_has_one_to_five_hundred_events(count: int):
    found = wrong([event(event_id=str(n)) for n in range(count)])
    assert found == {"events": f"has {count} events; give 1 to {MOST_EVENTS}"}


def test_an_event_id_stands_once_in_a_batch():
    found = wrong([event(), event(event_id="e-2"), event()])
    assert set(found) == {"events[0].event_id", "events[2].event_id"}


def test_many_bad_events_are_summed_up():
    found = wrong([event(event_id=str(n), kind="", quantity=0) for n in range(100)])
    assert len(found) == 2 * LISTED + 1
    assert f"{100 - LISTED} further events" in found["events"]


def test_the_request_id_is_checked_too():
    assert set(wrong([event(kind="")], request_id="x" * 65)) == {"events[0].kind", "request_id"}
