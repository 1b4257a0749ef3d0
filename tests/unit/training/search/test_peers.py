from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.search.conftest import catalogue
from training.prepare.contract import DataSet
from training.search.asked import Asked
from training.search.peers import item_texts, own_first, search_peers
from training.search.queries import query_set


def test_a_text_is_title_categories_brand_and_size(data: DataSet) -> None:
    texts = item_texts(catalogue(), data)
    assert texts[0] == "Thing 10 FOOD FROZEN PIZZA PIZZA/PREMIUM Acme 1 LB"
    assert texts[5] == "Thing 15 FOOD Acme 1 LB"


def test_own_items_come_first_and_nothing_else_moves() -> None:
    large = 2**62 + 1  # keys of texts are hashes
    matches = np.array([[4, 3, large, 1, -1], [4, 3, large, 1, -1]])
    found = own_first(matches, [[1, 9, large], []])
    assert found.tolist() == [[1, large, 4, 3, -1], [4, 3, large, 1, -1]]


@pytest.mark.parametrize(
    ("name", "asked", "page"),
    [
        ("bm25s", Asked(1, "economy"), [12]),
        ("bm25s", Asked(1, "econmy"), []),
        ("category_popularity", Asked(3, "pizza"), [10, 11, 12]),
        ("personal_bm25s", Asked(1, "food"), [14, 10]),
        ("personal_bm25s", Asked(2, "food"), [13]),
        ("personal_bm25s", Asked(None, "economy"), [12]),
    ],
)
def test_every_peer_answers(state: Path, name: str, asked: Asked, page: list[int]) -> None:
    found = search_peers(state, query_set(state))[name]([asked], 4)
    assert found.shape == (1, 4)
    assert found.dtype == np.int64
    assert found[0, : len(page)].tolist() == page
