import numpy as np
import pytest

from serving.errors import Unavailable
from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.rows import NOTHING, UserRows, collected, judge
from serving.stages.retrieve import NONE
from serving.stages.similar import Similar
from serving.stages.sources import (
    MOST_POPULAR,
    Asked,
    ModelSearch,
    NearSeeds,
    OwnList,
    Popular,
)
from tests.fakes.doors import FakeTriton
from tests.fakes.shop import KEYS, MODELS, NOW_US, person_rows, shop_plan, shop_snapshot

PLAN = shop_plan()
EVERYTHING = np.ones((1, len(KEYS)), dtype=np.bool_)


def user_who_owns(*keys: int) -> UserRows:
    stored = person_rows(PLAN, 5, owned=keys).values()
    views = zip(PLAN.views_of("user"), stored, strict=True)
    return collected([judge(view, packed, NOW_US) for view, packed in views])


def asked(user: UserRows = NOTHING) -> Asked:
    return Asked(user, NOW_US, NONE, EVERYTHING)


def two_tower(door: FakeTriton) -> ModelSearch:
    model = PLAN.models["two_tower"]
    return ModelSearch(door, model, UserFiller(model, PLAN))


async def test_a_list_of_the_person_is_proposed_in_stored_order():
    repeat = OwnList("user_history.owned_item")
    assert (await repeat(asked(user_who_owns(120, 100)), 0.1)).tolist() == [120, 100]
    assert (await repeat(asked(), 0.1)).tolist() == []


async def test_popular_proposes_the_best_selling():
    found = await Popular(shop_snapshot())(asked(), 0.1)
    assert found.tolist() == KEYS[::-1].tolist()
    many = np.arange(2 * MOST_POPULAR, dtype=np.int64)
    assert len(await Popular(shop_snapshot(many))(asked(), 0.1)) == MOST_POPULAR


async def test_a_model_is_asked_with_what_is_known_of_the_person():
    door = FakeTriton(MODELS)
    found = await two_tower(door)(asked(user_who_owns(100)), 0.25)
    assert found.tolist() == KEYS[1:11].tolist()
    assert door.timeouts == [0.25]
    _, inputs = door.calls[0]
    assert set(inputs) == {i.name for i in PLAN.models["two_tower"].inputs}


async def test_a_model_finds_its_full_number_among_what_is_eligible():
    door, eligible = FakeTriton(MODELS), EVERYTHING.copy()
    eligible[0, :25] = False
    found = await two_tower(door)(Asked(user_who_owns(360), NOW_US, NONE, eligible), 0.1)
    assert found.tolist() == np.delete(KEYS[25:36], 1).tolist()  # 360 is owned
    _, inputs = door.calls[0]
    assert inputs["eligible"] is eligible


async def test_the_padding_of_a_models_list_is_left_out():
    short = {"candidate_id": np.array([[120, -1, -1]])}
    found = await two_tower(FakeTriton({"two_tower": lambda _: short}))(asked(), 0.1)
    assert found.tolist() == [120]


async def test_a_model_that_fails_is_not_hidden_here():
    with pytest.raises(Unavailable):
        await two_tower(FakeTriton(MODELS, {"two_tower": Unavailable("away")}))(asked(), 0.1)


async def test_popular_proposes_the_best_selling_of_what_is_allowed():
    allowed = np.zeros(len(KEYS), dtype=np.bool_)
    allowed[[4, 30, 8]] = True
    found = await Popular(shop_snapshot())(Asked(NOTHING, NOW_US, NONE, EVERYTHING, allowed), 0.1)
    assert found.tolist() == KEYS[[30, 8, 4]].tolist()


def near_seeds(door: FakeTriton) -> NearSeeds:
    model, snapshot = PLAN.models["similar"], shop_snapshot()
    similar = Similar(door, model, snapshot, ItemFiller(model, PLAN, snapshot))
    return NearSeeds(similar, snapshot)


async def test_seeds_propose_the_nearest_of_each_in_turn_and_each_once():
    asked_for = Asked(NOTHING, NOW_US, np.array([100, 110, 999]), EVERYTHING)
    door = FakeTriton(MODELS)
    found = await near_seeds(door)(asked_for, 0.1)
    # Neighbours are the next five: of 100 110 to 150, of 110 120 to 160; 999 is no item.
    assert found.tolist() == [110, 120, 130, 140, 150, 160]
    assert len(door.calls) == 2


async def test_seeds_outside_the_catalogue_ask_no_model():
    door = FakeTriton(MODELS)
    assert (
        await near_seeds(door)(Asked(NOTHING, NOW_US, np.array([999]), EVERYTHING), 0.1)
    ).tolist() == []
    assert door.calls == []
