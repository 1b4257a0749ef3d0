"""What a caller may wish for: filters, seeds, explanations, offers."""

from dataclasses import replace

import pytest

from serving.errors import SurfaceNotServed, TimedOut
from serving.types import (
    Action,
    Condition,
    Consent,
    Degraded,
    Person,
    RankQuery,
    Reason,
    Removal,
    Tensors,
)
from tests.fakes.doors import Arrays, FakeTriton
from tests.fakes.shop import KEYS, MODELS, shop_offers
from tests.fakes.shop_pipeline import PERSON, PRODUCT, QUERY, Shop

PROMOTION, AD = "SURFACE_PROMOTION", "SURFACE_AD"
CHEAP = Condition("item_activity.price", maximum=0.2)  # items 0, 1, 2


def offering(triton: FakeTriton | None = None) -> Shop:
    return Shop(offers=shop_offers(), triton=triton or FakeTriton(MODELS))


async def test_only_items_that_pass_the_filters_are_returned_and_the_others_counted():
    shop = Shop()
    answered = await shop.pipeline.recommend(replace(QUERY, conditions=(CHEAP,)), shop.budget())
    assert [i.item_id for i in answered.items] == ["120", "110", "100"]
    # Both that are owned cost more; the tower and what is popular are asked for items that don't.
    assert answered.removed == ((Removal.FILTERED, 2),)
    assert answered.proposed == (("repeat", 2), ("two_tower", 3), ("popular", 3))


async def test_a_filter_that_nothing_passes_gives_an_empty_answer_with_its_reason():
    shop = Shop()
    nothing = Condition("item_profile.brand", any_of=(999,))
    answered = await shop.pipeline.recommend(replace(QUERY, conditions=(nothing,)), shop.budget())
    assert answered.items == ()
    assert answered.removed == ((Removal.FILTERED, 2),)
    stranger = replace(QUERY, conditions=(nothing,), person=Person("", None, Consent()))
    answered = await shop.pipeline.recommend(stranger, shop.budget())
    assert answered.items == ()
    assert answered.removed == ((Removal.FILTERED, len(KEYS)),)  # nothing was proposed at all


async def test_under_a_narrow_filter_the_model_still_proposes_all_that_it_can():
    shop = Shop()
    dear = Condition("item_activity.price", minimum=2.0)  # the 20 items that it would find last
    query = replace(QUERY, conditions=(dear,), excluded=frozenset(KEYS[20:25].tolist()))
    answered = await shop.pipeline.recommend(query, shop.budget())
    assert dict(answered.proposed)["two_tower"] == 10
    found = {i.item_id for i in answered.items if "two_tower" in i.sources}
    assert found == {str(key) for key in KEYS[25:35]}


async def test_without_wishes_each_request_asks_with_the_same_memory():
    shop = Shop()
    pipeline = shop.pipeline
    for _ in range(2):
        await pipeline.recommend(QUERY, shop.budget())
    first, second = (
        given["eligible"] for model, given in shop.triton.calls if model == "two_tower"
    )
    assert first is second
    assert first.all()


async def test_neighbours_of_the_seeds_become_candidates():
    shop = Shop()
    query = replace(QUERY, seeds=(int(KEYS[20]),), page_size=40)
    answered = await shop.pipeline.recommend(query, shop.budget())
    assert answered.proposed[0] == ("similar", 5)
    similar = {i.item_id for i in answered.items if "similar" in i.sources}
    assert similar == {str(key) for key in KEYS[21:26]}


async def test_explanations_come_with_every_item_when_asked_for():
    shop = Shop()
    answered = await shop.pipeline.recommend(replace(QUERY, explain=True), shop.budget())
    assert [t.stage for t in answered.timings][-2:] == ["order", "explain"]
    for item in answered.items:
        assert item.explanation is not None
        assert {c.view for c in item.explanation} >= {"user_activity", "item_activity"}
    plain = await shop.pipeline.recommend(QUERY, shop.budget())
    assert [replace(i, explanation=None) for i in answered.items] == list(plain.items)


