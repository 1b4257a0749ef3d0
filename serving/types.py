"""The values that pass between the gateway's parts, and the doors and sinks that they need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recserve.v1.request_log_pb2 import RequestLogEntry

Keys = NDArray[np.int64]
Mask = NDArray[np.bool_]
Tensors = Mapping[str, NDArray[np.generic]]
Position = tuple[int, int]  # in a stream: Redis's milliseconds, and the number within them
Ticks = Callable[[], float]  # monotonic seconds; only differences mean something
FeatureState = Literal["present", "null", "missing", "stale", "layout"]
SearchOutcome = Literal["indexed", "removed", "wordless", "unreadable"]
ArtefactKind = Literal["bundle", "snapshot", "search index", "search vectors"]
CertificateOf = Literal["server", "callers"]  # ours, and the authority of theirs


class Reason(StrEnum):
    """Why something was done less well: recserve.v1.DegradationReason without its prefix."""

    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    FAILED = "FAILED"
    STALE = "STALE"
    LAYOUT = "LAYOUT"
    OUT_OF_VOCABULARY = "OUT_OF_VOCABULARY"
    BEHIND = "BEHIND"
    NO_TIME = "NO_TIME"


class Action(StrEnum):
    """What was done instead: recserve.v1.DegradationAction without its prefix."""

    DROPPED_SOURCE = "DROPPED_SOURCE"
    DEFAULT_FEATURES = "DEFAULT_FEATURES"
    SERVED_MARKED = "SERVED_MARKED"
    UNRANKED = "UNRANKED"
    UNEXPLAINED = "UNEXPLAINED"
    DROPPED_MEMBER = "DROPPED_MEMBER"


class Removal(StrEnum):
    """Why a candidate was removed: recserve.v1.RemovalReason without its prefix."""

    EXCLUDED = "EXCLUDED"
    PURCHASED = "PURCHASED"
    NOT_IN_SNAPSHOT = "NOT_IN_SNAPSHOT"
    OVER_CAPACITY = "OVER_CAPACITY"
    FILTERED = "FILTERED"
    NOT_RUNNING = "NOT_RUNNING"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person allowed; nothing that isn't given."""

    personalization: bool = False
    logging: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: `key` is None for an anonymous visitor.

    `events_until` is the position up to which the answer is to know the person's events.
    """

    user_id: str
    key: int | None
    consent: Consent
    events_until: Position | None = None

    @property
    def readable_key(self) -> int | None:
        """The key under which the person's rows may be read; None if they may not be."""
        return self.key if self.consent.personalization else None


@dataclass(frozen=True, slots=True)
class Context:
    """Where and how the person is looking; empty: not said."""

    session_id: str = ""
    placement_id: str = ""
    device: str = "DEVICE_UNSPECIFIED"  # name of a recserve.v1.Device
    language_code: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What an item's feature must be like: one of some texts, or a number within bounds."""

    column: str  # `<view>.<column>` of the read plan
    any_of: tuple[int, ...] = ()  # keys of texts; empty: the bounds hold
    minimum: float | None = None
    maximum: float | None = None
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A valid RecommendRequest."""

    person: Person
    surface: str  # name of a recserve.v1.Surface
    page_size: int
    exclude_purchased: bool
    excluded: frozenset[int]  # item keys
    excluded_ids: frozenset[str] = frozenset()  # the same as asked: offers are excluded by id
    conditions: tuple[Condition, ...] = ()
    seeds: tuple[int, ...] = ()  # item keys
    explain: bool = False
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class RankQuery:
    """A valid RankRequest."""

    person: Person
    surface: str
    items: tuple[tuple[str, int | None], ...]  # id as asked and its key, None if it can't be one
    explain: bool = False
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class SimilarQuery:
    """A valid SimilarItemsRequest."""

    item_id: str
    item_key: int | None
    page_size: int
    excluded: frozenset[int]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a feature view did to a score, in log-odds."""

    view: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class ServedItem:
    """One slot of a slate."""

    item_id: str
    score: float | None  # None: no model scored it
    sources: tuple[str, ...]  # of the bundle's policy, or "similar", "request", "offer"
    target_item_ids: tuple[str, ...] = ()  # of an offer
    explanation: tuple[Contribution, ...] | None = None  # None: not explained


