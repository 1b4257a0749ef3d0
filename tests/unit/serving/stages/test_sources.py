import numpy as np
import pytest

from serving.errors import Unavailable
from serving.features.inputs import UserFiller
from serving.features.rows import NOTHING, UserRows, collected, judge
from serving.stages.sources import MOST_POPULAR, Popular, Repeat, TwoTower
from tests.fakes.doors import FakeTriton
from tests.fakes.shop import KEYS, MODELS, NOW_US, person_rows, shop_plan, shop_snapshot

PLAN = shop_plan()


def user_who_owns(*keys: int) -> UserRows:
    stored = person_rows(PLAN, 5, owned=keys).values()
    views = zip(PLAN.views_of("user"), stored, strict=True)
    return collected([judge(view, packed, NOW_US) for view, packed in views])


def two_tower(door: FakeTriton) -> TwoTower:
    model = PLAN.models["two_tower"]
    return TwoTower(door, model, UserFiller(model, PLAN))


async def test_repeat_proposes_what_is_owned_in_stored_order():
    repeat = Repeat("user_history.owned_item")
    assert (await repeat(user_who_owns(120, 100), NOW_US, 0.1)).tolist() == [120, 100]
    assert (await repeat(NOTHING, NOW_US, 0.1)).tolist() == []


async def test_popular_proposes_the_best_selling():
    found = await Popular(shop_snapshot())(NOTHING, NOW_US, 0.1)
    assert found.tolist() == KEYS[::-1].tolist()
    many = np.arange(2 * MOST_POPULAR, dtype=np.int64)
    assert len(await Popular(shop_snapshot(many))(NOTHING, NOW_US, 0.1)) == MOST_POPULAR


async def test_two_tower_proposes_what_the_model_finds_for_the_person():
    door = FakeTriton(MODELS)
    found = await two_tower(door)(user_who_owns(100), NOW_US, 0.25)
    assert found.tolist() == KEYS[1:11].tolist()
    assert door.timeouts == [0.25]
    _, inputs = door.calls[0]
    assert set(inputs) == {i.name for i in PLAN.models["two_tower"].inputs}


async def test_two_tower_leaves_out_padding():
    short = {"candidate_id": np.array([[120, -1, -1]])}
    found = await two_tower(FakeTriton({"two_tower": lambda _: short}))(NOTHING, NOW_US, 0.1)
    assert found.tolist() == [120]


async def test_a_model_that_fails_is_not_hidden_here():
    with pytest.raises(Unavailable):
        await two_tower(FakeTriton(MODELS, {"two_tower": Unavailable("away")}))(NOTHING, 0, 0.1)
