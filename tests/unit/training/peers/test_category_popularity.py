from datetime import datetime

import polars as pl
import pytest

from tests.unit.training.peers.conftest import Bought
from training.peers.category_popularity import CategoryPopularity

LABELLED = pl.DataFrame(
    [
        (1, "FROZEN PIZZA"),
        (2, "FROZEN PIZZA"),
        (3, "FROZEN FISH"),
        (4, "PIZZA SAUCE"),
        (5, "FROZEN FISH"),
        (5, "FISH STICKS"),
        (6, None),
    ],
    schema={"item_key": pl.Int64, "label": pl.String},
    orient="row",
)


@pytest.fixture
def peer(bought: Bought, cutoff: datetime) -> CategoryPopularity:
    # Item 1 sold twice long ago, 2 * 2 ** -4; item 2 once lately; item 5 once, less lately; 3 and 4 never.
    rows = [(1, 1, 1, 112), (2, 1, 2, 112), (1, 2, 3, 1), (2, 5, 4, 28), (1, 6, 5, 1)]
    return CategoryPopularity(LABELLED, bought(rows), cutoff)


def test_the_label_with_most_words_of_the_text_is_the_category(peer: CategoryPopularity) -> None:
    assert peer.search(["pizza frozen"], 4).tolist() == [[2, 1, -1, -1]]


def test_labels_that_hold_equally_many_are_all_taken_by_what_sells(
    peer: CategoryPopularity,
) -> None:
    assert peer.search(["Frozen", "fish", "frozen"], 5).tolist() == [
        [2, 5, 1, 3, -1],
        [5, 3, -1, -1, -1],
        [2, 5, 1, 3, -1],
    ]


def test_the_best_are_kept_of_more_than_asked_for(peer: CategoryPopularity) -> None:
    assert peer.search(["pizza"], 2).tolist() == [[2, 1]]


@pytest.mark.parametrize("text", ["piza", "", "piz", "laptop"])
def test_a_text_that_names_no_category_finds_nothing(peer: CategoryPopularity, text: str) -> None:
    assert peer.search([text], 2).tolist() == [[-1, -1]]
