"""Events on their way into the streams, and the door to these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.types import Position


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be kept."""

    user_key: int
    token: bytes  # the same whenever the event is sent
    entry: bytes  # a serialised recserve.v1.LoggedEvent
    content: bytes  # for the person's overlay; empty if it changes no features


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where an event stands in its partition's stream."""

    position: Position
    duplicate: bool  # an earlier call had brought it


class EventStreams(Protocol):
    """Takes what people did."""

    async def record(self, events: Sequence[NewEvent], timeout_s: float) -> list[Recorded]:
        """Appends each event to the stream of its partition and to the person's overlay.

        Raises:
            OutsideError: it is not known which of them were appended.
        """
        ...
