"""Between the client's values and the API's messages."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from recserve.client.enums import (
    CandidateSource,
    DegradationAction,
    DegradationReason,
    Device,
    FilterKind,
    IdKind,
    QueryMatch,
    RemovalReason,
    Surface,
)
from recserve.client.requests import Consent, Context, Event, Filter
from recserve.client.results import (
    Answer,
    Contribution,
    Correction,
    Degradation,
    Explanation,
    Facet,
    FacetCount,
    FilterField,
    Page,
    Recorded,
    RemovedCount,
    ScoredItem,
    Slate,
    SourceCount,
    StageTiming,
    Status,
)
from recserve.v1 import event_service_pb2 as events_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb

E = TypeVar("E", bound=StrEnum)
# The API's enum of each of ours.
ENUMS: dict[type[StrEnum], Any] = {
    Surface: pb.Surface,
    Device: pb.Device,
    CandidateSource: pb.CandidateSource,
    RemovalReason: pb.RemovalReason,
    DegradationReason: pb.DegradationReason,
    DegradationAction: pb.DegradationAction,
    FilterKind: status_pb.FilterKind,
    IdKind: status_pb.IdKind,
    QueryMatch: search_pb.QueryMatch,
}


def number(member: StrEnum) -> int:
    """As the API numbers it; UNKNOWN is its UNSPECIFIED."""
    wire = ENUMS[type(member)]
    return 0 if member.name == "UNKNOWN" else int(wire.Value(_prefix(wire) + member.name))


def member(kind: type[E], value: int) -> E:
    wire = ENUMS[kind]
    name = wire.DESCRIPTOR.values_by_number[value].name if value in wire.values() else ""
    return kind.__members__.get(name.removeprefix(_prefix(wire)), kind["UNKNOWN"])


def consent(given: Consent) -> pb.Consent:
    return pb.Consent(personalization=given.personalization, logging=given.logging)


def context(given: Context) -> pb.Context:
    return pb.Context(
        session_id=given.session_id,
        placement_id=given.placement_id,
        device=pb.Device.Name(number(given.device)),
        language_code=given.language_code,
    )


def item_filter(given: Filter) -> pb.Filter:
    return pb.Filter(
        field=given.field,
        any_of=texts("any_of", given.any_of),
        minimum=given.minimum,
        maximum=given.maximum,
        exclude=given.exclude,
    )


def event(given: Event) -> events_pb.Event:
    when = Timestamp()
    when.FromDatetime(given.event_time)
    return events_pb.Event(
        event_id=given.event_id,
        user_id=given.user_id,
        item_id=given.item_id,
        kind=given.kind,
        event_time=when,
        group_id=given.group_id,
        quantity=given.quantity,
        value=given.value,
        request_token=given.request_token,
        slot=given.slot,
    )


def texts(name: str, given: Iterable[str]) -> list[str]:
    """A single text would be taken letter by letter.

    Raises:
        TypeError: `given` is one.
    """
    if isinstance(given, str):
        raise TypeError(f"{name} is the text {given!r}; give a list or tuple of texts")
    return list(given)


def slate(message: pb.RecommendResponse | pb.SimilarItemsResponse) -> Slate:
    return Slate(tuple(map(_item, message.items)), _answer(message.answer))


def ranked(message: pb.RankResponse) -> Slate:
    items = tuple(map(_item, message.items))
    return Slate(
        items,
        _answer(message.answer),
        tuple(message.unknown_item_ids),
        tuple(message.stored_item_ids),
    )


def first_page(message: search_pb.SearchResponse) -> Page:
    return replace(later_page(message), total_size=message.total_size)


def later_page(message: search_pb.SearchResponse) -> Page:
    return Page(
        Slate(tuple(map(_item, message.items)), _answer(message.answer)),
        message.next_page_token or None,
        None,
        member(QueryMatch, message.match),
        tuple(Correction(one.written, one.taken) for one in message.corrections),
        tuple(message.unknown_words),
        tuple(
            Facet(facet.field, tuple(FacetCount(one.value, one.count) for one in facet.values))
            for facet in message.facets
        ),
    )


def suggested(message: search_pb.SuggestResponse) -> tuple[str, ...]:
    return tuple(message.texts)


def recorded(message: events_pb.RecordEventsResponse) -> Recorded:
    return Recorded(
        message.request_id,
        message.recorded_count,
        message.discarded_count,
        message.duplicate_count,
        message.event_token or None,
    )


def status(message: status_pb.GetStatusResponse) -> Status:
    return Status(
        message.project,
        message.bundle_id,
        message.snapshot_version,
        message.item_count,
        message.offer_count,
        tuple(member(Surface, one) for one in message.surfaces),
        member(IdKind, message.id_kind),
        tuple(FilterField(f.name, member(FilterKind, f.kind)) for f in message.filter_fields),
        tuple(message.models),
        message.horizon_days,
        _time(message.server_time) if message.HasField("server_time") else None,
        message.index_version or None,
        message.vectors_version or None,
    )


def _item(message: pb.ScoredItem) -> ScoredItem:
    return ScoredItem(
        message.item_id,
        message.score if message.HasField("score") else None,
        tuple(member(CandidateSource, one) for one in message.sources),
        tuple(message.target_item_ids),
        _explanation(message.explanation) if message.HasField("explanation") else None,
    )


def _explanation(message: pb.Explanation) -> Explanation:
    return Explanation(tuple(Contribution(c.view, c.log_odds) for c in message.contributions))


def _answer(message: pb.Answer) -> Answer:
    age = message.oldest_feature_age_s if message.HasField("oldest_feature_age_s") else None
    return Answer(
        message.request_id,
        message.request_token,
        message.bundle_id,
        message.snapshot_version,
        message.treatment,
        tuple(StageTiming(t.stage, t.duration_ms) for t in message.timings),
        tuple(map(_degradation, message.degradations)),
        age,
        tuple(
            SourceCount(member(CandidateSource, c.source), c.count)
            for c in message.candidate_counts
        ),
        tuple(RemovedCount(member(RemovalReason, r.reason), r.count) for r in message.removed),
        message.cold_start,
    )


def _degradation(message: pb.Degradation) -> Degradation:
    return Degradation(
        message.stage,
        member(DegradationReason, message.reason),
        member(DegradationAction, message.action),
        message.detail or None,
    )


def _time(message: Timestamp) -> datetime:
    return message.ToDatetime(tzinfo=UTC)


def _prefix(wire: Any) -> str:
    return str(wire.Name(0).removesuffix("UNSPECIFIED"))
