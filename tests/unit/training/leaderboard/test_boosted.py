"""Boosted trees beside our rankers: the same pairs, the same features, true probabilities."""

import json
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.training.leaderboard.systems import folder_of
from training.data import known_users
from training.errors import Absent
from training.known import with_rows
from training.leaderboard import boosted, ours
from training.leaderboard.answers import Answers, problems
from training.leaderboard.boosted_columns import Lines, categories, of_batch
from training.leaderboard.boosted_trials import SPACE, tried
from training.leaderboard.boosting import Boosted, Parameters, classifier, orderer
from training.leaderboard.judging import candidates
from training.leaderboard.question import Question
from training.leaderboard.systems import System
from training.models.ranker import SCORES
from training.offline import known

SMALL = Parameters(num_leaves=4, min_data_in_leaf=5, most_rounds=20)


@pytest.fixture(scope="session")
def grown(trained: System) -> Boosted:
    return boosted.grown(trained, SMALL, "classifier")[0]


@pytest.fixture(scope="session")
def told(trained: System) -> tuple[Lines, Lines, list[int]]:
    return boosted.told(trained)


def answered(trained: System, asked: Question, trees: Boosted) -> Answers:
    return ours.answers(trained, asked, boosted.scored_by(trained, trees))


def test_it_scores_the_very_pairs_of_the_fusion(
    trained: System, asked: Question, grown: Boosted
) -> None:
    whole, trees = ours.of_members(trained, asked), answered(trained, asked, grown)
    assert problems(trees) == []
    assert candidates(trees) == candidates(whole)
    assert np.array_equal(trees.pair_item, whole.pair_item)
    assert not np.array_equal(trees.probability, whole.probability)


def test_without_our_scores_trees_are_told_nothing_of_them(
    trained: System, asked: Question
) -> None:
    whole, less = boosted.told(trained), boosted.told(trained, SCORES)
    for one, other in zip(whole[:2], less[:2], strict=True):
        assert np.array_equal(one.values[:, :-SCORES], other.values, equal_nan=True)
        assert np.array_equal(one.bought, other.bought)
    assert max(less[2]) < less[0].values.shape[1]
    trees = boosted.classifier(*less, SMALL, 7)
    found = ours.answers(trained, asked, boosted.scored_by(trained, trees, SCORES))
    assert problems(found) == []
    assert found.has_pairs


def test_the_same_seed_grows_the_same_trees(
    trained: System, asked: Question, grown: Boosted
) -> None:
    before = answered(trained, asked, grown)
    (folder_of(asked.state, asked.cutoff, 7) / "models" / "boosted_classifier.json").unlink()
    again = boosted.grown(trained, SMALL, "classifier")[0]
    assert np.array_equal(answered(trained, asked, again).probability, before.probability)


def test_an_order_is_grown_by_itself(trained: System, asked: Question, grown: Boosted) -> None:
    order, seconds = boosted.grown(trained, SMALL, "orderer")
    assert seconds > 0
    assert order.log_loss is None
    assert order.trees.model_to_string() != grown.trees.model_to_string()
    assert problems(answered(trained, asked, order)) == []


def test_columns_are_what_the_rankers_read(
    trained: System, told: tuple[Lines, Lines, list[int]]
) -> None:
    taught, judged = boosted.examples(trained)
    features = boosted.any_ranker(trained).config.features
    for found, of in zip(told[:2], (taught, judged), strict=True):
        assert len(found.values) == len(of.item) == found.counts.sum()
        assert np.array_equal(found.bought, of.bought.numpy())
        users, items = len(features.user_statistics), len(features.item_statistics)
        row = len(of.item) // 2
        person = int(np.searchsorted(of.offsets, row, side="right")) - 1
        keys = len(features.user_categories)
        expected = [
            of.users["user_float"][person],
            of.users["user_key__row"][person],
            of.items["item_float"][of.item[row]],
            of.items["item_key__row"][of.item[row]],
            of.crosses[row],
        ]
        assert np.array_equal(found.values[row], torch.cat(expected).numpy(), equal_nan=True)
        assert told[2] == [
            *range(users, users + keys),
            *range(users + keys + items, users + keys + items + len(features.item_categories)),
        ]
    assert told[0].negative_share == trained.settings.ranker_negative_share
    assert told[1].negative_share == 1.0


def test_a_column_of_many_values_is_no_category(trained: System) -> None:
    features = boosted.any_ranker(trained).config.features
    many = replace(features, item_categories=[256, *features.item_categories[1:]])
    assert len(categories(many)) == len(categories(features)) - 1


