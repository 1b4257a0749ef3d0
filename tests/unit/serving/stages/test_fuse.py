import math
from dataclasses import replace

import numpy as np
import pytest

from serving.stages.fuse import LEAST, Blend, Fusion, alone, log_odds
from tests.fakes.policies import blended

THREE = blended("mlp", "cnn", "rnn")
ANSWERS = {
    "mlp": np.array([[0.2, 0.7, 0.0], [1.0, 0.5, 1e-9]], dtype=np.float32),
    "cnn": np.array([[0.3, 0.6, 0.0], [0.9, 0.1, 0.2]], dtype=np.float32),
    "rnn": np.array([[0.1, 0.8, 0.4], [1.0, 0.3, 0.7]], dtype=np.float32),
}


def by_hand(blend: Blend, at: tuple[int, int]) -> float:
    """The same sum in plain Python."""
    total = blend.offset
    for name, weight in zip(blend.members, blend.weights, strict=True):
        p = min(max(float(ANSWERS[name][at]), LEAST), 1 - LEAST)
        total += weight * math.log(p / (1 - p))
    return 1 / (1 + math.exp(-total))


@pytest.mark.parametrize("blend", THREE.blends, ids=lambda blend: "+".join(blend.members))
def test_whoever_answers_is_weighed_by_the_entry_of_exactly_these(blend: Blend):
    fused = THREE({name: ANSWERS[name] for name in blend.members})
    assert fused.dtype == np.float32
    assert fused.shape == (2, 3)
    expected = [[by_hand(blend, (i, j)) for j in range(3)] for i in range(2)]
    np.testing.assert_allclose(fused, expected, rtol=1e-6)


def test_the_order_in_which_members_answer_changes_nothing():
    forwards = THREE(ANSWERS)
    backwards = THREE(dict(reversed(ANSWERS.items())))
    assert forwards.tobytes() == backwards.tobytes()


def test_one_model_alone_keeps_its_probability_bit_for_bit():
    fused = alone("mlp")({"mlp": ANSWERS["mlp"]})
    assert fused.tobytes() == ANSWERS["mlp"].tobytes()


def test_a_weight_of_one_beside_an_offset_is_not_plain():
    shifted = Fusion(("mlp",), (Blend(("mlp",), (1.0,), 0.5),))
    fused = shifted({"mlp": np.array([0.5], dtype=np.float32)})
    assert fused == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_large_weights_neither_overflow_nor_leave_the_range():
    steep = Fusion(("mlp",), (Blend(("mlp",), (1e6,), 0.0),))
    fused = steep({"mlp": np.array([0.0, 0.5, 1.0], dtype=np.float32)})
    assert fused.tolist() == [0.0, 0.5, 1.0]


def test_certain_probabilities_have_finite_odds():
    assert np.isfinite(log_odds(np.array([0, 1], dtype=np.float32))).all()


def test_a_fusion_with_an_entry_for_every_subset_has_no_problems():
    assert list(THREE.problems()) == []
    assert list(alone("mlp").problems()) == []
    assert len(blended(*"abcde").blends) == 31
    assert list(blended(*"abcde").problems()) == []


@pytest.mark.parametrize(
    ("fusion", "problem"),
    [
        (Fusion((), ()), "members has 0 models; 1 to 5 are allowed"),
        (blended(*"abcdef"), "members has 6 models; 1 to 5 are allowed"),
        (replace(THREE, members=("mlp", "cnn", "cnn", "rnn")), "members has cnn twice"),
        (replace(THREE, blends=THREE.blends[:-1]), "0 entries of cnn and mlp and rnn"),
        (replace(THREE, blends=(*THREE.blends, THREE.blends[3])), "2 entries of cnn and mlp"),
        (replace(THREE, members=("mlp", "cnn")), "an entry of rnn, who are not all members"),
        (Fusion(("mlp",), (Blend(("mlp",), (), 0.0),)), "fusion of mlp has weights []"),
        (Fusion(("mlp",), (Blend(("mlp",), (math.nan,), 0.0),)), "has weights [nan]"),
        (Fusion(("mlp",), (Blend(("mlp",), (1.0,), math.inf),)), "offset inf"),
    ],
)
def test_what_is_wrong_with_a_fusion_is_named(fusion: Fusion, problem: str):
    assert problem in "; ".join(fusion.problems())
