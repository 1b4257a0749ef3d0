"""What all methods share: a budget, a request id, a status for each error, a count, the end of streams."""

import asyncio
import logging
import math
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import grpc
from google.rpc.status_pb2 import Status
from grpc import aio
from grpc_status import rpc_status
from recserve.v1 import (
    event_service_pb2,
    recommendation_service_pb2,
    search_service_pb2,
    status_service_pb2,
)

from serving import tracing
from serving.errors import RecserveError, RequestError, TimedOut
from serving.policy import Budget
from serving.process import logs
from serving.rpc import statuses, validation
from serving.types import Recorder, Ticks, WallClock

log = logging.getLogger(__name__)
FULL_NAMES = {
    method.name: f"{service.full_name}/{method.name}"
    for module in (
        *(event_service_pb2, recommendation_service_pb2),
        *(search_service_pb2, status_service_pb2),
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
ROUNDING = 0.01  # gRPC rounds the deadline that it sends up by as much
Context = aio.ServicerContext[Any, Any]
Response = TypeVar("Response")
Item = TypeVar("Item")


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


class Calls:
    """What all methods share: a budget, a request id, a status for each error, a count."""

    def __init__(self, clock: WallClock, metrics: Recorder, options: ApiOptions) -> None:
        self.options = options
        self._clock, self._metrics, self._options = clock, metrics, options
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Streams end after the batch that they are at."""
        self._draining.set()

    async def until_drained(self, requests: AsyncIterator[Item]) -> AsyncIterator[Item]:
        """The requests of a stream, until the caller or this worker ends it."""
        draining = asyncio.ensure_future(self._draining.wait())
        try:
            while True:
                coming = asyncio.ensure_future(anext(requests))
                coming.add_done_callback(_heard)
                await asyncio.wait([coming, draining], return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    return
                try:
                    yield coming.result()
                except StopAsyncIteration:
                    return
        finally:
            draining.cancel()

    async def serve(
        self,
        method: str,
        request: Request,
        context: Context,
        answer: Callable[[Admitted], Awaitable[Response]],
    ) -> Response:
        """The answer; a refusal ends the call with its status."""
        seconds, metadata = self._seconds(context), context.invocation_metadata() or ()
        outcome = await self.outcome(method, request, seconds, metadata, answer)
        if isinstance(outcome, Status):
            refused = rpc_status.to_status(outcome)
            await context.abort(refused.code, refused.details, tuple(refused.trailing_metadata))
        return outcome

    async def outcome(
        self,
        method: str,
        request: Request,
        seconds: float,
        metadata: tracing.Metadata,
        answer: Callable[[Admitted], Awaitable[Response]],
    ) -> Response | Status:
        """The answer, or the status that says why there is none; it is counted, timed and traced.

        `metadata` are the caller's, who may name a trace there.
        """
        admitted = Admitted(
            method,
            self._request_id(request.request_id),
            self._clock.now_us(),
            Budget.of(seconds, self._options.ticks),
        )
        logs.request_id.set(admitted.request_id)  # of this call's task alone
        began, code = self._options.ticks(), grpc.StatusCode.CANCELLED
        with tracing.answering(FULL_NAMES[method], admitted.request_id, metadata):
            try:
                outcome = await self._outcome(admitted, answer)
                refused = rpc_status.to_status(outcome) if isinstance(outcome, Status) else None
                code = refused.code if refused else grpc.StatusCode.OK
            finally:
                tracing.answered(code.name)
                self._metrics.request(method, code.name, self._options.ticks() - began)
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


def _heard(coming: "asyncio.Future[Any]") -> None:
    """What ends a stream that nobody waits for any more is no error to be told of."""
    if not coming.cancelled():
        coming.exception()


async def _in_time(
    admitted: Admitted, answer: Callable[[Admitted], Awaitable[Response]]
) -> Response:
    try:
        async with asyncio.timeout(admitted.budget.left()):
            return await answer(admitted)
    except TimeoutError as error:
        raise TimedOut("the deadline passed") from error
