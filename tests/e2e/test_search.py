"""Search over the running system, against the catalogue and the shop's other answers."""

import subprocess
import sys
from collections.abc import Iterator

import grpc
import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from tests.e2e.asking import CONSENT, SECONDS, rank, scores
from tests.e2e.patience import eventually
from tests.e2e.shop import Shop
from tests.e2e.system import ROOT, System
from training.search.engines import our_engines
from training.search.queries import query_set
from training.settings import read_settings

WORD = "seeds"
HELD = pb.CANDIDATE_SOURCE_LEXICAL
NEAR = pb.CANDIDATE_SOURCE_SEMANTIC
MEANT = "utensils"  # no text of the shop has it; it sells kitchenware


@pytest.fixture(scope="module")
def search(channel: grpc.Channel) -> SearchServiceStub:
    return SearchServiceStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def catalogue(shop: Shop) -> pl.DataFrame:
    return pl.read_parquet(shop.state / "prepared/catalogue.parquet")


def named(catalogue: pl.DataFrame, word: str) -> pl.DataFrame:
    """The items with the word in their title or categories."""
    columns = ("title", "department", "category", "brand", "size")
    has = pl.any_horizontal(
        pl.col(c).str.to_lowercase().str.contains(rf"\b{word}\b") for c in columns
    )
    return catalogue.filter(has)


def pages(
    search: SearchServiceStub, request: search_pb.SearchRequest
) -> Iterator[search_pb.SearchResponse]:
    asked = search_pb.SearchRequest()
    asked.CopyFrom(request)
    while True:
        page = search.Search(asked, timeout=SECONDS)
        yield page
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


def test_what_has_the_word_is_found_and_nothing_else(
    search: SearchServiceStub, catalogue: pl.DataFrame
) -> None:
    wanted = set(named(catalogue, WORD)["item_id"])
    request = search_pb.SearchRequest(query=WORD.upper(), page_size=7)
    found = list(pages(search, request))
    listed = [item.item_id for page in found for item in page.items]
    held = [item.item_id for page in found for item in page.items if HELD in item.sources]
    assert wanted
    assert set(held) == wanted
    assert len(held) == len(wanted) == found[0].total_size
    assert len(set(listed)) == len(listed)
    assert {page.match for page in found} == {search_pb.QUERY_MATCH_ALL}


def held(page: search_pb.SearchResponse) -> set[str]:
    """What holds the words."""
    return {item.item_id for item in page.items if HELD in item.sources}


def test_what_no_text_says_is_found_by_what_it_means(
    search: SearchServiceStub, catalogue: pl.DataFrame
) -> None:
    assert named(catalogue, MEANT).is_empty()
    found = search.Search(search_pb.SearchRequest(query=MEANT), timeout=SECONDS)
    assert found.match == search_pb.QUERY_MATCH_MEANING
    assert found.total_size == 0
    assert {tuple(item.sources) for item in found.items} == {(NEAR,)}
    ids = [item.item_id for item in found.items]
    categories = catalogue.filter(pl.col("item_id").is_in(ids))["category"]
    assert set(categories) == {"Kitchenware"}


def test_filters_and_pages_hold_for_what_is_near(
    search: SearchServiceStub, catalogue: pl.DataFrame
) -> None:
    brands = dict(catalogue.select("item_id", "brand").iter_rows())

    def ids(**fields: object) -> list[str]:
        request = search_pb.SearchRequest(query=MEANT, page_size=2, **fields)  # type: ignore[arg-type]
        return [item.item_id for page in pages(search, request) for item in page.items]

    everything = ids()
    assert len(set(everything)) == len(everything) > 2
    brand = brands[everything[0]]
    only = ids(filters=[pb.Filter(field="brand", any_of=[brand])])
    assert only == [item for item in everything if brands[item] == brand]


def test_a_mistake_finds_the_same(search: SearchServiceStub) -> None:
    right, wrong = (
        search.Search(search_pb.SearchRequest(query=query, page_size=100), timeout=SECONDS)
        for query in (WORD, "seedds")
    )
    assert held(wrong) == held(right)
    assert [(c.written, c.taken) for c in wrong.corrections] == [("seedds", WORD)]


