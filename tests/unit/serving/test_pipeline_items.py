"""Items that the snapshot lacks, ages that are told, and views that are dropped."""

from dataclasses import replace

import numpy as np
import pytest

from serving.assembly import build_pipeline
from serving.errors import Unavailable, UnknownItem
from serving.features.redis_keys import row_key
from serving.pipeline import Pipeline
from serving.stages.read_items import MOST_READ
from serving.types import Action, Condition, Degraded, Query, RankQuery, Reason, SimilarQuery
from tests.fakes.doors import FakeRows
from tests.fakes.shop import (
    DAY_S,
    EARLIER_US,
    KEYS,
    NOW_US,
    PROJECT,
    packed,
    person_rows,
    shop_bundle,
    shop_offers,
    shop_plan,
    shop_snapshot,
)
from tests.fakes.shop_pipeline import PERSON, PRODUCT, QUERY, Shop
from tests.fakes.time import FakeClock

NEW = 7_777
OLD_US = NOW_US - DAY_S * 1_000_000 - 1
STORED = {
    row_key(PROJECT, "item_id", NEW, "item_profile"): packed(
        shop_plan(), "item_profile", type=1, brand=2
    ),
    row_key(PROJECT, "item_id", NEW, "item_activity"): packed(
        shop_plan(), "item_activity", price=1.0, popularity=1.0
    ),
}
ASKED = RankQuery(PERSON, PRODUCT, (("100", 100), (str(NEW), NEW), ("1", 1)))


def shop(error: Unavailable | None = None) -> Shop:
    return Shop(FakeRows(person_rows(shop_plan(), 5) | STORED, error))


async def test_rank_reads_an_item_that_the_snapshot_lacks():
    this = shop()
    answered = await this.pipeline.rank(ASKED, this.budget())
    assert [item.item_id for item in answered.items] == [str(NEW), "100"]  # costs what is spent
    assert answered.items[0].score == 1.0
    assert answered.stored_item_ids == (str(NEW),)
    assert answered.unknown_item_ids == ("1",)
    assert answered.degradations == ()


async def test_it_is_read_beside_the_person_and_in_one_round_trip():
    this = shop()
    await this.pipeline.rank(ASKED, this.budget())
    assert len(this.rows.reads) == 2
    assert len(this.rows.reads[1]) == 4  # two views of two items


async def test_without_the_store_it_is_unknown_and_that_is_said():
    this = shop(Unavailable("away"))
    answered = await this.pipeline.rank(ASKED, this.budget())
    assert [item.item_id for item in answered.items] == ["100"]
    assert answered.unknown_item_ids == (str(NEW), "1")
    assert Degraded("items", Reason.UNAVAILABLE, Action.DROPPED_SOURCE, "away") in (
        answered.degradations
    )


async def test_no_more_are_read_than_may_be():
    this = shop()
    many = tuple((str(key), key) for key in range(10_000, 10_900))
    await this.pipeline.rank(replace(ASKED, items=many), this.budget())
    assert len(this.rows.reads[1]) == 2 * MOST_READ


async def test_an_item_of_the_snapshot_is_never_asked_for():
    this = shop()
    await this.pipeline.rank(replace(ASKED, items=(("100", 100),)), this.budget())
    assert len(this.rows.reads) == 1


async def test_seeds_and_similar_items_know_it_too():
    this = shop()
    answered = await this.pipeline.recommend(replace(QUERY, seeds=(NEW, 1)), this.budget())
    assert answered.proposed[0][0] == "similar"
    asked = [
        inputs["item_id"].tolist() for model, inputs in this.triton.calls if model == "similar"
    ]
    assert asked == [[[NEW]]]
    this.triton.calls.clear()
    query = SimilarQuery(str(NEW), NEW, 5, frozenset())
    await this.pipeline.similar(query, this.budget())
    assert this.triton.calls[0][1]["item_id"].tolist() == [[NEW]]


async def test_similar_items_of_what_the_store_lacks_too_are_refused():
    this = shop()
    with pytest.raises(UnknownItem):
        await this.pipeline.similar(SimilarQuery("1", 1, 5, frozenset()), this.budget())
    away = shop(Unavailable("away"))
    with pytest.raises(Unavailable):  # nobody can tell
        await away.pipeline.similar(SimilarQuery("1", 1, 5, frozenset()), away.budget())


