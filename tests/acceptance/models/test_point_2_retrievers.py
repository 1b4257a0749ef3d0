"""Retrievers are exact inside their graphs, heed filters there, and share the list by measured recall."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.acceptance.made import Made
from training.bundle.agreement import Tensors
from training.bundle.golden_files import read_golden
from training.bundle.parity import graph_of, run, session
from training.candidates import item_vectors, quotas_at
from training.evaluation.answers import recall_of_candidates
from training.evaluation.held_out import Targets, held_out, read_purchases
from training.known import with_rows
from training.models.retrievers import TAUGHT
from training.offline import Models, candidates, open_models
from training.settings import read_settings

CLOSE = 1e-4  # of scores in single precision


@pytest.fixture(scope="module")
def models(full: Made) -> Models:
    return open_models(read_settings(full.state, {}))


def searching(bundle: Path) -> list[str]:
    sources = json.loads((bundle / "policy.json").read_text())["sources"]
    return [of["model"] for of in sources.values() if "model" in of]


@pytest.mark.parametrize("eligible", ["all", "half"])
def test_point_2a_the_graph_finds_what_a_full_sort_finds_and_nothing_that_is_barred(
    models: Models, full: Made, eligible: str, measured: Callable[[str], None]
) -> None:
    """What is scored, barred and sorted by numpy, over the vectors of the framework's towers."""
    bundle = (full.state / "bundles" / "current").resolve()
    found = searching(bundle)
    assert found
    worst = 0.0
    for name in found:
        graph, golden = session(graph_of(bundle / "models", name)), read_golden(bundle, name)
        wished = np.ones_like(golden.inputs["eligible"])
        if eligible == "half":
            wished[:, 1::2] = False
        inputs = golden.inputs | {"eligible": wished}
        worst = max(worst, farthest(run(graph, inputs), scores(models, name, inputs), models))
    many = len(models.prepared.item_keys)
    measured(f"{', '.join(found)} over {many:,} items; scores at most {worst:.1e} apart")


def scores(models: Models, name: str, inputs: Tensors) -> np.ndarray:
    """(B, I) of every item of the catalogue, -inf of what is barred."""
    prepared, of = models.prepared, models.searches.served[name]
    with torch.no_grad():
        users = of.user(with_rows(prepared, models.schema, inputs)).numpy()
    items = item_vectors(prepared, models.schema, of, prepared.now).numpy()
    found = users.astype(np.float64) @ items.astype(np.float64).T
    barred = ~inputs["eligible"]
    for line, owned in enumerate(inputs["owned_item"]):
        barred[line] |= np.isin(prepared.item_keys, owned)
    return np.where(barred, -np.inf, found)


def farthest(answer: Tensors, reference: np.ndarray, models: Models) -> float:
    """Of a score from the full sort's at its place; fails where something else was found, or too little.

    Places, not items, are compared: among equal scores single precision may take another one.
    """
    worst = 0.0
    for keys, said, line in zip(
        answer["candidate_id"], answer["candidate_score"], reference, strict=True
    ):
        best = np.sort(line[np.isfinite(line)])[::-1][: len(keys)]
        kept = keys[keys >= 0]
        assert len(kept) == len(best) == len(set(kept.tolist())) > 0
        places = models.prepared.item_index(kept)
        assert (places >= 0).all()
        assert np.isfinite(line[places]).all()  # nothing that is barred
        np.testing.assert_allclose(line[places], best, atol=CLOSE, rtol=CLOSE)
        np.testing.assert_allclose(said[: len(best)], best, atol=CLOSE, rtol=CLOSE)
        worst = max(worst, float(np.abs(said[: len(best)] - best).max()))
    return worst


def test_point_2b_learned_places_find_more_than_equal_ones(
    models: Models, full: Made, measured: Callable[[str], None]
) -> None:
    """On the fortnight after now, by which the places were not learned."""
    cutoff = models.prepared.now
    targets = held_out(read_purchases(full.state), cutoff, models.prepared.horizon)["any"]
    learned = dict(models.searches.quotas)
    equal = dict.fromkeys(learned, sum(learned.values()) // len(learned))
    recalls = {}
    for told, quotas in (("learned", learned), ("equal", equal)):
        lists = candidates_by(models, quotas, targets)
        recalls[told] = float(lists.mean())
    measured(f"{learned}; recall {recalls['learned']:.4f}, of equal places {recalls['equal']:.4f}")
    assert recalls["learned"] > recalls["equal"]


def test_point_2c_a_quota_is_what_the_validation_says(
    models: Models, measured: Callable[[str], None]
) -> None:
    again = quotas_at(
        models.prepared,
        models.schema,
        models.searches.served,
        models.prepared.cutoffs[-2],
        models.retrieved,
    )
    measured(f"{again}")
    assert again == dict(models.searches.quotas)


def test_point_2d_each_kind_of_retriever_can_be_taught_and_shipped(
    generated_shop: Made, measured: Callable[[str], None]
) -> None:
    """Of a data set made with all of them; what adds nothing to the list is not shipped."""
    settings = ("RECSERVE_TRAINING_RETRIEVERS=two_tower,item_to_item,sasrec,gru4rec",)
    generated_shop.system.make("start", *settings)
    curves = {name for name in TAUGHT if (curve(generated_shop, name)).is_file()}
    assert curves == set(TAUGHT)
    measured(", ".join(searching((generated_shop.state / "bundles" / "current").resolve())))


def curve(made: Made, name: str) -> Path:
    return made.state / "models" / f"{name}_curves.json"


def candidates_by(models: Models, quotas: dict[str, int], targets: Targets) -> np.ndarray:
    changed = replace(models, searches=replace(models.searches, quotas=quotas))
    lists = candidates(changed, models.prepared.now, targets.user_ids, exclude_purchased=False)
    return recall_of_candidates(lists, targets)