def test_a_batch_has_the_columns_of_the_examples(
    trained: System, told: tuple[Lines, Lines, list[int]]
) -> None:
    """Candidates of validation, laid out as a request brings them."""
    _, judged = boosted.examples(trained)
    models = trained.models
    cutoff = models.prepared.cutoffs[-2]
    people = known(models, cutoff, known_users(models.prepared, cutoff))
    ranker = boosted.any_ranker(trained)
    found = []
    for person, (start, end) in enumerate(zip(judged.offsets, judged.offsets[1:], strict=False)):
        raw = people.user_inputs(np.array([person]))
        raw |= people.item_inputs(judged.item[start:end].numpy()[None])
        inputs = with_rows(models.prepared, models.schema, raw)
        found.append(of_batch(inputs, ranker.crosses(inputs), raw["mask"].astype(bool)))
    # Sums over a vector's places round differently in batches of other sizes.
    np.testing.assert_allclose(np.concatenate(found), told[1].values, rtol=1e-5, atol=1e-5)


def drawn(count: int, seed: int, share: float) -> tuple[Lines, NDArray[np.float64]]:
    """Pairs whose true log-odds are a sum of two columns, their negatives thinned; and these log-odds."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(count, 3)).astype(np.float32)
    odds = values[:, 0] + np.abs(values[:, 1]).astype(np.float64) - 3.0
    bought = draw.random(count) < 1 / (1 + np.exp(-odds))
    kept = bought | (draw.random(count) < share)
    of = Lines(values[kept], bought[kept].astype(float), np.array([kept.sum()]), share)
    return of, odds[kept]


def test_thinned_negatives_leave_the_probability_true() -> None:
    parameters = Parameters(num_leaves=8, min_data_in_leaf=50, most_rounds=150)
    (taught, _), (judged, odds) = drawn(40_000, 1, 0.25), drawn(20_000, 2, 1.0)
    trees = classifier(taught, judged, [], parameters, 7, threads=1)
    true = 1 / (1 + np.exp(-odds))
    said = trees.probability(judged.values)
    assert said.mean() == pytest.approx(judged.bought.mean(), rel=0.01)
    assert np.abs(said - true).mean() < 0.02
    # Before Platt scaling too: thinning is undone by itself.
    assert trees.slope == pytest.approx(1.0, abs=0.1)
    raw = 1 / (1 + np.exp(-(trees.raw(judged.values) + trees.offset)))
    assert raw.mean() == pytest.approx(judged.bought.mean(), rel=0.1)
    assert trees.rounds < parameters.most_rounds


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_outcome_alone_teaches_nothing_and_that_is_said(outcome: float) -> None:
    (taught, _), (judged, _) = drawn(1_000, 1, 1.0), drawn(1_000, 2, 1.0)
    of = replace(taught, bought=np.full_like(taught.bought, outcome))
    with pytest.raises(Absent, match="all that could teach it was taken, or nothing was"):
        classifier(of, judged, [], SMALL, 7, threads=1)


def test_an_order_puts_what_is_bought_first() -> None:
    (taught, _), (judged, odds) = drawn(20_000, 1, 1.0), drawn(10_000, 2, 1.0)
    listed = [replace(of, counts=np.full(len(of.bought) // 100, 100)) for of in (taught, judged)]
    trees = orderer(*listed, [], Parameters(num_leaves=8, most_rounds=50), 7, threads=1)
    assert np.corrcoef(trees.raw(judged.values), odds)[0, 1] > 0.8
    assert trees.log_loss is None


def test_saved_trees_say_the_same(tmp_path: Path) -> None:
    (taught, _), (judged, _) = drawn(5_000, 1, 0.5), drawn(5_000, 2, 1.0)
    trees = classifier(taught, judged, [], SMALL, 7, threads=1)
    trees.trees.save_model(tmp_path / "trees.txt")
    again = replace(trees, trees=lightgbm.Booster(model_file=tmp_path / "trees.txt"))
    assert np.array_equal(again.probability(judged.values), trees.probability(judged.values))


def test_trials_begin_with_the_defaults_and_stay_in_the_space() -> None:
    (taught, _), (judged, _) = drawn(5_000, 1, 0.5), drawn(5_000, 2, 1.0)

    def score(parameters: Parameters) -> Boosted:
        few = replace(parameters, most_rounds=5)
        return classifier(taught, judged, [], few, 7, threads=1)

    found = list(tried(score, 4, 7))
    assert found[0].parameters == Parameters()
    for trial in found[1:]:
        for name, values in SPACE.items():
            assert getattr(trial.parameters, name) in values
    assert [t.parameters for t in tried(score, 4, 7)] == [t.parameters for t in found]
    assert len({t.parameters for t in found}) == 4


def test_the_tuned_parameters_are_those_of_the_best_trial() -> None:
    kept = json.loads(boosted.TUNED.read_text())
    best = min(kept["trials"], key=lambda trial: trial["log_loss"])
    assert boosted.tuned() == Parameters(**best["parameters"])
    assert len(kept["trials"]) == 6
