"""Rankers of five kinds over one contract, and a fusion that stays calibrated whoever is missing."""

import json
from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from tests.acceptance.made import Made
from tests.acceptance.models.conftest import Board
from training import offline
from training.candidates import gather
from training.evaluation.held_out import held_out, read_purchases
from training.known import with_rows
from training.offline import Models, open_models
from training.settings import read_settings

if TYPE_CHECKING:
    from serving.stages.fuse import Fusion

KINDS = {"mlp", "cnn", "rnn", "transformer", "trees"}
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
