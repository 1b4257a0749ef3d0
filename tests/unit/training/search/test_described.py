"""What the encoder is told of an item."""

import pytest

from training.search.described import text_of


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["Premium Bread, 24 oz", "BAKED BREAD/BUNS"], "premium bread, baked bread/buns"),
        (["Dog Food 22 lb", "DOG FOOD"], "dog food"),
        (["", "CHEESE", "CHEESE"], "cheese"),
        (["2 l", ""], ""),
        ([], ""),
        (["洗发水 500毫升", "洗护"], "洗发水, 洗护"),
    ],
)
def test_sizes_and_what_was_said_are_left_out(parts: list[str], text: str) -> None:
    assert text_of(parts) == text
