"""Events as they are kept: the entry of the stream, and what they add to their person's overlay."""

import hashlib
from collections.abc import Iterable, Sequence

from recserve.v1 import event_service_pb2 as pb

from serving.events import NewEvent, Recorded
from serving.features.keys import id_key
from serving.features.overlay import content_of
from serving.features.read_plan import ReadPlan
from serving.features.redis_keys import partition_of
from serving.rpc.wire import Scribe
from serving.types import Position

TOKEN_BYTES = 16


def new_events(
    request: pb.RecordEventsRequest, plan: ReadPlan, scribe: Scribe, received_at_us: int
) -> list[NewEvent]:
    """The events of a valid request, in its order."""
    return [_new(event, request, plan, scribe, received_at_us) for event in request.events]


def _new(
    event: pb.Event,
    request: pb.RecordEventsRequest,
    plan: ReadPlan,
    scribe: Scribe,
    received_at_us: int,
) -> NewEvent:
    key = id_key(event.user_id, plan.id_kind) or 0
    logged = scribe.event(_canonical(event, plan), request.consent, received_at_us)
    return NewEvent(
        key,
        hashlib.blake2b(f"{key} {event.event_id}".encode(), digest_size=TOKEN_BYTES).digest(),
        logged.SerializeToString(),
        content_of(logged, plan.id_kind),
    )


def positions(events: Sequence[NewEvent], recorded: Iterable[Recorded]) -> dict[int, Position]:
    """The last position in each partition."""
    found: dict[int, Position] = {}
    for event, one in zip(events, recorded, strict=True):
        partition = partition_of(event.user_key)
        found[partition] = max(one.position, found.get(partition, one.position))
    return found


def _canonical(event: pb.Event, plan: ReadPlan) -> pb.Event:
    """One person and one item have one id each: 007 is 7."""
    if plan.id_kind == "string":
        return event
    made = pb.Event()
    made.CopyFrom(event)
    made.user_id, made.item_id = str(int(event.user_id)), str(int(event.item_id))
    return made
