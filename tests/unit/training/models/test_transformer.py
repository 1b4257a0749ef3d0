import numpy as np
import pytest
import torch

from tests.unit.training.models.made import LENGTH, ranker_config, tokens
from tests.unit.training.models.reference import attention, head, normed, stack, weights
from training.models.history import Tokens
from training.models.transformer import AttentionNetwork

LENGTHS = [LENGTH, 1, 0, 3]


@pytest.fixture
def network() -> AttentionNetwork:
    torch.manual_seed(1)
    found = AttentionNetwork(ranker_config("transformer"), 5).eval()
    for name in ("nothing", "among.fading", "asked.fading"):
        torch.nn.init.normal_(found.get_parameter(name))
    return found


@pytest.fixture
def evidence() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(len(LENGTHS), 4, 5))


@pytest.fixture
def candidates() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(len(LENGTHS), 4, 8))


def logits(
    network: AttentionNetwork, evidence: np.ndarray, candidates: np.ndarray, of: Tokens
) -> np.ndarray:
    single = (torch.from_numpy(x.astype(np.float32)) for x in (evidence, candidates))
    with torch.no_grad():
        found: np.ndarray = network(*single, of).numpy()
    return found


def states(network: AttentionNetwork, values: list[np.ndarray], days: list[float]) -> list:
    """The tokens after they attended to each other, one at a time."""
    usual = [normed(network.before, value) for value in values]
    heard = [
        value + attention(network.among, one, usual, days)
        for value, one in zip(values, usual, strict=True)
    ]
    return [value + stack(network.step, normed(network.after, value)) for value in heard]


def test_logits_are_those_of_loops_over_tokens_and_candidates(
    network: AttentionNetwork, evidence: np.ndarray, candidates: np.ndarray
) -> None:
    given = tokens(LENGTHS)
    found = logits(network, evidence, candidates, given)
    for line, length in enumerate(LENGTHS):
        values = [weights(network, "nothing")[0, 0], *given.values[line, :length].double().numpy()]
        days = [0.0, *given.days[line, :length].tolist()]
        after = states(network, values, days)
        for place in range(4):
            said = attention(network.asked, candidates[line, place], after, days)
            x = np.concatenate([evidence[line, place], said, said * candidates[line, place]])
            expected = head(network.head, x)
            assert found[line, place] == pytest.approx(expected, abs=1e-5)


def test_a_candidates_logit_is_its_own(
    network: AttentionNetwork, evidence: np.ndarray, candidates: np.ndarray
) -> None:
    given = tokens(LENGTHS)
    together = logits(network, evidence, candidates, given)
    for place in range(4):
        one = (evidence[:, place : place + 1], candidates[:, place : place + 1])
        assert logits(network, *one, given)[:, 0] == pytest.approx(together[:, place], abs=1e-6)


def test_what_stands_behind_a_history_is_not_read(
    network: AttentionNetwork, evidence: np.ndarray, candidates: np.ndarray
) -> None:
    given = tokens(LENGTHS)
    other = Tokens(given.values.clone(), given.real, given.days.clone())
    other.values[~given.real] = 50.0
    other.days[~given.real] = 1.0
    found = logits(network, evidence, candidates, given)
    assert found == pytest.approx(logits(network, evidence, candidates, other), abs=1e-6)


def test_a_history_says_the_same_in_any_order_of_tokens_that_know_their_days(
    network: AttentionNetwork, evidence: np.ndarray, candidates: np.ndarray
) -> None:
    given = tokens([LENGTH] * len(LENGTHS))
    turned = Tokens(given.values.flip(1), given.real, given.days.flip(1))
    found = logits(network, evidence, candidates, given)
    assert found == pytest.approx(logits(network, evidence, candidates, turned), abs=1e-5)