async def test_the_first_hundred_ranked_items_are_explained():
    shop = Shop()
    items = tuple((str(key), int(key)) for key in KEYS[:7])
    answered = await shop.pipeline.rank(
        RankQuery(PERSON, PRODUCT, items, explain=True), shop.budget()
    )
    assert all(i.explanation for i in answered.items)


async def test_an_explanation_that_comes_too_late_is_left_out_and_said():
    calls = 0

    def ranker(inputs: Tensors) -> Arrays:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise TimedOut("late")
        return MODELS["ranker"](inputs)

    shop = Shop(triton=FakeTriton(MODELS | {"ranker": ranker}))
    answered = await shop.pipeline.recommend(replace(QUERY, explain=True), shop.budget())
    assert len(answered.items) == 10
    assert {i.explanation for i in answered.items} == {None}
    assert answered.degradations == (
        Degraded("explain", Reason.TIMEOUT, Action.UNEXPLAINED, "late"),
    )


async def test_a_surface_of_offers_answers_with_offers():
    shop = offering()
    answered = await shop.pipeline.recommend(replace(QUERY, surface=PROMOTION), shop.budget())
    # The person spends 1.0: items 10 and 11 of "fair" cost 1.0 and 1.1.
    assert [i.item_id for i in answered.items] == ["fair", "cheap"]
    assert answered.items[0].target_item_ids == ("200", "210")
    assert answered.items[0].sources == ("offer",)
    assert answered.proposed == (("offer", 4),)
    assert answered.removed == ((Removal.NOT_RUNNING, 1),)
    assert not answered.cold_start


async def test_filters_and_exclusions_hold_for_the_items_of_offers():
    shop = offering()
    query = replace(
        QUERY, surface=PROMOTION, conditions=(CHEAP,), excluded=frozenset({int(KEYS[1])})
    )
    answered = await shop.pipeline.recommend(query, shop.budget())
    assert [(i.item_id, i.target_item_ids) for i in answered.items] == [("cheap", ("120",))]
    assert answered.removed == (
        (Removal.NOT_RUNNING, 1), (Removal.FILTERED, 2), (Removal.EXCLUDED, 1),
    )  # fmt: skip


async def test_an_offer_is_explained_by_its_best_item():
    shop = offering()
    query = replace(QUERY, surface=PROMOTION, explain=True)
    (fair, cheap) = (await shop.pipeline.recommend(query, shop.budget())).items
    ranked = RankQuery(PERSON, PRODUCT, (("200", 200), ("120", 120)), explain=True)
    best = {
        i.item_id: i.explanation for i in (await shop.pipeline.rank(ranked, shop.budget())).items
    }
    assert fair.explanation == best["200"]
    assert cheap.explanation == best["120"]


async def test_offers_without_a_ranker_come_by_weight():
    shop = offering(FakeTriton(MODELS, {"ranker": TimedOut("late")}))
    answered = await shop.pipeline.recommend(replace(QUERY, surface=AD), shop.budget())
    assert [(i.item_id, i.score) for i in answered.items] == [("paid", None), ("tiny", None)]
    assert answered.degradations == (Degraded("rank", Reason.TIMEOUT, Action.UNRANKED, "late"),)


async def test_surfaces_are_those_of_the_bundle_and_of_the_offers_there_are():
    assert Shop().pipeline.surfaces == (PRODUCT,)
    shop = offering()
    assert shop.pipeline.surfaces == (PRODUCT, AD, PROMOTION)
    with pytest.raises(SurfaceNotServed, match="SURFACE_AD"):
        await Shop().pipeline.recommend(replace(QUERY, surface=AD), Shop().budget())
    with pytest.raises(SurfaceNotServed, match="serves SURFACE_PRODUCT"):
        await shop.pipeline.rank(RankQuery(PERSON, AD, (("200", 200),)), shop.budget())
