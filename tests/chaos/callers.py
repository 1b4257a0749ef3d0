"""Callers that record purchases without end, and ask at once whether they are known."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1.event_service_pb2_grpc import EventServiceStub
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from tests.integration.gateway import tiny
from tests.integration.gateway.running import Gateway, connected

CONSENT = pb.Consent(personalization=True, logging=True)
WHEN = Timestamp(seconds=1_699_000_000)
AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
BATCH = 3
PAUSE_S = 0.05
LOST_SIGHT = {  # an answer may lack the event if it says one of these
    pb.DEGRADATION_REASON_UNAVAILABLE,
    pb.DEGRADATION_REASON_TIMEOUT,
    pb.DEGRADATION_REASON_FAILED,
    pb.DEGRADATION_REASON_BEHIND,
}


@dataclass
class Caller:
    """One user's; every event is a basket of its own with the same few items."""

    user: int
    acknowledged: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    unseen: list[str] = field(
        default_factory=list
    )  # of which an answer knew nothing and didn't say so
    retries: int = 0

    def work(self, gateway: Gateway, stop: threading.Event) -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            events = [self._event(number * BATCH + n) for n in range(BATCH)]
            self.attempted |= {event.event_id for event in events}
            token = self._record(gateway, events, stop)
            if token is None:
                return
            self.acknowledged |= {event.event_id for event in events}
            self._look(gateway, events, token)

    def _event(self, number: int) -> event_pb.Event:
        name = f"{self.user}-{number}"
        item = str(100 + number % (tiny.ITEMS // 2))
        return event_pb.Event(
            event_id=name,
            user_id=str(self.user),
            item_id=item,
            kind="purchase",
            event_time=WHEN,
            group_id=name,
        )

    def _record(
        self, gateway: Gateway, events: list[event_pb.Event], stop: threading.Event
    ) -> str | None:
        """Sends the batch until it is acknowledged; None if it never was."""
        while not stop.is_set():
            try:
                with connected(gateway) as channel:
                    request = event_pb.RecordEventsRequest(events=events, consent=CONSENT)
                    token: str = (
                        EventServiceStub(channel).RecordEvents(request, timeout=3).event_token
                    )
                    return token
            except grpc.RpcError as error:
                assert error.code() in AGAIN, error  # noqa: PT017
                self.retries += 1
                stop.wait(PAUSE_S)
        return None

    def _look(self, gateway: Gateway, events: list[event_pb.Event], token: str) -> None:
        request = pb.RecommendRequest(
            user_id=str(self.user),
            surface=pb.SURFACE_PRODUCT,
            page_size=100,
            consent=CONSENT,
            event_token=token,
        )
        try:
            with connected(gateway) as channel:
                answer = RecommendationServiceStub(channel).Recommend(request, timeout=3)
        except grpc.RpcError as error:
            assert error.code() in AGAIN, error  # noqa: PT017
            return
        if LOST_SIGHT & {d.reason for d in answer.answer.degradations if d.stage == "hydrate"}:
            return
        repeat = pb.CANDIDATE_SOURCE_REPEAT
        known = {item.item_id for item in answer.items if repeat in item.sources}
        self.unseen += [event.event_id for event in events if event.item_id not in known]


@contextmanager
def at_work(gateway: Gateway, callers: list[Caller]) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=caller.work, args=(gateway, stop)) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
