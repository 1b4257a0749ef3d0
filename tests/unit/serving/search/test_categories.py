"""What is popular in a category answers a query that names it in full."""

from pathlib import Path

import pytest

from serving.errors import ArtefactError
from serving.features.keys import string_key
from serving.search.analysis import Analysis
from serving.search.categories import Categories, open_categories
from tests.unit.serving.search.shop import shop_engine

TEXTS = ("Coffee", "Ground Coffee", "Ice Cream", "Cream", "洗发水")
CATEGORIES = Categories({string_key(t): t for t in TEXTS}, ("a.b",), Analysis("en"))


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("coffee", ("Coffee",)),
        ("a ground COFFEES, 1 kg", ("Ground Coffee",)),
        ("ice creams", ("Ice Cream",)),
        ("cream ice", ("Ice Cream",)),
        ("ice with cream", ("Ice Cream",)),  # small words are no words
        ("ice tea and cream", ("Cream",)),
        ("cream or coffee", ("Cream", "Coffee")),
        ("ice", ()),
        ("", ()),
        ("洗发水", ("洗发水",)),
    ],
)
def test_the_longest_names_that_stand_in_a_query_are_meant(
    query: str, texts: tuple[str, ...]
) -> None:
    assert CATEGORIES(query) == tuple(map(string_key, texts))


def test_those_of_an_index_are_read_though_its_engine_is_damaged(tmp_path: Path) -> None:
    shop_engine(tmp_path)
    for path in (tmp_path / "engine").iterdir():
        path.unlink()  # cut short in place it would end whoever has it mapped
    found = open_categories(tmp_path)
    assert found("red ball") == (string_key("red"),)
    assert found.columns == ("item_profile.type",)
    (tmp_path / "categories.json").write_text('["blue"]')
    with pytest.raises(ArtefactError, match="not as it was written"):
        open_categories(tmp_path)
