"""The made-up shop is what the benchmark says that it measures."""

import numpy as np

from serving.features.layout import LENGTH
from tests.load.features import shop
from tests.load.features.plan import read_plan
from tests.load.features.stock_files import frame

NOW_US = 1_700_000_000_000_000


def test_an_item_has_forty_features_of_both_types() -> None:
    plan = read_plan()
    widths = [len(plan.item_columns("int64")), len(plan.item_columns("float32"))]
    assert widths == [10, 30]


def test_rows_are_the_same_each_time_and_of_the_moment() -> None:
    first, second = (shop.made_rows("user_history", 5, 900, NOW_US) for _ in range(2))
    assert first.packed.tobytes() == second.packed.tobytes()
    assert set(first.packed["event_time_us"].tolist()) == {NOW_US}


def test_nobody_owns_an_item_twice() -> None:
    for row in shop.made_rows("user_history", 20, 900, NOW_US).packed:
        owned = row["owned_item"][: int(row["owned_item" + LENGTH])]
        assert len(set(owned.tolist())) == len(owned) > 0


def test_the_files_for_feast_hold_what_is_packed() -> None:
    rows = shop.made_rows("user_affinity", 4, 900, NOW_US)
    written = frame(rows, 3)
    assert written["user_id"].to_list() == [1, 2, 3]
    for column in ("brand_key", "brand_share"):
        for packed, listed in zip(rows.packed, written[column], strict=False):
            count = int(packed[column + LENGTH])
            np.testing.assert_array_equal(packed[column][:count], listed.to_numpy())
