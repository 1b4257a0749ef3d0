"""Retrievers are exact inside their graphs, heed filters there, and share the list by measured recall."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.made import Made
from training.bundle.golden_files import read_golden
from training.bundle.parity import graph_of, run, session
from training.candidates import quotas_at
from training.evaluation.answers import recall_of_candidates
from training.evaluation.held_out import Targets, held_out, read_purchases
from training.models.retrievers import TAUGHT
from training.offline import Models, candidates, open_models
from training.settings import read_settings


@pytest.fixture(scope="module")
def models(full: Made) -> Models:
    return open_models(read_settings(full.state, {}))


def searching(bundle: Path) -> list[str]:
    sources = json.loads((bundle / "policy.json").read_text())["sources"]
    return [of["model"] for of in sources.values() if "model" in of]


def test_point_2a_the_graph_finds_what_a_full_sort_finds_and_nothing_that_is_barred(
    full: Made, measured: Callable[[str], None]
) -> None:
    """Half of the catalogue is not eligible: the other half's best are found, as many as asked for."""
    bundle = (full.state / "bundles" / "current").resolve()
    catalogue = np.load(bundle / "catalogue.npy")
    found = searching(bundle)
    assert found
    for name in found:
        graph, golden = session(graph_of(bundle / "models", name)), read_golden(bundle, name)
        inputs = dict(golden.inputs)
        everything = run(graph, inputs | {"eligible": np.ones_like(inputs["eligible"])})
        half = np.zeros_like(inputs["eligible"])
        half[:, ::2] = True
        narrow = run(graph, inputs | {"eligible": half})
        for row in range(len(half)):
            keys = narrow["candidate_id"][row]
            kept = keys[keys >= 0]
            assert len(kept) == len(keys)
            assert np.isin(kept, catalogue[::2]).all()
            assert not np.isin(kept, inputs["owned_item"][row]).any()
            # What both lists could hold stands in the same order in both.
            shared = everything["candidate_id"][row]
            shared = shared[np.isin(shared, catalogue[::2])]
            assert (kept[: len(shared)] == shared).all()
    measured(f"{', '.join(found)} over {len(catalogue):,} items")


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
