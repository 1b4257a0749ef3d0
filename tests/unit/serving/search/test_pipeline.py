"""A search from query to page: what fits, in the order in which the person is likely to take it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.errors import SurfaceNotServed, Unavailable
from serving.features.filter_fields import FilterField
from serving.search.documents import Fields
from serving.search.engine import Engine
from serving.search.query import Match, Order, Rest, Searched, SearchQuery
from serving.search.sought import ordered
from serving.types import Action, Condition, Reason, Removal
from tests.fakes.shop import KEYS
from tests.fakes.shop_pipeline import PERSON, Shop
from tests.unit.serving.search.shop import FIELDS, ColouredShop, live, shop_engine, shop_items

PRICE = "item_activity.price"


async def search(shop: Shop, engine: Engine | None, text: str, **fields: object) -> Searched:
    query = replace(SearchQuery(PERSON, text, 10), **fields)  # type: ignore[arg-type]
    return await live(shop, engine).search(query, shop.budget(8.0))


def ids(searched: Searched) -> list[int]:
    return [int(item.item_id) for item in searched.answered.items]


async def test_what_fits_comes_most_probable_first(engine: Engine) -> None:
    shop = Shop()
    found = await search(shop, engine, "red ball")
    # The person spends 1.0, as item 10 (key 200) costs: its red neighbours follow.
    assert ids(found)[:3] == [200, 180, 220]
    assert all((key - 100) % 20 == 0 for key in ids(found))
    assert (found.total, found.rest.match, len(found.rest.keys)) == (20, Match.ALL, 10)
    assert found.answered.items[0].sources == ("lexical",)
    assert found.answered.items[0].score == 1.0
    assert found.answered.proposed == (("lexical", 20),)
    assert not found.answered.degradations
    stages = [timing.stage for timing in found.answered.timings]
    assert set(stages) == {"hydrate", "lexical", "filter", "merge", "gather", "rank", "order"}


async def test_words_that_fit_better_outweigh_a_likelier_item(engine: Engine) -> None:
    found = await search(Shop(), engine, "blue ball 39")
    assert ids(found) == [490]
    some = await search(Shop(), engine, "xyzzy red 38")
    assert (ids(some), some.rest.match, some.unknown) == ([480], Match.SOME, ("xyzzy",))


async def test_filters_facets_and_sorts_are_those_of_the_snapshot(engine: Engine) -> None:
    shop = Shop()
    cheap = (Condition(PRICE, maximum=0.55),)
    field = FilterField("type", "text", "item_profile.type")
    found = await search(shop, engine, "ball", conditions=cheap, facets=(field,))
    assert sorted(ids(found)) == [100, 110, 120, 130, 140, 150]
    assert found.total == 6
    assert [(f.field, dict(f.values)) for f in found.facets] == [("type", {"red": 3, "blue": 3})]
    dear = await search(shop, engine, "ball", order=Order(PRICE, descending=True), page_size=3)
    assert ids(dear) == [490, 480, 470]
    assert dear.rest.keys[:2].tolist() == [460, 450]


async def test_the_snapshot_has_the_last_word(tmp_path: Path) -> None:
    """The index thinks that item 5 is cheap; and has an item that the snapshot lacks."""
    items = shop_items()
    items[5] = replace(items[5], numbers={PRICE: 0.0})
    items[6] = replace(items[6], key=999)
    engine = shop_engine(tmp_path, items)
    found = await search(Shop(), engine, "ball", conditions=(Condition(PRICE, maximum=0.05),))
    assert ids(found) == [100]
    assert found.answered.removed == ((Removal.FILTERED, 1),)
    assert found.rest.match is Match.ALL
    found = await search(Shop(), engine, "red ball 6")
    assert found.rest.match is Match.NONE  # what is popular is shown instead
    assert {item.sources for item in found.answered.items} == {("popular",)}
    assert found.answered.removed == ((Removal.NOT_IN_SNAPSHOT, 1),)
    assert found.answered.proposed == (("lexical", 1), ("popular", 40))


async def test_where_nothing_fits_what_is_popular_does_and_it_is_said(engine: Engine) -> None:
    shop = Shop()
    found = await search(shop, engine, "xyzzy")
    assert (found.rest.match, found.total, found.unknown) == (Match.NONE, 0, ("xyzzy",))
    assert len(ids(found)) == 10
    assert found.answered.items[0].sources == ("popular",)
    more = await search(shop, engine, "xyzzy", rest=found.rest)
    assert more.answered.items[0].sources == ("popular",)
    held = await search(shop, engine, "xyzzy", conditions=(Condition(PRICE, maximum=0.15),))
    assert sorted(ids(held)) == [100, 110]


async def test_what_is_popular_is_of_the_category_that_the_query_names(engine: Engine) -> None:
    shop = ColouredShop()
    late = await live(shop, engine).search(SearchQuery(PERSON, "blue", 10), shop.budget(0))
    assert late.rest.match is Match.NONE
    assert all((key - 100) % 20 == 10 for key in ids(late))
    cheap = (Condition(PRICE, maximum=0.05),)  # one item, and it is red
    found = await search(shop, engine, "blue", conditions=cheap)
    assert (found.rest.match, ids(found)) == (Match.NONE, [100])


async def test_an_index_that_is_late_is_left_out_and_it_is_said(engine: Engine) -> None:
    shop = Shop()
    query = SearchQuery(PERSON, "red", 10)
    found = await live(shop, engine).search(query, shop.budget(0))
    assert found.rest.match is Match.NONE
    assert len(ids(found)) == 10
    said = next(d for d in found.answered.degradations if d.stage == "lexical")
    assert (said.reason, said.action) == (Reason.TIMEOUT, Action.DROPPED_SOURCE)


@pytest.mark.parametrize(
    "asked",
    [
        {"order": Order("item_profile.weight")},
        {"conditions": (Condition("item_profile.weight", minimum=1.0),)},
        {"conditions": (Condition("item_profile.weight", (1,), exclude=True),)},
    ],
)
async def test_an_index_that_lacks_a_column_is_left_out_and_it_is_said(
    engine: Engine, asked: dict[str, Any]
) -> None:
    with pytest.raises(Unavailable, match=r"lacks item_profile\.weight: build it anew"):
        await engine.find(SearchQuery(PERSON, "red", 10, **asked), 10, 9)


async def test_an_index_without_the_order_leaves_an_answer(tmp_path: Path) -> None:
    engine = shop_engine(tmp_path, fields=Fields(FIELDS.facets))
    found = await search(Shop(), engine, "red ball", order=Order(PRICE))
    assert (found.rest.match, len(ids(found))) == (Match.NONE, 10)
    every = [*ids(found), *found.rest.keys.tolist()]
    assert every == sorted(every)  # the dearer, the higher the key
    (said,) = (d for d in found.answered.degradations if d.stage == "lexical")
    assert (said.reason, said.action) == (Reason.UNAVAILABLE, Action.DROPPED_SOURCE)
    assert f"lacks {PRICE}" in said.detail
    held = await search(Shop(), engine, "red ball", conditions=(Condition(PRICE, maximum=0.55),))
    assert (held.total, held.rest.match) == (0, Match.NONE)


async def test_an_engine_that_fails_is_left_out_and_it_is_said(engine: Engine) -> None:
    broken = engine.changed(replace(engine._index, fields=Fields((), ("x", PRICE))))
    found = await search(Shop(), broken, "red ball", order=Order(PRICE))
    (said,) = (d for d in found.answered.degradations if d.stage == "lexical")
    assert (said.reason, said.action) == (Reason.FAILED, Action.DROPPED_SOURCE)
    assert engine.version in said.detail


async def test_signs_without_a_word_are_answered_by_what_is_popular(engine: Engine) -> None:
    found = await search(Shop(), engine, "!!!")
    assert (found.rest.match, found.total, len(ids(found))) == (Match.NONE, 0, 10)
    assert (await search(Shop(), engine, " ")).rest.match is Match.ALL


async def test_without_models_the_words_alone_decide(engine: Engine) -> None:
    shop = Shop()
    shop.triton.errors["ranker"] = Unavailable("away")
    found = await search(shop, engine, "red ball")
    assert ids(found) == sorted(ids(found))
    assert all(item.score is None for item in found.answered.items)
    assert [d.action for d in found.answered.degradations][-1] is Action.UNRANKED


async def test_pages_hold_every_item_once_whatever_the_size(engine: Engine) -> None:
    shop = Shop()
    first = await search(shop, engine, "ball", page_size=7)
    seen, rest = ids(first), first.rest
    for size in (1, 13, 100):
        page = await search(shop, engine, "ball", page_size=size, rest=rest)
        assert page.rest.match is Match.ALL
        seen += ids(page)
        rest = page.rest
    assert len(rest.keys) == 0
    assert sorted(seen) == KEYS.tolist()
    assert seen[:10] == ids(await search(shop, engine, "ball"))


async def test_a_page_leaves_out_what_left_the_catalogue(engine: Engine) -> None:
    rest = Rest(np.array([999, 100, 998, 110]), np.ones(4, dtype=np.bool_), Match.ALL)
    page = await search(Shop(), engine, "ball", page_size=1, rest=rest)
    assert ids(page) == [100]
    assert page.rest.keys.tolist() == [110]
    assert page.answered.removed == ((Removal.NOT_IN_SNAPSHOT, 2),)


async def test_a_page_leaves_out_what_passes_no_longer(engine: Engine) -> None:
    rest = Rest(np.array([490, 100, 480, 110]), np.ones(4, dtype=np.bool_), Match.ALL)
    cheap = (Condition(PRICE, maximum=0.55),)
    page = await search(Shop(), engine, "ball", page_size=1, rest=rest, conditions=cheap)
    assert ids(page) == [100]
    assert page.rest.keys.tolist() == [110]
    assert page.answered.removed == ((Removal.FILTERED, 2),)


async def test_without_an_index_nothing_is_served() -> None:
    with pytest.raises(SurfaceNotServed):
        await search(Shop(), None, "ball")


def test_the_order_weighs_both_and_breaks_ties_by_key() -> None:
    keys = np.array([3, 1, 2])
    even, fit = np.full(3, 0.5, dtype=np.float32), np.array([0.0, 0.5, 0.5])
    assert ordered(keys, even, fit).tolist() == [1, 2, 0]
    likely = np.array([0.99, 0.5, 0.5], dtype=np.float32)
    assert ordered(keys, likely, fit).tolist() == [0, 1, 2]
    assert ordered(keys, None, fit).tolist() == [1, 2, 0]
    assert ordered(keys, None, np.zeros(3)).tolist() == [0, 1, 2]
