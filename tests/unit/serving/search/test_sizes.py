"""Quantities are one word however they are written."""

import pytest

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
        ("0.3333 g", "0.333g"),
    ],
)
def test_spellings_of_a_size_are_one_word(written: str, word: str) -> None:
    assert size_word(written) == word


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


@pytest.mark.parametrize("part", ["1", "1 ", "1/", "1.", "1,1", "1-", "1 fl. ", "1" * 12 + "/"])
def test_twice_the_text_takes_twice_the_time(part: str) -> None:
    assert growth(without_sizes, part) < 3