def test_facets_count_what_the_filters_then_find(
    search: SearchServiceStub, catalogue: pl.DataFrame
) -> None:
    request = search_pb.SearchRequest(query="fresh 1 kg", facet_fields=["department", "size"])
    department, size = search.Search(request, timeout=SECONDS).facets
    for facet in (department, size):
        for one in facet.values:
            narrow = search_pb.SearchRequest(
                query="fresh 1 kg", filters=[pb.Filter(field=facet.field, any_of=[one.value])]
            )
            assert search.Search(narrow, timeout=SECONDS).total_size == one.count
    everything = search_pb.SearchRequest(facet_fields=["department"])
    (facet,) = search.Search(everything, timeout=SECONDS).facets
    counted = dict(catalogue.group_by("department").len().iter_rows())
    assert {one.value: one.count for one in facet.values} == counted


def test_a_score_is_the_probability_that_rank_tells(
    search: SearchServiceStub, stub: RecommendationServiceStub, shop: Shop
) -> None:
    request = search_pb.SearchRequest(user_id=shop.regular, query=WORD, consent=CONSENT)
    found = search.Search(request, timeout=SECONDS)
    listed = {item.item_id: item.score for item in found.items}
    ranked = scores(stub.Rank(rank(shop.regular, list(listed)), timeout=SECONDS))
    assert listed == pytest.approx(ranked, abs=1e-5)
    assert not found.answer.cold_start


def test_served_pages_are_those_computed_offline(search: SearchServiceStub, system: System) -> None:
    """But for people whose history other tests went on with, and orders that hang on a last digit."""
    queries = query_set(system.state, per_household=1)
    settings = read_settings(system.state, {"RECSERVE_TRAINING_PROFILE": "quick"})
    asked = queries.variants["plain"].asked[:40]
    pages = our_engines(settings, queries)["personalised"](asked, 10)
    served = [
        search.Search(
            search_pb.SearchRequest(user_id=str(one.user_id), query=one.text, consent=CONSENT),
            timeout=SECONDS,
        )
        for one in asked
    ]
    alike = [
        [int(item.item_id) for item in page.items] == offline[offline >= 0].tolist()
        for page, offline in zip(served, pages, strict=True)
    ]
    assert len(asked) == 40
    assert sum(alike) >= 36


def test_a_newer_index_is_taken_over_while_searches_are_answered(
    search: SearchServiceStub, shop: Shop
) -> None:
    synonyms = shop.state / "dataset/synonyms.txt"
    request = search_pb.SearchRequest(query="zzfizz", page_size=1)
    assert search.Search(request, timeout=SECONDS).total_size == 0
    try:
        synonyms.write_text(f"zzfizz => {WORD}\n")
        build(shop)
        eventually(
            lambda: search.Search(request, timeout=SECONDS).total_size or None,
            "the index with the synonym",
        )
    finally:
        synonyms.unlink()
        build(shop)
    eventually(
        lambda: search.Search(request, timeout=SECONDS).total_size == 0 or None,
        "the index without it",
    )


def test_an_index_that_is_damaged_is_refused_and_the_one_before_serves_on(
    search: SearchServiceStub, shop: Shop
) -> None:
    folder = shop.state / "search"
    good = (folder / "current").resolve().name
    bad = folder / "bad"
    bad.mkdir()
    (bad / "manifest.json").write_text("{")
    log = shop.state / "run/gateway.log"
    try:
        point(shop, "bad")
        eventually(
            lambda: "the new search index can't be used" in log.read_text() or None,
            "the refusal in the log",
        )
        found = search.Search(search_pb.SearchRequest(query=WORD), timeout=SECONDS)
        assert found.match == search_pb.QUERY_MATCH_ALL
    finally:
        point(shop, good)
        (bad / "manifest.json").unlink()
        bad.rmdir()


def test_suggestions_are_texts_of_the_catalogue(
    search: SearchServiceStub, catalogue: pl.DataFrame
) -> None:
    found = search.Suggest(search_pb.SuggestRequest(text="Fre", page_size=20), timeout=SECONDS)
    known = {
        text for name in ("title", "department", "category", "brand") for text in catalogue[name]
    }
    assert found.texts
    assert set(found.texts) <= known
    assert all(any(w.lower().startswith("fre") for w in t.split()) for t in found.texts)


def build(shop: Shop) -> None:
    command = [sys.executable, "-m", "training.search.index", "--state", str(shop.state)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def point(shop: Shop, version: str) -> None:
    beside = shop.state / "search/.current-test"
    beside.symlink_to(version)
    beside.replace(shop.state / "search/current")
