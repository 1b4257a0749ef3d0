"""Search as somebody in a shop meets it: by words, by meaning, mistyped, filtered, sorted and paged."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import search_service_pb2 as search_pb
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from tests.acceptance.made import Made, run
from tests.e2e.asking import CONSENT, SECONDS
from tests.e2e.patience import eventually
from tests.e2e.shop import Shop
from tests.e2e.system import run_make

Note = Callable[[str], None]
LEXICAL, SEMANTIC = pb.CANDIDATE_SOURCE_LEXICAL, pb.CANDIDATE_SOURCE_SEMANTIC


def ask(search: SearchServiceStub, query: str, **fields: object) -> search_pb.SearchResponse:
    return search.Search(search_pb.SearchRequest(query=query, **fields), timeout=SECONDS)


def held(page: search_pb.SearchResponse) -> list[str]:
    return [item.item_id for item in page.items if LEXICAL in item.sources]


def test_point_1a_words_meaning_and_mistakes_find_what_is_meant(
    search: SearchServiceStub, catalogue: pl.DataFrame, measured: Note
) -> None:
    categories = dict(catalogue.select("item_id", "category").iter_rows())
    expected = {"shampoo": "Hair", "shmpoo": "Hair", "shamp": "Hair", "utensils": "Kitchenware"}
    matches = {}
    for query, category in expected.items():
        page = ask(search, query)
        assert len(page.items) == 10
        assert {categories[item.item_id] for item in page.items} == {category}, query
        matches[query] = search_pb.QueryMatch.Name(page.match)
    assert matches["shampoo"] == "QUERY_MATCH_ALL"
    assert matches["utensils"] == "QUERY_MATCH_MEANING"
    nothing = ask(search, "qwxzvk")
    assert nothing.match == search_pb.QUERY_MATCH_NONE
    assert nothing.unknown_words == ["qwxzvk"]
    assert len(nothing.items) == 10
    measured(f"{matches}; of nonsense what is popular, and it says so")


def test_point_1b_the_answer_is_the_persons_own(
    search: SearchServiceStub, generated_shop: Made, measured: Note
) -> None:
    users = Shop(generated_shop.state).users(6)
    pages = [
        tuple(item.item_id for item in ask(search, "milk", user_id=user, consent=CONSENT).items)
        for user in users
    ]
    measured(f"{len(set(pages))} different pages of {len(pages)} people for one query")
    assert len(set(pages)) >= 4


def test_point_1c_filters_facets_sorting_and_pages(
    search: SearchServiceStub, catalogue: pl.DataFrame, measured: Note
) -> None:
    page = ask(search, "coffee", facet_fields=["brand"], page_size=100)
    (facet,) = page.facets
    found = catalogue.filter(pl.col("item_id").is_in(held(page)))
    assert {one.value: one.count for one in facet.values} == dict(
        found.drop_nulls("brand").group_by("brand").len().iter_rows()
    )
    brand = facet.values[0].value
    only = ask(search, "coffee", page_size=100, filters=[pb.Filter(field="brand", any_of=[brand])])
    assert set(held(only)) == set(found.filter(pl.col("brand") == brand)["item_id"])

    seen: list[str] = []
    request = search_pb.SearchRequest(query="coffee", order_by="popularity desc", page_size=3)
    while True:
        answer = search.Search(request, timeout=SECONDS)
        seen += [item.item_id for item in answer.items]
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert len(seen) == len(set(seen))
    assert set(seen) == set(held(page))
    measured(f"{len(facet.values)} brands counted; {len(seen)} items on pages of 3, each once")


def test_point_1d_sizes_and_a_file_of_synonyms(
    search: SearchServiceStub, generated_shop: Made, measured: Note
) -> None:
    whole, same = (ask(search, f"crisps {size}", page_size=100) for size in ("1 kg", "1000g"))
    assert held(whole) == held(same) != []
    state = generated_shop.state
    (state / "dataset/synonyms.txt").write_text("brew => coffee\n")
    try:
        run_make(str(state / "search/built.done"), *generated_shop.system.variables)
        found = eventually(
            lambda: held(ask(search, "brew", page_size=100)) or None, "the synonym's items"
        )
        assert set(found) == set(held(ask(search, "coffee", page_size=100)))
    finally:
        (state / "dataset/synonyms.txt").unlink()
        run_make(str(state / "search/built.done"), *generated_shop.system.variables)
    measured(f"1 kg is 1000g for {len(held(whole))} items; {len(found)} items by a synonym")


def test_point_1e_what_is_typed_is_completed_by_what_sells(
    search: SearchServiceStub, measured: Note
) -> None:
    texts = list(search.Suggest(search_pb.SuggestRequest(text="cof"), timeout=SECONDS).texts)
    assert texts
    assert all(any(w.lower().startswith("cof") for w in text.split()) for text in texts)
    measured(", ".join(texts[:3]))


@pytest.mark.parametrize(
    ("language", "titles", "query", "expected"),
    [
        ("zh", ["洗发水 500毫升", "沐浴露", "牛奶 1升"], "洗发", "洗发水 500毫升"),
        ("de", ["Rote Äpfel", "Birnen", "Brot"], "apfel", "Rote Äpfel"),
        ("und", ["Äpfel", "洗发水", "milk"], "洗发水", "洗发水"),
    ],
)
def test_point_1f_other_languages_by_a_setting(
    tmp_path: Path, language: str, titles: list[str], query: str, expected: str, measured: Note
) -> None:
    """Somebody's own tables, as far as the index; asked as the gateway asks it."""
    data, state = tmp_path / "data", tmp_path / "state"
    own_tables(data, titles)
    run_make(
        str(state / "search/built.done"),
        f"DATA={data}",
        f"STATE={state}",
        "CUTOFFS=4",
        f"RECSERVE_TRAINING_SEARCH_LANGUAGE={language}",
    )
    told = run("python", "-c", ASK, state / "search/current", query)
    keys = json.loads(told.stdout)
    catalogue = pl.read_parquet(state / "prepared/catalogue.parquet")
    found = catalogue.filter(pl.col("item_key").is_in(keys))["title"].to_list()
    measured(f"{language}: {query} finds {found}")
    assert found == [expected]


