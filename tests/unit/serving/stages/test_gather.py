import numpy as np

from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.rows import NOTHING
from serving.stages.gather import Gather
from tests.fakes.shop import EARLIER_US, KEYS, NOW_US, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder

PLAN = shop_plan()
RANKER = PLAN.models["ranker"]


def gather(recorder: ListRecorder) -> Gather:
    snapshot = shop_snapshot()
    items = ItemFiller(RANKER, PLAN, snapshot)
    return Gather(snapshot, UserFiller(RANKER, PLAN), items, recorder)


def test_all_inputs_of_the_ranker_are_filled_in_its_shapes():
    gathered = gather(ListRecorder())(NOTHING, KEYS[[5, 2]], NOW_US)
    assert {name: tensor.shape for name, tensor in gathered.tensors.items()} == {
        "user_float": (1, 2),
        "user_key": (1, 3),
        "owned_item": (1, 8),
        "owned_score": (1, 4),
        "request_time": (1, 1),
        "item_id": (1, 64),
        "item_key": (1, 64, 2),
        "item_float": (1, 64, 2),
        "mask": (1, 64),
    }
    assert gathered.count == 2
    assert gathered.oldest_us == EARLIER_US
    assert gathered.degradations == ()


def test_items_keep_the_order_of_the_candidates():
    tensors = gather(ListRecorder())(NOTHING, KEYS[[5, 2]], NOW_US).tensors
    assert tensors["item_id"][0, :3].tolist() == [KEYS[5], KEYS[2], -1]
    assert tensors["item_key"][0, :2, 1].tolist() == [5, 2]
    assert tensors["mask"][0, :3].tolist() == [True, True, False]


def test_a_candidates_inputs_do_not_depend_on_the_others():
    fill = gather(ListRecorder())
    alone = fill(NOTHING, KEYS[[7]], NOW_US).tensors
    among = fill(NOTHING, KEYS[[3, 7, 9]], NOW_US).tensors
    for name in ("item_id", "item_key", "item_float", "mask"):
        np.testing.assert_array_equal(alone[name][:, 0], among[name][:, 1])


def test_item_rows_are_counted_by_state():
    recorder = ListRecorder()
    gather(recorder)(NOTHING, KEYS[[3, 4]], NOW_US)
    assert ("item_profile", "missing", 1) in recorder.features
    assert ("item_activity", "present", 2) in recorder.features
