"""What stands before the service: no more calls at a time than a worker can carry, and no garbage.

Health and reflection pass untouched.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from serving.errors import FieldViolation, InvalidRequest
from serving.process.health import PUBLIC
from serving.rpc import statuses
from serving.telemetry import Metrics

RETRY_AFTER_S = 0.05
LARGEST_REQUEST = 1 << 20  # bytes; the contract's limits need a third of it
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Admission(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """RESOURCE_EXHAUSTED over `limit` calls at a time; INVALID_ARGUMENT for bytes of no request."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._in_flight = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(handler_call_details)
        service, _, method = handler_call_details.method.removeprefix("/").partition("/")
        if service not in PUBLIC or handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._admitted(method, handler), None, handler.response_serializer
        )

    def _admitted(self, method: str, handler: Handler) -> Callable[..., Any]:
        parse: Any = handler.request_deserializer  # the stubs know the synchronous server alone
        answer: Any = handler.unary_unary

        async def admitted(raw: bytes, context: Context) -> Any:
            if len(raw) > LARGEST_REQUEST:
                wrong = f"has {len(raw)} bytes; at most {LARGEST_REQUEST} are allowed"
                await self._refuse(method, _invalid(wrong), context)
            try:
                request = parse(raw)
            except DecodeError:
                await self._refuse(method, _invalid(f"the bytes are no {method}Request"), context)
            if self._in_flight >= self._limit:
                refusal = statuses.resource_exhausted(
                    request.request_id or uuid4().hex, RETRY_AFTER_S
                )
                await self._refuse(method, refusal, context)
            self._change(1)
            try:
                return await answer(request, context)
            finally:
                self._change(-1)

        return admitted

    async def _refuse(self, method: str, refusal: Status, context: Context) -> None:
        status = rpc_status.to_status(refusal)
        self._metrics.refused(method, status.code.name)
        await context.abort(status.code, status.details, status.trailing_metadata)

    def _change(self, by: int) -> None:
        self._in_flight += by
        self._metrics.in_flight(by)


def _invalid(problem: str) -> Status:
    """Of the request as a whole."""
    return statuses.status_of(InvalidRequest((FieldViolation("", problem),)), uuid4().hex)
