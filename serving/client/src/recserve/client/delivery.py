"""Batches of events on their way over a stream: which are to be sent, which unanswered, which decided.

Knows neither threads nor event loops; `streams.py` waits, once for each.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import grpc
from recserve.client import wire
from recserve.client.errors import DeadlineExceeded, Overloaded, RecserveError, Told, Unavailable
from recserve.client.requests import Consent, Event
from recserve.client.results import Outcome
from recserve.client.statuses import error_of_batch
from recserve.v1 import event_service_pb2 as events_pb

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
FULL_PAUSE_S = 1.0  # as the server names it where a call has room to say it
PASSING = (Unavailable, DeadlineExceeded, Overloaded)  # of one batch: it is sent again
# Of the call: it is made again. INTERNAL is also what gRPC for asyncio makes of a call that ends as it sends.
LOST = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}
ENDED = Told(grpc.StatusCode.UNAVAILABLE, "the server ended the stream before it had answered all")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How a stream is sent.

    Raises:
        ValueError: out of range.
    """

    batch_size: int
    in_flight: int
    timeout_s: float
    patience_s: float

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= 500:
            raise ValueError(f"batch_size is {self.batch_size}; give 1 to 500")
        if self.in_flight < 1:
            raise ValueError(f"in_flight is {self.in_flight}; give 1 or more")
        if not self.patience_s >= 0:
            raise ValueError(f"patience_s is {self.patience_s}; give 0 s or more")


@dataclass(frozen=True, slots=True)
class Batch:
    number: int
    events: tuple[Event, ...]
    request: events_pb.StreamEventsRequest


class Delivery:
    """Of one stream, over as many connections as it takes."""

    def __init__(
        self, options: StreamOptions, consent: Consent, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._options, self._consent, self._ticks = options, consent, ticks
        self._unsent: deque[Batch] = deque()
        self._sent: deque[Batch] = deque()  # over the present connection, in order
        self._taken = 0
        self._heard_at = 0.0  # or when the oldest of those sent was sent
        self._failures, self._failing_since, self._not_before = 0, 0.0, 0.0
        self._fatal: RecserveError | None = None
        self._last: RecserveError | None = None

    @property
    def has_room(self) -> bool:
        return len(self._sent) + len(self._unsent) < self._options.in_flight

    @property
    def idle(self) -> bool:
        return not self._sent and not self._unsent

    @property
    def unanswered(self) -> bool:
        return bool(self._sent)

    def take(self, events: Sequence[Event]) -> None:
        """Raises ValueError or TypeError for what can't be said over the wire."""
        batch = events_pb.RecordEventsRequest(
            events=map(wire.event, events), consent=wire.consent(self._consent)
        )
        request = events_pb.StreamEventsRequest(batch=batch)
        self._unsent.append(Batch(self._taken, tuple(events), request))
        self._taken += 1

    def due(self) -> Iterator[events_pb.StreamEventsRequest]:
        """What is to be sent now; it counts as sent."""
        while self._unsent and self._ticks() >= self._not_before:
            if not self._sent:
                self._heard_at = self._ticks()
            self._sent.append(self._unsent.popleft())
            yield self._sent[-1].request

    def wait_s(self) -> float | None:
        """Until something is to be done although nothing is heard; None: there is nothing to be done."""
        ends = [self._not_before] if self._unsent else []
        ends += [self._heard_at + self._options.timeout_s] if self._sent else []
        return max(0.0, min(ends) - self._ticks()) if ends else None

    @property
    def late(self) -> RecserveError | None:
        """Set where the connection gives no answer and is to be taken for lost."""
        patient_s = self._options.timeout_s
        if not self._sent or self._ticks() < self._heard_at + patient_s:
            return None
        message = f"no answer to a batch within {patient_s:g} s"
        return DeadlineExceeded(Told(grpc.StatusCode.DEADLINE_EXCEEDED, message))

    def answered(self, response: events_pb.StreamEventsResponse) -> Outcome | None:
        """What became of the oldest batch; None if it is sent again."""
        batch, self._heard_at = self._sent.popleft(), self._ticks()
        error = None
        if not response.HasField("recorded"):
            error = error_of_batch(response.error)
            if isinstance(error, PASSING):
                self._unsent.append(batch)
                self._failed(error)
                return None
        self._failures, self._last = 0, None
        recorded = None if error else wire.recorded(response.recorded)
        return Outcome(batch.number, batch.events, recorded, error)

    def lost(self, error: RecserveError | None) -> None:
        """The connection ended, in order if there is no error; what is unanswered is sent again."""
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        error = error or Unavailable(ENDED)
        if error.code not in LOST:
            self._fatal = error
        self._failed(error)

    @property
    def given_up(self) -> RecserveError | None:
        """Why nothing more is tried."""
        if self._fatal:
            return self._fatal
        waited = self._ticks() - self._failing_since
        return self._last if self._last and waited >= self._options.patience_s else None

    def undecided(self, error: RecserveError) -> list[Outcome]:
        """Of all that was taken and not decided, in order."""
        left = sorted([*self._sent, *self._unsent], key=lambda batch: batch.number)
        return [Outcome(batch.number, batch.events, None, error) for batch in left]

    def _failed(self, error: RecserveError) -> None:
        now = self._ticks()
        if self._last is None:
            self._failing_since = now
        self._last = error
        if now < self._not_before:  # one of several that failed together
            return
        pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failures)
        full = isinstance(error, Overloaded)
        self._not_before = now + (max(pause_s, FULL_PAUSE_S) if full else pause_s)
        self._failures += 1
