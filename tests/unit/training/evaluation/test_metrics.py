"""Every metric against a slow reference over plain lists, and against torchmetrics."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.retrieval import (
    retrieval_hit_rate,
    retrieval_normalized_dcg,
    retrieval_recall,
    retrieval_reciprocal_rank,
)

from training.evaluation.metrics import candidate_recall, coverage, judge
from training.ragged import Ragged


def lists(*items: list[int]) -> Ragged:
    offsets = np.cumsum([0, *map(len, items)])
    return Ragged(np.array([i for one in items for i in one], dtype=np.int64), offsets, -1)


def drawn(seed: int) -> tuple[np.ndarray, list[list[int]]]:
    draw = np.random.default_rng(seed)
    slates = np.full((40, 20), -1, dtype=np.int64)
    for row in slates:
        length = draw.integers(0, 21)
        row[:length] = draw.permutation(60)[:length]
    targets = [sorted(draw.permutation(60)[: draw.integers(1, 30)].tolist()) for _ in slates]
    return slates, targets


def slow_ndcg(slate: list[int], target: list[int], k: int) -> float:
    gained = sum(1 / math.log2(n + 2) for n, item in enumerate(slate[:k]) if item in target)
    return gained / sum(1 / math.log2(n + 2) for n in range(min(k, len(target))))


@pytest.mark.parametrize("k", [1, 10, 20])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_those_of_the_slow_reference(seed: int, k: int) -> None:
    slates, targets = drawn(seed)
    judged = judge(slates, lists(*targets))
    for name, reference in {
        "recall": lambda s, t: len(set(s[:k]) & set(t)) / len(t),
        "hit_rate": lambda s, t: float(bool(set(s[:k]) & set(t))),
        "ndcg": lambda s, t: slow_ndcg(s, t, k),
    }.items():
        expected = [reference(s.tolist(), t) for s, t in zip(slates, targets, strict=True)]
        assert judged.metric(name, k).tolist() == pytest.approx(expected)


def test_a_perfect_slate_has_ndcg_one_whether_the_target_is_shorter_or_longer() -> None:
    judged = judge(np.array([[1, 2, 3], [1, 2, 3]]), lists([1], [1, 2, 3, 4, 5]))
    assert judged.ndcg(3).tolist() == pytest.approx([1.0, 1.0])


def test_a_slate_shorter_than_k_is_judged_by_the_ideal_of_k() -> None:
    judged = judge(np.array([[1]]), lists([1, 2]))
    assert judged.ndcg(10)[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_an_item_that_a_slate_repeats_counts_once() -> None:
    judged = judge(np.array([[7, 7, 7]]), lists([7]))
    assert judged.recall(3)[0] == 1
    assert judged.ndcg(3)[0] == 1


def test_padding_is_never_right() -> None:
    assert not judge(np.array([[-1, -1]]), lists([5])).hits.any()


@pytest.mark.parametrize("targets", [lists([1], []), lists([1])])
def test_a_user_without_a_target_is_refused(targets: Ragged) -> None:
    with pytest.raises(ValueError, match="2 slates need as many targets"):
        judge(np.array([[1], [1]]), targets)


def test_coverage_is_the_share_of_the_catalogue_that_is_shown() -> None:
    slates = np.array([[1, 2, -1], [1, 3, 9]])
    assert coverage(slates, 2, 10) == pytest.approx(0.3)
    assert coverage(slates, 3, 10) == pytest.approx(0.4)
    assert coverage(np.full((2, 3), -1), 3, 10) == 0


def test_candidate_recall_is_what_a_perfect_ranker_would_reach() -> None:
    found = candidate_recall(lists([1, 2, 3], [], [9]), lists([3, 4], [1], [9]))
    assert found.tolist() == [0.5, 0.0, 1.0]


def test_the_reciprocal_rank_is_that_of_the_first_right_place() -> None:
    judged = judge(np.array([[9, 1, 2], [3, 9, 9], [8, 8, 8]]), lists([1, 2], [3], [1]))
    assert judged.mrr(3).tolist() == [0.5, 1.0, 0.0]
    assert judged.mrr(1).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("k", [1, 10, 20])
def test_metrics_are_those_of_torchmetrics(k: int) -> None:
    slates, targets = drawn(7)
    library = {
        "recall": retrieval_recall,
        "ndcg": retrieval_normalized_dcg,
        "hit_rate": retrieval_hit_rate,
        "mrr": retrieval_reciprocal_rank,
    }
    judged = judge(slates, lists(*targets))
    for row, (slate, target) in enumerate(zip(slates.tolist(), targets, strict=True)):
        # Every item that could be named has a score; the library takes 0 for one that is left out.
        order = [i for i in slate if i >= 0]
        scores = torch.tensor([99.0 - order.index(i) if i in order else 0.0 for i in range(60)])
        bought = torch.tensor([i in target for i in range(60)])
        if len(order) < k:  # the library would count on into the items left out
            continue
        for name, reference in library.items():
            expected = float(reference(scores, bought, top_k=k))
            assert judged.metric(name, k)[row] == pytest.approx(expected, abs=1e-6), name
