"""What the service answers, as plain values. None is what the server didn't know."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from recserve.client import frames
from recserve.client.enums import (
    CandidateSource,
    DegradationAction,
    DegradationReason,
    FilterKind,
    IdKind,
    QueryMatch,
    RemovalReason,
    Surface,
)
from recserve.client.errors import RecserveError
from recserve.client.plain import plain
from recserve.client.requests import Event

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature view did to a score, in log-odds; above 0 speaks for the item."""

    view: str
    log_odds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item got its score, the largest effect first."""

    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One item, or offer, of an answer.

    Attributes:
        score: a calibrated probability; of similar items a cosine; None if no model scored it.
        target_item_ids: of an offer, the items that speak for it; empty elsewhere.
    """

    item_id: str
    score: float | None
    sources: tuple[CandidateSource, ...]
    target_item_ids: tuple[str, ...]
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class StageTiming:
    stage: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Degradation:
    """One thing that was done less well than asked. `detail` is for a human reader."""

    stage: str
    reason: DegradationReason
    action: DegradationAction
    detail: str | None

    def __str__(self) -> str:
        words = f"{self.stage}: {self.reason}, {self.action}".replace("_", " ")
        return f"{words} ({self.detail})" if self.detail else words


@dataclass(frozen=True, slots=True)
class SourceCount:
    source: CandidateSource
    count: int


@dataclass(frozen=True, slots=True)
class RemovedCount:
    reason: RemovalReason
    count: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How an answer was made."""

    request_id: str
    request_token: str
    bundle_id: str
    snapshot_version: str
    treatment: str
    timings: tuple[StageTiming, ...]
    degradations: tuple[Degradation, ...]
    oldest_feature_age_s: float | None
    candidate_counts: tuple[SourceCount, ...]
    removed: tuple[RemovedCount, ...]
    cold_start: bool


@dataclass(frozen=True, slots=True)
class Slate:
    """Items, best first, and how they came about.

    Attributes:
        unknown_item_ids: of `rank`, the candidates outside the catalogue; empty elsewhere.
        stored_item_ids: of `rank`, those of the items that the item snapshot lacks, read from the
            feature store for this answer.
    """

    items: tuple[ScoredItem, ...]
    answer: Answer
    unknown_item_ids: tuple[str, ...] = ()
    stored_item_ids: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Of what JSON can say."""
        return plain(self)

    def to_pandas(self) -> "pd.DataFrame":
        """A row an item. Needs the extra `pandas`."""
        return frames.to_pandas(self.items)

    def to_polars(self) -> "pl.DataFrame":
        """A row an item. Needs the extra `polars`."""
        return frames.to_polars(self.items)


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that no item has, and the likeliest of those that were searched instead."""

    written: str
    taken: str


@dataclass(frozen=True, slots=True)
class FacetCount:
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field among the items that fit, those of most items first."""

    field: str
    values: tuple[FacetCount, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a search, and how the query was understood.

    Attributes:
        next_page_token: for the next page; None after the last one.
        total_size: how many items hold words of the query; None on later pages, which don't tell it.
        facets: on the first page alone, as `total_size`.
    """

    slate: Slate
    next_page_token: str | None
    total_size: int | None
    match: QueryMatch
    corrections: tuple[Correction, ...]
    unknown_words: tuple[str, ...]
    facets: tuple[Facet, ...]

    def to_dict(self) -> dict[str, Any]:
        """Of what JSON can say."""
        return plain(self)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of events.

    Attributes:
        discarded_count: those that lacked consent to logging.
        duplicate_count: of the recorded, those that an earlier call had brought; they count once.
        event_token: for the next request of these people, whose answer then knows the events; None if
            none was recorded.
    """

    request_id: str
    recorded_count: int
    discarded_count: int
    duplicate_count: int
    event_token: str | None

    def to_dict(self) -> dict[str, Any]:
        """Of what JSON can say."""
        return plain(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one batch of a stream.

    Attributes:
        number: counted from 0, in the order in which the batches were taken.
        recorded: None if the batch was refused; then `error` says why, and its `in_doubt` whether some of
            the events may be there all the same.
    """

    number: int
    events: tuple[Event, ...]
    recorded: Recorded | None
    error: RecserveError | None


@dataclass(frozen=True, slots=True)
class FilterField:
    name: str
    kind: FilterKind


@dataclass(frozen=True, slots=True)
class Status:
    """What a deployment serves. `server_time` is its own clock, which may be set back."""

    project: str
    bundle_id: str
    snapshot_version: str
    item_count: int
    offer_count: int
    surfaces: tuple[Surface, ...]
    id_kind: IdKind
    filter_fields: tuple[FilterField, ...]
    models: tuple[str, ...]
    horizon_days: int
    server_time: datetime | None
    index_version: str | None  # None: nothing is searched, or no index can be used
    vectors_version: str | None

    def to_dict(self) -> dict[str, Any]:
        """Of what JSON can say."""
        return plain(self)
