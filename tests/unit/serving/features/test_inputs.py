from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ArtefactError
from serving.features.inputs import UserFiller
from serving.features.rows import NOTHING, UserRows, collected, judge
from tests.fakes.shop import LISTED, NOW_US, USER_VIEWS, packed, shop_plan
from tests.unit.serving.features.slow_inputs import slow_tensors

PLAN = shop_plan()
SEARCHING = PLAN.models["two_tower"]
MODEL = replace(SEARCHING, inputs=tuple(i for i in SEARCHING.inputs if i.kind != "eligible"))
KEY = st.none() | st.integers(-1, 2**63 - 1)
FLOAT = st.none() | st.floats(width=32, allow_nan=True)
VALUES = {
    "string": KEY,
    "int64": KEY,
    "float32": FLOAT,
    "int64_list": st.lists(st.integers(0, 2**63 - 1), max_size=LISTED),
    "float32_list": st.lists(st.floats(width=32), max_size=LISTED),
}
ROWS = {
    view: st.none() | st.fixed_dictionaries({c["name"]: VALUES[c["dtype"]] for c in columns})
    for view, columns in USER_VIEWS.items()
}


def user_of(rows: dict[str, dict[str, Any] | None]) -> UserRows:
    def stored(view: str) -> bytes | None:
        values = rows[view]
        if values is None:
            return None
        return packed(PLAN, view, **{k: v for k, v in values.items() if v is not None})

    return collected([judge(v, stored(v.name), NOW_US) for v in PLAN.views_of("user")])


@given(st.fixed_dictionaries(ROWS))
def test_user_tensors_equal_the_contract_written_out(rows: dict[str, dict[str, Any] | None]):
    fast = UserFiller(MODEL, PLAN)(user_of(rows), NOW_US)
    slow = slow_tensors(MODEL, rows, [], [], NOW_US // 1_000_000)
    assert fast.keys() == slow.keys()
    for name, expected in slow.items():
        assert fast[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(fast[name], expected, err_msg=name)


def test_of_nobody_every_value_is_null():
    tensors = UserFiller(MODEL, PLAN)(NOTHING, NOW_US)
    assert np.isnan(tensors["user_float"]).all()
    assert (tensors["user_key"] == -1).all()
    assert (tensors["owned_item"] == -1).all()
    assert tensors["request_time"].tolist() == [[NOW_US // 1_000_000]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"columns": ("user_activity.visits",)}, "user_activity.visits is int64"),
        ({"columns": ("user_history.owned_score",)}, "float32_list"),
        ({"columns": ("item_activity.price",)}, "of the item"),
        ({"kind": "user_list", "columns": ("user_activity.baskets_7d",)}, "takes lists"),
        ({"kind": "user_list", "columns": ()}, "one column"),
    ],
)
def test_a_column_that_cannot_fill_its_input_is_refused(change: dict[str, Any], complaint: str):
    model = replace(MODEL, inputs=(replace(MODEL.inputs[0], **change),))
    with pytest.raises(ArtefactError, match=complaint):
        UserFiller(model, PLAN)
