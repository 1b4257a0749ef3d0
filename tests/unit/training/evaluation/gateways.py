"""A gateway that answers by rule, on a real server and a free port."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

Rule = Callable[[pb.RecommendRequest], pb.RecommendResponse]


class RuledService(stubs.RecommendationServiceServicer):
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.under_way = self.most_under_way = 0

    async def Recommend(  # noqa: N802
        self, request: pb.RecommendRequest, context: grpc.aio.ServicerContext
    ) -> pb.RecommendResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return self.rule(request)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            self.under_way -= 1

    async def SimilarItems(  # noqa: N802
        self, request: pb.SimilarItemsRequest, context: grpc.aio.ServicerContext
    ) -> pb.SimilarItemsResponse:
        item = pb.ScoredItem(item_id="2", score=0.5, sources=[pb.CANDIDATE_SOURCE_SIMILAR])
        return pb.SimilarItemsResponse(items=[item])


@asynccontextmanager
async def answering(rule: Rule) -> AsyncIterator[tuple[str, RuledService]]:
    server = grpc.aio.server()
    service = RuledService(rule)
    stubs.add_RecommendationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}", service
    finally:
        await server.stop(None)


def page(*ids: str, **answer: object) -> pb.RecommendResponse:
    items = [
        pb.ScoredItem(item_id=i, score=0.25, sources=[pb.CANDIDATE_SOURCE_REPEAT]) for i in ids
    ]
    told = {"bundle_id": "b1", "snapshot_version": "s1"} | answer
    return pb.RecommendResponse(items=items, answer=pb.Answer(**told))