@dataclass(frozen=True, slots=True)
class Timing:
    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Degraded:
    """One thing that was done less well than asked."""

    stage: str  # or candidate source, or member of the fusion
    reason: Reason
    action: Action
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RowVersion:
    """Which stored row of a view was used, None if there was none, and how many events were added to it."""

    view: str
    event_time_us: int | None
    added: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer and how it came about."""

    items: tuple[ServedItem, ...]
    bundle_id: str
    snapshot_version: str
    timings: tuple[Timing, ...]
    degradations: tuple[Degraded, ...] = ()
    oldest_age_s: float | None = None
    proposed: tuple[tuple[str, int], ...] = ()  # by source, before filters and merging
    removed: tuple[tuple[Removal, int], ...] = ()
    cold_start: bool = False
    unknown_item_ids: tuple[str, ...] = ()
    stored_item_ids: tuple[str, ...] = ()  # read from the store, as the snapshot lacks them
    rows: tuple[RowVersion, ...] = ()
    treatment: str = "default"


@dataclass(frozen=True)
class OfferTable:
    """M offers and the T items that they are for, offer by offer."""

    offer_id: tuple[str, ...]
    surface: tuple[str, ...]  # names of recserve.v1.Surface
    start_us: NDArray[np.int64]  # (M,) it runs from here
    end_us: NDArray[np.int64]  # (M,) until before here
    weight: NDArray[np.float32]  # (M,) what the shop puts on it, above 0
    offer: NDArray[np.int64]  # (T,) ascending, 0 to M - 1
    row: NDArray[np.int64]  # (T,) the item's row in the snapshot


class WallClock(Protocol):
    """serving.clock.Clock, or a fake."""

    def now_s(self) -> float: ...
    def now_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """What the store has of a person, as of one moment."""

    rows: Sequence[bytes | None]
    overlay: Sequence[bytes]  # the latest events that are not in the rows, in their order
    applied: bytes | None  # stream id up to which the partition's events are in the rows
    end: bytes | None = None  # stream id of the partition's last event; only if it was asked for


class RowsDoor(Protocol):
    """Reads packed rows."""

    async def read_person(
        self,
        applied: str,
        overlay: str,
        rows: Sequence[bytes],
        timeout_s: float,
        stream: str | None = None,
    ) -> StoredPerson:
        """What is under these keys, in one round trip; of the stream, where it ends.

        Raises:
            OutsideError: the store can't be reached, is late or answers with an error.
        """
        ...

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        """In the order of the keys, in one round trip; None where there is no row.

        Raises:
            OutsideError: the store can't be reached, is late or answers with an error.
        """
        ...


class ModelDoor(Protocol):
    """Runs models."""

    async def infer(
        self, model: str, inputs: Tensors, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[np.generic]]:
        """The named outputs of the model, read-only.

        Raises:
            OutsideError: no endpoint can be reached, answers in time or without an error.
        """
        ...


class Recorder(Protocol):
    """Counts and times; telemetry.Metrics, or a fake."""

    def stage(self, stage: str, seconds: float) -> None: ...
    def degraded(self, stage: str, reason: Reason) -> None: ...
    def feature(self, view: str, state: FeatureState, count: int) -> None: ...
    def request(self, method: str, code: str, seconds: float) -> None: ...
    def triton_call(self, endpoint: str, model: str, outcome: str, seconds: float) -> None: ...


class RequestLog(Protocol):
    """Takes the record of an answer; never blocks and never fails the answer."""

    def record(self, entry: "RequestLogEntry") -> None: ...
