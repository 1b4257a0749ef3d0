"""Sinks that keep what they were given."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from recserve.v1.request_log_pb2 import RequestLogEntry

from serving.errors import OutsideError
from serving.events import NewEvent, Recorded
from serving.types import FeatureState


@dataclass(slots=True)
class ListLog:
    """A RequestLog."""

    entries: list[RequestLogEntry] = field(default_factory=list)

    def record(self, entry: RequestLogEntry) -> None:
        self.entries.append(entry)


@dataclass(slots=True)
class ListRecorder:
    """A Recorder."""

    stages: list[str] = field(default_factory=list)
    degradations: list[tuple[str, str]] = field(default_factory=list)
    features: list[tuple[str, FeatureState, int]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    triton_calls: list[tuple[str, str, str]] = field(default_factory=list)
    lags: list[tuple[float, int]] = field(default_factory=list)  # seconds, changed items
    searched: Counter[str] = field(default_factory=Counter)  # changes by outcome
    commits: list[float] = field(default_factory=list)
    overlaid: list[int] = field(default_factory=list)

    def items(self, lag_s: float, changed: int) -> None:
        self.lags.append((lag_s, changed))

    def search_changes(self, outcome: str, count: int) -> None:
        self.searched[outcome] += count

    def search_commit(self, seconds: float) -> None:
        self.commits.append(seconds)

    def overlaid_items(self, count: int) -> None:
        self.overlaid.append(count)

    def stage(self, stage: str, seconds: float) -> None:
        self.stages.append(stage)

    def degraded(self, stage: str, reason: str) -> None:
        self.degradations.append((stage, reason))

    def feature(self, view: str, state: FeatureState, count: int) -> None:
        self.features.append((view, state, count))

    def request(self, method: str, code: str, seconds: float) -> None:
        self.requests.append((method, code))

    def triton_call(self, endpoint: str, model: str, outcome: str, seconds: float) -> None:
        self.triton_calls.append((endpoint, model, outcome))


@dataclass(slots=True)
class ListStreams:
    """EventStreams; raises `error` if it has one. Positions count from 1; what came before is known."""

    events: list[NewEvent] = field(default_factory=list)
    error: OutsideError | None = None
    known: dict[bytes, int] = field(default_factory=dict)

    async def record(self, events: Sequence[NewEvent], timeout_s: float) -> list[Recorded]:
        if self.error:
            raise self.error
        found = []
        for event in events:
            duplicate = event.token in self.known
            number = self.known.setdefault(event.token, len(self.known) + 1)
            self.events += [] if duplicate else [event]
            found.append(Recorded((number, 0), duplicate))
        return found
