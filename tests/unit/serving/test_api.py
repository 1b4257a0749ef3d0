import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from serving.api import RecommendationServicer
from serving.assembly import build_pipeline
from serving.bundle import Bundle
from serving.errors import RecserveError, TimedOut, Unavailable
from serving.items import ItemSnapshot
from serving.policy import LONGEST_BUDGET_S, Budget
from serving.rpc.calls import ApiOptions, Calls
from serving.rpc.tokens import RequestTokens, derived_key, user_hash
from serving.types import Answered, Query, RankQuery, SimilarQuery
from tests.fakes.doors import FakeRows, FakeTriton
from tests.fakes.shop import MODELS, NOW_US, person_rows, shop_bundle, shop_plan, shop_snapshot
from tests.fakes.sinks import ListLog, ListRecorder
from tests.fakes.time import FakeClock

KEY = b"k" * 32
PRODUCT = pb.SURFACE_PRODUCT
ALL = pb.Consent(personalization=True, logging=True)


@dataclass
class Gateway:
    """A servicer behind a real port, and what is around it."""

    rows: FakeRows = field(default_factory=lambda: FakeRows(person_rows(shop_plan(), 5, [200])))
    triton: FakeTriton = field(default_factory=lambda: FakeTriton(MODELS))
    log: ListLog = field(default_factory=ListLog)
    recorder: ListRecorder = field(default_factory=ListRecorder)
    stub: stubs.RecommendationServiceStub = field(init=False)

    def servicer(self) -> RecommendationServicer:
        clock = FakeClock()
        pipeline = build_pipeline(
            shop_bundle(), shop_snapshot(), self.rows, self.triton, clock, self.recorder
        )
        options = ApiOptions(KEY, default_deadline_s=30, new_request_id=lambda: "made-here")
        return RecommendationServicer(pipeline, self.log, Calls(clock, self.recorder, options))


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made = Gateway()
    async with listening(made.servicer()) as channel:
        made.stub = stubs.RecommendationServiceStub(channel)
        yield made


