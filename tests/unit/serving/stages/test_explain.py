import numpy as np
import pytest

from serving.errors import Failed
from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.rows import UserRows, collected, judge
from serving.stages.explain import Explain
from serving.stages.fuse import Fusion, alone
from serving.stages.gather import Gather
from serving.stages.rank import Rank
from serving.types import Tensors
from tests.fakes.doors import Arrays, FakeTriton
from tests.fakes.policies import blended
from tests.fakes.shop import KEYS, MODELS, NOW_US, person_rows, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder

TWO = blended("ranker", "other")
PLAN = shop_plan(members=TWO.members)
RANKER, RANKER_ALONE = PLAN.models["ranker"], alone("ranker")
VIEWS = {"user_profile", "user_activity", "user_history", "item_profile", "item_activity"}


def person() -> UserRows:
    stored = person_rows(PLAN, 5, owned=[120]).values()
    views = zip(PLAN.views_of("user"), stored, strict=True)
    return collected([judge(view, packed, NOW_US) for view, packed in views])


async def explained(
    door: FakeTriton, keys: list[int], positions: list[int], fusion: Fusion = RANKER_ALONE
):
    """Explanations and, for comparison, what was given to the ranker before."""
    snapshot = shop_snapshot()
    fillers = UserFiller(RANKER, PLAN), ItemFiller(RANKER, PLAN, snapshot)
    gathered = Gather(snapshot, *fillers, ListRecorder())(person(), np.array(keys), NOW_US)
    rank = Rank(door, PLAN, fusion)
    ranked = await rank(gathered, 1.0)
    found = await Explain(rank, RANKER)(gathered, np.array(positions), ranked, 0.5)
    return found, ranked.probability


async def test_every_view_is_told_with_the_largest_effect_first():
    (first, second), _ = await explained(FakeTriton(MODELS), KEYS[[9, 20]].tolist(), [1, 0])
    for told in (first, second):
        assert {c.view for c in told} == VIEWS
        sizes = [abs(c.log_odds) for c in told]
        assert sizes == sorted(sizes, reverse=True)


async def test_an_effect_is_the_log_odds_less_those_without_the_view():
    ((told,), (score,)) = await explained(FakeTriton(MODELS), [int(KEYS[9])], [0])
    effects = {c.view: c.log_odds for c in told}
    # The person spends 1.0 and item 9 costs 0.9: without the one it is 0.9 away, without the other 1.0.
    price_known, spent_known = 1 / 1.9, 1 / 2.0
    assert score == pytest.approx(1 / 1.1)
    odds = np.log(score / (1 - score))
    assert effects["user_activity"] == pytest.approx(odds - np.log(price_known / (1 - price_known)))
    assert effects["item_activity"] == pytest.approx(odds - np.log(spent_known / (1 - spent_known)))
    assert effects["user_history"] == 0  # this ranker doesn't look at it


async def test_views_are_blinded_one_at_a_time_and_only_the_chosen_are_scored():
    door = FakeTriton(MODELS)
    await explained(door, KEYS[:20].tolist(), [3, 7])
    blinded = [inputs for _, inputs in door.calls[1:]]
    assert len(blinded) == len(VIEWS)
    for inputs in blinded:
        assert inputs["item_id"][0, :2].tolist() == KEYS[[3, 7]].tolist()
        assert inputs["mask"].sum() == 2
    without_history = [i for i in blinded if (i["owned_item"] == -1).all()]
    assert len(without_history) == 1
    assert np.isnan(without_history[0]["owned_score"]).all()
    assert not np.isnan(without_history[0]["user_float"]).any()


async def test_a_ranker_that_fails_is_not_hidden_here():
    calls = 0

    def ranker(inputs: Tensors) -> Arrays:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Failed("broken")
        return MODELS["ranker"](inputs)

    with pytest.raises(Failed):
        await explained(FakeTriton(MODELS | {"ranker": ranker}), [int(KEYS[9])], [0])


def other(inputs: Tensors) -> Arrays:
    """Looks at the purchase list alone."""
    owned = (inputs["item_id"][:, :, None] == inputs["owned_item"][:, None]).any(axis=2)
    return {"probability": np.where(owned, 0.8, 0.2).astype(np.float32)}


async def test_an_effect_is_on_the_fusion_of_the_members_that_answered():
    both, item = FakeTriton(MODELS | {"other": other}), KEYS[[2]].tolist()  # it is owned
    ((told,), (score,)) = await explained(both, item, [0], TWO)
    history = {c.view: c.log_odds for c in told}["user_history"]
    # The ranker's part of the sum stays; the other's falls from 0.8 to 0.2.
    blend = TWO.blends[-1]
    assert history == pytest.approx(blend.weights[1] * 2 * np.log(0.8 / 0.2), rel=1e-5)
    one = FakeTriton(MODELS | {"other": other}, {"other": Failed("broken")})
    ((alone_told,), (alone_score,)) = await explained(one, item, [0], TWO)
    assert {c.view: c.log_odds for c in alone_told}["user_history"] == 0
    assert alone_score != score
    asked = [model for model, _ in one.calls]
    assert asked == ["ranker", "other"] + ["ranker"] * len(VIEWS)


async def test_a_member_that_ranked_and_fails_now_leaves_nothing_to_compare():
    calls = 0

    def once(inputs: Tensors) -> Arrays:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Failed("broken")
        return other(inputs)

    with pytest.raises(Failed):
        await explained(FakeTriton(MODELS | {"other": once}), KEYS[[9]].tolist(), [0], TWO)
