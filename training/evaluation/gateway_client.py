"""Asks the running gateway: many requests with bounded concurrency, every failure one sentence."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from training.errors import GatewayError, ScoreRefused

DEADLINE_S = 10.0  # a measurement of quality must not be one of a busy machine
CONCURRENCY = 8
RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            # A connection that reached its maximum age may end a call that was on its way.
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ]
}
OF_ITEMS = {  # on one of them a bundle answers with items
    "SURFACE_PRODUCT": pb.SURFACE_PRODUCT,
    "SURFACE_CONTENT": pb.SURFACE_CONTENT,
}
MENDABLE = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)  # by the caller
OPTIONS = (("grpc.service_config", json.dumps(RETRIES)),)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and how long the caller waited for it."""

    response: pb.RecommendResponse
    milliseconds: float


@asynccontextmanager
async def gateway(endpoint: str) -> AsyncIterator[stubs.RecommendationServiceStub]:
    """The service at `host:port`.

    Raises:
        GatewayError: out of the block too: nothing listens there, or a call in it failed.
    """
    async with grpc.aio.insecure_channel(endpoint, options=OPTIONS) as channel:
        try:
            yield stubs.RecommendationServiceStub(channel)  # type: ignore[no-untyped-call]
        except grpc.aio.AioRpcError as error:
            raise _translated(endpoint, error) from error


async def recommend_all(
    endpoint: str, requests: Sequence[pb.RecommendRequest], answered: Callable[[], None]
) -> list[Answered]:
    """The answers in the order of the requests; `answered` is called after each.

    Raises:
        GatewayError: a request failed; the others are given up.
    """
    found: dict[int, Answered] = {}
    waiting = iter(enumerate(requests))
    async with gateway(endpoint) as service:
        workers = [
            asyncio.create_task(_ask(service, waiting, found, answered)) for _ in range(CONCURRENCY)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
    return [found[place] for place in range(len(requests))]


def surface_of_items(surfaces: Sequence[str]) -> pb.Surface:
    """The surface on which a bundle that answers `surfaces` recommends items.

    Raises:
        ScoreRefused: there is none.
    """
    found = [name for name in surfaces if name in OF_ITEMS]
    if not found:
        raise ScoreRefused(
            f"the bundle answers on {', '.join(surfaces) or 'no surface'}, and on none with items: "
            f"{' or '.join(OF_ITEMS)}"
        )
    return OF_ITEMS[found[0]]


def degradation(one: pb.Degradation) -> str:
    """Stage, reason and action in words."""
    reason = pb.DegradationReason.Name(one.reason).removeprefix("DEGRADATION_REASON_")
    action = pb.DegradationAction.Name(one.action).removeprefix("DEGRADATION_ACTION_")
    words = f"{one.stage}: {reason}, {action}".lower().replace("_", " ")
    return f"{words} ({one.detail})" if one.detail else words


async def _ask(
    service: stubs.RecommendationServiceStub,
    waiting: Iterator[tuple[int, pb.RecommendRequest]],
    found: dict[int, Answered],
    answered: Callable[[], None],
) -> None:
    for place, request in waiting:
        began = time.perf_counter()
        response = await service.Recommend(request, timeout=DEADLINE_S)
        found[place] = Answered(response, (time.perf_counter() - began) * 1e3)
        answered()


def _translated(endpoint: str, error: grpc.aio.AioRpcError) -> GatewayError:
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return GatewayError(f"no gateway answers at {endpoint}; start it with `make up`")
    hint = "" if error.code() in MENDABLE else "; see `make logs`"
    return GatewayError(
        f"the gateway at {endpoint} answered {error.code().name}: {error.details()}{hint}"
    )
