"""Events as entries of the event streams: a person's events are all in one, in order."""

from recserve.v1 import event_service_pb2 as pb

from serving.features.keys import id_key
from serving.features.read_plan import ReadPlan
from serving.rpc.wire import Scribe

PARTITIONS = 16  # streams; by the person's key, so that several readers can share them


def entries(
    request: pb.RecordEventsRequest, plan: ReadPlan, scribe: Scribe, received_at_us: int
) -> list[tuple[str, bytes]]:
    """Stream and serialised recserve.v1.LoggedEvent of each event of a valid request."""
    found = []
    for event in request.events:
        key = id_key(event.user_id, plan.id_kind) or 0
        # One person has one id: 007 is user 7.
        user_id = str(key) if plan.id_kind == "integer" else event.user_id
        logged = scribe.event(event, user_id, request.consent, received_at_us)
        found.append((stream_of(plan.project, key % PARTITIONS), logged.SerializeToString()))
    return found


def stream_of(project: str, partition: int) -> str:
    return f"recserve:{{{project}:events={partition}}}"
