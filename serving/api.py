"""RPC in, RPC out: the only place where requests become queries."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1.event_service_pb2_grpc import EventServiceServicer
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceServicer
from recserve.v1.search_service_pb2_grpc import SearchServiceServicer
from recserve.v1.status_service_pb2_grpc import StatusServiceServicer

from serving.bundle import Bundle
from serving.events import EventStreams
from serving.features.filter_fields import filter_fields
from serving.items import ItemSnapshot
from serving.policy import Budget
from serving.rpc import (
    recording,
    search_reply,
    search_validation,
    status_reply,
    validation,
    wire,
)
from serving.rpc.calls import Admitted, Calls, Context
from serving.rpc.event_validation import require_events
from serving.search.engine import Engine, Versions
from serving.search.query import Searched, SearchQuery
from serving.types import Answered, Query, RankQuery, RequestLog, SimilarQuery


class Answering(Protocol):
    """A Pipeline, or what stands for one."""

    @property
    def bundle(self) -> Bundle: ...
    @property
    def snapshot(self) -> ItemSnapshot: ...
    @property
    def surfaces(self) -> tuple[str, ...]: ...
    async def recommend(self, query: Query, budget: Budget) -> Answered: ...
    async def rank(self, query: RankQuery, budget: Budget) -> Answered: ...
    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def search_versions(self) -> Versions: ...
    async def search(self, query: SearchQuery, budget: Budget) -> Searched: ...


class RecommendationServicer(RecommendationServiceServicer):
    """Answers recserve.v1.RecommendationService from a pipeline."""

    def __init__(self, pipeline: Answering, request_log: RequestLog, calls: Calls) -> None:
        self._pipeline, self._log, self._calls = pipeline, request_log, calls
        plan = pipeline.bundle.plan
        self._id_kind, self._fields = plan.id_kind, filter_fields(plan)
        self._scribe = wire.Scribe(calls.options.key)

    async def Recommend(  # noqa: N802
        self, request: pb.RecommendRequest, context: Context
    ) -> pb.RecommendResponse:
        async def answer(admitted: Admitted) -> pb.RecommendResponse:
            query = validation.recommend_query(
                request, self._id_kind, self._fields, self._scribe.event_tokens
            )
            answered = await self._pipeline.recommend(query, admitted.budget)
            told = self._told(admitted, answered, query)
            return pb.RecommendResponse(items=wire.items(answered.items), answer=told)

        return await self._calls.serve("Recommend", request, context, answer)

    async def Rank(  # noqa: N802
        self, request: pb.RankRequest, context: Context
    ) -> pb.RankResponse:
        async def answer(admitted: Admitted) -> pb.RankResponse:
            query = validation.rank_query(request, self._id_kind, self._scribe.event_tokens)
            answered = await self._pipeline.rank(query, admitted.budget)
            return pb.RankResponse(
                items=wire.items(answered.items),
                unknown_item_ids=answered.unknown_item_ids,
                stored_item_ids=answered.stored_item_ids,
                answer=self._told(admitted, answered, query),
            )

        return await self._calls.serve("Rank", request, context, answer)

    async def SimilarItems(  # noqa: N802
        self, request: pb.SimilarItemsRequest, context: Context
    ) -> pb.SimilarItemsResponse:
        async def answer(admitted: Admitted) -> pb.SimilarItemsResponse:
            query = validation.similar_query(request, self._id_kind, self._fields)
            answered = await self._pipeline.similar(query, admitted.budget)
            told = self._told(admitted, answered)
            return pb.SimilarItemsResponse(items=wire.items(answered.items), answer=told)

        return await self._calls.serve("SimilarItems", request, context, answer)

    def _told(
        self, admitted: Admitted, answered: Answered, query: Query | RankQuery | None = None
    ) -> pb.Answer:
        return told(self._scribe, self._log, admitted, answered, query)


class SearchServicer(SearchServiceServicer):
    """Answers recserve.v1.SearchService from a pipeline and the index beside it."""

    def __init__(self, pipeline: Answering, request_log: RequestLog, calls: Calls) -> None:
        self._pipeline, self._log, self._calls = pipeline, request_log, calls
        plan = pipeline.bundle.plan
        self._id_kind, self._fields = plan.id_kind, filter_fields(plan)
        self._scribe = wire.Scribe(calls.options.key)

    async def Search(  # noqa: N802
        self, request: search_pb.SearchRequest, context: Context
    ) -> search_pb.SearchResponse:
        async def answer(admitted: Admitted) -> search_pb.SearchResponse:
            scribe = self._scribe
            query = search_validation.search_query(
                request, self._id_kind, self._fields, scribe.event_tokens, scribe.page_tokens
            )
            searched = await self._pipeline.search(query, admitted.budget)
            account = told(scribe, self._log, admitted, searched.answered, query)
            asked = search_validation.asked_of(request)
            token = scribe.page_tokens.issue(asked, searched.rest)
            return search_reply.reply(searched, account, token)

        return await self._calls.serve("Search", request, context, answer)

    async def Suggest(  # noqa: N802
        self, request: search_pb.SuggestRequest, context: Context
    ) -> search_pb.SuggestResponse:
        async def answer(admitted: Admitted) -> search_pb.SuggestResponse:
            count = search_validation.require_suggest(request, self._id_kind)
            seconds = admitted.budget.share("search")
            texts = await self._pipeline.engine.suggest(request.text, count, seconds)
            return search_pb.SuggestResponse(texts=texts, request_id=admitted.request_id)

        return await self._calls.serve("Suggest", request, context, answer)


def told(
    scribe: wire.Scribe,
    request_log: RequestLog,
    admitted: Admitted,
    answered: Answered,
    query: Query | RankQuery | SearchQuery | None,
) -> pb.Answer:
    """What the answer says of itself; it is logged as well. `query` is that of a person."""
    token = scribe.token(admitted.at_us, admitted.request_id, answered.bundle_id)
    account = wire.answer(answered, admitted.request_id, token)
    request_log.record(scribe.entry(admitted.method, admitted.at_us, answered, account, query))
    return account


class EventServicer(EventServiceServicer):
    """Answers recserve.v1.EventService: events are in the streams before the caller hears of it."""

    def __init__(self, pipeline: Answering, streams: EventStreams, calls: Calls) -> None:
        self._plan, self._streams, self._calls = pipeline.bundle.plan, streams, calls
        self._scribe = wire.Scribe(calls.options.key)

    async def RecordEvents(  # noqa: N802
        self, request: event_pb.RecordEventsRequest, context: Context
    ) -> event_pb.RecordEventsResponse:
        return await self._calls.serve("RecordEvents", request, context, self._taker(request))

    async def StreamEvents(  # noqa: N802
        self, requests: AsyncIterator[event_pb.StreamEventsRequest], context: Context
    ) -> AsyncIterator[event_pb.StreamEventsResponse]:
        metadata = context.invocation_metadata() or ()
        async for request in self._calls.until_drained(requests):
            batch, seconds = request.batch, self._calls.options.default_deadline_s
            outcome = await self._calls.outcome(
                "StreamEvents", batch, seconds, metadata, self._taker(batch)
            )
            yield wire.streamed(outcome)

    def _taker(
        self, request: event_pb.RecordEventsRequest
    ) -> Callable[[Admitted], Awaitable[event_pb.RecordEventsResponse]]:
        async def take(admitted: Admitted) -> event_pb.RecordEventsResponse:
            reply = event_pb.RecordEventsResponse(request_id=admitted.request_id)
            require_events(request, self._plan.id_kind, admitted.at_us, self._scribe.tokens)
            if not request.consent.logging:
                reply.discarded_count = len(request.events)
                return reply
            events = recording.new_events(request, self._plan, self._scribe, admitted.at_us)
            recorded = await self._streams.record(events, admitted.budget.share("record"))
            positions = recording.positions(events, recorded)
            reply.recorded_count = len(recorded)
            reply.duplicate_count = sum(one.duplicate for one in recorded)
            reply.event_token = self._scribe.event_tokens.issue(positions)
            return reply

        return take


class StatusServicer(StatusServiceServicer):
    """Answers recserve.v1.StatusService from what this worker has in memory."""

    def __init__(self, pipeline: Answering, calls: Calls) -> None:
        self._pipeline, self._calls = pipeline, calls

    async def GetStatus(  # noqa: N802
        self, request: status_pb.GetStatusRequest, context: Context
    ) -> status_pb.GetStatusResponse:
        async def answer(admitted: Admitted) -> status_pb.GetStatusResponse:
            live = self._pipeline
            validation.require_request_id(request.request_id, live.bundle.plan.id_kind)
            return status_reply.reply(
                live.bundle, live.snapshot, live.surfaces, live.search_versions, admitted.at_us
            )

        return await self._calls.serve("GetStatus", request, context, answer)
