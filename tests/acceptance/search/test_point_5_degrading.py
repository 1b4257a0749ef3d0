"""What is left of search where its parts are away."""

import os
import signal
from collections.abc import Callable, Iterator

import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from serving.local.processes import read_record
from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS
from tests.e2e.patience import eventually

TINY = 0.002  # seconds: no part of it can be asked in that


@pytest.fixture
def without_triton(generated_shop: Made) -> Iterator[None]:
    record = read_record(generated_shop.state / "run/triton.json")
    assert record is not None
    os.killpg(record.pid, signal.SIGKILL)
    yield
    generated_shop.system.make("start")


def test_point_5a_without_the_encoder_words_answer_and_it_is_said(
    search: SearchServiceStub, without_triton: None, measured: Callable[[str], None]
) -> None:
    request = search_pb.SearchRequest(query="a shampoo for dry hair")
    page = search.Search(request, timeout=SECONDS)
    said = {(d.stage, pb.DegradationAction.Name(d.action)) for d in page.answer.degradations}
    measured(f"{len(page.items)} items; {sorted(said)}")
    assert ("semantic", "DEGRADATION_ACTION_DROPPED_SOURCE") in said
    assert "lexical" not in {stage for stage, _ in said}
    assert {tuple(item.sources) for item in page.items} == {(pb.CANDIDATE_SOURCE_LEXICAL,)}


def test_point_5b_with_neither_what_is_popular_in_the_category_answers(
    search: SearchServiceStub,
    generated_shop: Made,
    catalogue: pl.DataFrame,
    measured: Callable[[str], None],
) -> None:
    """In so little time that neither can be asked."""

    def hurried() -> search_pb.SearchResponse | None:
        try:
            page = search.Search(search_pb.SearchRequest(query="coffee"), timeout=TINY)
        except Exception:  # noqa: BLE001 - the caller's own deadline passed first
            return None
        return page if page.match == search_pb.QUERY_MATCH_NONE else None

    page = eventually(hurried, "an answer without words and meaning")
    ids = [item.item_id for item in page.items]
    categories = set(catalogue.filter(pl.col("item_id").is_in(ids))["category"])
    stages = {d.stage for d in page.answer.degradations}
    measured(f"{categories}; degraded {sorted(stages)}")
    assert {"lexical", "semantic"} <= stages
    assert categories == {"Coffee"}
