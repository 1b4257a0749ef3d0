"""Texts become the same words when they are indexed and when they are asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.search.analysis import LANGUAGES, LONGEST, Analysis


def asked(text: str, language: str = "en") -> list[str]:
    return [word.term for word in Analysis(language).asked(text)]


def indexed(text: str, language: str = "en") -> list[str]:
    return [word.term for word in Analysis(language).indexed(text)]


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Men's COOKIES", ["men", "cooki"]),
        ("en", "Crème Brûlée", ["creme", "brulee"]),
        ("en", "BREAD:ITALIAN/FRENCH_ROLLS", ["bread", "italian", "french", "roll"]),
        ("en", "2-in-1 shampoo", ["2", "1", "shampoo"]),
        ("en", "the milk of the cow", ["milk", "cow"]),
        ("en", "\uff46\uff55ll wid\uff54h", ["full", "width"]),
        ("fr", "l'eau d'Évian", ["eau", "evian"]),
        ("de", "Straßenbäume", ["strassenbaum"]),
        ("und", "Cookies", ["cookies"]),
        ("zh", "全麦面包", ["全麦", "麦面", "面包"]),
        ("zh", "面包500克", ["面包", "500g"]),
        ("en", "bread面包", ["bread", "面包"]),
        ("ja", "カメラ", ["カメ", "メラ"]),
        ("ru", "Книги", ["книг"]),
    ],
)
def test_words_of_a_query(language: str, text: str, words: list[str]) -> None:
    assert asked(text, language) == words


def test_a_query_of_nothing_but_small_words_keeps_them() -> None:
    assert asked("the who") == ["who"]
    assert asked("to be") == ["to", "be"]


def test_small_words_are_found_as_well() -> None:
    assert indexed("the who") == ["the", "who"]


def test_a_size_is_found_by_its_number_and_a_pair_by_each_character() -> None:
    assert indexed("Ice, 22 LB") == ["ice", "352oz", "22"]
    assert indexed("面包", "zh") == ["面", "包", "面包"]
    assert asked("ice 22") == ["ice", "22"]


def test_how_a_word_was_written_is_kept() -> None:
    assert [word.written for word in Analysis("en").asked("Running COOKIES")] == [
        "running",
        "cookies",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@given(text=some.text(max_size=80))
def test_whatever_is_asked_is_among_what_is_indexed(language: str, text: str) -> None:
    analysis = _of(language)
    found = {word.term for word in analysis.indexed(text)}
    words = analysis.asked(text)
    assert {word.term for word in words} <= found
    assert all(len(word.term) > 0 for word in words)
    assert all(not word.term.isspace() and " " not in word.term for word in words)


def test_a_long_word_is_cut() -> None:
    assert asked("x" * 1_000, "und") == ["x" * LONGEST]


_MADE: dict[str, Analysis] = {}


def _of(language: str) -> Analysis:
    return _MADE.setdefault(language, Analysis(language))
