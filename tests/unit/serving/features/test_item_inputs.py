from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.features.item_inputs import ItemFiller, padded
from serving.features.item_values import ReadItems
from serving.features.snapshot import Snapshot
from serving.items import ItemValues
from serving.types import Action, Degraded, Reason
from tests.fakes.shop import DAY_S, EARLIER_US, ITEMS, KEYS, NOW_US, shop_plan, shop_snapshot
from tests.unit.serving.features.slow_inputs import slow_tensors

PLAN = shop_plan()
RANKER = PLAN.models["ranker"]
KINDS = {"item_id", "item", "mask"}
OLD_US = NOW_US - DAY_S * 1_000_000 - 1


def values(row: int) -> dict[str, dict[str, Any] | None]:
    return {
        "item_profile": None if row == 3 else {"type": 1000 + row, "brand": row},
        "item_activity": {"price": np.float32(row / 10), "popularity": row},
    }


def aged(rows: list[int], view: int) -> Snapshot:
    snapshot = shop_snapshot()
    snapshot.event_time_us[rows, view] = OLD_US
    return snapshot


@given(st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=70))
def test_item_tensors_equal_the_contract_written_out(rows: list[int]):
    keys = KEYS[rows]
    fast = ItemFiller(RANKER, PLAN, shop_snapshot())(np.array(rows), keys, NOW_US).tensors
    items = replace(RANKER, inputs=tuple(i for i in RANKER.inputs if i.kind in KINDS))
    slow = slow_tensors(items, {}, [values(row) for row in rows], keys.tolist(), 0)
    assert fast.keys() == slow.keys()
    for name, expected in slow.items():
        assert fast[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(fast[name], expected, err_msg=name)


@pytest.mark.parametrize(
    ("count", "width"), [(1, 64), (64, 64), (65, 128), (512, 512), (513, 1024), (1024, 1024)]
)
def test_candidates_are_padded_to_the_next_allowed_width(count: int, width: int):
    assert padded(count, RANKER.pad_to) == width


def test_a_model_without_widths_is_not_padded():
    item = ItemFiller(PLAN.models["similar"], PLAN, shop_snapshot())
    assert item(np.array([2]), KEYS[[2]], NOW_US).tensors["item_id"].tolist() == [[KEYS[2]]]


def test_rows_are_counted_by_state_and_the_oldest_is_told():
    found = ItemFiller(RANKER, PLAN, aged([5], 1))(np.array([3, 4, 5]), KEYS[3:6], NOW_US)
    assert set(found.states) == {
        ("item_profile", "present", 2),
        ("item_profile", "missing", 1),
        ("item_activity", "present", 2),
        ("item_activity", "stale", 1),
    }
    assert found.oldest_us == OLD_US


def test_a_row_without_any_value_that_the_model_takes_is_counted_as_null():
    snapshot = shop_snapshot()
    snapshot.float32[5] = np.nan
    snapshot.float32[6, 0] = np.nan  # of two
    found = ItemFiller(RANKER, PLAN, snapshot)(np.array([4, 5, 6]), KEYS[4:7], NOW_US)
    assert {state for state in found.states if state[0] == "item_activity"} == {
        ("item_activity", "present", 2),
        ("item_activity", "null", 1),
    }


def test_an_item_read_from_the_store_is_judged_as_those_of_the_snapshot():
    values = ItemValues(
        np.array([[7, 8]]), np.array([[1.5, 2.5]], dtype=np.float32), np.array([[-1, OLD_US]])
    )
    read = ReadItems(np.array([777]), values)
    filler, keys = ItemFiller(RANKER, PLAN, shop_snapshot()), np.array([KEYS[4], 777])
    found = filler(np.array([4, -1]), keys, NOW_US, read)
    assert found.tensors["item_key"][0, :2].tolist() == [[1004, 4], [7, 8]]
    assert found.tensors["item_float"][0, 1].tolist() == [1.5, 2.5]
    assert ("item_profile", "missing", 1) in found.states
    assert ("item_activity", "stale", 1) in found.states
    assert found.oldest_us == OLD_US
    assert [d.detail for d in found.degradations] == ["item_activity of 1 items"]


def test_stale_item_rows_are_served_marked():
    found = ItemFiller(RANKER, PLAN, aged([4, 5], 1))(np.array([3, 4, 5]), KEYS[3:6], NOW_US)
    assert found.degradations == (
        Degraded("gather", Reason.STALE, Action.SERVED_MARKED, "item_activity of 2 items"),
    )
    assert found.tensors["item_float"][0, 1, 1] == 4


@pytest.mark.parametrize("action", ["default", "drop"])
def test_stale_item_rows_are_nulled_where_the_plan_says_so(action: str):
    plan = shop_plan(action)
    filler = ItemFiller(plan.models["ranker"], plan, aged([4], 1))
    found = filler(np.array([3, 4, 5]), KEYS[3:6], NOW_US)
    assert [d.action for d in found.degradations] == [Action.DEFAULT_FEATURES]
    assert np.isnan(found.tensors["item_float"][0, 1]).all()
    assert found.tensors["item_float"][0, 2].tolist() == [np.float32(0.5), 5]
    assert found.tensors["item_key"][0, 1].tolist() == [1004, 4]  # of the other view
    assert found.oldest_us == EARLIER_US


def test_the_snapshot_is_never_written():
    snapshot = aged([4], 1)
    for block in (snapshot.int64, snapshot.float32, snapshot.event_time_us):
        block.flags.writeable = False
    plan = shop_plan("default")
    ItemFiller(plan.models["ranker"], plan, snapshot)(np.array([4]), KEYS[4:5], NOW_US)
