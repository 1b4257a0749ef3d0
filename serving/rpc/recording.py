"""Events as entries of the event streams: a person's events are all in one, in order."""

from recserve.v1 import event_service_pb2 as pb

from serving.features.keys import id_key
from serving.features.read_plan import ReadPlan
from serving.features.redis_keys import events_stream, partition_of
from serving.rpc.wire import Scribe


def entries(
    request: pb.RecordEventsRequest, plan: ReadPlan, scribe: Scribe, received_at_us: int
) -> list[tuple[str, bytes]]:
    """Stream and serialised recserve.v1.LoggedEvent of each event of a valid request."""
    found = []
    for event in request.events:
        key = id_key(event.user_id, plan.id_kind) or 0
        logged = scribe.event(_canonical(event, plan), request.consent, received_at_us)
        found.append((events_stream(plan.project, partition_of(key)), logged.SerializeToString()))
    return found


def _canonical(event: pb.Event, plan: ReadPlan) -> pb.Event:
    """One person and one item have one id each: 007 is 7."""
    if plan.id_kind == "string":
        return event
    made = pb.Event()
    made.CopyFrom(event)
    made.user_id, made.item_id = str(int(event.user_id)), str(int(event.item_id))
    return made
