"""Checks a RecordEventsRequest against the limits that its proto states."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from recserve.v1 import event_service_pb2 as pb

from serving.errors import FieldViolation, InvalidRequest
from serving.features.keys import id_key
from serving.rpc.tokens import RequestTokens
from serving.rpc.validation import LISTED, Check, IdKind

MOST_EVENTS = 500
LARGEST_SLOT = 999
AHEAD_US = 5 * 60 * 1_000_000  # clocks differ
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def require_events(
    request: pb.RecordEventsRequest, id_kind: IdKind, now_us: int, tokens: RequestTokens
) -> None:
    """Raises InvalidRequest; of many bad events it tells those of the first few."""
    check = Check(id_kind)
    if not 1 <= (count := len(request.events)) <= MOST_EVENTS:
        check.fail("events", f"has {count} events; give 1 to {MOST_EVENTS}")
    else:
        _check_all(request, check, now_us, tokens)
    check.request_id(request.request_id)
    check.finish()


def _check_all(
    request: pb.RecordEventsRequest, check: Check, now_us: int, tokens: RequestTokens
) -> None:
    times = Counter(event.event_id for event in request.events)
    bad = 0
    for at, event in enumerate(request.events):
        found = list(_violations(event, check.id_kind, now_us, tokens))
        if times[event.event_id] > 1:
            found.append(FieldViolation("event_id", "stands more than once in the batch"))
        bad += bool(found)
        if found and bad <= LISTED:
            check.violations += [
                FieldViolation(f"events[{at}].{one.field}", one.description) for one in found
            ]
    if bad > LISTED:
        check.fail("events", f"{bad - LISTED} further events are out of the limits likewise")


def _violations(
    event: pb.Event, id_kind: IdKind, now_us: int, tokens: RequestTokens
) -> Iterator[FieldViolation]:
    """With the fields named within the event."""
    check = Check(id_kind)
    check.size("event_id", event.event_id, shortest=1)
    check.size("group_id", event.group_id)
    for name, value in (("user_id", event.user_id), ("item_id", event.item_id)):
        check.size(name, value, shortest=1)
        if value and id_key(value, id_kind) is None:
            check.fail(name, "must be decimal digits, 0 to 2^63 - 1: this shop's ids are numbers")
    check.size("kind", event.kind, shortest=1)
    if CONTROL.search(event.kind):
        check.fail("kind", "holds control characters")
    _check_time(event, check, now_us)
    _check_numbers(event, check)
    if event.request_token:
        try:
            tokens.read(event.request_token)
        except InvalidRequest as error:
            check.violations += error.violations
    yield from check.violations


def _check_time(event: pb.Event, check: Check, now_us: int) -> None:
    if not event.HasField("event_time"):
        check.fail("event_time", "is required; say when it was done")
        return
    if not 0 <= event.event_time.nanos < 1_000_000_000:
        check.fail("event_time", f"has {event.event_time.nanos} nanos; 0 to 999999999 are allowed")
        return
    time_us = event.event_time.seconds * 1_000_000 + event.event_time.nanos // 1_000
    if not 0 <= time_us <= now_us + AHEAD_US:
        check.fail(
            "event_time",
            f"is {event.event_time.seconds} s after 1970; give 0 to {(now_us + AHEAD_US) // 1_000_000}, "
            "five minutes past the server's clock",
        )


def _check_numbers(event: pb.Event, check: Check) -> None:
    if event.HasField("quantity") and not (math.isfinite(event.quantity) and event.quantity > 0):
        check.fail("quantity", f"is {event.quantity:g}; give a finite number above 0")
    if event.HasField("value") and not (math.isfinite(event.value) and event.value >= 0):
        check.fail("value", f"is {event.value:g}; give a finite number from 0 on")
    if event.HasField("slot"):
        if not 0 <= event.slot <= LARGEST_SLOT:
            check.fail("slot", f"is {event.slot}; give 0 to {LARGEST_SLOT}")
        if not event.request_token:
            check.fail("slot", "needs the request_token of the slate that it is a place in")
