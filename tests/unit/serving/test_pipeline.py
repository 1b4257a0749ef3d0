from dataclasses import replace

import numpy as np
import pytest

from serving.assembly import build_pipeline
from serving.bundle import SourcePolicy
from serving.errors import (
    Failed,
    OutsideError,
    SurfaceNotServed,
    TimedOut,
    Unavailable,
)
from serving.types import (
    Action,
    Consent,
    Degraded,
    Person,
    RankQuery,
    Reason,
    Removal,
    RowVersion,
)
from tests.fakes.doors import FakeRows, FakeTriton
from tests.fakes.policies import blended
from tests.fakes.shop import (
    EARLIER_US,
    KEYS,
    MODELS,
    NOW_US,
    person_rows,
    shop_bundle,
    shop_plan,
    shop_snapshot,
)
from tests.fakes.shop_pipeline import PERSON, PRODUCT, QUERY, Shop
from tests.fakes.time import FakeClock

OUTSIDE = [Unavailable("away"), TimedOut("late"), Failed("broken")]
REASONS = {Unavailable: Reason.UNAVAILABLE, TimedOut: Reason.TIMEOUT, Failed: Reason.FAILED}


async def test_a_person_gets_the_most_probable_items_first():
    shop = Shop()
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    # The person spends 1.0, as item 10 (key 200) costs; its neighbours follow, ties by key.
    assert [i.item_id for i in answered.items[:3]] == ["200", "190", "210"]
    scores = [i.score for i in answered.items]
    assert scores[0] == 1.0
    assert None not in scores
    assert scores == sorted(scores, reverse=True)
    assert answered.items[0].sources == ("repeat", "popular")
    assert len(answered.items) == 10


async def test_the_answer_tells_how_it_came_about():
    shop = Shop()
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert answered.bundle_id == "0123456789abcdef"
    assert answered.snapshot_version == "snapshot-1"
    assert answered.treatment == "default"
    assert [t.stage for t in answered.timings] == [
        "hydrate", "retrieve", "filter", "merge", "gather", "rank", "order",
    ]  # fmt: skip
    assert answered.proposed == (("repeat", 2), ("two_tower", 10), ("popular", 40))
    assert answered.removed == ()
    assert answered.degradations == ()
    assert answered.oldest_age_s == (NOW_US - EARLIER_US) / 1e6
    assert not answered.cold_start
    assert answered.rows == tuple(
        RowVersion(view, EARLIER_US) for view in ("user_profile", "user_activity", "user_history")
    )
    assert shop.recorder.stages == [t.stage for t in answered.timings]


async def test_purchased_and_excluded_items_are_left_out_and_counted():
    shop = Shop()
    query = replace(QUERY, exclude_purchased=True, excluded=frozenset({190, 7}))
    answered = await shop.pipeline.recommend(query, shop.budget())
    assert not {"200", "150", "190"} & {i.item_id for i in answered.items}
    assert answered.removed == ((Removal.EXCLUDED, 1), (Removal.PURCHASED, 2))


async def test_a_purchase_outside_the_snapshot_is_removed_and_counted():
    shop = Shop(FakeRows(person_rows(shop_plan(), 5, owned=[200, 7])))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert answered.removed == ((Removal.NOT_IN_SNAPSHOT, 1),)


@pytest.mark.parametrize(
    "person",
    [
        Person("", None, Consent(personalization=True)),
        Person("5", 5, Consent(personalization=False)),
        Person("6", 6, Consent(personalization=True)),
    ],
    ids=["anonymous", "without consent", "unknown"],
)
async def test_of_whom_nothing_is_known_gets_the_same_cold_start(person: Person):
    shop = Shop()
    answered = await shop.pipeline.recommend(replace(QUERY, person=person), shop.budget())
    nobody = replace(QUERY, person=Person("", None, Consent()))
    expected = await shop.pipeline.recommend(nobody, shop.budget())
    assert answered.items == expected.items
    assert answered.cold_start
    assert answered.degradations == ()
    assert len(answered.items) == 10


@pytest.mark.parametrize("error", OUTSIDE)
async def test_without_the_store_the_person_is_served_as_unknown(error: OutsideError):
    shop = Shop(FakeRows(error=error))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert len(answered.items) == 10
    assert answered.cold_start
    assert answered.degradations == (
        Degraded("hydrate", REASONS[type(error)], Action.DEFAULT_FEATURES, str(error)),
    )


