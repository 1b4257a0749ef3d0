"""Trees as a module say what LightGBM says of them."""

from dataclasses import replace

import lightgbm
import numpy as np
import onnxruntime
import pytest
import torch

from training.bundle.graph import traced
from training.candidates import Sources
from training.known import Known
from training.learning.boosting import Growth, columns, grow, pack
from training.learning.ranker_examples import ExampleBatches, Sampling, examples
from training.models.ranker import Ranker
from training.models.ranker_config import RankerConfig
from training.models.trees import TreeNetwork, tamed


@pytest.fixture
def forest(ranker: Ranker) -> Ranker:
    """A tree member that reads what the other members read, with nothing grown yet."""
    config = replace(ranker.config, network="trees", trees=12, leaves=7, tree_depth=4)
    made = Ranker(config)
    made.tower.load_state_dict(ranker.tower.state_dict())
    made.item_to_item.load_state_dict(ranker.item_to_item.state_dict())
    return made.eval()


def drawn(rows: int, width: int) -> np.ndarray:
    """Numbers of very different sizes, many of them equal, some null."""
    draw = np.random.default_rng(3)
    table = draw.normal(size=(rows, width)) * 10.0 ** draw.integers(-3, 6, width)
    table[:, 0] = draw.integers(0, 9, rows)
    table[draw.random(table.shape) < 0.1] = np.nan
    return table.astype(np.float32)


def grown(table: np.ndarray, rounds: int) -> lightgbm.Booster:
    told = tamed(torch.from_numpy(table)).numpy()
    outcome = (np.nan_to_num(table[:, 0]) + np.nan_to_num(table[:, 1]) > 4).astype(np.float32)
    parameters = {
        "objective": "binary",
        "num_leaves": 7,
        "max_depth": 4,
        "use_missing": False,
        "verbose": -1,
        "num_threads": 1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(told, outcome), rounds)


@pytest.mark.parametrize("rounds", [1, 12])
def test_packed_trees_say_what_lightgbm_says(ranker: Ranker, rounds: int) -> None:
    table = drawn(2000, 6)
    booster = grown(table, rounds)
    network = TreeNetwork(config(ranker), 6)
    pack(network, booster.dump_model())
    said = network(torch.from_numpy(table).reshape(4, 500, 6)).flatten().numpy()
    told = tamed(torch.from_numpy(table)).numpy()
    assert said == pytest.approx(booster.predict(told, raw_score=True, num_threads=1), abs=1e-5)


@pytest.mark.parametrize("rounds", [0, 1, 12])
def test_the_graph_has_one_node_that_says_what_lightgbm_says(ranker: Ranker, rounds: int) -> None:
    table = drawn(2000, 6)
    booster = grown(table, max(1, rounds))
    network = TreeNetwork(config(ranker), 6)
    if rounds:
        pack(network, booster.dump_model())
    asked = Asked(network)
    graph = traced(asked, {"raw": ["B", "C", 6]}, {"raw": torch.float32}, ["logit"])
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("TreeEnsembleRegressor") == 1
    assert "GatherElements" not in kinds  # of the walk
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (said,) = session.run(None, {"raw": table.reshape(4, 500, 6)})
    told = tamed(torch.from_numpy(table)).numpy()
    expected = booster.predict(told, raw_score=True, num_threads=1) if rounds else np.zeros(2000)
    assert said.shape == (4, 500)
    assert said.flatten() == pytest.approx(expected, abs=1e-5)


class Asked(torch.nn.Module):
    """Takes its tensor by name, as models do."""

    def __init__(self, network: TreeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        logit: torch.Tensor = self.network(inputs["raw"])
        return logit


def test_a_number_at_a_threshold_goes_where_lightgbm_sends_it(ranker: Ranker) -> None:
    table = drawn(2000, 2)
    booster = grown(table, 12)
    network = TreeNetwork(config(ranker), 2)
    pack(network, booster.dump_model())
    edges = network.threshold[network.threshold != 0].unique()
    near = [edges, torch.nextafter(edges, edges + 1), torch.nextafter(edges, edges - 1)]
    values = torch.cat(near)
    asked = torch.stack([values, values.flip(0)], dim=1)
    said = network(asked.unsqueeze(0)).flatten().numpy()
    expected = booster.predict(tamed(asked).numpy(), raw_score=True, num_threads=1)
    assert said == pytest.approx(expected, abs=1e-5)


def test_the_last_digits_of_a_number_make_no_difference(ranker: Ranker) -> None:
    """Trees that were grown on numbers with such noise, and asked with other noise."""
    draw = np.random.default_rng(5)
    plain = np.log1p(draw.integers(0, 30, (4000, 2))).astype(np.float32)
    noisy = [np.nextafter(plain, plain + draw.choice([-1, 1], plain.shape)) for _ in range(2)]
    booster = grown(noisy[0].astype(np.float32), 12)
    network = TreeNetwork(config(ranker), 2)
    pack(network, booster.dump_model())
    said = [network(torch.from_numpy(of.astype(np.float32)).unsqueeze(0)) for of in noisy]
    assert torch.equal(*said)


def test_what_was_never_grown_says_nothing(ranker: Ranker) -> None:
    network = TreeNetwork(config(ranker), 3)
    assert not network(torch.full((2, 5, 3), float("nan"))).any()


def test_trees_fit_the_examples_that_they_were_grown_on(
    known: Known, sources: Sources, forest: Ranker
) -> None:
    made = examples(known, sources, forest, Sampling())
    told, bought = columns(forest, made)
    growth = Growth(learning_rate=0.5, min_data_in_leaf=1, patience=12, lambda_l2=0.0, threads=1)
    curve = grow(forest, made, made, growth, negative_share=1.0)
    rate = float(bought.mean())
    entropy = -rate * np.log(rate) - (1 - rate) * np.log1p(-rate)
    assert curve[-1]["train_loss"] < 0.7 * entropy
    batch = ExampleBatches(made)[np.flatnonzero(np.diff(made.offsets))]
    with torch.no_grad():
        logit = forest.calibrated(forest.logit(batch))[batch["mask"]]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, torch.from_numpy(bought))
    assert float(loss) < 0.7 * entropy
    assert len(told) == len(bought) == len(made.item)


def test_thinned_negatives_are_made_up_for(known: Known, sources: Sources, forest: Ranker) -> None:
    made = examples(known, sources, forest, Sampling())
    grow(forest, made, made, Growth(min_data_in_leaf=5, threads=1), negative_share=0.25)
    assert float(forest.offset) == pytest.approx(np.log(0.25))


def config(ranker: Ranker) -> RankerConfig:
    return replace(ranker.config, network="trees", trees=12, leaves=7, tree_depth=4)
