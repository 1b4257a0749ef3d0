"""Trees as a module say what LightGBM says of them."""

from collections.abc import Sequence
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

PARAMETERS = {
    "objective": "binary",
    "num_leaves": 7,
    "max_depth": 4,
    "use_missing": False,
    "verbose": -1,
    "num_threads": 1,
}


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
    return lightgbm.train(PARAMETERS, lightgbm.Dataset(told, outcome), rounds)


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


def test_a_category_is_told_as_its_rate(ranker: Ranker) -> None:
    network = TreeNetwork(config(ranker, users=[3, 256], items=[4]), 6)
    raw = torch.tensor([[9.0, of, 255.0, 8.0, other] for of in (0, 2) for other in (0, 1, 3)] * 20)
    taken = ((raw[:, 1] == 2) & (raw[:, 4] == 3)).to(torch.float32)
    network.learn_rates(raw, taken)
    told = network.told(raw)
    assert torch.equal(told[:, :3], raw[:, [0, 2, 3]])  # a vocabulary of 256 is left as it is
    usual = 21 / 122
    shares = [(0 + 50 * usual) / 110, usual, (20 + 50 * usual) / 110]  # of 60, of none, of 60
    assert network.rates[:3].exp() == pytest.approx(shares)
    assert torch.equal(told[:, 3], network.rates[raw[:, 1].long()])
    assert torch.equal(told[:, 4], network.rates[3 + raw[:, 4].long()])
    assert network.rates[3:].exp() == pytest.approx(
        [50 * usual / 90, 50 * usual / 90, usual, (20 + 50 * usual) / 90]
    )


def test_rates_of_what_nobody_took_are_numbers(ranker: Ranker) -> None:
    network = TreeNetwork(config(ranker, items=[2]), 6)
    network.learn_rates(torch.zeros(30, 2), torch.zeros(30))
    assert network.rates.isfinite().all()


def test_the_graph_tells_categories_as_the_module_does(ranker: Ranker) -> None:
    draw = np.random.default_rng(8)
    network = TreeNetwork(config(ranker, users=[40], items=[300, 50]), 6)
    raw = torch.from_numpy(drawn(2000, 6))
    for column, size in ((1, 40), (4, 300), (5, 50)):
        raw[:, column] = torch.from_numpy(draw.integers(0, size, 2000))
    taken = ((raw[:, 1] % 3 == 1) | (raw[:, 5] % 5 == 0)).to(torch.float32)
    network.learn_rates(raw, taken)
    told = lightgbm.Dataset(network.told(raw).numpy(), taken.numpy())
    pack(network, lightgbm.train(PARAMETERS, told, 12).dump_model())
    graph = traced(Asked(network), {"raw": ["B", "C", 6]}, {"raw": torch.float32}, ["logit"])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (said,) = session.run(None, {"raw": raw.reshape(4, 500, 6).numpy()})
    assert said.flatten() == pytest.approx(network(raw.unsqueeze(0)).flatten().numpy(), abs=1e-5)
    assert np.corrcoef(said.flatten(), taken)[0, 1] > 0.6


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
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, bought)
    assert float(loss) < 0.7 * entropy
    assert len(told) == len(bought) == len(made.item)


def test_thinned_negatives_are_made_up_for(known: Known, sources: Sources, forest: Ranker) -> None:
    made = examples(known, sources, forest, Sampling())
    grow(forest, made, made, Growth(min_data_in_leaf=5, threads=1), negative_share=0.25)
    assert float(forest.offset) == pytest.approx(np.log(0.25))


def config(ranker: Ranker, users: Sequence[int] = (), items: Sequence[int] = ()) -> RankerConfig:
    """Of trees that are told one number of users, and categories of these sizes."""
    features = replace(
        ranker.config.features,
        user_statistics=[{}],
        user_categories=list(users),
        item_categories=list(items),
    )
    return replace(
        ranker.config, features=features, network="trees", trees=12, leaves=7, tree_depth=4
    )
