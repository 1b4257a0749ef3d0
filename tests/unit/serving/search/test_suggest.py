"""Completions: the most popular first, from any word on, in any script, with mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.search.analysis import Analysis
from serving.search.index import OpenIndex
from serving.search.phrases import Phrase, phrases_of
from serving.search.reading import MOST_GUESSED
from serving.search.spelling import Spelling
from serving.search.suggest import Suggest

TEXTS = [
    *(("Whole milk", 9.0), ("Chocolate milk", 4.0), ("Milk bread", 5.0), ("Cheddar cheese", 3.0)),
    *(("Crème fraîche", 2.0), ("全麦面包", 1.0), ("Men's socks", 0.5), ("Mint", 5.0), ("", 99.0)),
    ("Cheddar cheese", 3.0),
]


@pytest.fixture(scope="module")
def suggest(index: OpenIndex) -> Suggest:
    return Suggest(phrases_of(TEXTS), index.analysis, Spelling(index.vocabulary))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("mi", ["Whole milk", "Milk bread", "Mint", "Chocolate milk"]),
        ("MILK", ["Whole milk", "Milk bread", "Chocolate milk"]),
        ("milk ", ["Whole milk", "Milk bread", "Chocolate milk"]),
        ("mil ", ["Whole milk", "Milk bread", "Chocolate milk"]),  # no such word: taken for milk
        ("milk b", ["Milk bread"]),
        ("whole m", ["Whole milk"]),
        ("creme", ["Crème fraîche"]),
        ("crème f", ["Crème fraîche"]),
        ("mens", ["Men's socks"]),
        ("麦面", ["全麦面包"]),
        ("chedar", ["Cheddar cheese"]),
        ("xyzzy", []),
        ("", []),
        (" ?", []),
    ],
)
def test_completions(suggest: Suggest, typed: str, found: list[str]) -> None:
    assert suggest(typed, 10) == found


def test_no_more_than_asked_for(suggest: Suggest) -> None:
    assert suggest("mi", 2) == ["Whole milk", "Milk bread"]


def test_the_same_text_adds_up_and_nothing_is_no_phrase() -> None:
    found = {phrase.text: phrase.weight for phrase in phrases_of(TEXTS)}
    assert found["Cheddar cheese"] == 6.0
    assert "" not in found
    assert len(found) == 8


@given(
    some.sets(some.text("ab 面", max_size=8), max_size=12),
    some.text("ab 面", min_size=1, max_size=5),
)
def test_they_are_those_of_a_look_at_every_phrase(
    index: OpenIndex, texts: set[str], typed: str
) -> None:
    analysis = Analysis("en")
    phrases = phrases_of((text, 1.0) for text in sorted({text.strip() for text in texts}))
    found = Suggest(phrases, analysis, Spelling(index.vocabulary))(typed.strip(), 100)
    prefix = " ".join(analysis.spelled(typed))
    every = {p.text for p in phrases if prefix and begins(analysis.spelled(p.text), prefix)}
    assert found == sorted(found)
    assert not every or set(found) == every


def test_the_most_popular_of_very_many_come_first(index: OpenIndex) -> None:
    """Most phrases begin with the letter by each of their words."""
    texts = [" ".join(f"m{at % 7}{word}" for word in range(at % 9)) + f" {at}" for at in range(900)]
    phrases = [Phrase(text, 1.0) for text in texts]
    of = Suggest(phrases, index.analysis, Spelling(index.vocabulary))
    for typed, begins_so in (("m", lambda w: w[0] == "m"), ("m30 ", lambda w: w == "m30")):
        every = [text for text in texts if any(begins_so(word) for word in text.split())]
        for count in (1, 20, 2_000):
            assert of(typed, count) == every[:count]


def test_no_more_words_are_guessed_than_the_limit(index: OpenIndex) -> None:
    for words, found in ((MOST_GUESSED, True), (MOST_GUESSED + 1, False)):
        text = " ".join(["milk"] * words)
        of = Suggest([Phrase(text, 1.0)], index.analysis, Spelling(index.vocabulary))
        assert of(" ".join(["miilk"] * words), 9) == ([text] if found else [])


def begins(words: list[str], prefix: str) -> bool:
    return any(" ".join(words[start:]).startswith(prefix) for start in range(len(words)))
