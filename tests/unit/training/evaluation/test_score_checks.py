import numpy as np
import pytest

from training.errors import ScoreRefused
from training.evaluation.measurements import Measurement
from training.evaluation.score_checks import checks, require_whole
from training.evaluation.served import Served


def figures(served: float, offline: float, bar: float) -> list[Measurement]:
    values = {"served": served, "offline": offline, "personal_decay": bar}
    return [
        Measurement("shop", "any", model, "ndcg@10", v, None, None, (7,))
        for model, v in values.items()
    ]


def answers(degraded: int = 0, bundle: str = "b1") -> Served:
    reasons = {"rank: timeout, unranked": degraded} if degraded else {}
    return Served({}, 1000, degraded, reasons, 0, (bundle,), ("s1",), np.ones(1000))


@pytest.mark.parametrize(
    ("served", "offline", "bar", "holds"),
    [
        (0.36, 0.36, 0.34, [True, True]),
        (0.36, 0.36, 0.36, [True, True]),
        (0.36, 0.3585, 0.34, [True, True]),
        (0.36, 0.3575, 0.34, [False, True]),
        (0.36, 0.3625, 0.34, [False, True]),
        (0.33, 0.33, 0.34, [True, False]),
    ],
)
def test_served_must_reach_personal_decay_and_equal_the_offline_figure(
    served: float, offline: float, bar: float, holds: list[bool]
) -> None:
    found = checks(figures(served, offline, bar))
    assert [check.passed for check in found] == holds
    assert all(check.judged for check in found)


def test_where_the_bar_is_not_judged_equality_is_and_the_text_says_why() -> None:
    equality, bar = checks(figures(0.33, 0.33, 0.34), unjudged="too small to be judged")
    assert equality.judged
    assert not bar.judged
    assert "too small to be judged" in bar.text


def test_a_missing_figure_is_no_pass() -> None:
    with pytest.raises(ScoreRefused, match="of offline was not measured"):
        checks([f for f in figures(0.3, 0.3, 0.3) if f.model != "offline"])


def test_a_hundredth_degraded_is_scored_and_more_is_refused() -> None:
    require_whole(answers(degraded=10), "b1")
    with pytest.raises(ScoreRefused, match=r"11 of 1000 answers were degraded.*11 x rank: timeout"):
        require_whole(answers(degraded=11), "b1")


def test_answers_of_another_bundle_are_refused() -> None:
    with pytest.raises(ScoreRefused, match="answered with bundle b2, but the current one is b1"):
        require_whole(answers(bundle="b2"), "b1")
