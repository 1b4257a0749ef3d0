import numpy as np
import pytest
from numpy.typing import NDArray

from serving.stages.fuse import log_odds
from training.errors import TrainingError
from training.learning.calibration import log_loss
from training.learning.fusing import fused

COUNT = 60_000
Answers = dict[str, NDArray[np.float32]]


def chance(odds: NDArray[np.float64]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


@pytest.fixture(scope="module")
def drawn() -> tuple[Answers, NDArray[np.float64]]:
    """Four members and what happened: by 0.8 of the first's log-odds, 0.3 of the second's, and -0.5."""
    random = np.random.default_rng(4)
    odds = random.normal(-1.0, 1.2, (3, COUNT))
    happened = random.random(COUNT) < chance(0.8 * odds[0] + 0.3 * odds[1] - 0.5)
    noisy = odds[0] + random.normal(0, 0.4, COUNT)
    said = {"second": odds[1], "idle": odds[2], "first": odds[0], "noisy": noisy}
    return {name: chance(of) for name, of in said.items()}, happened.astype(np.float64)


def test_the_weights_that_drew_what_happened_are_found(
    drawn: tuple[Answers, NDArray[np.float64]],
) -> None:
    members, happened = drawn
    fusion = fused({n: members[n] for n in ("first", "second", "idle")}, happened)
    (blend,) = (b for b in fusion.blends if len(b.members) == 3)
    found = dict(zip(blend.members, blend.weights, strict=True))
    assert found["first"] == pytest.approx(0.8, abs=0.03)
    assert found["second"] == pytest.approx(0.3, abs=0.03)
    assert found["idle"] == pytest.approx(0.0, abs=0.03)
    assert blend.offset == pytest.approx(-0.5, abs=0.05)


def test_whoever_is_missing_the_mean_probability_is_the_rate(
    drawn: tuple[Answers, NDArray[np.float64]],
) -> None:
    members, happened = drawn
    fusion = fused(members, happened)
    assert list(fusion.problems()) == []
    assert len(fusion.blends) == 15
    for blend in fusion.blends:
        probability = fusion({name: members[name] for name in blend.members})
        assert probability.mean() == pytest.approx(happened.mean(), rel=1e-4)
        # And so among those who are likely, and among those who are not.
        high = probability > np.median(probability)
        assert probability[high].mean() == pytest.approx(happened[high].mean(), rel=0.03)
        assert probability[~high].mean() == pytest.approx(happened[~high].mean(), rel=0.03)


def test_members_stand_in_the_order_of_what_each_adds(
    drawn: tuple[Answers, NDArray[np.float64]],
) -> None:
    """The second knows less than the noisy one, but nothing that the first has said already."""
    members, happened = drawn
    fusion = fused(members, happened)
    assert fusion.members[:2] == ("first", "second")
    kept: list[str] = []
    for name in fusion.members:
        losses = {}
        for other in set(members) - set(kept):
            answers = {n: members[n] for n in (*kept, other)}
            losses[other] = log_loss(log_odds(fusion(answers)), happened)
        assert losses[name] == pytest.approx(min(losses.values()), abs=1e-7)
        kept.append(name)


def test_more_members_never_say_less_where_they_were_fused(
    drawn: tuple[Answers, NDArray[np.float64]],
) -> None:
    members, happened = drawn
    fusion = fused(members, happened)
    kept = [
        log_loss(log_odds(fusion({n: members[n] for n in fusion.members[:count]})), happened)
        for count in range(1, 5)
    ]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] < log_loss(log_odds(members["first"]), happened)


def test_members_that_say_the_same_share_their_weight() -> None:
    random = np.random.default_rng(5)
    odds = random.normal(-1, 1, 5000)
    happened = (random.random(5000) < chance(odds)).astype(np.float64)
    fusion = fused({"one": chance(odds), "twin": chance(odds)}, happened)
    (both,) = (b for b in fusion.blends if len(b.members) == 2)
    assert both.weights[0] == pytest.approx(both.weights[1], abs=1e-3)
    assert sum(both.weights) == pytest.approx(1.0, abs=0.1)


def test_one_outcome_alone_gives_the_mean_of_what_is_said() -> None:
    said = {"a": np.array([0.1, 0.5], np.float32), "b": np.array([0.5, 0.5], np.float32)}
    fusion = fused(said, np.zeros(2))
    (both,) = (b for b in fusion.blends if len(b.members) == 2)
    assert (both.weights, both.offset) == ((0.5, 0.5), 0.0)
    assert fusion({"a": said["a"]}).tolist() == said["a"].tolist()


def test_a_member_that_came_to_nothing_is_named(
    drawn: tuple[Answers, NDArray[np.float64]],
) -> None:
    said, happened = drawn
    first = next(iter(said))
    with pytest.raises(TrainingError, match=f"{first} came to probabilities that are no numbers"):
        fused(said | {first: np.full_like(said[first], np.nan)}, happened)
