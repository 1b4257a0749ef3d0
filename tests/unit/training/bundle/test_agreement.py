import numpy as np
import pytest

from training.bundle.agreement import distance

KEYS, SCORES = "candidate_id", "candidate_score"
NAN = float("nan")


def retrieved(keys: list[int], scores: list[float]) -> dict[str, np.ndarray]:
    return {KEYS: np.array([keys]), SCORES: np.array([scores], dtype=np.float32)}


def test_equal_answers_are_nothing_apart():
    probability = {"probability": np.array([[0.1, 0.2]])}
    assert distance(probability, probability) == 0.0
    lists = retrieved([5, 6, -1], [2.0, 1.0, NAN])
    assert distance(lists, lists) == 0.0


def test_probabilities_are_as_far_apart_as_their_worst():
    a = {"probability": np.array([[0.1, 0.2], [0.3, 0.4]])}
    b = {"probability": np.array([[0.1, 0.2], [0.3, 0.45]])}
    assert distance(a, b) == pytest.approx(0.05)


def test_a_null_on_one_side_alone_is_infinitely_far():
    a, b = {"probability": np.array([[0.1]])}, {"probability": np.array([[NAN]])}
    assert distance(a, b) == float("inf")
    assert distance(b, b) == 0.0


def test_other_shapes_or_outputs_are_infinitely_far():
    a, b = {"probability": np.zeros((1, 2))}, {"probability": np.zeros((1, 3))}
    assert distance(a, b) == float("inf")
    assert distance(a, {}) == float("inf")


def test_items_that_tie_may_change_places_or_be_cut_off():
    a = retrieved([5, 6, 7], [0.9, 0.5, 0.5])
    assert distance(a, retrieved([5, 7, 6], [0.9, 0.5, 0.5])) == 0.0
    assert distance(a, retrieved([5, 6, 8], [0.9, 0.5, 0.5])) == 0.0


def test_items_that_do_not_tie_may_not():
    a = retrieved([5, 6, 7], [0.9, 0.7, 0.5])
    assert distance(a, retrieved([6, 5, 7], [0.9, 0.7, 0.5])) == pytest.approx(0.2)
    assert distance(a, retrieved([8, 6, 7], [0.9, 0.7, 0.5])) == pytest.approx(0.4)


def test_scores_beyond_one_count_in_units_of_the_largest():
    a, b = retrieved([5], [20.0]), retrieved([5], [20.001])
    assert distance(a, b) == pytest.approx(5e-5, rel=0.01)


def test_fewer_items_are_infinitely_far():
    a, b = retrieved([5, 6], [0.9, 0.7]), retrieved([5, -1], [0.9, NAN])
    assert distance(a, b) == float("inf")
