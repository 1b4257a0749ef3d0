"""Quantities are one word however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.search.sizes import MOST_DIGITS, size_word, without_sizes
from tests.unit.serving.search.clock import growth


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("22 lb", "352oz"),
        ("22lbs", "352oz"),
        ("352 oz.", "352oz"),
        ("1 ga", "128oz"),
        ("1/2 gal", "64oz"),
        ("1 1/2 l", "1500ml"),
        ("1,5 l", "1500ml"),
        ("1.5-liter", "1500ml"),
        (".5 kg", "500g"),
        ("64 fl. oz", "64oz"),
        ("2 dz", "24ct"),
        ("500克", "500g"),
        ("1 tb", "1024gb"),
        ("0.3333 g", "0.3333g"),
        ("0.4 mg", "0.0004g"),
        ("1\t1/2 l", "1500ml"),
        ("1\n1/2 l", "1500ml"),
        ("1,200 mg", "1.2g"),
        ("1,000 ct", "1000ct"),
        ("1,234,567.5 g", "1234567.5g"),
        ("1.234.567,5 g", "1234567.5g"),
        ("0,500 l", "500ml"),
        ("1.250 l", "1250ml"),
    ],
)
def test_spellings_of_a_size_are_one_word(written: str, word: str) -> None:
    assert size_word(written) == word


def test_before_three_digits_the_language_says_which_mark_is_of_thousands() -> None:
    assert size_word("1.200 g", ",") == "1200g"
    assert size_word("1,200 g", ",") == "1.2g"
    assert size_word("1,5 l", ",") == "1500ml"


@given(some.text("0123456789.,/x \t\n½mgloz-", max_size=24))
def test_every_text_has_a_word_or_none(text: str) -> None:
    assert size_word(text) is None or size_word(text)
    assert isinstance(without_sizes(text), str)


@pytest.mark.parametrize(
    "written", ["22", "lb", "22 apples", "1/0 l", "2 in 1", "x1 l", "1" * 13 + " g"]
)
def test_what_is_no_size_is_none(written: str) -> None:
    assert size_word(written) is None


def test_of_a_long_run_of_digits_nothing_is_an_amount() -> None:
    long = "1" * (MOST_DIGITS + 1)
    for text in (f"{long} g", f"1.{long} g", f"1/{long} g"):
        assert without_sizes(text) == text
    assert without_sizes(f"milk {'1' * MOST_DIGITS} g") == "milk"


@pytest.mark.parametrize(
    "part", ["1", "1 ", "1/", "1.", "1,1", "1-", "1 fl. ", "1" * 12 + "/", "1x", "1,111"]
)
def test_twice_the_text_takes_twice_the_time(part: str) -> None:
    assert growth(without_sizes, part) < 3
