"""Rankers of five kinds over one contract, and a fusion that stays calibrated whoever is missing."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from rich.console import Console

from tests.acceptance.made import Made
from tests.acceptance.models.conftest import Board
from training import offline, train_ranker, train_retriever
from training.candidates import gather
from training.data import open_prepared
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.evaluation.held_out import held_out, read_purchases
from training.known import with_rows
from training.learning.checkpoints import load_rankers
from training.learning.feature_config import feature_config
from training.models.ranker import Ranker
from training.offline import Models, open_models
from training.prepare.__main__ import prepare
from training.schema import schema
from training.settings import TrainingSettings, read_settings

if TYPE_CHECKING:
    from serving.stages.fuse import Fusion

QUIET = Console(quiet=True)
KINDS = {"mlp", "cnn", "rnn", "transformer", "trees"}
ACTIONS = ("ad_click", "ad_impression", "click", "impression")
LARGEST_ERROR = 0.01  # of calibration


@pytest.fixture(scope="module")
def models(full: Made) -> Models:
    return open_models(read_settings(full.state, {}))


def test_point_1a_the_served_members_read_the_same_and_every_kind_is_judged(
    full: Made, board: Board, measured: Callable[[str], None]
) -> None:
    bundle = (full.state / "bundles" / "current").resolve()
    policy = json.loads((bundle / "policy.json").read_text())
    plan = json.loads((bundle / "read_plan.json").read_text())
    judged = {row["model"] for row in board.rows if row["dataset"] == "complete_journey"}
    assert KINDS | {"fused"} <= judged
    assert set(policy["members"]) <= KINDS
    assert 3 <= len(policy["members"]) <= 5
    inputs = [plan["models"][name]["inputs"] for name in policy["members"]]
    assert all(one == inputs[0] for one in inputs)
    subsets = {tuple(sorted(one["members"])) for one in policy["fusion"]}
    assert len(subsets) == 2 ** len(policy["members"]) - 1
    measured(f"{', '.join(policy['members'])}; {len(subsets)} blends")


def test_point_1b_the_fusion_is_calibrated_whoever_is_missing(
    models: Models, full: Made, measured: Callable[[str], None]
) -> None:
    """On the fortnight after now, which nothing was taught or fused by."""
    said, bought = answers(models, full)
    fusion = models.rankers.fusion
    errors = {
        some: calibration_error(fusion({name: said[name] for name in some}), bought)
        for size in range(1, len(fusion.members) + 1)
        for some in combinations(fusion.members, size)
    }
    worst = max(errors, key=lambda some: errors[some])
    whole = errors[fusion.members]
    measured(f"whole {whole:.4f}; worst {errors[worst]:.4f}, of {' and '.join(worst)}")
    assert errors[worst] <= LARGEST_ERROR


def test_point_1c_the_whole_is_worth_more_than_its_best_part(
    models: Models, full: Made, measured: Callable[[str], None]
) -> None:
    said, bought = answers(models, full)
    fusion: Fusion = models.rankers.fusion
    losses = {name: log_loss(of, bought) for name, of in said.items()}
    whole = log_loss(fusion(said), bought)
    told = ", ".join(f"{name} {loss:.5f}" for name, loss in losses.items())
    measured(f"log loss of all {whole:.5f}; {told}")
    assert whole < min(losses.values())


def test_point_1d_other_actions_have_heads_that_are_taught_and_foresee(
    lively: TrainingSettings, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """Of a made-up shop with looks and clicks; one is taught them, and the other only has their heads."""
    told = {}
    for weight in (0.0, 1.0):
        settings = beside(lively, tmp_path / f"{weight}", members="mlp,rnn", action_weight=weight)
        members = taught(settings)
        document = json.loads((settings.models / "ranker.json").read_text())["members"]
        told[weight] = {name: document[name]["actions"] for name in members}
        assert all(tuple(of.config.actions) == ACTIONS for of in members.values())
        if weight:
            assert all((of.action_slopes > 0).all() for of in members.values())
    for name, kinds in told[1.0].items():
        areas = {kind: kinds[kind]["auc"] for kind in ACTIONS}
        measured(f"{name}: " + ", ".join(f"{kind} {auc:.3f}" for kind, auc in areas.items()))
        for kind, figures in kinds.items():
            rate = figures["share"]
            guess = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
            assert figures["auc"] > 0.55, (name, kind)
            assert figures["log_loss_calibrated"] < guess, (name, kind)
            assert figures["log_loss_calibrated"] < told[0.0][name][kind]["log_loss_calibrated"]


def test_point_1e_dropout_and_weight_decay_change_what_is_learned(
    lively: TrainingSettings, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """Each alone against nothing of any; the same again gives the same, so that it is their doing."""
    without = {"ranker_dropout": 0.0, "embedding_dropout": 0.0, "ranker_weight_decay": 0.0}
    settings = {
        "none": without,
        "none again": without,
        "dropout": without | {"ranker_dropout": 0.5},
        "embedding dropout": without | {"embedding_dropout": 0.5},
        "weight decay": without | {"ranker_weight_decay": 0.5},
    }
    found = {
        name: weights(taught(beside(lively, tmp_path / name, members="rnn", **changed))["rnn"])
        for name, changed in settings.items()
    }
    apart = {name: float((of - found["none"]).norm()) for name, of in found.items()}
    measured(", ".join(f"{name} {value:.2g}" for name, value in apart.items()))
    assert apart.pop("none") == 0.0
    assert apart.pop("none again") < 1e-4
    assert min(apart.values()) > 0.1
    assert found["weight decay"].norm() < found["none"].norm()


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    """Sixty people of the made-up shop, and its retrievers: seconds, not minutes."""
    state = tmp_path_factory.mktemp("lively")
    generate(SHOP, state / "dataset", 60, 7, QUIET)
    prepare(state, None, 5, QUIET)
    small = {
        "state": state,
        "threads": 1,
        "dimension": 8,
        "retrieved": 48,
        "retriever_epochs": 1,
        "retriever_negatives": 64,
        "ranker_epochs": 3,
        "ranker_batch": 8,
        "ranker_negative_share": 0.5,
    }
    settings = TrainingSettings.model_validate(small)
    train_retriever.train(settings, QUIET)
    return settings


def beside(of: TrainingSettings, state: Path, **changed: object) -> TrainingSettings:
    """Over the same data and retrievers, in a folder of its own."""
    (state / "models").mkdir(parents=True)
    (state / "prepared").symlink_to(of.prepared)
    (state / "models" / "retriever.ckpt").symlink_to(of.models / "retriever.ckpt")
    return TrainingSettings.model_validate(of.model_dump() | changed | {"state": state})


def taught(settings: TrainingSettings) -> dict[str, Ranker]:
    train_ranker.train(settings, QUIET)
    prepared = open_prepared(settings.prepared)
    features = feature_config(prepared, schema(prepared.features, "ranker"))
    return dict(load_rankers(settings.models / "ranker.ckpt", features).members)


def weights(of: Ranker) -> torch.Tensor:
    """All that gradients teach, as one vector."""
    return torch.cat([p.detach().flatten() for p in of.parameters() if p.requires_grad])


def answers(models: Models, full: Made) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What each member says of the candidates of a fifth of the people at now, and what they then took."""
    cutoff = models.prepared.now
    targets = held_out(read_purchases(full.state), cutoff, models.prepared.horizon)["any"]
    people = offline.known(models, cutoff, targets.user_ids)
    sources = offline.sources_of(models, cutoff)
    said: dict[str, list[np.ndarray]] = {name: [] for name in models.rankers.members}
    bought: list[np.ndarray] = []
    for which in np.array_split(np.arange(0, len(targets.user_ids), 5), 12):
        users = people.user_inputs(which)
        positions = gather(people, users, sources, exclude_purchased=False).positions
        inputs = with_rows(models.prepared, models.schema, users | people.item_inputs(positions))
        real = positions >= 0
        for name, member in models.rankers.members.items():
            with torch.no_grad():
                said[name].append(member(inputs).numpy()[real])
        for user, row in zip(which, positions, strict=True):
            part = slice(targets.items.offsets[user], targets.items.offsets[user + 1])
            wanted = targets.items.values[part]
            bought.append(np.isin(models.prepared.item_keys[row[row >= 0]], wanted))
    return {name: np.concatenate(of) for name, of in said.items()}, np.concatenate(bought)


def calibration_error(probability: np.ndarray, bought: np.ndarray) -> float:
    """The mean distance of rate and probability over 15 bins of as many pairs."""
    order = np.argsort(probability, kind="stable")
    bins = [(probability[part].mean(), bought[part].mean()) for part in np.array_split(order, 15)]
    return float(np.mean([abs(said - rate) for said, rate in bins]))


def log_loss(probability: np.ndarray, bought: np.ndarray) -> float:
    p = probability.astype(np.float64).clip(1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(bought, np.log(p), np.log1p(-p))))
