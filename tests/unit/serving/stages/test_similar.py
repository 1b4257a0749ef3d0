import numpy as np
import pytest

from serving.errors import TimedOut
from serving.features.item_inputs import ItemFiller
from serving.stages.similar import Similar
from tests.fakes.doors import FakeTriton
from tests.fakes.shop import KEYS, MODELS, NOW_US, shop_plan, shop_snapshot

PLAN = shop_plan()
MODEL = PLAN.models["similar"]


def similar(door: FakeTriton) -> Similar:
    snapshot = shop_snapshot()
    return Similar(door, MODEL, snapshot, ItemFiller(MODEL, PLAN, snapshot))


async def test_the_model_is_asked_about_the_one_item():
    door = FakeTriton(MODELS)
    await similar(door)(int(KEYS[4]), NOW_US, 0.25)
    ((_, inputs),) = door.calls
    assert {name: tensor.tolist() for name, tensor in inputs.items()} == {"item_id": [[KEYS[4]]]}
    assert door.timeouts == [0.25]


async def test_neighbours_come_with_their_cosine_and_without_padding():
    answer = {
        "candidate_id": np.array([[120, 130, -1]]),
        "candidate_score": np.array([[0.5, -0.25, 0.0]], dtype=np.float32),
    }
    near = await similar(FakeTriton({"similar": lambda _: answer}))(int(KEYS[0]), NOW_US, 0.1)
    assert near.keys.tolist() == [120, 130]
    assert near.cosine.tolist() == [0.5, -0.25]


async def test_a_model_that_fails_is_not_hidden_here():
    with pytest.raises(TimedOut):
        await similar(FakeTriton(MODELS, {"similar": TimedOut("late")}))(100, NOW_US, 0.1)
