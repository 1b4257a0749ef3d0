import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.stages.filter import Filter
from serving.stages.merge import Proposal
from serving.types import Removal
from tests.fakes.shop import KEYS, shop_snapshot

NONE = np.empty(0, dtype=np.int64)
FILTER = Filter(shop_snapshot())


def proposal(name: str, keys: list[int]) -> Proposal:
    return Proposal(name, 10, np.array(keys, dtype=np.int64))


def test_what_may_be_shown_is_kept_in_order():
    filtered = FILTER([proposal("repeat", [130, 100, 120])], frozenset(), NONE)
    assert filtered.kept[0].keys.tolist() == [130, 100, 120]
    assert filtered.removed == ()


def test_each_filter_counts_what_it_removed():
    filtered = FILTER(
        [proposal("repeat", [100, 5, 110]), proposal("popular", [120, 130, 140])],
        frozenset({120, 5}),
        np.array([130, 110]),
    )
    assert [p.keys.tolist() for p in filtered.kept] == [[100], [140]]
    assert dict(filtered.removed) == {
        Removal.NOT_IN_SNAPSHOT: 1,
        Removal.EXCLUDED: 1,
        Removal.PURCHASED: 2,
    }


def test_an_item_of_two_sources_counts_once():
    filtered = FILTER(
        [proposal("repeat", [100]), proposal("popular", [100])], frozenset({100}), NONE
    )
    assert filtered.removed == ((Removal.EXCLUDED, 1),)


def test_sources_that_propose_nothing_are_filtered_too():
    filtered = FILTER([proposal("repeat", [])], frozenset({100}), NONE)
    assert filtered.kept[0].keys.tolist() == []
    assert filtered.removed == ()


ANY = st.lists(st.integers(90, 520), max_size=30, unique=True)


@given(ANY, ANY, st.frozensets(st.integers(90, 520)), st.frozensets(st.integers(90, 520)))
def test_filters_agree_with_sets(
    one: list[int], two: list[int], excluded: frozenset[int], purchased: frozenset[int]
):
    bought = np.array(sorted(purchased), dtype=np.int64)
    filtered = FILTER([proposal("a", one), proposal("b", two)], excluded, bought)
    allowed = set(KEYS.tolist()) - excluded - purchased
    assert [p.keys.tolist() for p in filtered.kept] == [
        [k for k in keys if k in allowed] for keys in (one, two)
    ]
    assert sum(count for _, count in filtered.removed) == len({*one, *two} - allowed)


def test_where_conditions_left_nothing_to_propose_all_that_did_not_pass_are_counted():
    nothing, allowed = [proposal("repeat", []), proposal("popular", [])], np.zeros(len(KEYS), bool)
    assert FILTER.unproposed(nothing, allowed) == ((Removal.FILTERED, len(KEYS)),)
    assert FILTER.unproposed(nothing, None) == ()
    assert FILTER.unproposed([*nothing, proposal("two_tower", [100])], allowed) == ()