def aged(action: str) -> tuple[Shop, Pipeline]:
    """The person's history and the items' activity are past their age."""
    plan = shop_plan(action)
    rows = person_rows(plan, 5, owned=[200])
    rows[row_key(PROJECT, "user_id", 5, "user_history")] = packed(
        plan, "user_history", OLD_US, owned_item=[200]
    )
    this = Shop(FakeRows(rows))
    snapshot = shop_snapshot(offers=shop_offers())
    snapshot.event_time_us[:, 1] = OLD_US
    made = build_pipeline(
        shop_bundle(plan), snapshot, this.rows, this.triton, FakeClock(), this.recorder, this.ticks
    )
    return this, made


CHEAP = (Condition("item_activity.price", maximum=3.0),)
RANKED = RankQuery(PERSON, PRODUCT, (("100", 100), ("110", 110)))
NEAR = SimilarQuery("100", 100, 5, frozenset(), CHEAP)
METHODS: dict[str, tuple[str, Query | RankQuery | SimilarQuery]] = {
    "recommend": ("recommend", QUERY),
    "filtered": ("recommend", replace(QUERY, conditions=CHEAP)),
    "offers": ("recommend", replace(QUERY, surface="SURFACE_PROMOTION")),
    "rank": ("rank", RANKED),
    "similar": ("similar", NEAR),
}


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_uses_a_stale_value_unmarked_and_each_tells_the_oldest_age(method: str):
    this, made = aged("serve_marked")
    name, query = METHODS[method]
    answered = await getattr(made, name)(query, this.budget())
    assert answered.items
    marked = [d.detail for d in answered.degradations if d.reason is Reason.STALE]
    assert any("item_activity" in detail for detail in marked)
    assert ("user_history" in marked) == (method != "similar")
    assert answered.oldest_age_s == pytest.approx(DAY_S, abs=1)


@pytest.mark.parametrize("action", ["default", "drop"])
@pytest.mark.parametrize("method", ["recommend", "offers", "rank"])
async def test_a_stale_value_is_not_used_where_the_plan_says_so(method: str, action: str):
    this, made = aged(action)
    name, query = METHODS[method]
    answered = await getattr(made, name)(query, this.budget())
    inputs = next(given for model, given in this.triton.calls if model == "ranker")
    assert np.isnan(inputs["item_float"]).all()
    assert (inputs["owned_item"] == -1).all()
    told = {(d.stage, d.action) for d in answered.degradations if d.reason is Reason.STALE}
    assert ("hydrate", Action.DEFAULT_FEATURES) in told
    assert ("gather", Action.DEFAULT_FEATURES) in told
    assert answered.oldest_age_s == pytest.approx((NOW_US - EARLIER_US) / 1e6)


@pytest.mark.parametrize(("action", "asked"), [("default", True), ("drop", False)])
async def test_sources_that_read_a_view_to_drop_are_left_out_and_marked(
    action: str, *, asked: bool
):
    this, made = aged(action)
    answered = await made.recommend(QUERY, this.budget())
    assert any(model == "two_tower" for model, _ in this.triton.calls) is asked
    dropped = [d.stage for d in answered.degradations if d.action is Action.DROPPED_SOURCE]
    assert dropped == ([] if asked else ["repeat", "two_tower"])
    assert dict(answered.proposed)["popular"] == len(KEYS)


async def test_an_answer_says_if_changes_of_items_may_be_missing():
    this = shop()
    behind = Degraded("items", Reason.BEHIND, Action.SERVED_MARKED, "changes of items")

    class Behind(type(shop_snapshot())):  # type: ignore[misc]
        degradations = (behind,)

    snapshot = Behind(**{k: v for k, v in vars(shop_snapshot()).items() if k != "_where"})
    made = build_pipeline(
        shop_bundle(), snapshot, this.rows, this.triton, FakeClock(), this.recorder, this.ticks
    )
    for name, query in METHODS.values():
        if getattr(query, "surface", PRODUCT) == PRODUCT:
            answered = await getattr(made, name)(query, this.budget())
            assert behind in answered.degradations
