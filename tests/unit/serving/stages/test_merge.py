import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.stages.merge import Merged, Proposal, merge

KEYS = st.lists(st.integers(0, 30), unique=True, max_size=25)
PROPOSALS = st.lists(st.tuples(KEYS, st.integers(0, 12)), min_size=1, max_size=4)


def proposals(drawn: list[tuple[list[int], int]]) -> list[Proposal]:
    return [
        Proposal(f"source {i}", quota, np.array(keys, dtype=np.int64))
        for i, (keys, quota) in enumerate(drawn)
    ]


def merged(*drawn: tuple[list[int], int], limit: int = 512) -> Merged:
    return merge(proposals(list(drawn)), limit)


def test_each_source_fills_its_quota_in_turn():
    assert merged(([1, 2, 3], 2), ([4, 5, 6], 2)).keys.tolist() == [1, 2, 4, 5]


def test_what_a_source_leaves_unused_goes_to_the_next():
    assert merged(([1], 3), ([4, 5, 6, 7, 8], 1)).keys.tolist() == [1, 4, 5, 6]


def test_an_item_of_several_sources_is_kept_once_and_names_them_all():
    both = merged(([1, 2], 1), ([2, 1, 3], 2))
    assert both.keys.tolist() == [1, 2, 3]
    assert both.sources == (
        ("source 0", "source 1"),
        ("source 0", "source 1"),
        ("source 1",),
    )


def test_no_more_than_the_limit_come_back():
    assert merged(([1, 2, 3], 3), ([4, 5], 2), limit=4).keys.tolist() == [1, 2, 3, 4]


@given(PROPOSALS, st.integers(0, 20))
def test_candidates_are_proposed_once_and_within_the_quotas(
    drawn: list[tuple[list[int], int]], limit: int
):
    found = merge(proposals(drawn), limit)
    keys = found.keys.tolist()
    assert len(set(keys)) == len(keys) <= min(limit, sum(quota for _, quota in drawn))
    for key, sources in zip(keys, found.sources, strict=True):
        assert sources == tuple(f"source {i}" for i, (ks, _) in enumerate(drawn) if key in ks)
