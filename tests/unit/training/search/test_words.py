import pytest

from training.search.words import words


@pytest.mark.parametrize(
    ("label", "typed"),
    [
        ("BREAD:ITALIAN/FRENCH", ("bread", "italian", "french")),
        ("FRZN BRD STICK/PORTON", ("stick", "porton")),
        ("APPLES FUJI (BULK&BAG)", ("apples", "fuji")),
        ("CANDY BARS (SINGLES)(INCLUDING", ("candy", "bars")),
        ("SOFT DRINKS 12/18&15PK CAN CAR", ("soft", "drinks", "can", "car")),
        ("CHEESE: CHEESE AND OTHER", ("cheese",)),
        ("KÄSE UND BROT", ("käse", "und", "brot")),
        ("冷冻披萨", ("冷冻披萨",)),
        ("", ()),
    ],
)
def test_a_label_gives_the_words_that_somebody_would_type(
    label: str, typed: tuple[str, ...]
) -> None:
    assert words(label) == typed
