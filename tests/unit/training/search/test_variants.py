from collections import Counter

import numpy as np
import pytest

from training.search.variants import (
    dropped,
    inserted,
    partial,
    replaced,
    swapped,
    with_typo,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_the_four_edits() -> None:
    assert swapped("milk", 1, "x") == "mlik"
    assert swapped("milk", 3, "x") == "milk"  # there is no next letter
    assert dropped("milk", 0, "x") == "ilk"
    assert inserted("milk", 2, "x") == "mixlk"
    assert replaced("milk", 3, "x") == "milx"


def test_a_typo_changes_one_long_word_by_one_letter() -> None:
    random = np.random.default_rng(1)
    found = [with_typo(("dog", "biscuit"), LETTERS, (), random) for _ in range(300)]
    assert {pair[0] for pair in found} == {"dog"}
    assert all(pair[1] != "biscuit" for pair in found)
    lengths = Counter(len(pair[1]) for pair in found)
    assert set(lengths) == {6, 7, 8}
    assert min(lengths.values()) > 30


def test_a_typo_is_no_other_word() -> None:
    random = np.random.default_rng(2)
    known = {"ean", "ban", "ben", "bea"}
    found = {with_typo(("bean",), "b", known, random) for _ in range(200)}
    assert found
    assert found.isdisjoint({(word,) for word in known})


@pytest.mark.parametrize("words", [("dog",), ("ham", "rye")])
def test_short_words_have_no_typo(words: tuple[str, ...]) -> None:
    assert with_typo(words, LETTERS, (), np.random.default_rng(1)) is None


def test_a_typo_that_only_ever_gives_known_words_is_given_up() -> None:
    known = {"aaa", "aaaa", "aaaaa"}
    assert with_typo(("aaaa",), "a", known, np.random.default_rng(1)) is None


def test_half_typed_is_a_prefix_of_the_last_word() -> None:
    random = np.random.default_rng(3)
    found = {partial(("cream", "cheese"), random) for _ in range(100)}
    assert found == {("cream", "che"), ("cream", "chee"), ("cream", "chees")}
    assert partial(("cheese", "dip"), random) is None
