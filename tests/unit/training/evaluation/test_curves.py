import numpy as np
import pytest

from training.evaluation.classification import Pairs, classification
from training.evaluation.curves import BINS, POINTS, calibration, precision_recall, roc


@pytest.fixture
def pairs() -> Pairs:
    draw = np.random.default_rng(5)
    probability = draw.beta(0.6, 3, 6000).astype(np.float32)
    return Pairs(np.arange(6000) // 60, probability, draw.random(6000) < probability)


def test_the_area_under_the_drawn_roc_is_the_auc(pairs: Pairs) -> None:
    curve = roc(pairs)
    drawn = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
    assert drawn == pytest.approx(classification(pairs, 0.5, 7)["auc"].value, abs=0.002)
    assert len(curve["true_positive_rate"]) <= POINTS + 1


def test_curves_run_from_nothing_taken_to_everything_taken(pairs: Pairs) -> None:
    curve = precision_recall(pairs)
    assert curve["recall"] == sorted(curve["recall"])
    assert curve["recall"][-1] == 1
    assert curve["precision"][-1] == pytest.approx(pairs.bought.mean(), abs=1e-6)
    assert roc(pairs)["false_positive_rate"][0] == 0
    assert roc(pairs)["false_positive_rate"][-1] == 1


def test_calibration_bins_hold_equally_many_pairs_and_all_of_them(pairs: Pairs) -> None:
    found = calibration(pairs)
    assert found["count"] == [6000 / BINS] * BINS
    assert np.mean(found["bought"]) == pytest.approx(pairs.bought.mean())
    assert found["probability"] == sorted(found["probability"])


def test_three_pairs_make_curves_too() -> None:
    few = Pairs(
        np.zeros(3, np.int64), np.array([0.5, 0.5, 0.1], np.float32), np.array([True, False, False])
    )
    assert roc(few)["true_positive_rate"] == [0.0, 1.0, 1.0]
    assert calibration(few)["count"] == [1.0, 1.0, 1.0]