class listening:  # noqa: N801 - reads as a verb
    """A channel to a server of the servicer on a free loopback port."""

    def __init__(self, servicer: stubs.RecommendationServiceServicer) -> None:
        self._server = aio.server()
        stubs.add_RecommendationServiceServicer_to_server(servicer, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._channel = aio.insecure_channel(f"127.0.0.1:{port}")

    async def __aenter__(self) -> aio.Channel:
        await self._server.start()
        return self._channel

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        await self._server.stop(None)


async def refusal(call: Awaitable[object]) -> tuple[grpc.StatusCode, str, list[object]]:
    """Code, message and details of a call that must fail."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)  # also checks that code and message agree
    assert status is not None
    kinds = {f"google.rpc.{k}": getattr(error_details_pb2, k) for k in dir(error_details_pb2)}
    details = []
    for packed in status.details:
        found = kinds[packed.TypeName()]()
        packed.Unpack(found)
        details.append(found)
    return caught.value.code(), str(caught.value.details()), details


async def test_recommend_answers_with_everything_that_the_proto_promises(gateway: Gateway):
    request = pb.RecommendRequest(
        user_id="5", surface=PRODUCT, page_size=3, consent=ALL, request_id="mine"
    )
    answer = await gateway.stub.Recommend(request, timeout=30)
    assert [i.item_id for i in answer.items] == ["200", "190", "210"]
    assert answer.answer.request_id == "mine"
    assert answer.answer.bundle_id == "0123456789abcdef"
    assert answer.answer.treatment == "default"
    assert len(answer.answer.timings) == 7
    assert gateway.recorder.requests == [("Recommend", "OK")]


async def test_a_request_without_an_id_or_a_deadline_gets_ours(gateway: Gateway):
    answer = await gateway.stub.Recommend(pb.RecommendRequest(surface=PRODUCT))
    assert answer.answer.request_id == "made-here"
    assert answer.answer.cold_start
    assert 5 < gateway.triton.timeouts[-1] <= LONGEST_BUDGET_S  # of the default of 30 s


async def test_the_callers_deadline_is_the_budget(gateway: Gateway):
    await gateway.stub.Recommend(pb.RecommendRequest(surface=PRODUCT), timeout=2)
    assert 0 < gateway.triton.timeouts[-1] < 2


async def test_the_token_ties_to_the_answer(gateway: Gateway):
    request = pb.RecommendRequest(surface=PRODUCT, request_id="mine")
    answer = (await gateway.stub.Recommend(request)).answer
    content = RequestTokens(derived_key(KEY, "request token")).read(answer.request_token)
    assert (content.admitted_at_us, content.request_id, content.bundle_id) == (
        NOW_US,
        "mine",
        answer.bundle_id,
    )


async def test_an_answer_is_logged_as_it_was_given(gateway: Gateway):
    request = pb.RecommendRequest(user_id="5", surface=PRODUCT, consent=ALL)
    answer = await gateway.stub.Recommend(request)
    (entry,) = gateway.log.entries
    assert entry.user_hash == user_hash(KEY, "5")
    assert entry.answer == answer.answer
    assert [i.item_id for i in entry.slate] == [i.item_id for i in answer.items]
    assert entry.surface == PRODUCT
    assert len(entry.rows) == 3


async def test_without_consent_nobodys_rows_are_read_or_named(gateway: Gateway):
    await gateway.stub.Recommend(pb.RecommendRequest(user_id="5", surface=PRODUCT))
    assert gateway.rows.reads == []
    assert gateway.log.entries[0].user_hash == b""
    assert not gateway.log.entries[0].rows


async def test_rank_names_unknown_items(gateway: Gateway):
    request = pb.RankRequest(
        user_id="5", surface=PRODUCT, item_ids=["100", "x", "200"], consent=ALL
    )
    answer = await gateway.stub.Rank(request)
    assert [i.item_id for i in answer.items] == ["200", "100"]
    assert list(answer.items[0].sources) == [pb.CANDIDATE_SOURCE_REQUEST]
    assert list(answer.unknown_item_ids) == ["x"]
    assert gateway.log.entries[0].method == "Rank"


async def test_similar_items_are_nobodys(gateway: Gateway):
    answer = await gateway.stub.SimilarItems(pb.SimilarItemsRequest(item_id="200", page_size=2))
    assert [i.item_id for i in answer.items] == ["210", "220"]
    assert gateway.log.entries[0].surface == pb.SURFACE_UNSPECIFIED


async def test_bad_fields_are_all_named(gateway: Gateway):
    call = gateway.stub.Recommend(pb.RecommendRequest(user_id="anna", page_size=101))
    code, message, (bad, info) = await refusal(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert {v.field for v in bad.field_violations} == {"user_id", "surface", "page_size"}
    assert "page_size" in message
    assert info.request_id == "made-here"
    assert gateway.recorder.requests == [("Recommend", "INVALID_ARGUMENT")]


async def test_the_worst_request_is_still_told_what_is_wrong(gateway: Gateway):
    request = pb.RankRequest(item_ids=["x" * 200] * 1000, user_id="x" * 200, request_id="é" * 99)
    code, _, (bad, info) = await refusal(gateway.stub.Rank(request))
    assert info.request_id == "made-here"  # what can't be an id isn't repeated
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert {"user_id", "surface", "item_ids", "request_id"} <= {
        v.field for v in bad.field_violations
    }


async def test_a_surface_that_is_not_served_is_named(gateway: Gateway):
    call = gateway.stub.Recommend(pb.RecommendRequest(surface=pb.SURFACE_AD))
    code, message, (error, _) = await refusal(call)
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "SURFACE_AD" in message
    assert error.metadata["served"] == "SURFACE_PRODUCT"


async def test_an_unknown_item_is_not_found(gateway: Gateway):
    call = gateway.stub.SimilarItems(pb.SimilarItemsRequest(item_id="7"))
    code, _, (resource, _) = await refusal(call)
    assert code is grpc.StatusCode.NOT_FOUND
    assert resource.resource_name == "7"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unavailable("away"), grpc.StatusCode.UNAVAILABLE),
        (TimedOut("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_similar_items_fail_with_the_model(
    gateway: Gateway, error: RecserveError, expected: grpc.StatusCode
):
    gateway.triton.errors["similar"] = error
    code, _, _ = await refusal(gateway.stub.SimilarItems(pb.SimilarItemsRequest(item_id="200")))
    assert code is expected


async def test_a_fault_of_ours_is_logged_and_shown_to_nobody(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
):
    gateway.triton.errors["ranker"] = ZeroDivisionError("the secret inside")
    request = pb.RecommendRequest(surface=PRODUCT, request_id="mine")
    code, message, (info,) = await refusal(gateway.stub.Recommend(request))
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in message
    assert info.request_id == "mine"
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "mine" in record.getMessage()
    assert record.exc_info
    assert gateway.log.entries == []


class Stuck:
    """A pipeline that never answers."""

    bundle: Bundle = shop_bundle()
    snapshot: ItemSnapshot = shop_snapshot()
    surfaces: tuple[str, ...] = ("SURFACE_PRODUCT",)

    def __init__(self) -> None:
        self.asked, self.given_up = asyncio.Event(), asyncio.Event()

    async def recommend(self, query: Query, budget: Budget) -> Answered:
        self.asked.set()
        try:
            return await asyncio.Future()
        finally:
            self.given_up.set()

    async def rank(self, query: RankQuery, budget: Budget) -> Answered:
        raise NotImplementedError

    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered:
        raise NotImplementedError


async def test_a_caller_without_a_deadline_is_answered_at_the_default_one():
    recorder = ListRecorder()
    options = ApiOptions(KEY, default_deadline_s=0.05)
    servicer = RecommendationServicer(Stuck(), ListLog(), Calls(FakeClock(), recorder, options))
    async with listening(servicer) as channel:
        stub = stubs.RecommendationServiceStub(channel)
        code, _, _ = await refusal(stub.Recommend(pb.RecommendRequest(surface=PRODUCT)))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert recorder.requests == [("Recommend", "DEADLINE_EXCEEDED")]


async def test_a_caller_who_goes_away_ends_the_work():
    recorder, stuck = ListRecorder(), Stuck()
    servicer = RecommendationServicer(
        stuck, ListLog(), Calls(FakeClock(), recorder, ApiOptions(KEY))
    )
    async with listening(servicer) as channel:
        stub = stubs.RecommendationServiceStub(channel)
        call = stub.Recommend(pb.RecommendRequest(surface=PRODUCT), timeout=60)
        await stuck.asked.wait()
        call.cancel()
        await asyncio.wait_for(stuck.given_up.wait(), 30)
    assert recorder.requests == [("Recommend", "CANCELLED")]
