from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.stages.merge import Merged
from serving.stages.order import order, slate
from serving.types import Keys, ServedItem

CANDIDATES = st.lists(
    st.tuples(st.integers(0, 1000), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    unique_by=lambda pair: pair[0],
)


@given(CANDIDATES, st.integers(1, 20))
def test_the_most_probable_come_first_and_ties_go_by_key(
    candidates: list[tuple[int, float]], page_size: int
):
    keys = np.array([key for key, _ in candidates], dtype=np.int64)
    probability = np.array([p for _, p in candidates], dtype=np.float32)
    ordered = [candidates[at] for at in order(keys, probability, page_size)]
    assert ordered == sorted(candidates, key=lambda pair: (-pair[1], pair[0]))[:page_size]


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_candidates_order(
    candidates: list[tuple[int, float]], random: Random
):
    def best(pairs: list[tuple[int, float]]) -> list[int]:
        keys = np.array([key for key, _ in pairs], dtype=np.int64)
        return keys[order(keys, np.array([p for _, p in pairs], dtype=np.float32), 10)].tolist()

    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert best(shuffled) == best(candidates)


def test_without_probabilities_candidates_keep_their_order():
    assert order(np.array([9, 3, 5]), None, 2).tolist() == [0, 1]


def test_a_slate_names_items_scores_and_sources():
    merged = Merged(np.array([30, 10, 20]), (("repeat",), ("repeat", "popular"), ("popular",)))

    def names(keys: Keys) -> list[str]:
        return [f"item {key}" for key in keys]

    scores = np.array([0.5, 0.25, 1.0], dtype=np.float32)
    assert slate(merged, np.array([2, 1]), scores, names) == (
        ServedItem("item 20", 1.0, ("popular",)),
        ServedItem("item 10", 0.25, ("repeat", "popular")),
    )
    assert slate(merged, np.array([0]), None, names) == (ServedItem("item 30", None, ("repeat",)),)
