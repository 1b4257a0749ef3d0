"""SearchService behind a real port."""

from asyncio import get_running_loop
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1 import search_service_pb2_grpc as stubs

from serving.api import SearchServicer
from serving.errors import TimedOut
from serving.rpc.calls import ApiOptions, Calls
from serving.search.engine import Engine
from tests.fakes.shop import KEYS
from tests.fakes.shop_pipeline import Shop
from tests.fakes.sinks import ListLog, ListRecorder
from tests.fakes.time import FakeClock
from tests.unit.serving.search.shop import live, shop_engine

ALL = pb.Consent(personalization=True, logging=True)
LOG = ListLog()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return shop_engine(tmp_path_factory.mktemp("shop"))


async def served(engine: Engine | None) -> AsyncIterator[stubs.SearchServiceStub]:
    options = ApiOptions(b"k" * 32, default_deadline_s=30, new_request_id=lambda: "made-here")
    calls = Calls(FakeClock(), ListRecorder(), options)
    server = aio.server()
    servicer = SearchServicer(live(Shop(), engine), LOG, calls)
    stubs.add_SearchServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield stubs.SearchServiceStub(channel)  # type: ignore[no-untyped-call]
    await server.stop(None)


@pytest.fixture
async def stub(engine: Engine) -> AsyncIterator[stubs.SearchServiceStub]:
    LOG.entries.clear()
    async for one in served(engine):
        yield one


@pytest.fixture
async def without(engine: Engine) -> AsyncIterator[stubs.SearchServiceStub]:
    del engine
    async for one in served(None):
        yield one


def refused(error: aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    return error.code(), str(error.details())


async def test_a_search_tells_its_items_and_how_it_read_the_query(
    stub: stubs.SearchServiceStub,
) -> None:
    request = search_pb.SearchRequest(
        user_id="5",
        query="Redd balls xyzzy",
        page_size=2,
        consent=ALL,
        facet_fields=["type"],
        filters=[pb.Filter(field="price", maximum=2)],
    )
    found = await stub.Search(request)
    assert [item.item_id for item in found.items] == ["200", "180"]
    assert found.total_size == 11
    assert found.match == search_pb.QUERY_MATCH_SOME
    assert [(c.written, c.taken) for c in found.corrections] == [("redd", "red")]
    assert list(found.unknown_words) == ["xyzzy"]
    assert [(v.value, v.count) for v in found.facets[0].values] == [("red", 11)]
    assert found.items[0].sources == [pb.CANDIDATE_SOURCE_LEXICAL]
    assert found.answer.request_id == "made-here"
    (entry,) = LOG.entries
    assert (entry.method, entry.query, entry.surface) == (
        "Search",
        "Redd balls xyzzy",
        pb.SURFACE_SEARCH,
    )


async def test_without_consent_to_logging_the_words_are_not_kept(
    stub: stubs.SearchServiceStub,
) -> None:
    consent = pb.Consent(personalization=True)
    await stub.Search(search_pb.SearchRequest(user_id="5", query="red", consent=consent))
    (entry,) = LOG.entries
    assert entry.query == ""


async def test_pages_go_on_where_the_one_before_ended(stub: stubs.SearchServiceStub) -> None:
    request = search_pb.SearchRequest(user_id="5", query="ball", page_size=15, consent=ALL)
    seen: list[int] = []
    while True:
        page = await stub.Search(request)
        seen += [int(item.item_id) for item in page.items]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        request.request_id = f"page-{len(seen)}"
    assert sorted(seen) == KEYS.tolist()


async def test_a_token_of_another_request_is_refused(stub: stubs.SearchServiceStub) -> None:
    page = await stub.Search(search_pb.SearchRequest(query="ball", page_size=1))
    for changed in ({"query": "red"}, {"user_id": "6"}, {"order_by": "price"}):
        request = search_pb.SearchRequest(**({"query": "ball"} | changed))
        request.page_token = page.next_page_token
        with pytest.raises(aio.AioRpcError) as caught:
            await stub.Search(request)
        code, details = refused(caught.value)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "page_token: belongs to another request" in details


async def test_all_that_is_wrong_is_told_at_once(stub: stubs.SearchServiceStub) -> None:
    request = search_pb.SearchRequest(
        query="x" * 513, page_size=101, page_token="x", facet_fields=["nothing"], order_by="type"
    )
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.Search(request)
    code, details = refused(caught.value)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    for field in ("query", "page_size", "page_token", "facet_fields[0]", "order_by"):
        assert f"{field}: " in details


async def test_what_is_typed_is_completed(stub: stubs.SearchServiceStub) -> None:
    found = await stub.Suggest(search_pb.SuggestRequest(text="Red ball 1", page_size=2))
    assert list(found.texts) == ["Red ball 10", "Red ball 12"]
    assert found.request_id == "made-here"


async def test_completions_that_are_late_are_an_error(engine: Engine) -> None:
    assert await engine.suggest("Red ball 1", 2, 9) == ["Red ball 10", "Red ball 12"]
    with pytest.raises(TimedOut, match=f"index {engine.version} did not answer"):
        await engine.suggest("Red ball 1", 2, 0)


async def test_completing_leaves_the_event_loop_to_others(engine: Engine) -> None:
    loop = get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await engine.suggest("r", 20, 9)
    assert turned.done()


async def test_without_an_index_both_are_unimplemented(without: stubs.SearchServiceStub) -> None:
    calls = (
        without.Search(search_pb.SearchRequest(query="red")),
        without.Suggest(search_pb.SuggestRequest(text="red")),
    )
    for call in calls:
        with pytest.raises(aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
