"""The package's ranking against BM25 computed by hand."""

import math

import numpy as np
import pytest

from training.peers.bm25s import Bm25s

KEYS = np.array([7, 8, 9, 10])
TEXTS = ["Whole Milk, 1 ga", "chocolate MILK milk", "bread white", ""]
K1, B = 1.5, 0.75


def by_hand(word: str, of: int) -> float:
    """Lucene's BM25: ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 (1 - b + b length / mean))."""
    split = [text.lower().replace(",", "").split() for text in TEXTS]
    mean = sum(map(len, split)) / len(split)
    holders = sum(word in words for words in split)
    idf = math.log(1 + (len(split) - holders + 0.5) / (holders + 0.5))
    times = split[of].count(word)
    return idf * times / (times + K1 * (1 - B + B * len(split[of]) / mean))


def test_scores_are_bm25() -> None:
    found = Bm25s(KEYS, TEXTS).search(["milk", "White bread", "1 milk"], 3)
    assert found.item_keys.tolist() == [[8, 7, -1], [9, -1, -1], [7, 8, -1]]
    assert found.scores[0] == pytest.approx([by_hand("milk", 1), by_hand("milk", 0), 0], rel=1e-5)
    assert found.scores[1, 0] == pytest.approx(by_hand("white", 2) + by_hand("bread", 2), rel=1e-5)
    assert found.scores[2, 0] == pytest.approx(by_hand("1", 0) + by_hand("milk", 0), rel=1e-5)


@pytest.mark.parametrize(
    "texts", [["laptop"], [""], ["!!"], ["", "laptop"], ["laptop", "", "milk"]]
)
def test_a_text_without_a_known_word_finds_nothing(texts: list[str]) -> None:
    found = Bm25s(KEYS, TEXTS).search(texts, 2)
    expected = [[8, 7] if text == "milk" else [-1, -1] for text in texts]
    assert found.item_keys.tolist() == expected


def test_more_may_be_asked_for_than_there_is() -> None:
    found = Bm25s(KEYS, TEXTS).search(["milk"], 6)
    assert found.item_keys.tolist() == [[8, 7, -1, -1, -1, -1]]


def test_no_query_has_no_answer() -> None:
    assert Bm25s(KEYS, TEXTS).search([], 5).item_keys.shape == (0, 5)
