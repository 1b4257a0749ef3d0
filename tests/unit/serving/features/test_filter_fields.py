import numpy as np
import pytest

from serving.features.filter_fields import Conditions, filter_fields, passing
from serving.features.item_values import ItemColumns, StoredItems
from serving.features.live_items import LiveItems
from serving.items import ItemValues
from serving.types import Action, Condition, Degraded, Reason
from tests.fakes.shop import DAY_S, EARLIER_US, ITEMS, KEYS, NOW_US, shop_plan, shop_snapshot

PLAN = shop_plan()
PRICE, BRAND = "item_activity.price", "item_profile.brand"


def rows(*conditions: Condition) -> list[int]:
    allowed = Conditions(PLAN, shop_snapshot())(conditions, NOW_US)
    assert allowed is not None
    return np.flatnonzero(allowed).tolist()


def test_the_fields_are_the_items_texts_and_numbers_by_their_own_names():
    found = filter_fields(PLAN)
    assert list(found) == ["brand", "popularity", "price", "type"]
    assert (found["brand"].kind, found["brand"].column) == ("text", BRAND)
    assert (found["price"].kind, found["price"].column) == ("number", PRICE)


def test_without_conditions_nothing_is_tested():
    assert Conditions(PLAN, shop_snapshot())((), NOW_US) is None


def test_texts_match_one_of_the_values():
    assert rows(Condition(BRAND, any_of=(4, 7, 999))) == [4, 7]


def test_texts_turned_round_keep_items_without_a_value():
    kept = rows(Condition(BRAND, any_of=(4,), exclude=True))
    assert 3 in kept  # has no brand
    assert kept == [n for n in range(ITEMS) if n != 4]


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [
        (0.5, 0.7, [5, 6, 7]),
        (3.8, None, [38, 39]),
        (None, 0.1, [0, 1]),
        (-1e308, 0.1, [0, 1]),  # beyond what a feature can be
        (3.8, 1e39, [38, 39]),
        (1e39, None, []),
    ],
)
def test_bounds_are_inclusive(minimum: float | None, maximum: float | None, expected: list[int]):
    assert rows(Condition(PRICE, minimum=minimum, maximum=maximum)) == expected


def test_an_item_without_a_number_lies_within_no_bounds():
    snapshot = shop_snapshot()
    snapshot.float32[2, 0] = np.nan
    conditions = Conditions(PLAN, snapshot)
    inside = conditions([Condition(PRICE, minimum=0.1, maximum=0.3)], NOW_US)
    outside = conditions([Condition(PRICE, minimum=0.1, maximum=0.3, exclude=True)], NOW_US)
    assert inside is not None
    assert outside is not None
    assert np.flatnonzero(inside).tolist() == [1, 3]
    assert outside[2]


def test_an_item_has_to_pass_every_condition():
    assert rows(Condition(PRICE, minimum=0.5), Condition(BRAND, any_of=(4, 5, 6))) == [5, 6]


def stale(action: str) -> tuple[Conditions, list[Condition]]:
    """Item 5's price is a day and a bit old."""
    snapshot = shop_snapshot()
    snapshot.event_time_us[5, 1] = NOW_US - DAY_S * 1_000_000 - 1
    return Conditions(shop_plan(action), snapshot), [Condition(PRICE, minimum=0.4, maximum=0.6)]


def test_a_stale_value_lets_an_item_pass_and_is_marked():
    test, conditions = stale("serve_marked")
    passed = test(conditions, NOW_US)
    assert passed is not None
    assert np.flatnonzero(passed).tolist() == [4, 5, 6]
    said, oldest_us = test.judged(conditions, KEYS[4:7], NOW_US)
    detail = "item_activity of 1 items"
    assert said == (Degraded("filter", Reason.STALE, Action.SERVED_MARKED, detail),)
    assert oldest_us == NOW_US - DAY_S * 1_000_000 - 1


@pytest.mark.parametrize("action", ["default", "drop"])
def test_a_stale_value_counts_as_none_where_the_plan_says_so(action: str):
    test, conditions = stale(action)
    passed = test(conditions, NOW_US)
    assert passed is not None
    assert np.flatnonzero(passed).tolist() == [4, 6]
    assert test.judged(conditions, KEYS[[4, 6]], NOW_US) == ((), EARLIER_US)


@pytest.mark.parametrize(
    ("action", "of_stale"), [("serve_marked", 0.5), ("default", None), ("drop", None)]
)
def test_numbers_are_those_that_conditions_see(action: str, of_stale: float | None):
    numbers = stale(action)[0].numbers(PRICE, KEYS[[6, 5, 0]], NOW_US)
    expected = [0.6, np.nan if of_stale is None else of_stale, 0.0]
    assert numbers == pytest.approx(expected, nan_ok=True)


def test_numbers_of_changed_and_newer_items_are_their_present_ones():
    items = LiveItems(shop_snapshot(), ItemColumns(PLAN))
    values = ItemValues(
        shop_snapshot().int64[:2],
        np.array([[7, 0], [8, 0]], dtype=np.float32),
        np.full((2, 2), NOW_US),
    )
    changed = np.array([KEYS[1], 777])
    items.apply(StoredItems(changed, values, np.zeros((2, 2), dtype=np.bool_)))
    numbers = Conditions(PLAN, items).numbers(PRICE, np.array([777, KEYS[2], KEYS[1]]), NOW_US)
    assert numbers == pytest.approx([8, 0.2, 7])


def test_what_became_an_item_after_the_test_did_not_pass():
    allowed = np.array([True, False, True])
    assert passing(allowed, np.array([2, 3, -1, 1, 0])).tolist() == [
        True,
        False,
        False,
        False,
        True,
    ]
