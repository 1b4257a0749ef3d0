"""Answers as protos: what the caller gets, and what the request log keeps."""

from collections.abc import Iterable

from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import request_log_pb2 as log_pb

from serving.rpc.event_tokens import EventTokens
from serving.rpc.page_tokens import PageTokens
from serving.rpc.tokens import RequestTokens, TokenContent, derived_key, user_hash
from serving.search.query import SearchQuery
from serving.types import (
    Answered,
    Consent,
    Context,
    Contribution,
    Query,
    RankQuery,
    ServedItem,
)

KNOWN_SOURCES = frozenset(pb.CandidateSource.keys())
OTHER_SOURCE = "CANDIDATE_SOURCE_OTHER"


def items(served: Iterable[ServedItem]) -> list[pb.ScoredItem]:
    return [
        pb.ScoredItem(
            item_id=i.item_id,
            score=i.score,
            sources=sources(i.sources),
            target_item_ids=i.target_item_ids,
            explanation=None if i.explanation is None else _explanation(i.explanation),
        )
        for i in served
    ]


def _explanation(contributions: Iterable[Contribution]) -> pb.Explanation:
    return pb.Explanation(
        contributions=[pb.Contribution(view=c.view, log_odds=c.log_odds) for c in contributions]
    )


def sources(names: Iterable[str]) -> list[str]:
    """A bundle may have sources that the API has no word for; all of them are OTHER, told once."""
    words = (f"CANDIDATE_SOURCE_{name.upper()}" for name in names)
    return list(dict.fromkeys(w if w in KNOWN_SOURCES else OTHER_SOURCE for w in words))


def answer(answered: Answered, request_id: str, request_token: str) -> pb.Answer:
    return pb.Answer(
        request_id=request_id,
        request_token=request_token,
        bundle_id=answered.bundle_id,
        snapshot_version=answered.snapshot_version,
        treatment=answered.treatment,
        timings=[
            pb.StageTiming(stage=t.stage, duration_ms=t.seconds * 1e3) for t in answered.timings
        ],
        degradations=[
            pb.Degradation(
                stage=d.stage,
                reason=f"DEGRADATION_REASON_{d.reason}",
                action=f"DEGRADATION_ACTION_{d.action}",
                detail=d.detail,
            )
            for d in answered.degradations
        ],
        oldest_feature_age_s=answered.oldest_age_s,
        candidate_counts=[
            pb.SourceCount(source=sources([name])[0], count=count)
            for name, count in answered.proposed
        ],
        removed=[
            pb.RemovedCount(reason=f"REMOVAL_REASON_{reason}", count=count)
            for reason, count in answered.removed
        ],
        cold_start=answered.cold_start,
    )


def streamed(
    outcome: event_pb.RecordEventsResponse | Status,
) -> event_pb.StreamEventsResponse:
    """The answer to one batch of a stream."""
    if isinstance(outcome, event_pb.RecordEventsResponse):
        return event_pb.StreamEventsResponse(recorded=outcome)
    error = event_pb.BatchError(code=outcome.code, message=outcome.message)
    invalid, asked = error_details_pb2.BadRequest(), error_details_pb2.RequestInfo()
    for detail in outcome.details:
        if detail.Unpack(invalid):
            error.invalid_fields.extend(
                event_pb.InvalidField(field=one.field, description=one.description)
                for one in invalid.field_violations
            )
        if detail.Unpack(asked):
            error.request_id = asked.request_id
    return event_pb.StreamEventsResponse(error=error)


class Scribe:
    """Writes tokens and log entries under the operator's key."""

    def __init__(self, key: bytes) -> None:
        self.tokens = RequestTokens(derived_key(key, "request token"))
        self.event_tokens = EventTokens(derived_key(key, "event token"))
        self.page_tokens = PageTokens(derived_key(key, "page token"))
        self._key = key

    def token(self, admitted_at_us: int, request_id: str, bundle_id: str) -> str:
        return self.tokens.issue(TokenContent(admitted_at_us, request_id, bundle_id))

    def entry(
        self,
        method: str,
        admitted_at_us: int,
        answered: Answered,
        told: pb.Answer,
        query: Query | RankQuery | SearchQuery | None = None,
    ) -> log_pb.RequestLogEntry:
        """The record of an answer; without consent to logging nothing in it names the person."""
        person = query.person if query else None
        context = query.context if query else None
        consent = person.consent if person else Consent()
        named = person is not None and consent.logging and person.user_id
        return log_pb.RequestLogEntry(
            admitted_at_us=admitted_at_us,
            method=method,
            user_hash=user_hash(self._key, person.user_id) if person and named else b"",
            consent=pb.Consent(personalization=consent.personalization, logging=consent.logging),
            surface=query.surface if query else "SURFACE_UNSPECIFIED",
            slate=[
                log_pb.LoggedItem(
                    item_id=item.item_id,
                    slot=slot,
                    score=item.score,
                    propensity=1.0,
                    sources=sources(item.sources),
                )
                for slot, item in enumerate(answered.items)
            ],
            answer=told,
            rows=[
                log_pb.LoggedRow(
                    view=row.view, event_time_us=row.event_time_us, added_event_count=row.added
                )
                for row in answered.rows
            ],
            context=None if context is None else _context(context, consent),
            query=query.text if isinstance(query, SearchQuery) and consent.logging else "",
        )

    def event(
        self, event: event_pb.Event, consent: pb.Consent, received_at_us: int
    ) -> log_pb.LoggedEvent:
        """The record of an event, whose ids are in their one form."""
        kept = event_pb.Event()
        kept.CopyFrom(event)
        if not consent.personalization:
            kept.ClearField("user_id")
        return log_pb.LoggedEvent(
            event=kept,
            user_hash=user_hash(self._key, event.user_id),
            consent=consent,
            received_at_us=received_at_us,
        )


def _context(context: Context, consent: Consent) -> pb.Context:
    """A session id ties answers to each other, and so to a person."""
    return pb.Context(
        session_id=context.session_id if consent.logging else "",
        placement_id=context.placement_id,
        device=context.device,
        language_code=context.language_code,
    )