@pytest.mark.parametrize("error", OUTSIDE)
async def test_without_the_two_tower_the_other_sources_serve(error: OutsideError):
    shop = Shop(triton=FakeTriton(MODELS, {"two_tower": error}))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert answered.proposed == (("repeat", 2), ("two_tower", 0), ("popular", 40))
    assert answered.items[0].item_id == "200"
    assert answered.degradations == (
        Degraded("two_tower", REASONS[type(error)], Action.DROPPED_SOURCE, str(error)),
    )


async def test_sources_have_the_names_and_kinds_that_the_policy_gives_them():
    shop, bundle = Shop(), shop_bundle()
    sources = (
        SourcePolicy("sasrec", 20, "sequence", None),
        SourcePolicy("two_tower", 20, "two_tower", None),
        SourcePolicy("wished", 20, None, "user_history.owned_item"),
    )
    plan = replace(bundle.plan, models=bundle.plan.models | {
        "sequence": replace(bundle.plan.models["two_tower"], triton_model="sequence")
    })  # fmt: skip
    shop.triton.models = MODELS | {"sequence": lambda _: {"candidate_id": KEYS[None, 30:33]}}
    named = replace(bundle, plan=plan, policy=replace(bundle.policy, sources=sources))
    pipeline = build_pipeline(
        named, shop_snapshot(), shop.rows, shop.triton, FakeClock(), shop.recorder, shop.ticks
    )
    answered = await pipeline.recommend(QUERY, shop.budget())
    assert answered.proposed == (("sasrec", 3), ("two_tower", 10), ("wished", 2))
    shop.triton.errors["sequence"] = TimedOut("late")
    answered = await pipeline.recommend(QUERY, shop.budget())
    assert answered.proposed == (("sasrec", 0), ("two_tower", 10), ("wished", 2))
    assert answered.degradations == (
        Degraded("sasrec", Reason.TIMEOUT, Action.DROPPED_SOURCE, "late"),
    )


@pytest.mark.parametrize("error", OUTSIDE)
async def test_without_the_ranker_the_sources_order_is_served_unscored(error: OutsideError):
    shop = Shop(triton=FakeTriton(MODELS, {"ranker": error}))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert [i.item_id for i in answered.items[:4]] == ["200", "150", "100", "110"]
    assert {i.score for i in answered.items} == {None}
    assert answered.degradations == (
        Degraded("rank", REASONS[type(error)], Action.UNRANKED, str(error)),
    )


@pytest.mark.parametrize("error", OUTSIDE)
async def test_without_one_member_the_others_rank_and_that_is_said(error: OutsideError):
    models = MODELS | {"second": MODELS["ranker"]}
    shop = Shop(triton=FakeTriton(models, {"second": error}), fusion=blended("ranker", "second"))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert answered.items[0].item_id == "200"
    assert {type(i.score) for i in answered.items} == {float}
    assert answered.degradations == (
        Degraded("second", REASONS[type(error)], Action.DROPPED_MEMBER, str(error)),
    )
    assert shop.recorder.degradations == [("second", REASONS[type(error)])]
    shop.triton.errors["ranker"] = error
    unranked = await shop.pipeline.recommend(QUERY, shop.budget())
    assert {i.score for i in unranked.items} == {None}
    assert [(d.stage, d.action) for d in unranked.degradations] == [("rank", Action.UNRANKED)]


async def test_with_very_little_time_the_first_member_ranks_alone():
    models = MODELS | {"second": MODELS["ranker"]}
    shop = Shop(triton=FakeTriton(models), fusion=blended("ranker", "second"))
    answered = await shop.pipeline.recommend(QUERY, shop.budget(0.007))
    assert [(d.stage, d.reason) for d in answered.degradations] == [("second", Reason.NO_TIME)]
    assert "second" not in {model for model, _ in shop.triton.calls}


async def test_with_everything_away_popular_items_are_served():
    errors: dict[str, Exception] = {m: Unavailable("away") for m in ("two_tower", "ranker")}
    shop = Shop(FakeRows(error=Unavailable("away")), FakeTriton(MODELS, errors))
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert [i.item_id for i in answered.items] == [str(k) for k in KEYS[::-1][:10]]
    assert [d.stage for d in answered.degradations] == ["hydrate", "two_tower", "rank"]


