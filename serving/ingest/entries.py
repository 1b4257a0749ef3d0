"""The entries of an event stream, read back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from recserve.v1 import request_log_pb2 as log_pb

from serving.clients.events import FIELD
from serving.features.keys import id_key
from serving.features.overlay import content_of, position_of, record, stream_id
from serving.features.redis_keys import events_stream
from serving.ingest.commit import Poison
from serving.types import Position

if TYPE_CHECKING:
    from serving.clients.connections import Client

RawEntry = tuple[bytes, Mapping[bytes, bytes]]  # as redis-py gives it


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a stream."""

    position: Position
    logged: log_pb.LoggedEvent
    user_key: int | None  # None: the person is not to be recognised
    record: bytes  # of an overlay; empty if the event changes no features


def entries_after(
    client: "Client", project: str, at: Mapping[int, Position], most: int
) -> dict[int, list[RawEntry]]:
    """What stands in each partition's stream after a position, `most` at most; empty ones are left out."""
    with client.pipeline(transaction=False) as pipe:
        for partition, position in at.items():
            pipe.xrange(events_stream(project, partition), f"({stream_id(position)}", "+", most)
        found = pipe.execute()
    return {partition: raw for partition, raw in zip(at, found, strict=True) if raw}


def read_entries(raw: Iterable[RawEntry], id_kind: str) -> tuple[list[Entry], list[Poison]]:
    """In their order; what is no event is told apart."""
    entries: list[Entry] = []
    poison: list[Poison] = []
    for place, fields in raw:
        position, content = position_of(place), fields.get(FIELD.encode(), b"")
        try:
            entries.append(_entry(position, content, id_kind))
        except (DecodeError, ValueError, OverflowError) as error:
            poison.append(Poison(position, content, str(error) or type(error).__name__))
    return entries, poison


def _entry(position: Position, content: bytes, id_kind: str) -> Entry:
    """Raises DecodeError, ValueError or OverflowError for bytes that no gateway wrote."""
    logged = log_pb.LoggedEvent.FromString(content)
    event = logged.event
    if not (event.event_id and event.item_id and event.kind and event.HasField("event_time")):
        raise ValueError("the entry lacks event_id, item_id, kind or event_time")
    user_key = id_key(event.user_id, id_kind) if event.user_id else None
    if event.user_id and user_key is None:
        raise ValueError(f"user_id {event.user_id!r} can be no id of this shop")
    if id_key(event.item_id, id_kind) is None:
        raise ValueError(f"item_id {event.item_id!r} can be no id of this shop")
    added = content_of(logged, id_kind)
    return Entry(position, logged, user_key, record(position, added) if added else b"")
