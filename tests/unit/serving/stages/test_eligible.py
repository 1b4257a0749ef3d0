import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.features.item_values import ItemColumns, StoredItems
from serving.features.live_items import LiveItems
from serving.items import ItemValues
from serving.stages.eligible import Eligible
from serving.types import Keys, Mask
from tests.fakes.shop import KEYS, NOW_US, shop_plan, shop_snapshot

CATALOGUE = np.array([95, 100, 130, 140, 150, 490, 505], dtype=np.int64)  # 95 and 505: no items
IN_SNAPSHOT = [False, True, True, True, True, True, False]
NOBODY: frozenset[int] = frozenset()


def allowed_of(items: list[int], count: int = len(KEYS)) -> Mask:
    mask = np.zeros(count, dtype=np.bool_)
    mask[items] = True
    return mask


def live() -> LiveItems:
    return LiveItems(shop_snapshot(), ItemColumns(shop_plan()))


def stored(keys: list[int], *, there: bool) -> StoredItems:
    """Rows of all views, or none of any."""
    n = len(keys)
    values = shop_snapshot().int64[:n], shop_snapshot().float32[:n]
    times = np.full((n, 2), NOW_US if there else -1, dtype=np.int64)
    of = ItemValues(*values, times)
    return StoredItems(np.array(keys, dtype=np.int64), of, np.zeros((n, 2), dtype=np.bool_))


def test_without_wishes_whatever_the_snapshot_has_is_eligible_in_the_same_memory():
    eligible = Eligible(CATALOGUE, shop_snapshot())
    first = eligible(None, NOBODY)
    assert first.shape == (1, len(CATALOGUE))
    assert first[0].tolist() == IN_SNAPSHOT
    assert eligible(None, NOBODY) is first


def test_a_catalogue_without_items_asks_for_nothing():
    nothing = Eligible(CATALOGUE[:0], shop_snapshot())
    assert nothing(allowed_of([3]), frozenset({130})).shape == (1, 0)


@given(
    items=st.sets(st.integers(0, len(KEYS) - 1)),
    excluded=st.sets(st.sampled_from([*CATALOGUE.tolist(), 7, 110, 2**62])),
    conditions=st.booleans(),
)
def test_what_the_conditions_let_pass_and_is_not_excluded_is_eligible(
    items: set[int], excluded: set[int], *, conditions: bool
):
    allowed = allowed_of(sorted(items)) if conditions else None
    found = Eligible(CATALOGUE, shop_snapshot())(allowed, frozenset(excluded))
    passing = {int(KEYS[i]) for i in items} if conditions else set(KEYS.tolist())
    assert found[0].tolist() == [
        key in passing and key not in excluded for key in CATALOGUE.tolist()
    ]


def test_exclusions_of_one_request_are_not_those_of_the_next():
    eligible = Eligible(CATALOGUE, shop_snapshot())
    eligible(None, frozenset({100, 130}))
    assert eligible(None, NOBODY)[0].tolist() == IN_SNAPSHOT


def by_position(items: LiveItems, catalogue: Keys) -> list[bool]:
    return (items.positions(catalogue) >= 0).tolist()


def test_items_that_go_and_come_are_followed():
    items = live()
    eligible = Eligible(CATALOGUE, items)
    assert eligible(None, NOBODY)[0].tolist() == IN_SNAPSHOT
    items.apply(stored([130, 490], there=False))
    assert eligible(None, NOBODY)[0].tolist() == by_position(items, CATALOGUE)
    assert not eligible(None, NOBODY)[0, [2, 5]].any()
    items.apply(stored([95, 600], there=True))  # 600 is newer than the bundle
    items.apply(stored([130], there=True))
    found = eligible(None, NOBODY)
    assert found[0].tolist() == by_position(items, CATALOGUE)
    assert found[0].tolist() == [True, True, True, True, True, False, False]
    assert eligible(None, NOBODY) is found


def test_new_values_alone_leave_the_memory_as_it_is():
    items = live()
    items.apply(stored([95], there=True))
    eligible = Eligible(CATALOGUE, items)
    first = eligible(None, NOBODY)
    items.apply(stored([95, 100], there=True))
    assert eligible(None, NOBODY) is first


def test_conditions_hold_for_newer_items_too():
    items = live()
    items.apply(stored([95, 505], there=True))
    rows = items.positions(np.array([505, 140]))
    found = Eligible(CATALOGUE, items)(allowed_of(rows.tolist(), len(KEYS) + 2), NOBODY)
    assert CATALOGUE[found[0]].tolist() == [140, 505]


def test_an_item_that_came_after_the_conditions_were_tested_did_not_pass():
    items = live()
    allowed = np.ones(len(KEYS), dtype=np.bool_)
    items.apply(stored([505], there=True))
    found = Eligible(CATALOGUE, items)(allowed, NOBODY)
    assert found[0].tolist() == IN_SNAPSHOT
