"""What is left of search where its parts are away."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from serving.local.processes import read_record
from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS
from tests.e2e.shop import Shop


@pytest.fixture
def without_triton(generated_shop: Made) -> Iterator[None]:
    kill_triton(generated_shop)
    yield
    generated_shop.system.make("start")


def test_point_5a_without_the_encoder_words_answer_and_it_is_said(
    search: SearchServiceStub, without_triton: None, measured: Callable[[str], None]
) -> None:
    page = ask(search, "a shampoo for dry hair")
    said = {(d.stage, pb.DegradationAction.Name(d.action)) for d in page.answer.degradations}
    measured(f"{len(page.items)} items; {sorted(said)}")
    assert ("semantic", "DEGRADATION_ACTION_DROPPED_SOURCE") in said
    assert "lexical" not in {stage for stage, _ in said}
    assert {tuple(item.sources) for item in page.items} == {(pb.CANDIDATE_SOURCE_LEXICAL,)}


def test_point_5b_without_the_index_meaning_answers_and_without_both_what_is_popular(
    search: SearchServiceStub,
    generated_shop: Made,
    catalogue: pl.DataFrame,
    measured: Callable[[str], None],
) -> None:
    """The gateway starts beside an index whose engine is not whole, and then Triton goes as well."""
    categories = dict(catalogue.select("item_id", "category").iter_rows())
    with damaged_index(generated_shop):
        near = ask(search, "sunscreen")
        assert near.match == search_pb.QUERY_MATCH_MEANING
        assert {categories[item.item_id] for item in near.items} == {"Sun"}
        assert stages(near) == {"lexical"}
        kill_triton(generated_shop)
        neither = ask(search, "coffee")
        assert neither.match == search_pb.QUERY_MATCH_NONE
        assert {categories[item.item_id] for item in neither.items} == {"Coffee"}
        assert {"lexical", "semantic"} <= stages(neither)
        recommended = Shop(generated_shop.state).users(1)[0]
        assert ask(search, "coffee", user_id=recommended).items
    again = ask(search, "coffee")
    assert not again.answer.degradations
    measured(f"{len(near.items)} items by meaning; {len(neither.items)} that sell in the category")


@contextmanager
def damaged_index(made: Made) -> Iterator[None]:
    """A copy with an empty file of the engine, current while the block runs; the gateway is started on it."""
    folder = made.state / "search"
    good = (folder / "current").resolve()
    bad = folder / "damaged"
    shutil.copytree(good, bad)
    next((bad / "engine").glob("*.idx")).unlink()
    try:
        point(folder, bad.name)
        made.system.make("down")
        made.system.make("start")
        yield
    finally:
        point(folder, good.name)
        shutil.rmtree(bad)
        made.system.make("down")
        made.system.make("start")


def point(folder: Path, version: str) -> None:
    beside = folder / ".current-accept"
    beside.symlink_to(version)
    beside.replace(folder / "current")


def kill_triton(made: Made) -> None:
    record = read_record(made.state / "run/triton.json")
    assert record is not None
    os.killpg(record.pid, signal.SIGKILL)


def ask(search: SearchServiceStub, query: str, **fields: object) -> search_pb.SearchResponse:
    request = search_pb.SearchRequest(query=query, **fields)
    return search.Search(request, timeout=SECONDS, wait_for_ready=True)


def stages(page: search_pb.SearchResponse) -> set[str]:
    return {degraded.stage for degraded in page.answer.degradations}
