"""Events of a person that may not be in the person's rows yet: 48 bytes each, in a list beside the rows.

The gateway appends one for every event that it acknowledges and adds them to the rows as it reads; the ingest
worker adds them to the stored rows, and then cuts them off the list.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from recserve.v1 import request_log_pb2 as log_pb

from serving.features.fold import DAY_US
from serving.features.keys import id_key, string_key
from serving.types import Position

# What the gateway knows; the position in the stream, which only Redis knows, stands before it.
CONTENT = np.dtype([("item", "<i8"), ("kind", "<i8"), ("group", "<i8"), ("time_us", "<i8")])
RECORD = np.dtype([("ms", "<i8"), ("number", "<i8"), *CONTENT.descr])
NO_EVENTS = np.empty(0, dtype=RECORD)
LONGEST = 512  # of an overlay that is read: the lists that events are added to hold no more
START: Position = (0, 0)


def content_of(logged: log_pb.LoggedEvent, id_kind: str) -> bytes:
    """The part of a record that the gateway writes; empty if the event can't change anybody's features.

    That is an event of somebody who is not to be recognised, and one whose value is 0, which no feature
    counts. An event from the future counts as of the moment when it came in.
    """
    event = logged.event
    if not event.user_id or (event.HasField("value") and event.value == 0):
        return b""
    time_us = min(event.event_time.ToMicroseconds(), logged.received_at_us)
    item = id_key(event.item_id, id_kind)
    if item is None:
        return b""
    record = (item, string_key(event.kind), group_key(event.group_id, time_us), time_us)
    return np.array([record], dtype=CONTENT).tobytes()


def group_key(group_id: str, time_us: int) -> int:
    """Of the basket or session; without one, of the day (UTC)."""
    return string_key(group_id or str(np.datetime64(time_us // DAY_US, "D")))


def records(packed: Sequence[bytes]) -> NDArray[np.void]:
    """(n,) of RECORD."""
    return np.frombuffer(b"".join(packed), dtype=RECORD) if packed else NO_EVENTS


def record(position: Position, content: bytes) -> bytes:
    """As the script in Redis writes it."""
    return np.array(position, dtype="<i8").tobytes() + content


def position_of(stream_id: str | bytes) -> Position:
    """From Redis's `<milliseconds>-<number>`."""
    text = stream_id.decode() if isinstance(stream_id, bytes) else stream_id
    ms, _, number = text.partition("-")
    return int(ms), int(number or 0)


def stream_id(position: Position) -> str:
    return f"{position[0]}-{position[1]}"


def last_position(events: NDArray[np.void]) -> Position:
    """Of events in their order; START of none."""
    return (int(events["ms"][-1]), int(events["number"][-1])) if len(events) else START
