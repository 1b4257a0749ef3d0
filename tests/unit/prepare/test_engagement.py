from datetime import datetime, timedelta

import polars as pl
import pytest

from training.prepare.engagement import counts, names

KINDS = ["click", "view"]


def others(now: datetime) -> pl.LazyFrame:
    """User 1 clicked an hour, ten days and a hundred days ago, and will again; user 2 looked once."""
    ages = [timedelta(hours=1), timedelta(days=10), timedelta(days=100), -timedelta(hours=1)]
    return pl.LazyFrame(
        {
            "user_id": [1, 1, 1, 1, 2],
            "item_id": [7, 7, 8, 7, 7],
            "kind": ["click"] * 4 + ["view"],
            "time": [now - age for age in (*ages, timedelta(days=20))],
        }
    )


def test_events_of_each_kind_are_counted_over_each_window_before_the_cut_off(
    now: datetime,
) -> None:
    found = counts(others(now), now, "user_id", KINDS).sort("user_id").collect()
    assert found.to_dict(as_series=False) == {
        "user_id": [1, 2],
        "click_7d": [1, 0],
        "click_28d": [2, 0],
        "click_91d": [2, 0],
        "view_7d": [0, 0],
        "view_28d": [0, 1],
        "view_91d": [0, 1],
    }


def test_items_are_counted_alike(now: datetime) -> None:
    found = counts(others(now), now, "item_id", KINDS).sort("item_id").collect()
    assert found["click_28d"].to_list() == [2, 0]
    assert found["view_28d"].to_list() == [1, 0]


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        (["click", "ad_click2"], ["click", "ad_click2"]),
        (["Click!", "視聴", "view"], ["kind_0", "kind_1", "view"]),
        (["a__b"], ["kind_0"]),
    ],
)
def test_a_kind_names_its_columns_if_it_can(kinds: list[str], named: list[str]) -> None:
    assert names(kinds) == named
