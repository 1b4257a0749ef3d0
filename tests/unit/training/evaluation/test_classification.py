"""torchmetrics' figures and our weighted ones against slow references."""

import math

import numpy as np
import pytest

from training.evaluation.classification import (
    BINS,
    NAMES,
    Pairs,
    _weighted,
    best_threshold,
    classification,
)


def drawn(seed: int, users: int = 12) -> Pairs:
    draw = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), 25)
    # Rounded, so that some probabilities are equal; moved, so that none is the edge of a bin.
    probability = (draw.beta(0.6, 3, len(user)).round(2) * 0.99 + 0.003).astype(np.float32)
    return Pairs(user, probability, draw.random(len(user)) < probability)


def slow(pairs: Pairs, threshold: float) -> dict[str, float]:
    p = pairs.probability.astype(np.float64).tolist()
    y = pairs.bought.tolist()
    right = [a for a, b in zip(p, y, strict=True) if b]
    wrong = [a for a, b in zip(p, y, strict=True) if not b]
    wins = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    taken = [a >= np.float32(threshold) for a in p]
    hits = sum(t and b for t, b in zip(taken, y, strict=True))
    precision, recall = hits / max(1, sum(taken)), hits / len(right)
    return {
        "auc": wins / len(right) / len(wrong),
        "average_precision": _slow_average(p, y),
        "log_loss": -sum(math.log(max(1e-7, a if b else 1 - a)) for a, b in zip(p, y, strict=True))
        / len(p),
        "calibration_error": _slow_calibration(p, y),
        "accuracy": sum(t == b for t, b in zip(taken, y, strict=True)) / len(p),
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (sum(taken) + len(right)),
    }


def _slow_average(p: list[float], y: list[bool]) -> float:
    total, before = 0.0, 0.0
    for threshold in sorted(set(p), reverse=True):
        chosen = [b for a, b in zip(p, y, strict=True) if a >= threshold]
        recall = sum(chosen) / sum(y)
        total += (recall - before) * sum(chosen) / len(chosen)
        before = recall
    return total


def _slow_calibration(p: list[float], y: list[bool]) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for a, b in zip(p, y, strict=True):
        bins.setdefault(min(int(a * BINS), BINS - 1), []).append((a, b))
    return sum(abs(sum(a for a, _ in m) - sum(b for _, b in m)) for m in bins.values()) / len(p)


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_the_slow_reference(seed: int) -> None:
    pairs = drawn(seed)
    found = classification(pairs, 0.3, seed=7)
    expected = slow(pairs, 0.3)
    assert list(found) == list(NAMES)
    for name, interval in found.items():
        assert interval.value == pytest.approx(expected[name], abs=2e-6), name
        assert interval.low <= interval.value <= interval.high or name == "calibration_error"


@pytest.mark.parametrize("seed", range(4))
def test_a_user_drawn_twice_counts_as_two_users(seed: int) -> None:
    pairs = drawn(seed)
    weights = np.random.default_rng(seed).integers(0, 3, 12).astype(np.float64)
    times = weights[pairs.user].astype(int)
    repeated = Pairs(
        np.repeat(pairs.user, times),
        np.repeat(pairs.probability, times),
        np.repeat(pairs.bought, times),
    )
    found = _weighted(pairs, 0.3, weights[None])
    for name, value in slow(repeated, 0.3).items():
        assert found[name][0] == pytest.approx(value, abs=2e-6), name


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_has_the_highest_f1_of_all(seed: int) -> None:
    pairs = drawn(seed)
    chosen = best_threshold(pairs)
    best = max(slow(pairs, float(t))["f1"] for t in np.unique(pairs.probability))
    assert slow(pairs, chosen)["f1"] == pytest.approx(best)


def test_pairs_of_one_kind_are_refused_with_their_count() -> None:
    pairs = Pairs(np.zeros(3, np.int64), np.full(3, 0.5, np.float32), np.zeros(3, np.bool_))
    assert not pairs.is_telling
    with pytest.raises(ValueError, match="0 of 3 pairs are bought"):
        classification(pairs, 0.5, seed=7)


def test_two_pairs_of_one_user_are_enough() -> None:
    pairs = Pairs(np.zeros(2, np.int64), np.array([0.9, 0.1], np.float32), np.array([True, False]))
    found = classification(pairs, best_threshold(pairs), seed=7)
    assert found["auc"].value == 1
    assert found["f1"].value == 1


def test_a_certain_and_wrong_probability_has_a_finite_log_loss() -> None:
    pairs = Pairs(np.zeros(2, np.int64), np.array([0.0, 1.0], np.float32), np.array([True, False]))
    found = classification(pairs, 0.5, seed=7)["log_loss"]
    assert found.value == pytest.approx(-math.log(1e-7))
    assert found.low == pytest.approx(found.value)