async def test_a_bug_is_not_taken_for_an_outside_failure():
    shop = Shop(triton=FakeTriton(MODELS, {"ranker": ZeroDivisionError("a bug")}))
    with pytest.raises(ZeroDivisionError):
        await shop.pipeline.recommend(QUERY, shop.budget())


async def test_with_little_time_fewer_candidates_are_ranked():
    shop, many = Shop(), np.arange(400, dtype=np.int64)
    shop.triton.models = MODELS | {
        "two_tower": lambda _: {"candidate_id": np.arange(100, 400)[None]}
    }
    pipeline = build_pipeline(
        shop_bundle(), shop_snapshot(many), shop.rows, shop.triton, FakeClock(), shop.recorder,
        shop.ticks,
    )  # fmt: skip
    answered = await pipeline.recommend(QUERY, shop.budget(0.018))
    removed = dict(answered.removed)
    assert removed[Removal.OVER_CAPACITY] > 0
    _, inputs = shop.triton.calls[-1]
    assert inputs["mask"].sum() == 128
    assert len(answered.items) == 10


async def test_each_stage_passes_on_the_time_it_saved():
    shop = Shop()
    await shop.pipeline.recommend(QUERY, shop.budget(1.1))
    assert shop.rows.timeouts == pytest.approx([0.3])
    assert shop.triton.timeouts == pytest.approx([0.5, 1.0])


async def test_an_empty_answer_has_a_reason():
    shop = Shop()
    answered = await shop.pipeline.recommend(
        replace(QUERY, excluded=frozenset(KEYS.tolist())), shop.budget()
    )
    assert answered.items == ()
    assert answered.removed == ((Removal.EXCLUDED, 40),)
    assert answered.degradations == ()


@pytest.mark.parametrize("method", ["recommend", "rank"])
async def test_a_surface_without_a_model_is_named(method: str):
    shop = Shop()
    query = QUERY if method == "recommend" else RankQuery(PERSON, PRODUCT, (("100", 100),))
    with pytest.raises(SurfaceNotServed) as caught:
        await getattr(shop.pipeline, method)(replace(query, surface="SURFACE_AD"), shop.budget())
    assert caught.value.surface == "SURFACE_AD"
    assert caught.value.served == (PRODUCT,)


async def test_rank_orders_the_callers_candidates_and_names_the_unknown():
    shop = Shop()
    items = (("100", 100), ("x", None), ("0200", 200), ("7", 7), ("200", 200))
    answered = await shop.pipeline.rank(RankQuery(PERSON, PRODUCT, items), shop.budget())
    assert [i.item_id for i in answered.items] == ["0200", "100"]
    assert answered.items[0].sources == ("request",)
    assert answered.unknown_item_ids == ("x", "7")
    assert answered.proposed == (("request", 5),)
    assert answered.removed == ((Removal.NOT_IN_SNAPSHOT, 2),)
    stages = ["hydrate", "items", "filter", "gather", "rank", "order"]
    assert [t.stage for t in answered.timings] == stages


async def test_rank_scores_as_recommend_does():
    shop = Shop()
    recommended = await shop.pipeline.recommend(QUERY, shop.budget())
    items = tuple((i.item_id, int(i.item_id)) for i in reversed(recommended.items))
    ranked = await shop.pipeline.rank(RankQuery(PERSON, PRODUCT, items), shop.budget())
    assert [(i.item_id, i.score) for i in ranked.items] == [
        (i.item_id, i.score) for i in recommended.items
    ]


async def test_rank_of_unknown_items_alone_asks_no_model():
    shop = Shop()
    answered = await shop.pipeline.rank(RankQuery(PERSON, PRODUCT, (("7", 7),)), shop.budget())
    assert answered.items == ()
    assert answered.unknown_item_ids == ("7",)
    assert shop.triton.calls == []


async def test_rank_without_the_ranker_keeps_the_callers_order():
    shop = Shop(triton=FakeTriton(MODELS, {"ranker": TimedOut("late")}))
    items = (("100", 100), ("200", 200), ("150", 150))
    answered = await shop.pipeline.rank(RankQuery(PERSON, PRODUCT, items), shop.budget())
    assert [i.item_id for i in answered.items] == ["100", "200", "150"]
    assert [d.action for d in answered.degradations] == [Action.UNRANKED]
