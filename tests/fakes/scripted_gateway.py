"""A gateway of all services that does what a test planned, on a real server and a free port."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Semaphore
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from recserve.v1 import event_service_pb2 as events_pb
from recserve.v1 import event_service_pb2_grpc as events_stubs
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import search_service_pb2_grpc as search_stubs
from recserve.v1 import status_service_pb2 as status_pb
from recserve.v1 import status_service_pb2_grpc as status_stubs

from serving.rpc.wire import streamed

Step = Callable[
    [grpc.ServicerContext], Any
]  # of a batch of a stream it may return a Status, or END
END = object()  # the stream ends in order, before the batch is answered


class ScriptedGateway(
    stubs.RecommendationServiceServicer,
    events_stubs.EventServiceServicer,
    search_stubs.SearchServiceServicer,
    status_stubs.StatusServiceServicer,
):
    """Each call takes the next step of the script; after the last, calls are answered well."""

    def __init__(self) -> None:
        self.script: deque[Step] = deque()
        self.asked: list[Any] = []
        self.left_s: list[float] = []
        self.arrived = Semaphore(0)  # released once a call
        self.abandoned = Semaphore(0)  # once a hanging call whose caller gave it up
        self.slate = slate()
        self.known: list[str] = []  # ids of the events that were taken, each once
        self.streams = 0  # calls of StreamEvents

    def plan(self, *steps: Step) -> None:
        self.script.extend(steps)

    def hang(self, context: grpc.ServicerContext) -> None:
        """Until the caller gives up."""
        gone = Event()
        if not context.add_callback(gone.set) or gone.wait(60):
            self.abandoned.release()

    def Recommend(self, request: pb.RecommendRequest, context: Any) -> pb.RecommendResponse:  # noqa: N802
        self._play(request, context)
        return self.slate

    def Rank(self, request: pb.RankRequest, context: Any) -> pb.RankResponse:  # noqa: N802
        self._play(request, context)
        items = [pb.ScoredItem(item_id=one, score=0.5) for one in request.item_ids[:-1]]
        return pb.RankResponse(
            items=items, unknown_item_ids=request.item_ids[-1:], answer=self.slate.answer
        )

    def SimilarItems(  # noqa: N802
        self, request: pb.SimilarItemsRequest, context: Any
    ) -> pb.SimilarItemsResponse:
        self._play(request, context)
        return pb.SimilarItemsResponse(items=self.slate.items, answer=self.slate.answer)

    def Search(self, request: search_pb.SearchRequest, context: Any) -> search_pb.SearchResponse:  # noqa: N802
        self._play(request, context)
        return page(self.slate)

    def Suggest(self, request: search_pb.SuggestRequest, context: Any) -> search_pb.SuggestResponse:  # noqa: N802
        self._play(request, context)
        return search_pb.SuggestResponse(texts=["Whole milk", "Milk bread"], request_id="r-1")

    def RecordEvents(  # noqa: N802
        self, request: events_pb.RecordEventsRequest, context: Any
    ) -> events_pb.RecordEventsResponse:
        self._play(request, context)
        return self._recorded(request)

    def StreamEvents(  # noqa: N802
        self, requests: Iterator[events_pb.StreamEventsRequest], context: Any
    ) -> Iterator[events_pb.StreamEventsResponse]:
        self.streams += 1
        for request in requests:
            refused = self._play(request.batch, context)
            if refused is END:
                return
            yield streamed(refused or self._recorded(request.batch))

    def _recorded(self, request: events_pb.RecordEventsRequest) -> events_pb.RecordEventsResponse:
        ids = [event.event_id for event in request.events] if request.consent.logging else []
        again = [one for one in ids if one in self.known]
        self.known += dict.fromkeys(one for one in ids if one not in self.known)
        return events_pb.RecordEventsResponse(
            request_id="r-1",
            recorded_count=len(ids),
            discarded_count=len(request.events) - len(ids),
            duplicate_count=len(again),
            event_token=f"known-{len(self.known)}" if ids else "",
        )

    def GetStatus(self, request: Message, context: Any) -> status_pb.GetStatusResponse:  # noqa: N802
        self._play(request, context)
        return deployment()

    def _play(self, request: Message, context: grpc.ServicerContext) -> Any:
        self.asked.append(request)
        self.left_s.append(context.time_remaining() or 0.0)
        self.arrived.release()
        return self.script.popleft()(context) if self.script else None


def refuse(status: Status) -> Step:
    return lambda context: context.abort_with_status(rpc_status.to_status(status))


def refuse_batch(status: Status) -> Step:
    """Of a stream: the batch alone."""
    return lambda context: status


def end(context: grpc.ServicerContext) -> object:
    """Of a stream: as a server that stops ends it."""
    return END


@contextmanager
def serving(
    gateway: ScriptedGateway, credentials: grpc.ServerCredentials | None = None
) -> Iterator[str]:
    """Its endpoint."""
    server = grpc.server(ThreadPoolExecutor(8))
    stubs.add_RecommendationServiceServicer_to_server(gateway, server)
    events_stubs.add_EventServiceServicer_to_server(gateway, server)
    search_stubs.add_SearchServiceServicer_to_server(gateway, server)
    status_stubs.add_StatusServiceServicer_to_server(gateway, server)
    address = "127.0.0.1:0"
    port = (
        server.add_secure_port(address, credentials)
        if credentials
        else server.add_insecure_port(address)
    )
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def slate() -> pb.RecommendResponse:
    """With something in every field."""
    return pb.RecommendResponse(
        items=[
            pb.ScoredItem(
                item_id="item-1",
                score=0.25,
                sources=[pb.CANDIDATE_SOURCE_REPEAT, pb.CANDIDATE_SOURCE_TWO_TOWER],
                target_item_ids=["a", "b"],
                explanation=pb.Explanation(
                    contributions=[
                        pb.Contribution(view="user_history", log_odds=0.5),
                        pb.Contribution(view="item_price", log_odds=-0.25),
                    ]
                ),
            ),
            pb.ScoredItem(item_id="item-2"),
        ],
        answer=pb.Answer(
            request_id="r-1",
            request_token="token",
            bundle_id="b1",
            snapshot_version="s1",
            treatment="default",
            timings=[pb.StageTiming(stage="hydrate", duration_ms=1.5)],
            degradations=[
                pb.Degradation(
                    stage="rank",
                    reason=pb.DEGRADATION_REASON_TIMEOUT,
                    action=pb.DEGRADATION_ACTION_UNRANKED,
                    detail="ranker",
                )
            ],
            oldest_feature_age_s=7200,
            candidate_counts=[pb.SourceCount(source=pb.CANDIDATE_SOURCE_REPEAT, count=7)],
            removed=[pb.RemovedCount(reason=pb.REMOVAL_REASON_FILTERED, count=3)],
            cold_start=True,
        ),
    )


def page(of: pb.RecommendResponse) -> search_pb.SearchResponse:
    """With something in every field."""
    return search_pb.SearchResponse(
        items=of.items,
        next_page_token="more",
        total_size=42,
        match=search_pb.QUERY_MATCH_SOME,
        corrections=[search_pb.Correction(written="mlik", taken="milk")],
        unknown_words=["xyzzy"],
        facets=[
            search_pb.Facet(
                field="department", values=[search_pb.FacetCount(value="DAIRY", count=40)]
            )
        ],
        answer=of.answer,
    )


def deployment() -> status_pb.GetStatusResponse:
    return status_pb.GetStatusResponse(
        project="shop",
        bundle_id="b1",
        snapshot_version="s1",
        item_count=12,
        offer_count=3,
        surfaces=[pb.SURFACE_PRODUCT, pb.SURFACE_PROMOTION],
        id_kind=status_pb.ID_KIND_STRING,
        filter_fields=[
            status_pb.FilterField(name="department", kind=status_pb.FILTER_KIND_TEXT),
            status_pb.FilterField(name="price_91d", kind=status_pb.FILTER_KIND_NUMBER),
        ],
        models=["ranker", "two_tower"],
        horizon_days=7,
        server_time=Timestamp(seconds=1_512_968_400),
        index_version="0123456789abcdef",
        vectors_version="fedcba9876543210",
    )
