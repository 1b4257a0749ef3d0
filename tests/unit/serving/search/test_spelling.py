"""What words that no item has are taken for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.search.index import OpenIndex, Vocabulary
from serving.search.spelling import MOST, Meaning, Spelling


def vocabulary(**items: int) -> Vocabulary:
    terms = tuple(sorted(items))
    return Vocabulary(terms, terms, np.array([items[term] for term in terms]))


SHOP = Spelling(
    vocabulary(milk=9, mint=2, minced=5, cheese=7, chess=1, ice=4, cream=6, strawberry=3, silk=1)
)


def best(term: str) -> tuple[str, ...]:
    return SHOP.meanings(term)[0].terms


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("chese", ("cheese",)),  # a letter left out
        ("cheeese", ("cheese",)),  # one too many
        ("cheexe", ("cheese",)),  # another one
        ("hceese", ("cheese",)),  # two swapped
        ("strwbarry", ("strawberry",)),  # two mistakes in a long word
        ("straw", ("strawberry",)),  # a part
        ("icecream", ("ice", "cream")),  # written together
    ],
)
def test_a_mistake_is_taken_for_the_nearest_word(written: str, meant: tuple[str, ...]) -> None:
    assert best(written) == meant


def test_of_words_as_near_that_of_more_items_comes_first() -> None:
    assert [meaning.terms[0] for meaning in SHOP.meanings("mi")] == ["milk", "minced", "mint"]
    assert [meaning.terms[0] for meaning in SHOP.meanings("tilk")] == ["milk", "silk"]


@pytest.mark.parametrize("written", ["xyz", "mlk", "chxxse", "q", "12345", "milkxx"])
def test_what_is_like_nothing_means_nothing(written: str) -> None:
    assert SHOP.meanings(written) == ()


def test_numbers_are_never_taken_for_others() -> None:
    assert Spelling(vocabulary(**{"1280oz": 3})).meanings("1281oz") == ()


def test_completions_leave_out_the_word_itself(index: OpenIndex) -> None:
    of = Spelling(index.vocabulary)
    assert of.completions("che") == ["chees", "cheddar"]
    assert of.completions("chees") == []
    assert of.written("chees") == "cheese"


@given(
    some.sets(some.text("abcd", min_size=1, max_size=9), min_size=1), some.text("abcd", max_size=9)
)
def test_guesses_are_known_words_each_once_within_bounds(words: set[str], term: str) -> None:
    of = Spelling(vocabulary(**dict.fromkeys(words, 1)))
    found = of.meanings(term)
    assert len(found) <= MOST
    assert max(Counter(m.terms for m in found).values(), default=1) == 1
    assert all(of.knows(word) for meaning in found for word in meaning.terms)
    assert [m.weight for m in found] == sorted((m.weight for m in found), reverse=True)


def test_a_guess_says_how_good_it_is() -> None:
    assert SHOP.meanings("chese") == (Meaning(("cheese",), 0.8), Meaning(("chess",), 0.8))