ASK = """
import json, sys
from pathlib import Path
from serving.search.engine import open_engine
found = open_engine(Path(sys.argv[1]).resolve()).lexical(sys.argv[2], 10)
print(json.dumps(found.keys.tolist()))
"""


def own_tables(folder: Path, titles: list[str]) -> None:
    """Everybody bought an item a week, in turn."""
    folder.mkdir()
    ids = [f"i{n}" for n in range(len(titles))]
    pl.DataFrame({"id": ids, "title": titles}).write_csv(folder / "items.csv")
    first = datetime(2024, 1, 1, 10, tzinfo=UTC)
    events = [
        {
            "who": f"u{user}",
            "what": ids[(user + week) % len(ids)],
            "kind": "purchase",
            "at": first + timedelta(weeks=week, minutes=user),
        }
        for week in range(20)
        for user in range(30)
    ]
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    users = pl.DataFrame({"who": [f"u{user}" for user in range(30)]})
    users.write_csv(folder / "users.csv")
    described = {
        "version": 1,
        "name": "own",
        "id_kind": "string",
        "default_now": "2024-05-20T00:00:00Z",
        "licence": "ours",
        "catalogue": {"min_events": 1},
        "tables": {
            "items": {"id": {"role": "id"}, "title": {"role": "title"}},
            "users": {"who": {"role": "id"}},
            "events": {
                "who": {"role": "user"},
                "what": {"role": "item"},
                "kind": {"role": "kind"},
                "at": {"role": "time"},
            },
        },
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(described))
