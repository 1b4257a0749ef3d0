"""grpc.health.v1: names are services; SERVING means started, warmed and not draining.

Never asks a dependency: a Triton or Redis that is away degrades answers and leaves this alone.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

SERVICE = "recserve.v1.RecommendationService"
PUBLIC = (
    SERVICE,
    *(f"recserve.v1.{name}Service" for name in ("Event", "Search", "Status")),
)
SERVICES = ("", *PUBLIC)  # "" is the server as a whole
Reply: Any = health_pb2.HealthCheckResponse


class Health:
    """The servicer. NOT_SERVING until `serve`, and again from `drain` on; every watcher is told."""

    def __init__(self) -> None:
        self._status: int = Reply.NOT_SERVING
        self._changed = asyncio.Event()
        self._draining = False

    def serve(self) -> None:
        self._set(Reply.SERVING)

    def drain(self) -> None:
        """Watchers get NOT_SERVING, then their streams end: they would hold up the server's stop."""
        self._draining = True
        self._set(Reply.NOT_SERVING)

    async def Check(  # noqa: N802
        self,
        request: health_pb2.HealthCheckRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",
    ) -> Any:
        if request.service not in SERVICES:
            known = ", ".join(repr(name) for name in SERVICES)
            message = f"no service {request.service!r} here; known are {known}"
            await context.abort(grpc.StatusCode.NOT_FOUND, message)
        return Reply(status=self._status)

    async def Watch(  # noqa: N802
        self,
        request: health_pb2.HealthCheckRequest,
        context: "grpc.aio.ServicerContext[Any, Any]",  # noqa: ARG002
    ) -> AsyncIterator[Any]:
        known = request.service in SERVICES
        while True:
            changed = self._changed
            yield Reply(status=self._status if known else Reply.SERVICE_UNKNOWN)
            if self._draining:
                return
            await changed.wait()

    def _set(self, status: int) -> None:
        self._status = status
        self._changed.set()
        self._changed = asyncio.Event()
