import numpy as np
import pytest
import torch

from tests.unit.training.models.made import LENGTH, ranker_config, tokens
from tests.unit.training.models.reference import head, linear, relu, weights
from training.models.cnn import ConvolutionNetwork
from training.models.history import Tokens

WIDTH = 5  # of the evidence


@pytest.fixture
def network() -> ConvolutionNetwork:
    torch.manual_seed(1)
    return ConvolutionNetwork(ranker_config("cnn"), WIDTH).eval()


def person(network: ConvolutionNetwork, values: np.ndarray) -> np.ndarray:
    """Of one history (L, D), a filter and a place at a time."""
    found = []
    for filters in network.horizontal:
        kernel, bias = weights(filters, "weight"), weights(filters, "bias")
        channels, size, height = kernel.shape
        for channel in range(channels):
            strongest = 0.0
            for start in range(LENGTH - height + 1):
                heard = bias[channel] + sum(
                    kernel[channel, d, k] * values[start + k, d]
                    for d in range(size)
                    for k in range(height)
                )
                strongest = max(strongest, heard)  # of what a ReLU leaves
            found.append(strongest)
    over_places = weights(network.vertical, "weight")
    for column in values.T:
        found += [row @ column for row in over_places]
    return relu(linear(network.person, np.array(found)))


@pytest.mark.parametrize("width", [1, 2, LENGTH])
def test_filters_find_what_loops_over_them_find(network: ConvolutionNetwork, width: int) -> None:
    values = tokens([width, width], width=width).values
    with torch.no_grad():
        found = network.of_person(values).numpy()
    for line in range(2):
        whole = np.zeros((LENGTH, 8))
        whole[:width] = values[line].numpy()
        assert found[line] == pytest.approx(person(network, whole), abs=1e-5)


def test_the_logit_is_that_of_person_and_candidate_side_by_side(
    network: ConvolutionNetwork,
) -> None:
    draw = np.random.default_rng(3)
    evidence, candidates = draw.normal(size=(2, 4, WIDTH)), draw.normal(size=(2, 4, 8))
    given = tokens([LENGTH, 2])
    empty_behind = Tokens(given.values * given.real.unsqueeze(-1), given.real, given.days)
    with torch.no_grad():
        found = network(
            torch.from_numpy(evidence.astype(np.float32)),
            torch.from_numpy(candidates.astype(np.float32)),
            empty_behind,
        ).numpy()
    for line in range(2):
        of = person(network, empty_behind.values[line].double().numpy())
        for place in range(4):
            x = np.concatenate([evidence[line, place], of * candidates[line, place], of])
            expected = head(network.head, x)
            assert found[line, place] == pytest.approx(expected, abs=1e-5)
