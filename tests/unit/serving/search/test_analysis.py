"""Texts become the same words when they are indexed and when they are asked."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.search.analysis import LANGUAGES, LONGEST, Analysis
from tests.unit.serving.search.clock import growth


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
        ("und", "हिन्दी चावल", ["हिन्दी", "चावल"]),
        ("und", "ข้าวหอมมะลิ", ["ข้าวหอมมะลิ".replace("\u0e33", "\u0e4d\u0e32")]),
        ("und", "кни\u0301ж x\u0301", ["книж", "x"]),
        ("und", "milk\ufe0f co\u00adla", ["milk", "cola"]),
        ("tr", "İstanbul", ["istanbul"]),
        ("en", "1" * 80 + " g", ["1" * LONGEST, "g"]),
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
    assert indexed("Ice, 1,200 g") == ["ice", "1200g", "1200"]
    assert asked("Ice, 1.200 g", "de") == ["ice", "1200g"]


@pytest.mark.parametrize("written", ["½ lb", "1/2 lb", "0.5 LB", "8oz"])
def test_a_fraction_of_one_sign_is_a_size(written: str) -> None:
    assert asked(f"butter {written}") == ["butter", "8oz"]
    assert asked("butter 1½ lb") == ["butter", "24oz"]


@pytest.mark.parametrize("written", ["12x330ml", "12 x 330 ml", "12\u00d7330 ml"])
def test_of_several_each_has_its_size(written: str) -> None:
    assert asked(f"cola {written}") == ["cola", "12", "330ml"]
    assert asked("a 4x4 truck") == ["4x4", "truck"]


@given(text=some.text("0123456789.,/x\u00d7 \t\n½¼mgloz克个-", max_size=40))
def test_no_amount_is_an_error(text: str) -> None:
    found = {word.term for word in Analysis("en").indexed(text)}
    assert {word.term for word in Analysis("en").asked(text)} <= found


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


# What one may sell, in every language, with the marks that are written there.
WORDS = {
    "und": "हिन्दी",
    "ar": "كِتَاب",
    "da": "rødgrød",
    "de": "Brötchen",
    "el": "πρωΐ",
    "en": "cookies",
    "es": "piñones",
    "fi": "mämmi",
    "fr": "crème",
    "hu": "szőlő",
    "it": "caffè",
    "ja": "パンケーキ",
    "ko": "우유",
    "nl": "crème",
    "no": "brød",
    "pt": "pão",
    "ro": "brânză",
    "ru": "ёлки",
    "sv": "smör",
    "ta": "தமிழ்",
    "tr": "İstanbul",
    "zh": "面包",
}
UNSPACED = {"ja", "ko", "zh"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_of_the_language_is_found_by_itself_and_is_one(language: str, form: str) -> None:
    written = unicodedata.normalize(form, WORDS[language])
    found, words = indexed(f"x {written} y", language), asked(written, language)
    assert set(words) <= set(found)
    assert words == asked(WORDS[language], language)
    if language not in UNSPACED:
        assert len(words) == 1
        assert len(found) == 3
        assert len(_of(language).spelled(written)) == 1


def test_signs_of_vowels_may_be_left_out() -> None:
    assert asked("كِتَاب", "ar") == asked("كتاب", "ar")
    assert asked("كِتَاب", "und") == asked("كتاب", "und") == ["كتاب"]
    assert asked("שָׁלוֹם", "und") == asked("שלום", "und")
    assert _of("ar").spelled("كِتَاب") == _of("ar").spelled("كتاب")


@pytest.mark.parametrize("part", ["1", "1/", "a'", "நி", "面", "1 fl. "])
def test_twice_the_text_takes_twice_the_time(part: str) -> None:
    assert growth(Analysis("en").asked, part) < 3


def test_a_long_word_is_cut() -> None:
    assert asked("x" * 1_000, "und") == ["x" * LONGEST]


_MADE: dict[str, Analysis] = {}


def _of(language: str) -> Analysis:
    return _MADE.setdefault(language, Analysis(language))
