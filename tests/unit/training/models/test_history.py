from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
import torch

from tests.unit.training.models.made import DAY_S, FEATURES, ITEMS, LENGTH, NOW_S, history
from tests.unit.training.models.reference import linear, weights
from training.models.history import History
from training.models.inputs import NULL_ROW


@pytest.fixture
def module() -> History:
    torch.manual_seed(1)
    found = History(FEATURES, 8, 0.5).eval()
    found.described.copy_(torch.randint(0, 4, (ITEMS, 2)))
    return found


def embedded(module: History, row: int, categories: list[int]) -> np.ndarray:
    found = weights(module.items, "weight")[row]
    for table, category in zip(module.categories, categories, strict=True):
        found = found + weights(table, "weight")[category]
    return found


def test_a_token_is_its_item_its_categories_and_four_clocks(module: History) -> None:
    """Taken now, two days, nine days and nobody knows when ago; a fifth lies in the future."""
    ago = [0, 2, 9]
    rows = [3, 7, 2, 5, 4, NULL_ROW]
    seconds = [NOW_S - days * DAY_S for days in ago] + [-1, NOW_S + DAY_S, -1]
    given = {
        "recent_item__row": torch.tensor([rows]),
        "recent_s": torch.tensor([seconds]),
        "request_time": torch.tensor([[NOW_S]]),
    }
    with torch.no_grad():
        found = module(given)
    assert found.real.tolist() == [[True] * 5 + [False]]
    assert found.days.tolist() == [[0, 2, 9, 0, 0, 0]]
    gaps = [0, 2, 7, 0, 0]
    for place, (days, gap) in enumerate(zip([0, 2, 9, 0, 0], gaps, strict=True)):
        clocks = np.array([log(days + 1), exp(-days / 7), exp(-days / 30), log(gap + 1)])
        of = embedded(module, rows[place], module.described[rows[place]].tolist())
        expected = of + linear(module.clocks, clocks)
        assert found.values[0, place].numpy() == pytest.approx(expected, abs=1e-5)
    assert not found.values[0, 5].any()


def test_at_its_own_moment_a_token_tells_the_time_since_the_one_before(module: History) -> None:
    """The last knows of nothing before it, nor does one whose older neighbour has no time."""
    seconds = [NOW_S - days * DAY_S for days in (0, 2, 9)] + [-1, -1]
    rows = [3, 7, 2, 5, NULL_ROW]
    given = {"recent_item__row": torch.tensor([rows]), "recent_s": torch.tensor([seconds])}
    with torch.no_grad():
        found = module.moments(given)
    assert found.real.tolist() == [[True] * 4 + [False]]
    assert not found.days.any()
    for place, gap in enumerate([2, 7, 0, 0]):
        of = embedded(module, rows[place], module.described[rows[place]].tolist())
        expected = of + linear(module.clocks, np.array([0.0, 1.0, 1.0, log(gap + 1)]))
        assert found.values[0, place].numpy() == pytest.approx(expected, abs=1e-5)


def test_an_age_is_at_most_ten_years(module: History) -> None:
    given = history([LENGTH])
    given["recent_s"][0, -1] = 0
    assert module(given).days[0, -1] == 3650


def test_an_item_out_of_vocabulary_is_a_token_of_its_own(module: History) -> None:
    given = history([1])
    given["recent_item__row"][0, 0] = 0
    found = module(given)
    assert found.real[0].tolist() == [True] + [False] * (LENGTH - 1)
    assert found.values[0, 0].any()


def test_candidates_stand_in_the_same_space_by_their_own_categories(module: History) -> None:
    given = {
        "item_id__row": torch.tensor([[4, 0]]),
        "item_key__row": torch.tensor([[[2, 3], [0, 1]]]),
    }
    with torch.no_grad():
        found = module.candidates(given).numpy()
    assert found[0, 0] == pytest.approx(embedded(module, 4, [2, 3]), abs=1e-6)
    assert found[0, 1] == pytest.approx(embedded(module, 0, [0, 1]), abs=1e-6)


def test_items_without_categories_are_their_identity() -> None:
    module = History(replace(FEATURES, item_categories=[]), 8, 0.0)
    found = module.candidates({"item_id__row": torch.tensor([[4]])})
    assert torch.equal(found[0, 0], module.items.weight[4])


def test_whole_identities_are_dropped_in_training_alone(module: History) -> None:
    given = {name: values.expand(400, -1) for name, values in history([LENGTH]).items()}
    rows = given["recent_item__row"][0]
    with torch.no_grad():
        usual = module(given).values
        module.train()
        taught = module(given).values
    assert torch.equal(usual[0], usual[399])
    identity = module.items(rows).detach()  # (L, D)
    dropped = torch.isclose(taught, usual - identity, atol=1e-5).all(dim=-1)
    doubled = torch.isclose(taught, usual + identity, atol=1e-5).all(dim=-1)
    assert (dropped ^ doubled).all()
    assert float(dropped.float().mean()) == pytest.approx(0.5, abs=0.05)
