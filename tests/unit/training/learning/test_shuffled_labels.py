"""A ranker taught nothing knows nothing; one that sees its labels is found out."""

from dataclasses import replace

import pytest
import torch

from tests.unit.training.bundle.shop import QUOTAS, random_ranker
from training.candidates import sources_at
from training.data import Prepared, known_users
from training.evaluation.shuffled_labels import shuffled, taught_by_chance
from training.known import known_at
from training.learning.ranker_examples import Examples, Sampling, examples
from training.models.ranker import NETWORKS, Ranker
from training.models.retrievers import Retrievers
from training.schema import Schema
from training.settings import TrainingSettings

SETTINGS = TrainingSettings(ranker_epochs=3, ranker_batch=4, ranker_negative_share=1.0, seed=3)


@pytest.fixture(scope="module")
def made(
    prepared: Prepared, of: Schema, searches: Retrievers, ranker: Ranker
) -> tuple[Examples, ...]:
    """Of the two last cut-offs with labels: to teach by, and to judge by."""
    found = []
    for cutoff in prepared.cutoffs[-3:-1]:
        known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
        sources = sources_at(prepared, of, searches, QUOTAS, cutoff, 24)
        found.append(examples(known, sources, ranker, Sampling()))
    return tuple(found)


def fresh(prepared: Prepared, searches: Retrievers, network: str = "mlp") -> Ranker:
    torch.manual_seed(4)
    return random_ranker(prepared, searches, network)


def test_shuffled_labels_are_as_many_and_elsewhere(made: tuple[Examples, ...]) -> None:
    mixed = shuffled(made[0], 5)
    assert mixed.bought.sum() == made[0].bought.sum() > 0
    assert not torch.equal(mixed.bought, made[0].bought)
    assert torch.equal(mixed.bought, shuffled(made[0], 5).bought)


def test_labels_of_a_pair_stay_together(made: tuple[Examples, ...]) -> None:
    several = replace(made[0], others=made[0].bought.unsqueeze(-1).repeat(1, 2))
    mixed = shuffled(several, 5)
    assert torch.equal(mixed.others, mixed.bought.unsqueeze(-1).repeat(1, 2))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_ranker_taught_shuffled_labels_has_an_auc_of_one_half(
    prepared: Prepared, searches: Retrievers, made: tuple[Examples, ...], network: str
) -> None:
    found = taught_by_chance(SETTINGS, fresh(prepared, searches, network), *made)
    assert found.deviation < 0.05
    assert found.is_chance, f"AUC {found.auc:.3f}"


def test_a_ranker_that_sees_its_labels_is_found_out(
    prepared: Prepared, searches: Retrievers, made: tuple[Examples, ...]
) -> None:
    """A cross that holds the shuffled label, as a feature taken from the wrong side of a join would."""
    seeing = []
    for one, seed in zip(made, (SETTINGS.seed, SETTINGS.seed + 1), strict=True):
        crosses = one.crosses.clone()
        crosses[:, 0] = 5 * shuffled(one, seed).bought
        seeing.append(replace(one, crosses=crosses))
    found = taught_by_chance(SETTINGS, fresh(prepared, searches), *seeing)
    assert not found.is_chance
    assert found.auc > 0.6
