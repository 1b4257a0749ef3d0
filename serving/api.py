"""RPC in, RPC out: the only place where requests become queries and errors become statuses."""

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc
from google.rpc.status_pb2 import Status
from grpc import aio
from grpc_status import rpc_status
from recserve.v1 import event_service_pb2 as event_pb
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1.event_service_pb2_grpc import EventServiceServicer
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceServicer
from recserve.v1.status_service_pb2_grpc import StatusServiceServicer

from serving.bundle import Bundle
from serving.errors import RecserveError, RequestError, TimedOut
from serving.features.filter_fields import filter_fields
from serving.features.redis_keys import PARTITIONS
from serving.policy import Budget
from serving.process import logs
from serving.rpc import recording, status_reply, statuses, validation, wire
from serving.rpc.event_validation import require_events
from serving.types import (
    Answered,
    EventStreams,
    ItemSnapshot,
    Query,
    RankQuery,
    Recorder,
    RequestLog,
    SimilarQuery,
    Ticks,
    WallClock,
)

log = logging.getLogger(__name__)
ROUNDING = 0.01  # gRPC rounds the deadline that it sends up by as much
Context = aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


def new_request_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """The operator's part: the secret key, the time of callers who give none, chance and ticks."""

    key: bytes = field(repr=False)
    default_deadline_s: float = 0.5
    new_request_id: Callable[[], str] = new_request_id
    ticks: Ticks = time.monotonic


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request under way."""

    method: str
    request_id: str
    at_us: int
    budget: Budget


class Request(Protocol):
    """What every request of ours has."""

    @property
    def request_id(self) -> str: ...


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


class RecommendationServicer(RecommendationServiceServicer):
    """Answers recserve.v1.RecommendationService from a pipeline."""

    def __init__(self, pipeline: Answering, request_log: RequestLog, calls: "Calls") -> None:
        self._pipeline, self._log, self._calls = pipeline, request_log, calls
        plan = pipeline.bundle.plan
        self._id_kind, self._fields = plan.id_kind, filter_fields(plan)
        self._scribe = wire.Scribe(calls.options.key)

    async def Recommend(  # noqa: N802
        self, request: pb.RecommendRequest, context: Context
    ) -> pb.RecommendResponse:
        async def answer(admitted: Admitted) -> pb.RecommendResponse:
            query = validation.recommend_query(request, self._id_kind, self._fields)
            answered = await self._pipeline.recommend(query, admitted.budget)
            told = self._told(admitted, answered, query)
            return pb.RecommendResponse(items=wire.items(answered.items), answer=told)

        return await self._calls.serve("Recommend", request, context, answer)

    async def Rank(  # noqa: N802
        self, request: pb.RankRequest, context: Context
    ) -> pb.RankResponse:
        async def answer(admitted: Admitted) -> pb.RankResponse:
            query = validation.rank_query(request, self._id_kind)
            answered = await self._pipeline.rank(query, admitted.budget)
            return pb.RankResponse(
                items=wire.items(answered.items),
                unknown_item_ids=answered.unknown_item_ids,
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
        """What the answer says of itself; it is logged as well. `query` is that of a person."""
        token = self._scribe.token(admitted.at_us, admitted.request_id, answered.bundle_id)
        told = wire.answer(answered, admitted.request_id, token)
        entry = self._scribe.entry(admitted.method, admitted.at_us, answered, told, query)
        self._log.record(entry)
        return told


class EventServicer(EventServiceServicer):
    """Answers recserve.v1.EventService: events are in the streams before the caller hears of it."""

    def __init__(
        self, pipeline: Answering, streams: EventStreams, keep: int, calls: "Calls"
    ) -> None:
        self._plan, self._streams, self._calls = pipeline.bundle.plan, streams, calls
        self._keep = max(1, keep // PARTITIONS)
        self._scribe = wire.Scribe(calls.options.key)

    async def RecordEvents(  # noqa: N802
        self, request: event_pb.RecordEventsRequest, context: Context
    ) -> event_pb.RecordEventsResponse:
        async def answer(admitted: Admitted) -> event_pb.RecordEventsResponse:
            reply = event_pb.RecordEventsResponse(request_id=admitted.request_id)
            require_events(request, self._plan.id_kind, admitted.at_us, self._scribe.tokens)
            if request.consent.logging:
                entries = recording.entries(request, self._plan, self._scribe, admitted.at_us)
                await self._streams.record(entries, self._keep, admitted.budget.share("record"))
                reply.recorded_count = len(request.events)
            else:
                reply.discarded_count = len(request.events)
            return reply

        return await self._calls.serve("RecordEvents", request, context, answer)


class StatusServicer(StatusServiceServicer):
    """Answers recserve.v1.StatusService from what this worker has in memory."""

    def __init__(self, pipeline: Answering, calls: "Calls") -> None:
        self._pipeline, self._calls = pipeline, calls

    async def GetStatus(  # noqa: N802
        self, request: status_pb.GetStatusRequest, context: Context
    ) -> status_pb.GetStatusResponse:
        async def answer(admitted: Admitted) -> status_pb.GetStatusResponse:
            live = self._pipeline
            validation.require_request_id(request.request_id, live.bundle.plan.id_kind)
            return status_reply.reply(live.bundle, live.snapshot, live.surfaces, admitted.at_us)

        return await self._calls.serve("GetStatus", request, context, answer)


class Calls:
    """What all methods share: a budget, a request id, a status for each error, a count."""

    def __init__(self, clock: WallClock, metrics: Recorder, options: ApiOptions) -> None:
        self.options = options
        self._clock, self._metrics, self._options = clock, metrics, options

    async def serve(
        self,
        method: str,
        request: Request,
        context: Context,
        answer: Callable[[Admitted], Awaitable[Response]],
    ) -> Response:
        admitted = Admitted(
            method,
            self._request_id(request.request_id),
            self._clock.now_us(),
            Budget.of(self._seconds(context), self._options.ticks),
        )
        logs.request_id.set(admitted.request_id)  # of this call's task alone
        began, code = self._options.ticks(), grpc.StatusCode.CANCELLED
        try:
            outcome = await self._outcome(admitted, answer)
            refused = rpc_status.to_status(outcome) if isinstance(outcome, Status) else None
            code = refused.code if refused else grpc.StatusCode.OK
        finally:
            self._metrics.request(method, code.name, self._options.ticks() - began)
        if refused:
            await context.abort(code, refused.details, tuple(refused.trailing_metadata))
        return outcome

    async def _outcome(
        self, admitted: Admitted, answer: Callable[[Admitted], Awaitable[Response]]
    ) -> Response | Status:
        """The answer, or the status that says why there is none."""
        try:
            return await _in_time(admitted, answer)
        except RecserveError as error:
            level = logging.DEBUG if isinstance(error, RequestError) else logging.WARNING
            log.log(level, "%s %s: %s", admitted.method, admitted.request_id, error)
            return statuses.status_of(error, admitted.request_id)
        except Exception:  # the last line: a fault of ours is logged here and shown to nobody
            log.exception("%s %s failed", admitted.method, admitted.request_id)
            return statuses.internal(admitted.request_id)

    def _request_id(self, asked: str) -> str:
        """The caller's, if it can be one."""
        if asked and validation.valid_request_id(asked):
            return asked
        return self._options.new_request_id()

    def _seconds(self, context: Context) -> float:
        """Until the caller's deadline; the default for a caller without one."""
        left: float | None = context.time_remaining()
        if left is None or math.isinf(left):
            return self._options.default_deadline_s
        return left * (1 - ROUNDING)


async def _in_time(
    admitted: Admitted, answer: Callable[[Admitted], Awaitable[Response]]
) -> Response:
    try:
        async with asyncio.timeout(admitted.budget.left()):
            return await answer(admitted)
    except TimeoutError as error:
        raise TimedOut("the deadline passed") from error
